"""What a company folder says, typed and validated: frozen objects that know no files but their own folder."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from assets.company.board import Board
from assets.company.finance_sources import SignedDates, Sources
from assets.company.iso4217 import CURRENCIES
from assets.company.registry import FeatureRule, Launch
from assets.company.wording import did_you_mean

PUBLISH_GROUPS = ("money", "usage", "joint")
INACTIVE_EVENT_TYPES = ("session_start", "session_end", "$identify", "$groupidentify", "push*")
_MACHINE_ZONES = {"localtime", "posixrules", "Factory"}  # mean something else on another machine
_IDENTIFIER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ .-]*")


def _listed(value: Any) -> Any:
    """YAML ``null`` for a list means an empty one; a lone scalar is not a list, and stays an error."""
    return tuple(value) if isinstance(value, list) else () if value is None else value


def _distinct(values: tuple[str, ...]) -> tuple[str, ...]:
    repeated = sorted({v for v in values if values.count(v) > 1})
    if repeated:
        raise ValueError(f"{', '.join(repeated)} is listed more than once")
    return values


def _filled(text: str) -> str:
    if not text.strip():
        raise ValueError("an empty text: give a value or remove the key")
    return text


def _iso_date(value: Any) -> Any:
    """A YAML date or YYYY-MM-DD; never a number that happens to be a timestamp."""
    if isinstance(value, str) and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        raise ValueError("not a date YYYY-MM-DD")
    if not isinstance(value, (str, date)) or hasattr(value, "hour"):
        raise ValueError("not a date YYYY-MM-DD")
    return value


def _time_zone(name: str) -> str:
    try:
        zone = None if name in _MACHINE_ZONES else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # unknown; no name of a zone; the name of a folder of zones
        zone = None
    if zone is None:
        raise ValueError(f"not an IANA time zone{did_you_mean(name, available_timezones() - _MACHINE_ZONES)}")
    return name


def _currency(code: str) -> str:
    if code not in CURRENCIES:
        raise ValueError(f"not an ISO 4217 currency code{did_you_mean(code, CURRENCIES)}")
    return code


def _dimension(name: str) -> str:
    if name == "all":
        raise ValueError("'all' is the name of the totals: call the dimension differently")
    if not _IDENTIFIER.fullmatch(name):
        raise ValueError("a dimension name starts with a letter or digit and holds letters, digits, _, -, . and spaces")
    return name


def _section(value: Any) -> Any:
    """A section whose keys are all commented out is empty, not null."""
    return {} if value is None else value


Text = Annotated[str, AfterValidator(_filled)]
Texts = Annotated[tuple[Text, ...], BeforeValidator(_listed), AfterValidator(_distinct)]
Day = Annotated[date, BeforeValidator(_iso_date)]
Way = Literal["event_group", "user_property", "user_membership"]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Internal(Part):
    """Rules that mark internal users (any match marks the user)."""

    email_domains: Texts = ()
    accounts: Texts = ()
    user_ids: Texts = ()
    user_property: Text | None = None

    @model_validator(mode="after")
    def _domains(self) -> Internal:
        for domain in self.email_domains:
            if "@" in domain or domain != domain.lower():
                raise ValueError(f"email_domains: write {domain!r} as a lower-case domain without @ (example.com)")
        return self


class KeptProperties(Part):
    """Names of the properties that may reach the lake; None keeps all of a kind, an empty list none."""

    event: Texts | None = None
    user: Texts | None = None

    @model_validator(mode="before")
    @classmethod
    def _both(cls, value: Any) -> Any:
        """A plain list is meant for both kinds."""
        if isinstance(value, list):
            return {"event": value, "user": value}
        for kind in ("event", "user"):
            if isinstance(value, dict) and kind in value and value[kind] is None:
                raise ValueError(f"{kind}: an empty value; write [] to keep none, or remove the key to keep all")
        return value


class Events(Part):
    """``keep_properties``: None keeps everything."""

    source: Literal["amplitude_api", "export_archive", "sandbox"] = "sandbox"
    region: Literal["us", "eu"] = "us"
    path: Text | None = None
    start_date: Day | None = None
    account_group_type: Text = "account"
    account_from: Annotated[
        tuple[Way, ...], BeforeValidator(_listed), AfterValidator(_distinct), Field(min_length=1)
    ] = (
        "event_group",
        "user_property",
        "user_membership",
    )
    account_user_property: Text | None = None
    internal: Annotated[Internal, BeforeValidator(_section)] = Internal()
    inactive_event_types: Texts = INACTIVE_EVENT_TYPES
    keep_properties: KeptProperties | None = None
    hash_user_ids: bool = False
    keep_archives: bool = True
    retry_minutes: float = Field(default=15, ge=0, le=24 * 60, allow_inf_nan=False)

    @property
    def is_extracted(self) -> bool:
        """Whether the events are asked for over the Export API (else they lie in a folder).

        A sandbox company with a start date and no folder has an Amplitude of its own.
        """
        has_own = self.source == "sandbox" and self.path is None and self.start_date is not None
        return self.source == "amplitude_api" or has_own

    @model_validator(mode="after")
    def _complete(self) -> Events:
        if self.source == "export_archive" and self.path is None:
            raise ValueError("path is required for source export_archive: the folder that holds the export files")
        if self.source == "amplitude_api" and self.start_date is None:
            raise ValueError("start_date is required for source amplitude_api: the first day to extract")
        asked = "account_from" in self.model_fields_set and "user_property" in self.account_from
        if asked and self.account_user_property is None:
            raise ValueError("account_from names user_property: say which one in account_user_property")
        return self


class Finance(Part):
    """``as_of``: the date the finance data speaks for; ``max_quarantine_share``: share of a table's rows that may be
    quarantined before landing fails (one row is always allowed unless the share is 0)."""

    path: Text = "finance/"
    sources: Annotated[Sources, BeforeValidator(_section)] = {}
    signed_dates: SignedDates | None = None
    as_of: Day | None = None
    max_quarantine_share: float = Field(default=0.01, ge=0, le=1, allow_inf_nan=False)

    @property
    def asks_others(self) -> bool:
        """Whether anything of it comes from another system than the finance folder."""
        return self.signed_dates is not None or any(source.kind != "file" for source in self.sources.values())


class TieOutTolerance(Part):
    company: float = Field(default=0.01, ge=0, le=1, allow_inf_nan=False)
    product_line: float = Field(default=0.02, ge=0, le=1, allow_inf_nan=False)


def _groups(value: Any) -> Any:
    """A list of group names, or a mapping of group name to further marts that publish with it."""
    groups = dict.fromkeys(value, ()) if isinstance(value, list) else value
    if isinstance(groups, dict):
        for name in groups:
            if name not in PUBLISH_GROUPS:
                raise ValueError(f"unknown publish group {name!r}{did_you_mean(str(name), PUBLISH_GROUPS)}")
    return groups


class Policy(Part):
    discounts: Literal["recurring", "forever_only", "none"] = "recurring"
    churn_at: Literal["service_end", "cancel_effective", "cancel_requested"] = "service_end"
    delinquency_grace_days: int | None = Field(default=None, ge=0)
    reactivation_new_after_days: int | None = Field(default=None, ge=1)
    publish_groups: Annotated[dict[str, Texts], BeforeValidator(_groups), Field(min_length=1)] = dict.fromkeys(
        PUBLISH_GROUPS, ()
    )
    close_day: int = Field(default=8, ge=1, le=28)
    adoption_established_days: int = Field(default=3, ge=1)
    adoption_window_days: int = Field(default=28, ge=1, le=366)
    tie_out_tolerance: Annotated[TieOutTolerance, BeforeValidator(_section)] = TieOutTolerance()

    @model_validator(mode="after")
    def _reachable(self) -> Policy:
        if self.adoption_established_days > self.adoption_window_days:
            raise ValueError("adoption_established_days is more than adoption_window_days: nobody could get there")
        return self

    @property
    def tie_out_tolerance_company(self) -> float:
        return self.tie_out_tolerance.company

    @property
    def tie_out_tolerance_product_line(self) -> float:
        return self.tie_out_tolerance.product_line


class Settings(Part):
    """company.yaml."""

    name: Text
    time_zone: Annotated[str, AfterValidator(_time_zone)] = "UTC"
    week_starts_on: Literal["monday", "sunday"] = "monday"
    fiscal_year_starts_in: int = Field(default=1, ge=1, le=12)
    reporting_currency: Annotated[str, AfterValidator(_currency)]
    lens_dimensions: Annotated[
        tuple[Annotated[Text, AfterValidator(_dimension)], ...],
        BeforeValidator(_listed),
        AfterValidator(_distinct),
        Field(min_length=1),
    ] = ("size",)
    events: Annotated[Events, BeforeValidator(_section)] = Events()
    finance: Annotated[Finance, BeforeValidator(_section)] = Finance()
    policy: Annotated[Policy, BeforeValidator(_section)] = Policy()


class Company(Settings):
    """One company: company.yaml plus its feature registry, launches, board and folder."""

    folder: Path
    features: tuple[FeatureRule, ...] = ()
    launches: tuple[Launch, ...] = ()
    board: Board = Board()

    @property
    def finance_folder(self) -> Path:
        """Where the finance files are (``finance.path``, relative to the company folder)."""
        return self.folder / Path(self.finance.path).expanduser()

    @property
    def events_path(self) -> Path:
        """Where exports lie (``events.path``, relative to the company folder; default ``events/``)."""
        return self.folder / (self.events.path or "events/")

    @property
    def events_url(self) -> str | None:
        """``events.path`` when it names a bucket (``s3://…``, ``gs://…``) and not a folder."""
        path = self.events.path
        return path if self.events.source == "export_archive" and path and "://" in path else None

    @property
    def feature_properties(self) -> tuple[str, ...]:
        """Event properties that the feature registry needs, sorted."""
        return tuple(sorted({rule.property for rule in self.features if rule.property}))

    @property
    def settings_hash(self) -> str:
        """sha256 over everything that shapes numbers: settings without places, what is not kept, dates and wording,
        and the feature rules without names, owners and their order in the file."""
        settings = self.model_dump(mode="json", include=set(Settings.model_fields) - {"name"})
        for key in ("source", "region", "path", "keep_archives", "retry_minutes", "keep_properties"):
            del settings["events"][key]
        del settings["finance"], settings["policy"]["publish_groups"]
        shaping = (
            "feature_key",
            "feature_set",
            "product_line",
            "event_type",
            "property",
            "property_value",
            "launched_on",
            "is_core",
        )
        rules = sorted(
            json.dumps(rule.model_dump(mode="json", include=set(shaping)), sort_keys=True) for rule in self.features
        )
        return hashlib.sha256(json.dumps([settings, rules], sort_keys=True).encode()).hexdigest()
