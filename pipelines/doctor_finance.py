"""`lens doctor` on finance: the folder, and whether what configured sources need is there. Nobody is asked."""

from __future__ import annotations

from collections.abc import Iterator

from assets.company.model import Company
from assets.company.secrets import find_secrets, is_readable_by_others
from assets.errors import InputError
from assets.finance.connectors.deliver import Group, groups, needed_secrets, tables_of
from assets.finance.connectors.extra import extra_error, missing
from pipelines.findings import Finding


def look_at_finance(company: Company) -> Iterator[Finding]:
    """The finance folder, and for every source its extra and its secrets."""
    try:
        asked = groups(company)
    except InputError as error:
        yield Finding("bad", f"{error.what} ({error.where})", error.mend)
        return
    folder = company.finance_folder
    if folder.is_dir():
        yield Finding("ok", f"finance folder {folder.name}/ is there")
    elif not any("accounts" in group.tables for group in asked):
        yield Finding("bad", f"there is no finance folder {folder}", "put at least accounts.csv there")
    for group in asked:
        yield _source(company, group)
    if asked and is_readable_by_others(company.folder):
        yield Finding("warn", f"other users can read {company.folder / '.env'}", "chmod 600 .env")


def _source(company: Company, group: Group) -> Finding:
    """Whether it takes what is there is for a refresh to find out."""
    told = f"{group.kind} for {', '.join(tables_of(group))}"
    absent = missing(group.kind)
    if absent:
        error = extra_error(group.kind, absent[0])
        return Finding("bad", f"{told}: {error.what}", error.mend)
    names = needed_secrets(company, group)
    unset = [name for name in names if name not in find_secrets(company.folder, names)]
    if unset:
        mend = "write them into .env in the company folder (see .env.example) or the environment"
        return Finding("bad", f"{told}: no {' and no '.join(unset)}", mend)
    return Finding("ok", f"{told}: the credentials are there; a refresh asks")
