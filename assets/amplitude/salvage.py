"""The slow path: a spool with some bad line in it is taken apart until every line is either good or quarantined.

DuckDB stays the only judge of what is good, so a line meets the same fate whatever lines travel with it; Python only
names the reasons.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from assets.amplitude.convert import LONGEST_EVENT, Converter
from assets.amplitude.quarantine import BadLine, Quarantine
from assets.amplitude.schema import DROPPED, INTEGERS, REQUIRED, TIMES
from assets.amplitude.spool import Span, Spool

_BLOCK_LINES, _BLOCK_BYTES = 2_000, 8 << 20
_DROPPED_VALUE = re.compile(
    rf'"({"|".join(sorted(DROPPED))})"\s*:\s*("(?:[^"\\]|\\.)*"?|\{{[^}}]*\}}?|\[[^\]]*\]?|[^,}}\]\s]*)'
)


def salvage(converter: Converter, spool: Spool, clean: Path, quarantine: Quarantine) -> Spool:
    """Write the good lines of a spool to ``clean`` and give the bad ones to the quarantine; returns the clean spool.

    Blank lines are no records: they are in neither. A line that repeats a key keeps the key's last value.
    """
    result = Spool(clean)
    with clean.open("wb") as out:
        for span, numbered in _blocks(spool):
            good = Span(span.member, span.first_line)
            result.spans.append(good)
            archive = Path(span.member.archive).name
            for number, line, verdict in _judged(converter, span, numbered, clean.with_suffix(".probe")):
                if verdict is None:
                    out.write(line + b"\n")
                    result.size += len(line) + 1
                    good.lines += 1
                else:
                    raw = without_places(line)
                    quarantine.add(BadLine(span.hour, archive, span.member.path, number, *verdict, raw))
    return result


Numbered = list[tuple[int, bytes]]


def _blocks(spool: Spool) -> Iterator[tuple[Span, Numbered]]:
    with spool.path.open("rb") as stream:
        for span in spool.spans:
            block: Numbered = []
            size = 0
            for number in range(span.first_line, span.first_line + span.lines):
                line = stream.readline().rstrip(b"\r\n")
                if not line.strip():
                    continue
                block.append((number, line))
                size += len(line)
                if len(block) >= _BLOCK_LINES or size >= _BLOCK_BYTES:
                    yield span, block
                    block, size = [], 0
            if block:
                yield span, block


def _judged(
    converter: Converter, span: Span, block: Numbered, probe: Path
) -> Iterator[tuple[int, bytes, tuple[str, str] | None]]:
    """Each line with its verdict: None = good, else (reason, detail)."""
    if _accepts(converter, span, block, probe):
        yield from ((number, line, None) for number, line in block)
        return
    verdicts = [reason_of(line) for _, line in block]
    certain = _certain(converter, block, verdicts)
    suspects = [entry for entry, verdict in zip(block, verdicts, strict=True) if verdict]
    if 0 < len(suspects) < len(block):
        good_looking = [entry for entry, verdict in zip(block, verdicts, strict=True) if not verdict]
        judged = [*_judged(converter, span, good_looking, probe), *_judged(converter, span, suspects, probe)]
        yield from sorted(judged)
    elif len(block) == 1:
        yield _single(converter, span, *block[0], verdicts[0], probe)
    elif all(certain):
        yield from ((number, line, verdict) for (number, line), verdict in zip(block, verdicts, strict=True))
    else:
        middle = len(block) // 2
        yield from _judged(converter, span, block[:middle], probe)
        yield from _judged(converter, span, block[middle:], probe)


def _single(
    converter: Converter, span: Span, number: int, line: bytes, verdict: tuple[str, str] | None, probe: Path
) -> tuple[int, bytes, tuple[str, str] | None]:
    """A line that DuckDB refused: written again by Python it may do (repeated keys), else it is bad."""
    if verdict is None:
        plain = json.dumps(json.loads(line.decode()), ensure_ascii=False, separators=(",", ":"))
        again = plain.encode(errors="backslashreplace")
        if _accepts(converter, span, [(number, again)], probe):
            return number, again, None
    return number, line, verdict or ("malformed_json", "not readable as JSON of events")


def _accepts(converter: Converter, span: Span, block: Numbered, probe: Path) -> bool:
    probe.write_bytes(b"".join(line + b"\n" for _, line in block))
    try:
        return converter.accepts(Spool(probe, [Span(span.member, 1, len(block))]))
    finally:
        probe.unlink()


def _certain(converter: Converter, block: Numbered, verdicts: list[tuple[str, str] | None]) -> list[bool]:
    """Lines that DuckDB refuses without exception; it is asked about the others one by one."""
    reasons = [verdict[0] if verdict else "" for verdict in verdicts]
    malformed = [line.decode() for (_, line), reason in zip(block, reasons, strict=True) if reason == "malformed_json"]
    invalid = iter(converter.are_invalid(malformed))
    return [next(invalid) if r == "malformed_json" else r in _ALWAYS_REFUSED for r in reasons]


_ALWAYS_REFUSED = frozenset({"line_too_long", "not_utf8", "not_an_object", "missing_key"})


def reason_of(line: bytes) -> tuple[str, str] | None:
    """Why a line looks bad: (reason, detail), or None. The detail names keys and places, never values."""
    if len(line) > LONGEST_EVENT:
        return "line_too_long", f"more than {LONGEST_EVENT >> 20} MB"
    try:
        event = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        return "not_utf8", f"byte {error.start + 1} is not UTF-8"
    except RecursionError:
        return "malformed_json", "nested too deeply"
    except ValueError as error:
        return "malformed_json", str(error)
    if not isinstance(event, dict):
        return "not_an_object", f"a JSON {type(event).__name__}"
    return _reason_of_event(event)


def _reason_of_event(event: dict[str, Any]) -> tuple[str, str] | None:
    for key in REQUIRED:
        if event.get(key) is None or (key == "server_upload_time" and event[key] == ""):
            return "missing_key", f"{key} is missing or null"
    try:
        uuid.UUID(str(event["uuid"]))
    except ValueError:
        return "wrong_type", "uuid is not a UUID"
    for key in TIMES:
        value = event.get(key)
        if value and not _is_time(value):
            return "bad_timestamp", f"{key} is not YYYY-MM-DD HH:MM:SS.ffffff"
    for key in sorted(INTEGERS):
        value = event.get(key)
        if value is not None and not _is_integer(value):
            return "wrong_type", f"{key} is not an integer of 64 bits"
    for key, kinds in (("is_attribution_event", bool), ("sample_rate", (int, float))):
        if event.get(key) is not None and not isinstance(event[key], kinds):
            return "wrong_type", f"{key} has an unexpected type"
    return None


def _is_time(value: object) -> bool:
    try:
        datetime.fromisoformat(str(value))
    except ValueError:
        return False
    return True


def _is_integer(value: object) -> bool:
    try:
        return -(2**63) <= int(str(value)) < 2**63
    except ValueError:
        return False


def without_places(line: bytes) -> str:
    """The line as text, with IP address and location emptied wherever they can be recognised."""
    return _DROPPED_VALUE.sub(r'"\1":null', line.decode("utf-8", errors="backslashreplace"))
