"""Bad exports: one clear error, or quarantine with a count; nothing is lost, and a re-run after the mend succeeds."""

from __future__ import annotations

import os
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from assets.amplitude import inflate, ledger
from assets.amplitude.landing import land, plan
from assets.errors import InputError
from assets.home import Home
from support.export_archive import (
    DAY,
    column_text,
    company,
    event,
    lake,
    landed,
    lines,
    name,
    packed,
    query,
    write_loose,
    write_zip,
)

HOUR = timedelta(hours=1)
QUARANTINE = "SELECT row_ref, reason FROM quality.quarantine ORDER BY row_ref"
HOURS = "SELECT state, records, staged, quarantined FROM raw.amplitude_hours ORDER BY upload_hour"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def good(hour: Any = DAY, rows: int = 5) -> bytes:
    return lines(event(hour, n) for n in range(rows))


def assert_clear(error: InputError, *words: str) -> None:
    text = str(error)
    assert "where:" in text and "mend:" in text
    assert all(word in text for word in words), text


# ---- errors: nothing is landed, nothing changes


def test_a_truncated_zip_names_the_file_and_lands_nothing(tmp_path: Path, home: Home) -> None:
    customer = company(tmp_path)
    write_zip(tmp_path / "events/good.zip", {name(DAY): good()})
    landed(home, customer)
    before, built = lake(home), ledger.sequence(home)
    cut = write_zip(tmp_path / "events/new.zip", {name(DAY + HOUR): good(DAY + HOUR, 500)})
    whole = cut.read_bytes()
    cut.write_bytes(whole[: len(whole) // 2])
    write_zip(tmp_path / "events/other.zip", {name(DAY + 2 * HOUR): good(DAY + 2 * HOUR)})
    with pytest.raises(InputError) as caught:
        plan(home, customer)
    assert_clear(caught.value, "new.zip", "cut off or damaged", "download it again")
    assert lake(home) == before and ledger.sequence(home) == built
    cut.write_bytes(whole)
    assert landed(home, customer).staged == 505


@pytest.mark.parametrize("kind", ["no folder", "no files", "empty zip", "only strangers"])
def test_nothing_to_read_says_what_to_put_where(tmp_path: Path, home: Home, kind: str) -> None:
    customer = company(tmp_path)
    if kind == "no folder":
        (tmp_path / "events").rmdir()
    elif kind == "empty zip":
        zipfile.ZipFile(tmp_path / "events/a.zip", "w").close()
    elif kind == "only strangers":
        write_zip(tmp_path / "events/a.zip", {"export.json.gz": good()})
    words = {
        "no folder": "does not exist", "no files": "no .zip and no .json.gz", "empty zip": "empty",
        "only strangers": "none of the 1 files",
    }  # fmt: skip
    with pytest.raises(InputError) as caught:
        plan(home, customer)
    assert_clear(caught.value, words[kind], "events")


def test_a_file_name_that_is_no_text(tmp_path: Path, home: Home) -> None:
    customer = company(tmp_path)
    (tmp_path / "events" / os.fsdecode(b"\xff.zip")).write_bytes(b"")
    with pytest.raises(InputError) as caught:
        plan(home, customer)
    assert_clear(caught.value, "not UTF-8", "rename")


def test_an_archive_that_vanishes_before_landing(tmp_path: Path, home: Home) -> None:
    customer = company(tmp_path)
    path = write_zip(tmp_path / "events/a.zip", {name(DAY): good()})
    todo = plan(home, customer)
    path.unlink()
    with pytest.raises(InputError) as caught:
        land(home, customer, todo)
    assert_clear(caught.value, "a.zip", "refresh again")


# ---- members that cannot be used


def _flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 0xFF
    path.write_bytes(bytes(content))


def test_a_corrupt_member_is_quarantined_and_its_copy_mends_it(tmp_path: Path, home: Home) -> None:
    customer = company(tmp_path)
    path = write_zip(tmp_path / "events/a.zip", {name(DAY, 0): good(), name(DAY, 1): good(DAY + HOUR, 400)})
    whole = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        spot = archive.infolist()[1].header_offset + 400
    _flip(path, spot)
    result = landed(home, customer)
    assert (result.records, result.staged, result.quarantined) == (6, 5, 1)
    assert query(home, HOURS) == [("partial", 6, 5, 1)]
    assert query(home, QUARANTINE)[0][0].endswith("#1.json.gz")
    assert ledger.usage_watermark(home, customer) is None
    assert plan(home, customer).is_empty
    path.write_bytes(whole)
    os.utime(path, ns=(5, 5))
    result = landed(home, customer)
    assert (result.records, result.staged, result.quarantined) == (405, 405, 0)
    assert query(home, HOURS) == [("loaded", 405, 405, 0)] and query(home, QUARANTINE) == []


def test_a_second_copy_stands_in_for_a_damaged_one(tmp_path: Path, home: Home) -> None:
    customer = company(tmp_path)
    damaged = write_zip(tmp_path / "events/a.zip", {name(DAY): good(DAY, 300)})
    write_zip(tmp_path / "events/b.zip", {name(DAY): good(DAY, 300)})
    _flip(damaged, 500)
    assert landed(home, customer).staged == 300
    assert query(home, HOURS) == [("loaded", 300, 300, 0)] and query(home, QUARANTINE) == []


def test_a_damaged_file_that_is_replaced_or_removed_frees_its_hour(tmp_path: Path, home: Home) -> None:
    customer = company(tmp_path)
    write_loose(tmp_path / "events", name(DAY, 0), good())
    bad = write_loose(tmp_path / "events", name(DAY, 1), good(DAY + HOUR, 50))
    bad.write_bytes(bad.read_bytes()[:-20])
    landed(home, customer)
    assert query(home, HOURS) == [("partial", 6, 5, 1)]
    bad.unlink()
    landed(home, customer)
    assert query(home, HOURS) == [("loaded", 5, 5, 0)]


def test_a_failed_hour_holds_the_watermark(tmp_path: Path, home: Home) -> None:
    customer = company(tmp_path)
    for n in range(48):
        path = write_loose(tmp_path / "events", name(DAY + n * HOUR), good(DAY + n * HOUR))
        if n == 30:
            path.write_bytes(path.read_bytes()[:-1])
    landed(home, customer)
    assert query(home, "SELECT state, count(*) FROM raw.amplitude_hours GROUP BY 1 ORDER BY 1") == [
        ("failed", 1), ("loaded", 47)
    ]  # fmt: skip
    assert ledger.usage_watermark(home, customer) == DAY.date()


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (f"/etc/{name(DAY + HOUR)}", "unsafe_path"),
        (f"1/../../{name(DAY + HOUR)}", "unsafe_path"),
        (f"C:\\x\\{name(DAY + HOUR)}", "unsafe_path"),
        ("187654/readme.json.gz", "unknown_name"),
        ("187654/187654_2025-13-03_1#0.json.gz", "unknown_name"),
    ],
)
def test_members_with_bad_names_are_quarantined(tmp_path: Path, home: Home, path: str, reason: str) -> None:
    customer = company(tmp_path)
    write_zip(tmp_path / "events/a.zip", {f"x/{name(DAY)}": good(), path: good(DAY + HOUR)}, folder="")
    result = landed(home, customer)
    assert result.staged == 5
    assert query(home, QUARANTINE) == [(path, reason)]
    assert [state for state, *_ in query(home, HOURS)] == ["loaded"] + ["failed"] * (reason == "unsafe_path")
    assert not (tmp_path.parent / name(DAY + HOUR)).exists()


