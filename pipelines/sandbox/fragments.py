"""The pieces of an exported line that repeat: prepared once per device, kind of event and account name.

Every piece begins and ends inside the JSON text, so that pieces and the values between them simply join.
"""

from __future__ import annotations

import json

import numpy as np

from pipelines.sandbox.accounts import Account
from pipelines.sandbox.catalogue import OWN_DOMAIN
from pipelines.sandbox.events import Events, Ints
from pipelines.sandbox.features import KINDS, ROLES, Kind
from pipelines.sandbox.spec import PROJECT, local_midnight_utc
from pipelines.sandbox.users import BY_GROUP, BY_UNKNOWN_GROUP, Users

VARIANTS = 8  # property sets per kind of event
_GIVEN = ("maya", "jonas", "li", "sofia", "tomás", "aisha", "noah", "yuki", "olga", "kofi", "ida", "raj")
_DEVICES = (
    ("Mac OS X", "Chrome", "Web"),
    ("Windows", "Edge", "Web"),
    ("iOS", "Apple iPhone", "iOS"),
    ("Android", "Pixel", "Android"),
)
_CITIES = (("New York", 40.7, -74.0), ("Boston", 42.4, -71.1), ("Berlin", 52.5, 13.4), ("Lyon", 45.8, 4.8))


def dumps(value: object) -> str:
    """Compact JSON; text stays UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class Fragments:
    """Lists of pieces and the numbering by which an event finds its own.

    ``heads`` and ``users``' first level go by device × anonymous, ``middles`` and ``libraries`` by device,
    ``properties`` by kind × variant, ``types`` by kind, ``groups`` by :meth:`group_numbers`.
    """

    def __init__(self, accounts: list[Account], users: Users) -> None:
        self.accounts = accounts
        self.heads: list[str] = []
        self.middles: list[str] = []
        self.libraries: list[str] = []
        self.users: list[str] = []
        self.types = [
            f'","event_type":{dumps(kind.event_type)},"global_user_properties":{{}},"group_properties":{{}},"groups":'
            for kind in KINDS
        ]
        self.properties = [dumps(_properties(kind, n)) for kind in KINDS for n in range(VARIANTS)]
        self.groups = ["{}", dumps({"account": ["unknown-workspace"]})]
        for account in accounts:
            self.groups.append(dumps({"account": [account.amplitude_value]}))
            self.groups.append(dumps({"account": [account.legacy_value or account.amplitude_value]}))
        self.known: dict[str, int] = {}
        self.devices: dict[str, int] = {}
        self.renamed_us = np.array([_us(account) for account in accounts])
        for user in range(len(users)):
            self._add_user(user, users)

    def group_numbers(self, events: Events) -> Ints:
        """Which of ``groups`` each event carries: the account's value of that time, an unknown one, or none."""
        known = np.maximum(events.account, 0)
        own = 2 + 2 * known + (events.occurred_us < self.renamed_us[known])
        return np.where(events.naming == BY_GROUP, own, np.where(events.naming == BY_UNKNOWN_GROUP, 1, 0))

    def user_id(self, user: int, users: Users) -> str:
        """An email address in the account's domain, the company's own domain for staff."""
        account = int(users.account[user])
        domain = self.accounts[account].domain if account >= 0 else "mail.example"
        domain = OWN_DOMAIN if users.is_internal[user] else domain
        return f"{_GIVEN[user % len(_GIVEN)]}.{user + 1:05d}@{domain}".replace("tomás", "tomas")

    def amplitude_id(self, user: int, second: bool, anonymous: bool) -> int:
        """A known user has one amplitude_id on all devices; before login each device has its own."""
        return 300_000_000_000 + user * 10 + (1 + int(second) if anonymous else 0)

    def identities(self) -> tuple[dict[str, int], dict[str, int]]:
        """Amplitude ids by user id, and by device id of the devices before their login."""
        return self.known, self.devices

    def _add_user(self, user: int, users: Users) -> None:
        account = int(users.account[user])
        given = _GIVEN[user % len(_GIVEN)]
        self.known[self.user_id(user, users)] = self.amplitude_id(user, False, False)
        role = ROLES[int(users.role[user])]
        seats = 10 + user % 40
        named: dict[str, object] = {
            "role": role,
            "locale": "de" if users.is_european[user] else "en",
            "first_name": given.title(),
            "plan_seats": seats if user % 5 else str(seats),
        }  # now a number, now text
        told = {**named, "account_id": self.accounts[account].amplitude_value if account >= 0 else None}
        for second in (False, True):
            os_name, family, platform = _DEVICES[(user + 2 * second) % len(_DEVICES)]
            city, lat, lon = _CITIES[user % 2 + (2 if users.is_european[user] else 0)]
            device = f"{user:08x}-{'b' if second else 'a'}{user % 997:03d}-4{user % 89:03d}-8000-{user * 7919:012x}"
            self.devices[device] = self.amplitude_id(user, second, True)
            self.middles.append(_middle(device, family, bool(users.is_european[user])))
            self.libraries.append(_library(os_name, platform, user, lat, lon))
            for anonymous in (False, True):
                self.heads.append(_head(self.amplitude_id(user, second, anonymous), city))
                who = None if anonymous else self.user_id(user, users)
                for properties in (named, told):
                    self.users.append(_user(who, {} if anonymous else properties))


