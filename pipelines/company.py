"""Which company a process works for, and the sandbox company when none is named."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from assets.amplitude.archive import hour_start
from assets.amplitude.planning import first_day
from assets.amplitude.windows import start_hour
from assets.board.choice import choose
from assets.company.load import load_company
from assets.company.model import Company
from assets.progress import Progress, silent
from pipelines.sandbox.build import build
from pipelines.sandbox.spec import SIZES
from pipelines.settings import Settings


def prepare_company(settings: Settings, progress: Progress = silent) -> Path:
    """The company folder; makes the sandbox company (once) when no other was asked for."""
    if settings.is_sandbox:
        build(settings.company.parent, "demo", progress=progress, via="server")
    return settings.company


def known_company(settings: Settings) -> Company | None:
    """The company, or None while the sandbox has not been made yet. Raises InputError when the folder is bad."""
    if settings.is_sandbox and not settings.company.exists():
        return None
    return checked_company(settings.company)


def checked_company(folder: Path) -> Company:
    """The company of a folder, its board.yaml held against the registry of metrics. Raises InputError."""
    company = load_company(folder)
    choose(company)
    return company


def first_upload_day(settings: Settings, company: Company | None) -> date:
    """First day of the Amplitude partitions: what company.yaml says, else the oldest hour file there is."""
    if company is None:
        return SIZES["demo"].first_day
    if company.events.start_date and company.events.is_extracted:
        return hour_start(start_hour(company.events.start_date, company.time_zone)).date()
    if company.events.start_date:
        return company.events.start_date
    return first_day(settings.home, company) or date(2020, 1, 1)
