"""The sandbox company's exports: shape, completeness, and planted flaws that are really there."""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from support.sandbox import members, records, rows, small_company, truth_of_small

KEYS = frozenset(
    re.findall(
        r"\S+",
        """$insert_id $insert_key $schema adid amplitude_attribution_ids amplitude_event_type amplitude_id app city
        client_event_time client_upload_time country data data_type device_brand device_carrier device_family
        device_id device_manufacturer device_model device_type dma event_id event_properties event_time
        event_type global_user_properties group_properties groups idfa ip_address is_attribution_event language
        library location_lat location_lng os_name os_version partner_id paying plan platform processed_time
        region sample_rate server_received_time server_upload_time session_id source_id start_version
        user_creation_time user_id user_properties uuid version_name""",
    )
)
NAME = re.compile(r"517204/517204_(\d{4}-\d\d-\d\d)_(\d|1\d|2[0-3])#(\d+)\.json\.gz")


@cache
def found() -> list[tuple[str, dict[str, Any]]]:
    return list(records(small_company().company / "events"))


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_every_record_has_exactly_the_55_keys_and_lies_in_its_upload_hour() -> None:
    assert len(KEYS) == 55
    for name, record in found():
        assert record.keys() == KEYS
        match = NAME.fullmatch(name)
        assert match, name
        uploaded = moment(record["server_upload_time"])
        assert (f"{uploaded:%Y-%m-%d}", str(uploaded.hour)) == match.groups()[:2]


def test_types_are_those_of_an_export() -> None:
    for _, record in found():
        assert all(type(record[key]) is int for key in ("amplitude_id", "app", "session_id", "event_id"))
        objects = ("event_properties", "user_properties", "groups", "data", "plan")
        assert all(type(record[key]) is dict for key in objects)
        assert moment(record["event_time"])
        assert len(record["uuid"]) == 36
    assert any(record["session_id"] == -1 for _, record in found())
    assert any(record["client_event_time"] == "" for _, record in found())
    assert any(record["processed_time"] is None for _, record in found())


def test_history_ends_with_the_hour_that_completes_the_last_local_day() -> None:
    zone = ZoneInfo("America/New_York")
    last = max(moment(record["server_upload_time"]) for _, record in found())
    end_of_day = datetime(2026, 11, 1, tzinfo=zone).astimezone(ZoneInfo("UTC")).replace(tzinfo=None)
    assert last < end_of_day
    assert last.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1) == end_of_day


def test_one_zip_per_upload_day_without_empty_members() -> None:
    folder = small_company().company / "events"
    seen = Counter(name for name, data in members(folder) if data)
    assert set(seen.values()) == {1}
    assert all(data for _, data in members(folder))
    days = {match.group(1) for match in map(NAME.fullmatch, seen) if match}
    assert {path.stem.removeprefix("northwind_") for path in folder.glob("*.zip")} == days


def test_planted_repeats_match_the_truth() -> None:
    totals = truth_of_small()["events"]["totals"]
    assert len(found()) == totals["records"]
    by_uuid: dict[str, dict[str, Any]] = {}
    for _, record in found():
        assert by_uuid.setdefault(record["uuid"], record) == record
    assert len(found()) - len(by_uuid) == totals["level_1_duplicates"] > 0
    groups: dict[tuple[Any, ...], list[datetime]] = {}
    for record in by_uuid.values():
        groups.setdefault((record["app"], record["device_id"], record["$insert_id"]), []).append(
            moment(record["server_upload_time"])
        )
    gaps = [max(times) - min(times) for times in groups.values() if len(times) > 1]
    assert all(len(times) <= 2 for times in groups.values())
    assert sum(gap <= timedelta(days=7) for gap in gaps) == totals["level_2_duplicates"] > 0
    assert sum(gap > timedelta(days=7) for gap in gaps) == totals["late_resends"] > 0
    assert len(by_uuid) - totals["level_2_duplicates"] == totals["staged"]


def test_clocks_match_the_truth() -> None:
    totals = truth_of_small()["events"]["totals"]
    wrong = {
        record["uuid"]
        for _, record in found()
        if moment(record["event_time"]) - moment(record["server_received_time"]) > timedelta(hours=24)
    }
    late = sum(
        moment(record["server_upload_time"]) - moment(record["event_time"]) > timedelta(hours=1)
        for _, record in found()
    )
    assert totals["wrong_clocks"] <= len(wrong) <= totals["wrong_clocks"] + 3  # resent copies have the same clock
    assert late >= totals["late_events"] > 100


def test_every_way_of_naming_an_account_occurs() -> None:
    known = {row["amplitude_value"] for row in rows(small_company(), "identity_map")}
    by_group = {tuple(record["groups"].get("account", ())) for _, record in found()}
    assert {value for values in by_group for value in values} - known == {"unknown-workspace"}
    assert () in by_group
    told = [bool(record["user_properties"].get("account_id")) for _, record in found() if not record["groups"]]
    assert any(told) and not all(told)
    assert any(record["user_id"] is None for _, record in found())
    assert any(record["user_id"] and record["user_id"].endswith("@northwind.example") for _, record in found())


def test_usage_truth_counts_what_is_in_the_files() -> None:
    truth = truth_of_small()["events"]
    survivors: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for record in {record["uuid"]: record for _, record in found()}.values():
        survivors.setdefault((record["device_id"], record["$insert_id"]), []).append(record)
    kept = []
    for copies in survivors.values():
        copies.sort(key=lambda record: record["server_upload_time"])
        kept += [copies[0]] + [
            later
            for later in copies[1:]
            if moment(later["server_upload_time"]) - moment(copies[0]["server_upload_time"]) > timedelta(days=7)
        ]
    types = Counter(record["event_type"] for record in kept)
    assert dict(sorted(types.items())) == truth["staged_by_event_type"]
    internal = [r for r in kept if (r["user_id"] or "").endswith("@northwind.example")]
    anonymous_staff = truth["totals"]["staged"] - truth["totals"]["external"] - len(internal)
    assert 0 <= anonymous_staff <= 5