def _us(account: Account) -> int:
    """Instant of the account's renaming; without one, before every event."""
    if account.renamed_on is None:
        return int(np.iinfo(np.int64).min)
    return round(local_midnight_utc(account.renamed_on).timestamp()) * 1_000_000


def _head(amplitude_id: int, city: str) -> str:
    return (
        '","$insert_key":null,"$schema":null,"adid":null,"amplitude_attribution_ids":null,'
        f'"amplitude_event_type":null,"amplitude_id":{amplitude_id},"app":{PROJECT},"city":"{city}",'
        '"client_event_time":"'
    )


def _middle(device: str, family: str, is_european: bool) -> str:
    country = "Germany" if is_european else "United States"
    return (
        f'","country":"{country}","data":{{"path":"/2/httpapi","group_first_event":{{}}}},"data_type":"event",'
        f'"device_brand":null,"device_carrier":null,"device_family":"{family}","device_id":"{device}",'
        f'"device_manufacturer":null,"device_model":null,"device_type":"{family}","dma":"New York, NY","event_id":'
    )


def _library(os_name: str, platform: str, user: int, lat: float, lon: float) -> str:
    return (
        f',"idfa":null,"ip_address":"203.0.113.{user % 250 + 1}","is_attribution_event":null,'
        f'"language":"English","library":"amplitude-ts/2.11.1","location_lat":{lat},"location_lng":{lon},'
        f'"os_name":"{os_name}","os_version":"14","partner_id":null,"paying":null,"plan":{{}},'
        f'"platform":"{platform}","processed_time":'
    )


def _user(user_id: str | None, properties: dict[str, object]) -> str:
    return (
        f',"source_id":null,"start_version":null,"user_creation_time":null,"user_id":{dumps(user_id)},'
        f'"user_properties":{dumps(properties)},"uuid":"'
    )


def _properties(kind: Kind, n: int) -> dict[str, object]:
    """Constant properties, and some that vary: a number that is text now and then, text with quotes and accents."""
    if kind.event_type in ("session_start", "$identify"):
        return {}
    sizes: tuple[object, ...] = (12, 3, "12", 250, 7.5, 1, 40, None)
    titles = ("Plan", "Übersicht", 'The "big" one', "Q3", "Inventory", "Line 4\\5", "Été", "Rollout")
    return {**dict(kind.properties), "items": sizes[n % len(sizes)], "title": titles[n % len(titles)], "beta": n == 3}