def test_an_encrypted_member_is_quarantined(tmp_path: Path, home: Home) -> None:
    customer = company(tmp_path)
    path = write_zip(tmp_path / "events/a.zip", {name(DAY): good(), name(DAY + HOUR): good(DAY + HOUR)})
    content = bytearray(path.read_bytes())
    content[content.rfind(b"PK\x01\x02") + 8] |= 1  # the directory's flag of the second member
    path.write_bytes(bytes(content))
    landed(home, customer)
    assert [row[1] for row in query(home, QUARANTINE)] == ["encrypted"]
    assert [state for state, *_ in query(home, HOURS)] == ["loaded", "failed"]


@pytest.mark.parametrize("nested", [False, True])
def test_a_decompression_bomb_is_stopped_early(
    tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch, nested: bool
) -> None:
    monkeypatch.setattr(inflate, "_BOMB_FLOOR", 2 << 20)
    customer = company(tmp_path)
    bomb = packed(b"\n" * (40 << 20))
    assert len(bomb) < 100_000
    with zipfile.ZipFile(tmp_path / "events/a.zip", "w", zipfile.ZIP_DEFLATED if nested else zipfile.ZIP_STORED) as out:
        out.writestr(name(DAY), packed(good()))
        out.writestr(name(DAY, 1), bomb)
    given: list[int] = []
    original = inflate._step
    monkeypatch.setattr(inflate, "_step", lambda *a: [given.append(len(c := original(*a))), c][1])  # type: ignore[func-returns-value]
    result = landed(home, customer)
    assert sum(given) < 12 << 20  # of 40 MB
    assert (result.staged, result.quarantined) == (5, 1)
    assert [row[1] for row in query(home, QUARANTINE)] == ["decompression_bomb"]


