"""Which finance files a company folder holds, and whether they are the same bytes as before."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from assets.company.model import Company
from assets.company.wording import did_you_mean, nearest, shown_value
from assets.errors import InputError
from assets.finance.contract import BY_NAME, TABLES

_TABLE_SUFFIXES = (".csv", ".parquet")


@dataclass(frozen=True)
class SourceFile:
    """One delivered file; ``where`` is its path as errors name it (relative to the company folder)."""

    table: str
    path: Path
    where: str
    bytes: int
    sha256: str


def find_files(company: Company) -> tuple[SourceFile, ...]:
    """The finance files in contract order, hashed. InputError for a missing folder, a stray or doubled table,
    and sources that are not files."""
    _check_sources(company)
    folder = company.finance_folder
    if not folder.is_dir():
        raise InputError(
            "the finance folder does not exist",
            where=str(folder),
            mend="make it with at least accounts.csv in it, or correct finance.path in company.yaml",
        )
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        table = _table_of(path, company)
        if table is None:
            continue
        if table in found:
            raise InputError(
                f"the table {table} is there twice: {found[table].name} and {path.name}",
                where=_where(company, path),
                mend="keep one of the two files",
            )
        found[table] = path
    if "accounts" not in found:
        raise InputError(
            "the table accounts is missing",
            where=_where(company, folder / "accounts.csv"),
            mend="add accounts.csv (or .parquet) with account_id and account_name: the one table that must be there",
        )
    return tuple(_hashed(company, table.name, found[table.name]) for table in TABLES if table.name in found)


def _check_sources(company: Company) -> None:
    for table, source in company.finance.sources.items():
        if table not in BY_NAME:
            raise InputError(
                f"finance.sources names an unknown table {shown_value(table)}{did_you_mean(table, BY_NAME)}",
                where=f"company.yaml, key finance.sources.{table}",
                mend=f"the tables are: {', '.join(BY_NAME)}",
            )
        kind = source if isinstance(source, str) else source.get("kind", source.get("type", "a mapping"))
        if kind != "file":
            file = f"{company.finance.path.rstrip('/')}/{table}.csv"
            raise InputError(
                f"the source {shown_value(kind)} of {table} comes with the connectors extra, not in this version",
                where=f"company.yaml, key finance.sources.{table}",
                mend=f"export the table to {file} and set its source to file, or remove the key",
            )


def _table_of(path: Path, company: Company) -> str | None:
    """The contract table a file is, None for files that are none of our business; InputError for a near miss."""
    if path.name.startswith((".", "~$")) or not path.is_file():
        return None
    if path.suffix in _TABLE_SUFFIXES and path.stem in BY_NAME:
        return path.stem
    stem = path.name.split(".", 1)[0]
    meant = nearest(stem, BY_NAME, cutoff=0.75)
    if path.suffix.lower() not in _TABLE_SUFFIXES and meant != stem:
        return None  # a README, a note
    raise InputError(
        f"the file {path.name} is no table of the finance contract"
        + (f" (did you mean {meant}.csv?)" if meant else ""),
        where=_where(company, path),
        mend=f"name it <table>.csv or <table>.parquet, with <table> one of: {', '.join(BY_NAME)}; or move it elsewhere",
    )


def _where(company: Company, path: Path) -> str:
    return path.relative_to(company.folder).as_posix() if path.is_relative_to(company.folder) else str(path)


def _hashed(company: Company, table: str, path: Path) -> SourceFile:
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return SourceFile(table, path, _where(company, path), path.stat().st_size, digest)
