"""Closing a month: when it is refused, what is frozen, that nothing frozen is overwritten or silently lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest

from assets.board.close import close_month, reopen_month
from assets.board.close_raw import load_closes
from assets.board.close_records import Record, in_force, records, token, verify_files
from assets.board.close_tables import FROZEN
from assets.errors import InputError
from assets.home import Home
from assets.warehouse import write
from support.closing import handmade, released

NOW = datetime(2025, 4, 8, 8, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    yield Home(tmp_path / "home")


def close(home: Home, month: str, *changes: str, **release: object) -> Record:
    database = handmade(home.root.parent, *changes)
    return close_month(home, released(database, **release), month, "run-1", now=NOW)  # type: ignore[arg-type]


def refusal(home: Home, month: str, *changes: str, **release: object) -> InputError:
    before = sorted(path for path in home.lake.rglob("*") if path.is_file())
    with pytest.raises(InputError) as refused:
        close(home, month, *changes, **release)
    assert sorted(path for path in home.lake.rglob("*") if path.is_file()) == before, "nothing is written"
    assert refused.value.where and refused.value.mend
    return refused.value


def test_a_close_freezes_the_published_rows_of_its_month(home: Home) -> None:
    record = close(home, "2025-02")
    assert (record.month, record.number, record.kind, record.closed_at) == (
        "2025-02",
        1,
        "close",
        "2025-04-08T08:00:00Z",
    )
    assert (record.source_hash, record.policy_hash, record.definition_hash) == ("s1", "p1", "d1")
    assert (record.release_id, record.run_id, record.reporting_currency) == ("r000001", "run-1", "USD")
    assert {name.removesuffix(".parquet"): frozen.rows for name, frozen in record.files.items()} == dict.fromkeys(
        FROZEN, 1
    )
    rows = duckdb.execute("SELECT close_number, account_id, arr FROM read_parquet(?)", [str(record.file("arr_month"))])
    assert [(n, account, str(arr)) for n, account, arr in rows.fetchall()] == [(1, "a1", "120.00")]
    assert not list(home.lake.rglob(".closing-*"))
    assert all(not path.stat().st_mode & 0o222 for path in record.folder.iterdir()), "nobody writes there again"


def test_the_last_month_of_a_fiscal_quarter_freezes_the_quarter_too(home: Home) -> None:
    frozen = [close(home, month).file("board_metrics") for month in ("2025-02", "2025-03")]
    periods = "SELECT period_type, period_start::VARCHAR FROM read_parquet(?) ORDER BY ALL"
    february, march = (duckdb.execute(periods, [str(path)]).fetchall() for path in frozen)
    assert february == [("month", "2025-02-01")]
    assert march == [("month", "2025-03-01"), ("quarter", "2025-01-01")]


def test_usage_that_is_not_known_to_the_end_of_the_month_is_not_frozen(home: Home) -> None:
    """Money of a month may be complete before its usage is."""
    insert = "INSERT INTO marts.board_metrics (period_type, period_start, metric_key, is_complete) VALUES"
    record = close(home, "2025-02", f"{insert} ('month', '2025-02-01', 'adoption_rate', false)",
                   f"{insert} ('month', '2025-02-01', 'active_users', true)")  # fmt: skip
    path = str(record.file("board_metrics"))
    frozen = duckdb.execute("SELECT metric_key FROM read_parquet(?) ORDER BY 1", [path])
    assert frozen.fetchall() == [("active_users",), ("arr",)]


def test_what_is_closed_is_loaded_for_dbt(home: Home) -> None:
    close(home, "2025-02")
    close(home, "2025-03")
    reopen_month(home, "2025-03", "a credit was missed", "run-2", now=NOW)
    with write(home.warehouse) as con:
        load_closes(con, home, "run-3", "models")
        found = con.execute("SELECT month_start, close_number, kind, why FROM raw.closes ORDER BY sequence").fetchall()
        assert con.execute("SELECT sum(arr) FROM raw.closed_arr_month").fetchone() == (270,)
        assert con.execute("SELECT count(*) FROM raw.restatements_seen").fetchone() == (0,)
        assert con.execute("SELECT run_id, token FROM raw.closes_state").fetchone() == ("run-3", token(records(home)))
    february, march = date(2025, 2, 1), date(2025, 3, 1)
    assert found == [
        (february, 1, "close", None),
        (march, 1, "close", None),
        (march, 2, "reopen", "a credit was missed"),
    ]


def test_without_a_close_the_raw_tables_are_empty(home: Home) -> None:
    with write(home.warehouse) as con:
        assert load_closes(con, home, "run-1", "models") == []
        for name in ("closes", "restatements_seen", *(f"closed_{file}" for file in FROZEN)):
            assert con.execute(f"SELECT count(*) FROM raw.{name}").fetchone() == (0,), name
        assert con.execute("SELECT token FROM raw.closes_state").fetchone() == ("",)


def test_a_closed_month_is_not_closed_again(home: Home) -> None:
    close(home, "2025-02")
    error = refusal(home, "2025-02")
    assert "2025-02 is already closed (record 1, 2025-04-08T08:00:00Z, release r000001)" in error.what
    assert "marts.restatements" in error.mend and '--reopen --why "…"' in error.mend


def test_reopening_keeps_what_was_closed_and_the_next_close_adds_to_it(home: Home) -> None:
    first = close(home, "2025-02")
    kept = {path.name: path.read_bytes() for path in first.folder.iterdir()}
    assert reopen_month(home, "2025-02", " wrong rate ", "run-2").why == "wrong rate"
    assert in_force(records(home)) == {}
    again = close(home, "2025-02", "UPDATE marts.money_basis SET source_hash = 's2'")
    assert (again.number, again.source_hash) == (3, "s2")
    assert in_force(records(home)) == {"2025-02": again}
    assert {path.name: path.read_bytes() for path in first.folder.iterdir()} == kept


@pytest.mark.parametrize("why", [None, "", "  "])
def test_reopening_needs_a_reason(home: Home, why: str | None) -> None:
    close(home, "2025-02")
    with pytest.raises(InputError, match="needs a reason"):
        reopen_month(home, "2025-02", why, "run-2")
    assert len(records(home)) == 1


def test_only_the_last_closed_month_is_reopened(home: Home) -> None:
    close(home, "2025-02")
    close(home, "2025-03")
    with pytest.raises(InputError, match="2025-03 is closed after 2025-02") as refused:
        reopen_month(home, "2025-02", "why not", "run-2")
    assert "reopen 2025-03 first" in refused.value.mend
    with pytest.raises(InputError, match="2025-01 is not closed"):
        reopen_month(home, "2025-01", "why not", "run-2")


def test_months_close_in_order_from_the_first_one_on(home: Home) -> None:
    close(home, "2025-01")
    error = refusal(home, "2025-03")
    assert "2025-02 is open: months close in order" in error.what and error.mend == "first: lens close 2025-02"
    # a month without money has nothing to close
    gone = [
        f"DELETE FROM marts.{mart} WHERE month_start = '2025-02-01'" for mart in ("fct_arr_month", "arr_by_segment")
    ]
    assert close(home, "2025-03", *gone).number == 1


def test_no_month_before_the_first_closed_one_is_closed(home: Home) -> None:
    close(home, "2025-02")
    assert "before the first month that was closed, 2025-02" in refusal(home, "2025-01").what


def test_a_reopened_month_holds_up_the_next(home: Home) -> None:
    close(home, "2025-02")
    reopen_month(home, "2025-02", "a credit was missed", "run-2")
    assert "2025-02 is open" in refusal(home, "2025-03").what


@pytest.mark.parametrize(
    ("month", "complete_to", "speaks"),
    [("2025-03", "2025-03-30", "speaks for 2025-03-30"), ("2026-03", "2025-04-10", "speaks for 2025-04-10")],
)
def test_an_unfinished_or_future_month_is_not_closed(home: Home, month: str, complete_to: str, speaks: str) -> None:
    error = refusal(home, month, complete_to=complete_to)
    assert "is not complete" in error.what and speaks in error.what


def test_a_month_without_money_is_not_closed(home: Home) -> None:
    assert "holds no money for it" in refusal(home, "2024-12").what


def test_money_that_is_held_back_is_not_closed(home: Home) -> None:
    error = refusal(home, "2025-02", held_back=["roll_forward", "grains_agree"])
    assert "money is held back" in error.what and error.where.endswith("roll_forward, grains_agree")


def test_every_failing_tie_out_is_named(home: Home) -> None:
    lines = [
        "INSERT INTO marts.tie_out VALUES ('2025-02-01', 'mrr_to_gl', 'product_line', 'Core', -1234.5, -1200, 'fail')",
        "INSERT INTO marts.tie_out VALUES ('2025-02-01', 'control_total', 'company', 'all', 7, 7, 'fail')",
        "INSERT INTO marts.tie_out VALUES ('2025-02-01', 'arr_to_billing', 'company', 'all', 3, 3, 'warn')",
        "INSERT INTO marts.tie_out VALUES ('2025-03-01', 'control_total', 'company', 'all', 9, 9, 'fail')",
    ]
    error = refusal(home, "2025-02", *lines)
    assert "2 of its tie-out checks fail" in error.what
    assert "control_total company all: off by 7.00, 7.00 of it unexplained" in error.what
    assert "mrr_to_gl product_line Core: off by -1,234.50, -1,200.00 of it unexplained" in error.what
    assert "arr_to_billing" not in error.what and "9.00" not in error.what


def test_segments_of_another_release_are_not_frozen_beside_the_money(home: Home) -> None:
    error = refusal(home, "2025-02", "UPDATE marts.dim_account_segment SET segment = 'enterprise'")
    assert "do not agree (size enterprise, size smb)" in error.what
    assert "do not agree" in refusal(home, "2025-02", "UPDATE marts.arr_by_segment SET opening_arr = 1").what


def test_a_release_that_was_changed_after_publishing_is_not_closed(home: Home) -> None:
    database = handmade(home.root.parent)
    release = released(database)
    with duckdb.connect(str(database)) as con:
        con.execute("UPDATE marts.fct_arr_month SET arr = 999")
    with pytest.raises(InputError, match="is not what was published"):
        close_month(home, release, "2025-02", "run-1")


def test_a_release_of_a_former_version_is_not_closed(home: Home) -> None:
    assert "older version" in refusal(home, "2025-02", "DROP TABLE marts.money_basis").what


@pytest.mark.parametrize("text", ["2025-2", "2025-13", "02/2025", "2025-02-01", "..", ""])
def test_what_is_not_a_month_is_refused(home: Home, text: str) -> None:
    assert "is not a month" in refusal(home, text).what


def _change(path: Path, content: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(content)


def _remove(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


def test_a_damaged_close_is_an_error_and_never_skipped(home: Home) -> None:
    close(home, "2025-02")
    record = close(home, "2025-03")

    def complaint() -> str:
        with write(home.warehouse) as con, pytest.raises(InputError) as raised:
            load_closes(con, home, "run-2", "models")
        assert "backup" in raised.value.mend
        return f"{raised.value.what} | {raised.value.where}"

    facts, frozen = record.folder / "close.json", record.folder / "arr_month.parquet"
    document, rows = facts.read_bytes(), frozen.read_bytes()
    for damaged in (rows[:-1], b"", rows[:100] + bytes([rows[100] ^ 1]) + rows[101:]):
        _change(frozen, damaged)
        assert "a frozen file of closed month 2025-03 is not what was closed" in complaint()
        assert str(frozen) in complaint()
    frozen.unlink()
    assert "is missing" in complaint()
    _change(frozen, rows) if frozen.exists() else frozen.write_bytes(rows)
    verify_files(record)

    _change(facts, document.replace(b'"run-1"', b'"run-9"'))
    assert "is not what was written" in complaint()
    _change(facts, document[: len(document) // 2])
    assert "cannot be read" in complaint()
    _change(facts, document)

    moved = record.folder.with_name("002")
    record.folder.rename(moved)
    assert "record 001 of closed month 2025-03 is missing" in complaint()
    moved.rename(record.folder)
    _remove(records(home)[0].folder)
    assert "closing record 1 is missing or was replaced" in complaint()


def test_what_a_killed_closing_left_is_no_close(home: Home) -> None:
    left = home.lake / "closes" / ".closing-1"
    left.mkdir(parents=True)
    (left / "arr_month.parquet").write_text("half")
    (home.lake / "closes" / "2025-02").mkdir()
    assert records(home) == []
    assert close(home, "2025-02").number == 1
    assert not left.exists()


def test_the_record_says_everything_in_plain_text(home: Home) -> None:
    record = close(home, "2025-02")
    document = json.loads((record.folder / "close.json").read_text(encoding="utf-8"))
    assert document["files"]["arr_month.parquet"]["sha256"] == record.files["arr_month.parquet"].sha256
    assert document["seal"] == record.seal and token([record]) == record.seal
