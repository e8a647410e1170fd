"""The runner: what Great Expectations would let through, told apart."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from assets.home import Home
from assets.warehouse import read, write
from checks.model import Expect, Status, Suite, Verdict, unique
from checks.results import record, recorded
from checks.runner import run

ZERO = Expect("expect_column_values_to_be_between", "nothing_off", "nothing is off", {"column": "n", "max_value": 0})
COLUMNS = "subject VARCHAR, is_configured BOOLEAN, has_data BOOLEAN, n BIGINT, kind VARCHAR"


def suite(
    *expectations: Expect, name: str = "sums", severity: Any = "block", rows: Mapping[str, str] | None = None
) -> Suite:
    return Suite(
        name=name,
        frame="audit.audit_sums",
        asset=("marts", "tie_out"),
        group="money",
        severity=severity,
        description="Sums agree.",
        owner="team:finance",
        mend="compare the two sides",
        configured_when="when finance is handed over",
        expectations=expectations or (ZERO,),
        rows=rows or {},
    )


def judged(tmp_path: Path, rows: str, *suites: Suite, columns: str = COLUMNS) -> list[Verdict]:
    home = Home(tmp_path / "lens")
    with write(home.warehouse) as con:
        con.execute("CREATE SCHEMA audit")
        con.execute(f"CREATE TABLE audit.audit_sums ({columns})")
        if rows:
            con.execute(f"INSERT INTO audit.audit_sums VALUES {rows}")
    return run(home, suites or (suite(),))


CASES: list[tuple[str, Status]] = [
    ("('a', true, true, 0, 'x'), ('b', true, true, 0, 'x')", "pass"),
    ("('a', true, true, 0, 'x'), ('b', true, true, 2, 'x')", "fail"),
    ("", "no_data"),
    ("('a', true, true, NULL, 'x'), ('b', true, true, NULL, 'x')", "no_data"),
    ("('a', true, true, 0, 'x'), ('b', true, true, NULL, 'x')", "no_data"),
    ("('a', true, true, 0, 'x'), ('b', true, false, 0, 'x')", "no_data"),
    ("('a', true, false, 0, 'x'), ('b', true, true, 3, 'x')", "fail"),
    ("('a', false, false, NULL, 'x')", "not_configured"),
    ("('a', NULL, NULL, NULL, 'x')", "not_configured"),
    ("('a', false, false, NULL, 'x'), ('b', true, true, 0, 'x')", "pass"),
]


@pytest.mark.parametrize(("rows", "status"), CASES)
def test_each_state_is_told_apart(tmp_path: Path, rows: str, status: Status) -> None:
    (verdict,) = judged(tmp_path, rows)
    assert verdict.status == status
    assert verdict.passed == (status in ("pass", "not_configured"))
    assert verdict.blocks == (not verdict.passed)


def test_a_failure_says_what_where_and_how_to_mend(tmp_path: Path) -> None:
    (verdict,) = judged(tmp_path, "('2025-02', true, true, 7, 'x'), ('2025-01', true, true, 0, 'x')")
    assert verdict.message == (
        "nothing is off: it does not hold for 1 of 2 rows of audit.audit_sums (2025-02); compare the two sides"
    )
    assert verdict.failing_rows == ({"subject": "2025-02", "n": 7, "kind": "x"},)
    assert verdict.observed == {"rows": 2, "rows_without_data": 0, "unexpected": 1}


def test_only_a_few_failing_rows_are_kept(tmp_path: Path) -> None:
    rows = ", ".join(f"('{i:02}', true, true, 1, NULL)" for i in range(40))
    (verdict,) = judged(tmp_path, rows)
    assert len(verdict.failing_rows) == 5 and verdict.observed["unexpected"] == 40
    assert "40 of 40 rows of audit.audit_sums (00, 01, 02, 03, 04, …)" in verdict.message


def test_a_warning_never_blocks(tmp_path: Path) -> None:
    (verdict,) = judged(tmp_path, "('a', true, true, 1, 'x')", suite(severity="warn"))
    assert not verdict.passed and not verdict.blocks


@pytest.mark.parametrize(
    ("expectation", "complaint"),
    [
        (
            Expect("expect_column_values_to_be_between", "c", "s", {"column": "gone", "max_value": 0}),
            "lacks the columns gone",
        ),
        (
            Expect("expect_column_values_to_be_between", "c", "s", {"column": "kind", "max_value": 0}),
            "could not be judged",
        ),
        (Expect("expect_column_values_to_be_betwixt", "c", "s", {"column": "n"}), "knows no"),
        (Expect("expect_column_values_to_be_between", "c", "s", {"column": "n", "maximum": 0}), "does not take"),
    ],
)
def test_what_cannot_be_judged_is_an_error_not_a_failure(tmp_path: Path, expectation: Expect, complaint: str) -> None:
    error, good = judged(tmp_path, "('a', true, true, 0, 'x')", suite(expectation, ZERO))
    assert error.status == "error" and complaint in error.message and error.blocks
    assert good.status == "pass"


def test_a_missing_frame_warehouse_or_frame_column_is_an_error(tmp_path: Path) -> None:
    (verdict,) = run(Home(tmp_path / "none"), [suite()])
    assert verdict.status == "error" and "there is no build warehouse yet" in verdict.message
    (verdict,) = judged(tmp_path, "('a', true, 0)", columns="subject VARCHAR, is_configured BOOLEAN, n BIGINT")
    assert verdict.status == "error" and "lacks the columns has_data" in verdict.message
    with write(Home(tmp_path / "lens").warehouse) as con:
        con.execute("DROP TABLE audit.audit_sums")
    (verdict,) = run(Home(tmp_path / "lens"), [suite()])
    assert verdict.status == "error" and "audit.audit_sums was not built" in verdict.message


def test_a_suite_judges_only_its_rows(tmp_path: Path) -> None:
    verdicts = judged(
        tmp_path,
        "('a', true, true, 0, 'good'), ('b', true, true, 1, 'bad')",
        *(suite(name=kind, rows={"kind": kind}) for kind in ("good", "bad", "absent")),
    )
    assert [verdict.status for verdict in verdicts] == ["pass", "fail", "no_data"]


def test_table_and_null_expectations_are_judged_too(tmp_path: Path) -> None:
    count = Expect("expect_table_row_count_to_be_between", "rows", "enough rows", {"min_value": 3})
    filled = Expect("expect_column_values_to_not_be_null", "filled", "n is filled", {"column": "n"})
    verdicts = judged(tmp_path, "('a', true, true, 0, 'x'), ('b', true, true, NULL, 'x')", suite(count, filled))
    assert [verdict.status for verdict in verdicts] == ["fail", "fail"]
    assert verdicts[0].observed["observed_value"] == 2 and verdicts[0].failing_rows == ()
    assert verdicts[1].failing_rows == ({"subject": "b", "n": None, "kind": "x"},)


def test_verdicts_are_recorded_and_read_back(tmp_path: Path) -> None:
    verdicts = judged(tmp_path, "('a', true, true, 5, 'x')", suite(), suite(name="other", rows={"kind": "none"}))
    home = Home(tmp_path / "lens")
    with write(home.warehouse) as con:
        assert recorded(con) == []
        record(con, verdicts)
        record(con, verdicts)
    with read(home.warehouse) as con:
        assert recorded(con) == verdicts
        rows = con.execute("SELECT check_name, status, observed FROM audit.check_results ORDER BY position").fetchall()
    assert [row[:2] for row in rows] == [("nothing_off", "fail"), ("nothing_off", "no_data")]
    assert json.loads(rows[0][2])["unexpected"] == 1


def test_suites_refuse_what_would_always_pass_or_collide() -> None:
    with pytest.raises(ValueError, match="expects nothing"):
        Suite("s", "audit.x", ("marts", "x"), "money", "block", "", "", "", "", ())
    with pytest.raises(ValueError, match="must consist of"):
        suite(Expect("expect_x", "Not a name", "", {}))
    with pytest.raises(ValueError, match=r"not schema\.table"):
        Suite("s", "audit_x", ("marts", "x"), "money", "block", "", "", "", "", (ZERO,))
    with pytest.raises(ValueError, match="two checks are called"):
        unique((suite(name="one"), suite(name="two")))


def test_importing_the_checks_does_not_import_great_expectations() -> None:
    code = "import sys, checks.runner, checks.results, checks.suites; assert 'great_expectations' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
