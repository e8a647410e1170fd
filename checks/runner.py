"""Judges suites over audit frames with Great Expectations, and does not believe its silence.

Left to itself Great Expectations passes an empty table, passes a column that is null throughout, passes a suite without
expectations and reports its own errors as failures. So rows without data are set aside and counted before it sees the
frame, and its answer is read as one of pass, fail or error.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd

from assets.home import Home
from assets.warehouse import has_table, read
from checks.model import Expect, Status, Suite, Verdict

if TYPE_CHECKING:
    from great_expectations.core import ExpectationValidationResult
    from great_expectations.core.batch_definition import BatchDefinition

FRAME_COLUMNS = ("subject", "is_configured", "has_data")
LARGEST_FRAME = 100_000
FAILING_ROWS = 5


class FrameError(Exception):
    """The audit frame cannot be judged: it is missing, malformed or far too large."""


def run(home: Home, suites: Iterable[Suite]) -> list[Verdict]:
    """One verdict per expectation, in the order of the suites. Reads the build warehouse once and closes it first."""
    frames = _frames(home, list(suites))
    judge = _Judge()
    return [
        _verdict(judge, suite, expectation, frames[suite.name])
        for suite in suites
        for expectation in suite.expectations
    ]


def _frames(home: Home, suites: list[Suite]) -> dict[str, pd.DataFrame | FrameError]:
    if not home.warehouse.is_file():
        missing = FrameError("there is no build warehouse yet")
        return {suite.name: missing for suite in suites}
    frames: dict[str, pd.DataFrame | FrameError] = {}
    with read(home.warehouse) as con:
        for suite in suites:
            try:
                frames[suite.name] = _frame(con, suite)
            except FrameError as error:
                frames[suite.name] = error
    return frames


def _frame(con: duckdb.DuckDBPyConnection, suite: Suite) -> pd.DataFrame:
    schema, table = suite.frame.split(".")
    if not has_table(con, schema, table):
        raise FrameError(f"{suite.frame} was not built")
    frame = con.execute(f"SELECT * FROM {suite.frame} LIMIT {LARGEST_FRAME + 1}").df()
    if len(frame) > LARGEST_FRAME:
        raise FrameError(f"{suite.frame} has more than {LARGEST_FRAME} rows; checks judge small audit frames")
    absent = [column for column in (*FRAME_COLUMNS, *suite.rows) if column not in frame]
    if absent:
        raise FrameError(f"{suite.frame} lacks the columns {', '.join(absent)}")
    for column, value in suite.rows.items():
        frame = frame[frame[column] == value]
    return frame.sort_values("subject", ignore_index=True)


def _verdict(judge: _Judge, suite: Suite, expectation: Expect, frame: pd.DataFrame | FrameError) -> Verdict:
    if isinstance(frame, FrameError):
        return _say(suite, expectation, "error", {}, (), f"{frame}; run the transform again")
    configured = frame[frame["is_configured"].fillna(False).astype(bool)]
    if len(frame) and configured.empty:
        return _say(suite, expectation, "not_configured", {"rows": 0}, (), f"judged only {suite.configured_when}")
    absent = [column for column in expectation.judged_columns if column not in frame]
    if absent:
        return _say(suite, expectation, "error", {}, (), f"{suite.frame} lacks the columns {', '.join(absent)}")
    without = ~configured["has_data"].fillna(False).astype(bool)
    without |= configured[list(expectation.judged_columns)].isna().any(axis=1)
    judged = configured[~without].reset_index(drop=True)
    observed: dict[str, Any] = {"rows": len(judged), "rows_without_data": int(without.sum())}
    if judged.empty:
        text = f"{suite.frame} holds nothing to judge; {suite.mend}"
        return _say(suite, expectation, "no_data", observed, _few(configured[without]), text)
    status, found, bad_rows, complaint = judge(expectation, judged)
    observed |= found
    if status == "error":
        return _say(suite, expectation, "error", observed, (), f"{suite.frame} could not be judged: {complaint}")
    if status == "fail":
        bad = judged.iloc[bad_rows]
        where = f"{len(bad)} of {_rows(len(judged))} of {suite.frame} ({_subjects(bad)})" if len(bad) else suite.frame
        return _say(suite, expectation, "fail", observed, _few(bad), f"it does not hold for {where}; {suite.mend}")
    if without.any():
        blank = configured[without]
        text = f"{_rows(len(blank))} of {suite.frame} without anything to judge ({_subjects(blank)}); {suite.mend}"
        return _say(suite, expectation, "no_data", observed, _few(blank), text)
    return _say(suite, expectation, "pass", observed, (), f"holds throughout {suite.frame} ({_rows(len(judged))})")


def _say(
    suite: Suite,
    expectation: Expect,
    status: Status,
    observed: Mapping[str, Any],
    failing_rows: tuple[Mapping[str, Any], ...],
    finding: str,
) -> Verdict:
    message = f"{expectation.says}: {finding}"
    return Verdict(
        expectation.name, suite.name, suite.asset, suite.group, suite.severity, status, observed, failing_rows, message
    )


class _Judge:
    """Great Expectations, imported at the first question (seconds, hundreds of MB) and asked one at a time."""

    def __init__(self) -> None:
        self._batches: BatchDefinition[Any] | None = None

    def __call__(self, expectation: Expect, frame: pd.DataFrame) -> tuple[Status, dict[str, Any], list[int], str]:
        """Status, JSON-able findings, positions of the failing rows, and the complaint when it could not be judged."""
        batches = self._batches = self._batches or _open_engine()
        import great_expectations.expectations as gxe  # noqa: PLC0415 - seconds; after telemetry is off

        name = "".join(part.capitalize() for part in expectation.kind.split("_"))
        kind = getattr(gxe, name, None)
        if kind is None:
            return "error", {}, [], f"Great Expectations knows no {expectation.kind}"
        try:
            question = kind(**expectation.arguments, meta={"name": expectation.name})
        except (TypeError, ValueError) as error:  # pydantic's ValidationError is a ValueError
            return "error", {}, [], f"{expectation.kind} does not take these arguments: {_one_line(error)}"
        batch = batches.get_batch({"dataframe": frame})
        answer = batch.validate(question, result_format={"result_format": "COMPLETE"})
        return _read_answer(answer)


def _read_answer(answer: ExpectationValidationResult) -> tuple[Status, dict[str, Any], list[int], str]:
    complaint = _raised(answer.exception_info or {})
    if complaint:
        return "error", {}, [], complaint
    result = answer.result or {}
    found: dict[str, Any] = {}
    if "unexpected_count" in result:
        found["unexpected"] = int(result["unexpected_count"])
    if "observed_value" in result:
        found["observed_value"] = _plain(result["observed_value"])
    if not found:
        return "error", {}, [], "Great Expectations gave no result"
    return ("pass" if answer.success else "fail"), found, list(result.get("unexpected_index_list") or ()), ""


def _open_engine() -> BatchDefinition[Any]:
    os.environ["GX_ANALYTICS_ENABLED"] = "False"
    import great_expectations as gx  # noqa: PLC0415 - seconds
    from great_expectations.data_context.types.base import ProgressBarsConfig  # noqa: PLC0415

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    frames = context.data_sources.add_pandas("audit").add_dataframe_asset("frame")
    return frames.add_batch_definition_whole_dataframe("whole")


def warm_up() -> None:
    """Imports Great Expectations: it takes seconds, and can be done while something else waits for a disk."""
    os.environ["GX_ANALYTICS_ENABLED"] = "False"
    import great_expectations.expectations  # noqa: F401, PLC0415 - for the next to import it


def _raised(info: Mapping[str, Any]) -> str:
    """The first exception in an answer: it is either flat or one entry per metric."""
    entries = [info] if "raised_exception" in info else [entry for entry in info.values() if isinstance(entry, Mapping)]
    for entry in entries:
        if entry.get("raised_exception"):
            return _one_line(entry.get("exception_message") or "unknown error")
    return ""


def _one_line(error: object) -> str:
    return " ".join(str(error).split())[:300]


def _rows(count: int) -> str:
    return f"{count} row" + ("" if count == 1 else "s")


def _subjects(rows: pd.DataFrame) -> str:
    names = [str(subject) for subject in rows["subject"].head(FAILING_ROWS)]
    return ", ".join(names) + (", …" if len(rows) > FAILING_ROWS else "")


def _few(rows: pd.DataFrame) -> tuple[dict[str, Any], ...]:
    records = rows.drop(columns=["is_configured", "has_data"]).head(FAILING_ROWS).to_dict("records")
    return tuple({str(key): _plain(value) for key, value in record.items()} for record in records)


def _plain(value: Any) -> Any:
    """A value that JSON can hold: numpy scalars become Python's, dates become text, not-a-number becomes null."""
    if isinstance(value, (list, tuple, dict)):
        return str(value)
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (bool, int, str)):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
