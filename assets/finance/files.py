"""Which finance files a company folder holds, and whether they are the same bytes as before."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from assets.company.model import Company
from assets.company.wording import nearest
from assets.durable import sha256_of
from assets.errors import InputError
from assets.finance.contract import BY_NAME, TABLES

_TABLE_SUFFIXES = (".csv", ".parquet")


@dataclass(frozen=True)
class SourceFile:
    """One delivered file; ``where`` is its path as errors name it (relative to the company folder), or the source that
    a connector has mapped it from. ``set_aside``: rows that the contract has no place for (Parquet)."""

    table: str
    path: Path
    where: str
    bytes: int
    sha256: str
    set_aside: Path | None = None


def find_files(company: Company) -> tuple[SourceFile, ...]:
    """The finance files in contract order, hashed, without the tables that come from elsewhere. InputError for a
    missing folder, a stray or doubled table, and a table that has rows here although it comes from elsewhere."""
    remote = {table for table, source in company.finance.sources.items() if source.kind != "file"}
    folder = company.finance_folder
    if not folder.is_dir() and "accounts" in remote:
        return ()
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
        if table in remote:
            _refuse_rows(company, table, path)
            continue
        if table in found:
            raise InputError(
                f"the table {table} is there twice: {found[table].name} and {path.name}",
                where=_where(company, path),
                mend="keep one of the two files",
            )
        found[table] = path
    if "accounts" not in found and "accounts" not in remote:
        raise InputError(
            "the table accounts is missing",
            where=_where(company, folder / "accounts.csv"),
            mend="add accounts.csv (or .parquet) with account_id and account_name: the one table that must be there",
        )
    return tuple(_hashed(company, table.name, found[table.name]) for table in TABLES if table.name in found)


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


def _refuse_rows(company: Company, table: str, path: Path) -> None:
    """A header without rows is what ``lens init`` writes; rows would be a second opinion."""
    if path.suffix == ".parquet" or len(path.read_bytes().split()) > 1:
        raise InputError(
            f"the table {table} comes from {company.finance.sources[table].kind}, and there is a file with rows of it",
            where=_where(company, path),
            mend=f"remove the file, or the key finance.sources.{table} from company.yaml",
        )


def _where(company: Company, path: Path) -> str:
    return path.relative_to(company.folder).as_posix() if path.is_relative_to(company.folder) else str(path)


def _hashed(company: Company, table: str, path: Path) -> SourceFile:
    return SourceFile(table, path, _where(company, path), path.stat().st_size, sha256_of(path))
