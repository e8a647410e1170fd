"""The sandbox company's finance tables out of a real PostgreSQL: the same delivery and marts as from its files."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest
import yaml

from assets.finance.contract import BY_NAME
from assets.finance.deliveries import deliveries
from assets.home import Home
from support.line import hashes, lens, manifest, refresh
from support.postgres import PASSWORD, postgres
from support.sandbox import small_company
from support.traces import places

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
_TYPES = {"money": "numeric", "quantity": "numeric(18,4)", "rate": "numeric", "share": "numeric(9,8)", "date": "date"}
_TYPES |= {"month": "date", "integer": "bigint", "boolean": "boolean"}


def _fill(url: str, finance: Path) -> dict[str, str]:
    """Every finance file as a table of PostgreSQL's own types; table → query."""
    from sqlalchemy import create_engine

    engine, queries = create_engine(url), {}
    with engine.begin() as con:
        for path in sorted(finance.glob("*.csv")):
            table = BY_NAME[path.stem]
            with path.open(encoding="utf-8", newline="") as file:
                names = next(csv.reader(file))
            columns = ", ".join(f'"{n}" {_TYPES.get(table.column(n).kind, "text")}' for n in names)
            con.exec_driver_sql(f"CREATE TABLE {table.name} ({columns})")
            with con.connection.cursor().copy(f"COPY {table.name} FROM STDIN (FORMAT csv, HEADER)") as copy:
                copy.write(path.read_bytes())
            queries[table.name] = f"SELECT * FROM {table.name}"
    engine.dispose()
    return queries


def test_the_whole_line_out_of_postgresql(tmp_path: Path) -> None:
    root = tmp_path / "sandbox"
    shutil.copytree(small_company().root, root)
    company = next(path.parent for path in root.rglob("company.yaml"))
    assert refresh(tmp_path / "files", company).code == 0
    settings = yaml.safe_load((company / "company.yaml").read_text(encoding="utf-8"))
    finance = company / settings.get("finance", {}).get("path", "finance/")
    with postgres() as url:
        queries = _fill(url, finance)
        shutil.rmtree(finance)
        sources = {table: {"kind": "sql", "query": query} for table, query in queries.items()}
        settings.setdefault("finance", {})["sources"] = sources
        (company / "company.yaml").write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
        (company / ".env").write_text(f"FINANCE_DATABASE_URL={url}\n", encoding="utf-8")
        outcome = refresh(tmp_path / "sql", company)
        assert outcome.code == 0, outcome.message
        again = lens("refresh", home=tmp_path / "sql", company=company)
        assert again.returncode == 0 and "Nothing new" in again.stdout, again.stdout + again.stderr
        release = manifest(tmp_path / "sql")
    files, sql = (deliveries(Home(tmp_path / name)) for name in ("files", "sql"))
    assert [d.content_hash for d in sql] == [d.content_hash for d in files] and len(sql) == 1
    assert hashes(tmp_path / "sql") == hashes(tmp_path / "files") and release.tables["fct_arr_month"].rows > 0
    assert places(tmp_path / "sql", PASSWORD) == [] and places(tmp_path / "sql", url) == []

    stopped = lens("refresh", home=tmp_path / "sql", company=company)  # the server is gone
    assert stopped.returncode == 2 and "the database cannot be reached" in stopped.stderr
    assert "p%40ss" not in stopped.stderr and manifest(tmp_path / "sql") == release
