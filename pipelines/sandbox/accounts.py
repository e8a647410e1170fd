"""The sandbox company's customers: who they are, when they came, how they are segmented over time."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date, timedelta

from pipelines.sandbox.catalogue import INDUSTRIES, INTERNAL_ACCOUNT, LINES, SIZE_SEGMENTS
from pipelines.sandbox.features import FEATURES
from pipelines.sandbox.spec import SandboxSpec

_FIRST = (
    "Alder",
    "Birch",
    "Cobalt",
    "Drift",
    "Ember",
    "Fjord",
    "Granite",
    "Harbor",
    "Indigo",
    "Juniper",
    "Kestrel",
    "Lumen",
    "Maple",
    "Nimbus",
    "Onyx",
    "Pioneer",
    "Quarry",
    "Ridge",
    "Summit",
    "Tundra",
    "Umber",
    "Vista",
    "Willow",
    "Zephyr",
)
_SECOND = {
    "retail": ("Outfitters", "Market", "Goods", "Stores", "Apparel", "Home", "Grocers", "Trading"),
    "manufacturing": ("Works", "Tooling", "Plastics", "Metals", "Controls", "Bearings", "Optics", "Systems"),
}
_SHARES = {"smb": 0.58, "mid_market": 0.30, "enterprise": 0.12}
_SEATS = {"smb": (3, 15), "mid_market": (20, 80), "enterprise": (120, 420)}


@dataclass
class Account:
    """One customer. ``size_history``/``industry_history``: (value, valid_from), oldest first, gap-free.

    ``adopted`` maps a feature key to the day of adoption (only features that are ever adopted appear); it is filled
    while contracts are drawn, because adoption needs entitlement and churn depends on adoption.
    """

    index: int
    account_id: str
    name: str
    size: str
    industry: str
    country: str
    currency: str
    start: date
    seats: int
    amplitude_value: str
    legacy_value: str | None = None
    renamed_on: date | None = None
    parent_id: str | None = None
    is_internal_test: bool = False
    size_history: list[tuple[str, date]] = field(default_factory=list)
    industry_history: list[tuple[str, date]] = field(default_factory=list)
    adopted: dict[str, date] = field(default_factory=dict)

    @property
    def domain(self) -> str:
        """The account's email domain."""
        return self.name.lower().replace(" ", "-").replace("&", "and") + ".example"

    def size_on(self, day: date) -> str:
        """Size segment on a day at or after the account's creation."""
        return [value for value, valid_from in self.size_history if valid_from <= day][-1]


def stream(seed: int, *parts: object) -> random.Random:
    """An independent random stream named by ``parts``: adding a draw to one never moves another."""
    return random.Random(":".join(map(str, (seed, *parts))))


def draw_accounts(spec: SandboxSpec, seed: int) -> list[Account]:
    """All customers, oldest contract first, then the internal test account as the last one."""
    rng = stream(seed, "accounts")
    starts = sorted(_start(spec, rng) for _ in range(spec.accounts))
    accounts = [_customer(spec, rng, index, start) for index, start in enumerate(starts)]
    _move_segments(spec, rng, accounts)
    _link_parents(rng, accounts)
    accounts.append(_internal(spec, len(accounts)))
    return accounts


def _start(spec: SandboxSpec, rng: random.Random) -> date:
    """Just under half of the customers were there before the history, the others arrive over it."""
    first = spec.first_contract_day if rng.random() < 0.46 else spec.first_day
    last = spec.first_day if first < spec.first_day else spec.last_day - timedelta(days=20)
    return first + timedelta(days=rng.randrange((last - first).days))


def _customer(spec: SandboxSpec, rng: random.Random, index: int, start: date) -> Account:
    size = rng.choices(SIZE_SEGMENTS, [_SHARES[s] for s in SIZE_SEGMENTS])[0]
    industry = rng.choice(INDUSTRIES)
    is_european = rng.random() < 0.27
    words = _SECOND[industry]
    number = index // (len(_FIRST) * len(words))
    name = f"{_FIRST[index % len(_FIRST)]} {words[(index // len(_FIRST)) % len(words)]}" + (
        f" {number + 1}" if number else ""
    )
    account = Account(
        index,
        f"acct-{index + 1:04d}",
        name,
        size,
        industry,
        rng.choice(("DE", "FR", "NL", "IE")) if is_european else rng.choice(("US", "US", "US", "CA")),
        "EUR" if is_european else "USD",
        start,
        rng.randint(*_SEATS[size]),
        f"org-{index + 1001}",
    )
    if rng.random() < 0.12:
        account.legacy_value = f"workspace_{index + 1:05d}"
        account.renamed_on = max(spec.at(0.3), start + timedelta(days=30))
    account.size_history.append((size, start))
    account.industry_history.append((industry, start))
    return account


def _move_segments(spec: SandboxSpec, rng: random.Random, accounts: list[Account]) -> None:
    """Growing customers move up a size during the history; a few get their industry corrected."""
    grown = [a for a in accounts if a.size != "enterprise" and a.start < spec.at(0.5)]
    for account in rng.sample(grown, max(2, len(grown) // 16)):
        moved_on = spec.at(rng.uniform(0.55, 0.9))
        account.size_history.append((SIZE_SEGMENTS[SIZE_SEGMENTS.index(account.size) + 1], moved_on))
    for account in rng.sample([a for a in accounts if a.start < spec.at(0.4)], max(1, len(accounts) // 80)):
        other = INDUSTRIES[1 - INDUSTRIES.index(account.industry)]
        account.industry_history.append((other, spec.month_at(rng.uniform(0.5, 0.8))))


def _link_parents(rng: random.Random, accounts: list[Account]) -> None:
    """A few groups: an enterprise is the parent of one to three smaller customers."""
    smaller = [a for a in accounts if a.size != "enterprise"]
    for parent in [a for a in accounts if a.size == "enterprise"][::4]:
        for child in rng.sample(smaller, min(len(smaller), rng.randint(1, 3))):
            if child.parent_id is None:
                child.parent_id = parent.account_id


def _internal(spec: SandboxSpec, index: int) -> Account:
    account = Account(
        index,
        INTERNAL_ACCOUNT,
        "Northwind Internal",
        "mid_market",
        "retail",
        "US",
        "USD",
        spec.first_contract_day,
        25,
        "org-1000",
        is_internal_test=True,
    )
    account.size_history.append(("mid_market", account.start))
    account.industry_history.append(("retail", account.start))
    return account


def adopt(account: Account, line: str, entitled_from: date, spec: SandboxSpec, rng: random.Random) -> None:
    """Draw when the account adopts each feature of a line it has just become entitled to.

    Waiting times are exponential with the feature's median, counted from the later of entitlement and launch.
    """
    for feature in FEATURES:
        if feature.line != line or feature.key in account.adopted:
            continue
        chance, wait = rng.random(), rng.expovariate(0.693147 / feature.median_days)
        if chance < feature.ceiling_of(account.size):
            launched = spec.at(feature.launched_at) if feature.launched_at is not None else entitled_from
            account.adopted[feature.key] = max(entitled_from, launched) + timedelta(
                days=0 if feature.is_core else int(wait)
            )


def line_index(line: str) -> int:
    """Position of a product line in :data:`LINES`."""
    return LINES.index(line)
