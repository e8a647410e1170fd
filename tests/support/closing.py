"""Releases to close: a small one written by hand, and one made of a money world's marts."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assets.board.close import Published, close_month
from assets.board.close_raw import load_closes
from assets.board.close_records import Record
from assets.board.close_tables import BRIDGE, FROZEN
from assets.board.restatement_log import remember
from assets.home import Home
from assets.warehouse import write
from support.money_world import Query, querying, run_money
from support.raw_money import COMPANY, Row, fill

TIE_OUT = """
    CREATE TABLE IF NOT EXISTS marts.tie_out (month_start DATE, check_key VARCHAR, lens VARCHAR, lens_value VARCHAR,
        difference DECIMAL(18,2), unexplained DECIMAL(18,2), status VARCHAR)
"""
ARR = {"2025-01": "100", "2025-02": "120", "2025-03": "150"}


def released(database: Path, complete_to: str = "2025-04-10", held_back: Sequence[str] = ()) -> Published:
    """A release as the pipeline hands it over."""
    sha256 = hashlib.sha256(database.read_bytes()).hexdigest()
    return Published("r000001", database, sha256, date.fromisoformat(complete_to), held_back)


def handmade(folder: Path, *changes: str) -> Path:
    """A released database: one account in one segment, three months of growing ARR; then ``changes``."""
    path = folder / "release.duckdb"
    path.write_bytes(_template())
    if changes:
        with duckdb.connect(str(path)) as con:
            for change in changes:
                con.execute(change)
    return path


@cache
def _template() -> bytes:
    with tempfile.TemporaryDirectory() as folder, duckdb.connect(f"{folder}/release.duckdb") as con:
        con.execute("CREATE SCHEMA marts")
        _create(con, "fct_arr_month", "arr_month")
        _create(con, "fct_arr_movement", "movements")
        _create(con, "arr_by_segment", "segment_bridge")
        _create(con, "board_metrics", "board_metrics")
        con.execute(
            "INSERT INTO marts.board_metrics (period_type, period_start, metric_key, is_complete) VALUES"
            " ('month', '2025-02-01', 'arr', true), ('month', '2025-03-01', 'arr', true),"
            " ('quarter', '2025-01-01', 'arr', true), ('quarter', '2024-10-01', 'arr', true)"
        )
        opening = "0"
        for month, arr in ARR.items():
            con.execute(
                "INSERT INTO marts.fct_arr_month (month_start, account_id, product_line, currency, arr, fx_rate)"
                f" VALUES ('{month}-01', 'a1', 'Core', 'USD', {arr}, 1)"
            )
            con.execute(
                "INSERT INTO marts.fct_arr_movement VALUES"
                f" ('{month}-01', 'account', 'a1', NULL, 'expansion', {arr}::DECIMAL(18,2) - {opening}, NULL)"
            )
            zeros = ", ".join("0" if name != "expansion" else f"{arr} - {opening}" for name in BRIDGE)
            con.execute(
                f"INSERT INTO marts.arr_by_segment VALUES ('{month}-01', 'size', 'smb', {opening}, {zeros}, {arr})"
            )
            opening = arr
        con.execute(
            "CREATE TABLE marts.dim_account_segment AS SELECT 'a1' AS account_id, 'size' AS dimension,"
            " 'smb' AS segment, DATE '1900-01-01' AS valid_from, DATE '9999-12-31' AS valid_to"
        )
        con.execute(TIE_OUT)
        con.execute(
            "CREATE TABLE marts.money_basis AS SELECT DATE '2025-04-10' AS as_of, 'USD' AS reporting_currency,"
            " 's1' AS source_hash, 'p1' AS policy_hash, 'd1' AS definition_hash"
        )
        con.execute("CHECKPOINT")
        return Path(folder, "release.duckdb").read_bytes()


def _create(con: duckdb.DuckDBPyConnection, mart: str, file: str) -> None:
    added = {"close_number", "month_start"} if file == "board_metrics" else {"close_number"}
    columns = ", ".join(f"{name} {kind}" for name, kind in FROZEN[file].items() if name not in added)
    con.execute(f"CREATE TABLE IF NOT EXISTS marts.{mart} ({columns})")


# What tests of closed months look at, and what a close freezes beside it.
LOOKED_AT = (
    "arr_month_as_reported", "board_metrics_as_reported", "arr_bridge_as_reported", "restatements", "month_closes",
    "audit_restatements", "arr_by_segment", "dim_account_segment",
)  # fmt: skip
FROZEN_BESIDE = {"fct_arr_movement": "movements", "board_metrics": "board_metrics"}


class Books:
    """A company whose money marts are built again and again over one lake of closed months."""

    def __init__(self, factory: pytest.TempPathFactory, name: str) -> None:
        self.factory, self.folder = factory, factory.mktemp(name)
        self.home = Home(self.folder / "home")
        self.builds = 0

    def build(
        self, tables: Mapping[str, Sequence[Row]], definition: str = "models", full: bool = False, **policy: Any
    ) -> Query:
        """The money marts over these raw tables and what is closed, as a refresh of its own would build them.

        Unless ``full``, board metrics and tie-out are left empty: they are dear, and only frozen or asked about.
        """
        self.builds += 1
        warehouse = self._warehouse()
        with write(warehouse) as con:
            fill(con, {"company": [{**COMPANY, **policy}], **tables})
            for name in ("restatements_seen", *(f"closed_{file}" for file in FROZEN)):
                con.execute(f"DROP TABLE raw.{name}")
            load_closes(con, self.home, f"run-{self.builds}", definition)
        run_money(self.factory, warehouse, () if full else LOOKED_AT)
        if not full:
            with write(warehouse) as con:
                con.execute(TIE_OUT)
                for mart, file in FROZEN_BESIDE.items():
                    _create(con, mart, file)
        return querying(warehouse)

    def _warehouse(self) -> Path:
        return self.folder / str(self.builds) / "warehouse.duckdb"

    def publish(self) -> Path:
        """The last build as a release, with what follows a release."""
        release = self.folder / "release.duckdb"
        shutil.copy(self._warehouse(), release)
        remember(self.home, release)
        return release

    def close(self, month: str) -> Record:
        """Close a month of the last build."""
        return close_month(self.home, released(self.publish(), "2025-12-31"), month, f"closing-{month}")
