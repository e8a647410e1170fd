"""Who adopted, how fast, and what went silent: against plain Python, against statsmodels and against a textbook."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from statsmodels.duration.survfunc import SurvfuncRight

from assets.warehouse import write
from support import raw_money
from support.accounts_reference import Accounts, Clock
from support.accounts_world import accounts_tables
from support.adoption_reference import Adoption
from support.usage_loader import Loader
from support.usage_reference import Reference, Row
from support.usage_world import UsageHome, company_tables, ledger

HORIZONS = (7, 28, 90)
_built: dict[tuple[Path, str], World] = {}


@dataclass(frozen=True)
class World:
    home: UsageHome
    accounts: Accounts


@pytest.fixture(params=["entitlements", "subscription", "all_live"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> World:
    base, name = tmp_path_factory.getbasetemp(), request.param
    if (base, name) not in _built:
        tables = accounts_tables(name)
        home = _home(tmp_path_factory, tables)
        ((watermark, joint),) = home.query(
            "SELECT usage_watermark, joint_watermark FROM intermediate.int_usage__watermarks"
        )
        arr = home.query("SELECT month_start, account_id, product_line, arr FROM marts.fct_arr_month")
        paid = {(month, account, line): value for month, account, line, value in arr}
        _built[base, name] = World(home, Accounts(Adoption(Reference(tables, watermark), paid, joint, name)))
    return _built[base, name]


def _home(factory: pytest.TempPathFactory, tables: dict[str, Any]) -> UsageHome:
    home = UsageHome(factory.mktemp("accounts") / "warehouse.duckdb", factory.getbasetemp() / "dbt_usage")
    home.fill(tables)
    home.run(full_refresh=True)
    return home


def test_the_accounts_are_those_of_a_recount(world: World) -> None:
    found = world.home.query("""
        SELECT month_start, account_id, feature_key, entitled, first_used_on, last_used_on, established_on, days_28d,
            users_28d, state, arr
        FROM marts.account_adoption
    """)
    expected = dict(world.accounts.rows())
    assert {row[:3]: row[3:] for row in found} == expected and len(found) == len(expected)


def test_every_state_occurs(world: World) -> None:
    states = {row[0] for row in world.home.query("SELECT DISTINCT state FROM marts.account_adoption")}
    expected = {"never", "tried", "established", "lapsed", "off_entitlement"}
    assert states == expected - ({"off_entitlement"} if world.accounts.adoption.basis == "all_live" else set())


COUNTS = """month_start, dimension, segment, scope_key, is_complete, entitled_accounts, adopted_ever,
    adopted_established, current_accounts, off_entitlement_accounts, entitled_arr, adopted_arr"""


def test_accounts_add_up_to_adoption(world: World) -> None:
    counted = """
        SELECT month_start, dimension, segment, feature_key AS scope_key,
            any_value(accounts.is_complete) AS is_complete,
            count_if(entitled) AS entitled_accounts,
            count_if(entitled AND first_used_on IS NOT NULL) AS adopted_ever,
            count_if(entitled AND established_on IS NOT NULL) AS adopted_established,
            count_if(state IN ('tried', 'established')) AS current_accounts,
            count_if(state = 'off_entitlement' AND days_28d > 0) AS off_entitlement_accounts,
            sum(CASE WHEN entitled THEN arr END) AS entitled_arr,
            sum(CASE WHEN state IN ('tried', 'established') THEN arr WHEN entitled THEN 0 * arr END) AS adopted_arr
        FROM marts.account_adoption AS accounts
        JOIN intermediate.int_usage__adoption_months USING (month_start)
        JOIN intermediate.int_company__account_segments AS segments
            ON segments.account_id = accounts.account_id AND state_date >= valid_from AND state_date < valid_to
        GROUP BY month_start, dimension, segment, feature_key
        HAVING entitled_accounts > 0 OR off_entitlement_accounts > 0
    """
    stated = "SELECT * FROM marts.adoption WHERE scope = 'feature'"
    for left, right in ((counted, stated), (stated, counted)):
        assert world.home.query(f"SELECT {COUNTS} FROM ({left}) EXCEPT ALL SELECT {COUNTS} FROM ({right})") == []


def test_instrumentation_is_that_of_a_recount(world: World) -> None:
    found = world.home.query("SELECT feature_key, events_28d, last_seen, status FROM marts.instrumentation")
    assert {key: row for key, *row in found} == {
        key: list(row) for key, row in world.accounts.instrumentation().items()
    }


def read_off(clocks: Sequence[Clock]) -> tuple[Any, ...]:
    """accounts, adopters, left out, median and the horizons, by statsmodels."""
    kept = [clock for clock in clocks if not clock.is_left_out]
    counts = (len(kept), sum(clock.is_adopted for clock in kept), len(clocks) - len(kept))
    if not kept:
        return (*counts, None, *(None for _ in HORIZONS))
    curve = SurvfuncRight([clock.days for clock in kept], [int(clock.is_adopted) for clock in kept])
    points = list(zip(curve.surv_times, curve.surv_prob, strict=True))
    longest, everybody = max(clock.days for clock in kept), bool(points) and points[-1][1] < 1e-12
    shares = [
        1 - min([1.0, *(share for time, share in points if time <= horizon)])
        if horizon <= longest or everybody else None
        for horizon in HORIZONS
    ]  # fmt: skip
    half = next((int(time) for time, share in points if share <= 0.5 + 1e-9), None)
    return (*counts, half, *(pytest.approx(share) if share is not None else None for share in shares))


def stated(home: UsageHome) -> dict[tuple[str, ...], tuple[Any, ...]]:
    found = home.query("""
        SELECT dimension, segment, feature_key, accounts, adopters, accounts_left_out, median_days, adopted_by_7d,
            adopted_by_28d, adopted_by_90d
        FROM marts.time_to_adopt
    """)
    return {row[:3]: row[3:] for row in found}


def test_time_to_adopt_is_statsmodels_curve_of_clocks_read_day_by_day(world: World) -> None:
    expected = {cell: read_off(clocks) for cell, clocks in world.accounts.clocks().items()}
    assert stated(world.home) == expected
    assert any(row[0] > row[1] > 0 for row in expected.values()), "no curve with a censored account"
    assert any(row[2] for row in expected.values()) or world.accounts.adoption.basis == "subscription"


# Freireich et al. (1963): weeks of remission of leukemia patients, 6-MP and placebo; + is censored.
SIX_MP = "6 6 6 7 10 13 16 22 23 6+ 9+ 10+ 11+ 17+ 19+ 20+ 25+ 32+ 32+ 34+ 35+"
PLACEBO = "1 1 2 2 3 4 4 5 5 8 8 8 8 11 11 12 12 15 17 22 23"


def _generated(seed: int) -> dict[str, list[Clock]]:
    """Curves of every shape: short and long, all censored, all adopted, many ties, some left out."""
    rng, made = random.Random(seed), {}
    for number in range(60):
        longest, share = rng.choice([0, 5, 7, 28, 40, 200]), rng.choice([0, 0.1, 0.5, 0.9, 1])
        made[f"f{number}"] = [
            Clock(rng.randint(0, longest), rng.random() < share, rng.random() < 0.1)
            for _ in range(rng.choice([1, 2, 10, 200]))
        ]
    for name, told in (("six_mp", SIX_MP), ("placebo", PLACEBO)):
        made[name] = [Clock(int(text.rstrip("+")), not text.endswith("+"), False) for text in told.split()]
    return made


def test_curves_of_generated_clocks_and_of_the_textbook(tmp_path_factory: pytest.TempPathFactory) -> None:
    home, made = _home(tmp_path_factory, accounts_tables("entitlements")), _generated(seed=11)
    with write(home.warehouse) as con:
        con.execute("DELETE FROM intermediate.int_usage__adoption_clock")
        rows = [(f"{n}", key, clock) for key, clocks in made.items() for n, clock in enumerate(clocks)]
        con.executemany(
            "INSERT INTO intermediate.int_usage__adoption_clock "
            "(account_id, feature_key, segment_set, observed_days, is_adopted, is_left_out) VALUES (?, ?, 0, ?, ?, ?)",
            [(account, key, clock.days, clock.is_adopted, clock.is_left_out) for account, key, clock in rows],
        )
    home.dbt("run", "--select", "int_usage__adoption_curve", "time_to_adopt")
    found = {key[2]: row for key, row in stated(home).items() if key[0] == "all"}
    assert found == {key: read_off(clocks) for key, clocks in made.items()}
    # as published: S(7) = 0.807, S(23) = 0.448, median 23 weeks; placebo median 8, S(7) = 12/21, nobody left at 23
    assert found["six_mp"] == (21, 9, 0, 23, pytest.approx(1 - 0.8067, abs=5e-5), pytest.approx(1 - 0.4482, abs=5e-5),
                               None)  # fmt: skip
    assert found["placebo"] == (21, 21, 0, 8, pytest.approx(9 / 21), 1, 1)


def _use(account: int, day: str, event_type: str) -> Row:
    moment = datetime.fromisoformat(f"{day}T15:00:00")
    return {
        "uuid": f"{account}{day}{event_type}", "upload_hour": moment, "occurred_at": moment, "event_type": event_type,
        "is_time_corrected": False, "feature_properties": {}, "user_id": f"v{account}", "amplitude_id": 70 + account,
        "device_id": f"e{account}", "session_id": 5, "account_group": f"org-{account}",
    }  # fmt: skip


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> UsageHome:
    """A company small enough to know by heart: usage from 2024-02-04 to the watermark 2024-04-15, money to 04-10."""
    day, tables = date.fromisoformat, company_tables()
    tables["feature_rules"] = [
        {**rule, "launched_on": day("2024-03-15") if rule["feature_key"] == "board" else None}
        for rule in tables["feature_rules"]
    ]
    tables["identity_map"] = [{"account_id": f"a{n}", "amplitude_value": f"org-{n}"} for n in range(6)]
    tables["entitlements"] = [
        {"account_id": account, "product_line": line, "valid_from": day(start), "valid_to": day(end) if end else None}
        for account, line, start, end in (
            ("a0", "core", "2024-02-10", None), ("a1", "plus", "2024-03-10", None), ("a2", "core", "2023-01-01", None),
            ("a3", "core", "2024-02-10", "2024-03-01"), ("a3", "core", "2024-03-01", None),
            ("a5", "core", "2024-02-10", "2024-02-20"), ("a5", "core", "2024-03-10", None),
        )
    ]  # fmt: skip
    tables["finance_state"] = [raw_money.state("minimum", "2024-04-10", has_entitlements=True)]
    tables["amplitude_events"] = [
        _use(0, "2024-02-08", "Report Viewed"), _use(3, "2024-03-05", "Report Viewed"),
        _use(5, "2024-03-12", "Report Viewed"), _use(2, "2024-02-06", "Report Viewed"),
        _use(1, "2024-03-20", "Board Opened"), _use(2, "2024-03-25", "Board Opened"),
        _use(0, "2024-03-01", "Report Exported"), _use(0, "2024-04-18", "Report Exported"),
        *(_use(1, f"2024-04-{n:02}", "Board Opened") for n in (1, 2, 3, 15)),
    ]  # fmt: skip
    tables["amplitude_hours"] = ledger()
    return _home(tmp_path_factory, tables)


def test_clocks_start_at_launch_grant_and_first_events(told: UsageHome) -> None:
    found = told.query("""
        SELECT feature_key, account_id, started_on::VARCHAR, observed_days, is_adopted, is_left_out
        FROM intermediate.int_usage__adoption_clock WHERE feature_key IN ('report', 'board') ORDER BY ALL
    """)
    assert found == [
        ("board", "a1", "2024-03-15", 5, True, False),  # launched in mid-month, five days after it was granted
        ("report", "a0", "2024-02-10", 0, True, False),  # used two days before it was granted
        ("report", "a2", "2023-01-01", 401, True, True),  # granted before anybody counted
        ("report", "a3", "2024-02-10", 24, True, False),  # two grants without a gap are one
        ("report", "a5", "2024-02-10", 9, False, False),  # its use came after the grant had ended
    ]
    report = stated(told)["all", "all", "report"]
    assert report == (3, 2, 1, 24, pytest.approx(1 / 3), 1, 1)  # a0 on day 0, a5 gone after day 9, a3 on day 24


def test_states_of_accounts_month_by_month(told: UsageHome) -> None:
    found = told.query("""
        SELECT feature_key, account_id, string_agg(state, ' ' ORDER BY month_start) FROM marts.account_adoption
        WHERE feature_key IN ('report', 'board') GROUP BY ALL ORDER BY ALL
    """)
    assert found == [
        ("board", "a1", "tried established"),  # granted from 10 March on: no row in February
        ("board", "a2", "off_entitlement off_entitlement"),
        ("report", "a0", "tried lapsed lapsed"),
        ("report", "a2", "tried lapsed lapsed"),
        ("report", "a3", "never tried lapsed"),
        ("report", "a5", "tried lapsed"),
    ]
    april = told.query("""
        SELECT first_used_on::VARCHAR, last_used_on::VARCHAR, established_on::VARCHAR, days_28d, users_28d, is_complete
        FROM marts.account_adoption
        WHERE month_start = DATE '2024-04-01' AND account_id = 'a1' AND feature_key = 'board'
    """)  # 15 April is after the money, and not known to a joint mart
    assert april == [("2024-03-20", "2024-04-03", "2024-04-02", 4, 1, False)]


def test_what_went_silent_and_what_was_never_seen(told: UsageHome) -> None:
    found = told.query("SELECT feature_key, status, events_28d, last_seen::VARCHAR FROM marts.instrumentation")
    by_key = {key: tuple(row) for key, *row in found}
    assert by_key["board"] == ("live", 6, "2024-04-15")  # from 19 March on
    assert by_key["export"] == ("silent", 0, "2024-03-01")  # what came after the watermark is not known yet
    assert by_key["report"] == ("silent", 0, "2024-03-12")
    assert by_key["unseen"] == ("never_seen", 0, None)
    assert len(found) == len({rule["feature_key"] for rule in company_tables()["feature_rules"]})


@pytest.mark.slow
def test_later_days_move_last_use_over_silent_months(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Loaded in two parts, the marts are those of one load: last use and being established are carried."""
    tables = accounts_tables("entitlements")
    del tables["finance_state"]
    made = sorted(tables.pop("amplitude_events"), key=lambda event: event["occurred_at"])
    parts = Loader(
        UsageHome(tmp_path_factory.mktemp("parts") / "w.duckdb", tmp_path_factory.getbasetemp() / "dbt_usage"), tables
    )
    cut = datetime(2024, 3, 12)
    parts.load([event for event in made if event["occurred_at"] < cut], ledger(36), "2024-04-10")
    parts.load([event for event in made if event["occurred_at"] >= cut], ledger(), "2024-04-10")
    whole = _home(tmp_path_factory, {**parts.tables, "amplitude_events": made, "amplitude_hours": ledger()}).contents()
    found = parts.contents()
    for mart in ("adoption", "account_adoption", "time_to_adopt", "instrumentation"):
        assert found[mart] == whole[mart] and whole[mart], mart
