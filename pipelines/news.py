"""Is there anything new to refresh? Asked by the command line and by every schedule before a run is started."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from assets.amplitude.asked import ledger_token
from assets.amplitude.due import due_windows
from assets.amplitude.switching import traces
from assets.board import close_records
from assets.company.fingerprint import code_fingerprint, company_fingerprint, refresh_fingerprint
from assets.company.load import load_company
from assets.finance.connectors import deliver
from assets.serving.manifest import Release
from assets.serving.release import current
from assets.serving.snapshot import ReleaseError
from assets.transform.project import PROJECT_DIR, ROOT
from pipelines import amplitude
from pipelines.settings import Settings

_CODE = [ROOT / "assets", ROOT / "checks", PROJECT_DIR / "models", PROJECT_DIR / "macros"]


def with_code(inputs: Mapping[str, str], until: date | None) -> str:
    """The fingerprint a release carries: what was read, this version's code and models, ``until``."""
    return refresh_fingerprint(inputs, code_fingerprint(_CODE), until)


def stands(settings: Settings, until: date | None, *, may_ask: bool = True) -> Release | None:
    """The current release, if it already stands for what a refresh would read now, with nothing held back and nobody
    in it who was to be forgotten.

    Whether a source of finance.sources has anything new, only its answer tells: it is asked when nothing else is new,
    or, where ``may_ask`` is false (a schedule's tick must be short), taken to be new. Raises InputError when it cannot
    be asked.
    """
    if not settings.company.exists():
        return None
    try:
        release = current(settings.home)
    except ReleaseError:  # a refresh is what mends it
        return None
    if release is None or release.manifest.held_back or traces(settings.home):
        return None
    company = load_company(settings.company)
    inputs = {
        "company": company_fingerprint(settings.company, company.events_url or company.events_path),
        "export": ledger_token(settings.home, company),
        "closes": close_records.token(close_records.records(settings.home)),
    }
    if company.events.is_extracted and due_windows(settings.home, company, amplitude.clock(company), until):
        return None

    def is_same() -> bool:
        finance = {"finance": deliver.token(settings.home, company)}
        return release.manifest.fingerprint == with_code(inputs | finance, until)

    if company.finance.asks_others:
        if not may_ask or not is_same():
            return None
        deliver.ask_ahead(settings.home, company)
    return release if is_same() else None


def nothing_new(release: Release) -> str:
    """What a refresh says when it has nothing to do."""
    as_of = ", ".join(f"{group} {day}" for group, day in release.manifest.as_of.items())
    return f"Nothing new: release [bold]{release.id}[/] stands (as of {as_of})."