def test_a_member_without_line_ends_does_not_fill_the_memory(
    tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    from assets.amplitude import spool

    monkeypatch.setattr(spool, "LONGEST_LINE", 1 << 20)
    customer = company(tmp_path)
    write_loose(tmp_path / "events", name(DAY), good())
    write_loose(tmp_path / "events", name(DAY, 1), os.urandom(1 << 20).hex().encode() * 2)
    assert landed(home, customer).staged == 5
    assert [row[1] for row in query(home, QUARANTINE)] == ["line_too_long"]


# ---- lines that are no events

_BAD_LINES: dict[str, tuple[bytes, str]] = {
    "cut json": (lines([event()])[:-40] + b"\n", "malformed_json"),
    "no json": (b"<html>504 Gateway Time-out</html>\n", "malformed_json"),
    "two objects": (lines([event()]).strip() * 2 + b"\n", "malformed_json"),
    "not utf-8": (lines([event()]).replace(b"Report Opened", b"Report \xff\xfe"), "not_utf8"),
    "lone surrogate": (lines([event()]).replace(b"Report Opened", b"\\ud800"), "malformed_json"),
    "an array": (b"[1, 2]\n", "not_an_object"),
    "null": (b"null\n", "not_an_object"),
    "a number": (b"17\n", "not_an_object"),
    "no uuid": (lines([event(uuid=None)]), "missing_key"),
    "no type": (lines([event(event_type=None)]), "missing_key"),
    "no upload time": (lines([event(server_upload_time="")]), "missing_key"),
    "empty object": (b"{}\n", "missing_key"),
    "bad time": (lines([event(event_time="03/04/2025 1:00 PM")]), "bad_timestamp"),
    "endless time": (lines([event(event_time="infinity", server_received_time="infinity")]), "bad_timestamp"),
    "bad uuid": (lines([event(uuid="17")]), "wrong_type"),
    "bad session": (lines([event(session_id="abc")]), "wrong_type"),
    "huge id": (lines([event(amplitude_id=10**30)]), "wrong_type"),
    "bad flag": (lines([event(is_attribution_event="perhaps")]), "wrong_type"),
}


@pytest.mark.parametrize("case", list(_BAD_LINES))
def test_a_bad_line_is_quarantined_alone(tmp_path: Path, home: Home, case: str) -> None:
    line, reason = _BAD_LINES[case]
    customer = company(tmp_path)
    ends = [event(DAY, 1), event(DAY, 2)], [event(DAY, 3)]
    write_zip(
        tmp_path / "events/a.zip",
        {name(DAY): lines(ends[0]) + line + lines(ends[1]), name(DAY + HOUR): good(DAY + HOUR)},
    )
    result = landed(home, customer)
    assert (result.records, result.staged, result.quarantined) == (9, 8, 1)
    assert query(home, HOURS) == [("loaded", 4, 3, 1), ("loaded", 5, 5, 0)]
    assert query(home, QUARANTINE) == [(f"187654/{name(DAY)}:3", reason)]
    detail = query(home, "SELECT detail FROM quality.quarantine")[0][0]
    assert detail.startswith("in a.zip: ") and str(tmp_path) not in detail
    assert query(home, "SELECT list(event_id ORDER BY event_id) FROM raw.amplitude_events WHERE upload_hour = "
                       "(SELECT min(upload_hour) FROM raw.amplitude_hours)") == [([1, 2, 3],)]  # fmt: skip
    kept = next((home.amplitude_lake / "quarantine").glob("*/*.parquet"))
    for text in (column_text(kept), str(query(home, "SELECT * FROM quality.quarantine"))):
        assert not any(place in text for place in ("203.0.113.77", "Bremen", "Hansestadt", "53.07"))


def test_all_bad_lines_together_and_a_file_that_is_no_export(tmp_path: Path, home: Home) -> None:
    customer = company(tmp_path)
    junk = b"".join(line for line, _ in _BAD_LINES.values()) * 3
    body = lines(event(DAY, n) for n in range(2_500))
    middle = body.index(b"\n", len(body) // 2) + 1
    write_loose(tmp_path / "events", name(DAY), body[:middle] + junk + body[middle:] + b"\n")
    write_loose(tmp_path / "events", name(DAY + HOUR), b"id;name\n" * 5_000)
    result = landed(home, customer)
    wrong = 3 * len(_BAD_LINES)
    assert (result.records, result.staged, result.quarantined) == (7_500 + wrong, 2_500, 5_000 + wrong)
    assert query(home, HOURS) == [("loaded", 2_500 + wrong, 2_500, wrong), ("loaded", 5_000, 0, 5_000)]
    assert query(home, "SELECT count(*) FROM quality.quarantine") == [(5_000 + wrong,)]


def test_what_duckdb_reads_leniently_lands_alike_in_any_company(tmp_path: Path, home: Home) -> None:
    """A line meets the same fate beside a bad line as among good ones."""
    customer = company(tmp_path)
    odd = lines([event(DAY, 1)]).replace(b'"n": 1}', b'"n": NaN,}')
    write_loose(tmp_path / "events", name(DAY), odd)
    write_loose(
        tmp_path / "events", name(DAY + HOUR), lines([event(DAY + HOUR, 1)]).replace(b'"n": 1}', b'"n": NaN,}') + b"{\n"
    )
    landed(home, customer)
    assert query(home, HOURS) == [("loaded", 1, 1, 0), ("loaded", 2, 1, 1)]


def test_other_quarantined_rows_are_left_alone(tmp_path: Path, home: Home) -> None:
    customer = company(tmp_path)
    write_loose(tmp_path / "events", name(DAY), good() + b"{\n")
    landed(home, customer)
    query(home, QUARANTINE)
    from assets.warehouse import write

    with write(home.warehouse) as con:
        con.execute("INSERT INTO quality.quarantine VALUES ('finance', 'accounts', '3', 'r', 'd', 'x')")
    assert query(home, "SELECT source, count(*) FROM quality.quarantine GROUP BY 1 ORDER BY 1") == [
        ("amplitude", 1), ("finance", 1)
    ]  # fmt: skip
