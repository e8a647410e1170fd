"""What may reach the lake: listed properties only, user ids hashed, and the numbers stay what they were."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from assets.amplitude.landing import land, plan
from assets.amplitude.ledger import Ledger
from assets.amplitude.planning import LandingPlan
from assets.company.load import load_company
from assets.company.model import Company
from assets.company.raw import write_raw
from assets.company.secrets import secret
from assets.company.user_hash import UserHash
from assets.errors import InputError
from assets.home import Home
from assets.warehouse import write
from support.company_folder import make_folder
from support.export_archive import (
    DAY,
    column_text,
    company,
    event,
    files_of,
    lake,
    landed,
    lines,
    name,
    query,
    write_loose,
)

HOUR = timedelta(hours=1)
KEY = "0123456789abcdef0123456789abcdef"
PROPERTIES = (
    "SELECT event_properties, user_properties, global_user_properties, group_properties FROM raw.amplitude_events"
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("LENS_HASH_KEY", KEY)
    return KEY


def _hashed(user_id: str, key: str = KEY) -> str:
    return "u_" + hmac.new(key.encode(), user_id.encode(), hashlib.sha256).hexdigest()


def _export(folder: Path, *events: dict[str, Any], hour: int = 0, part: int = 0, more: bytes = b"") -> None:
    write_loose(folder / "events", name(DAY + hour * HOUR, part), lines(events) + more)


def _texts(home: Home) -> str:
    return "".join(column_text(path) for path in home.amplitude_lake.rglob("*.parquet"))


def test_only_listed_properties_reach_the_lake_and_promoted_ones_all_the_same(tmp_path: Path, home: Home) -> None:
    customer = company(
        tmp_path, ("feature",), keep_properties={"event": ["a.b/c~d", "plan", "Ω\"'"], "user": ["role"]},
        account_user_property="org", internal={"user_property": "staff"},
    )  # fmt: skip
    sent = {"feature": "x", "a.b/c~d": {"deep": [1, {"secret": None}]}, "plan": None, "Ω\"'": "é\n", "card": "4111"}
    person = {"role": "admin", "org": "acct-9", "staff": "yes", "email": "Bob@Own.com", "phone": "555"}
    _export(
        tmp_path, event(event_properties=sent, user_properties=person, global_user_properties=person,
                        group_properties={"account": {"acct-1": {"owner": "Eve"}}}),
    )  # fmt: skip
    landed(home, customer)
    [(events, users, everywhere, groups)] = query(home, PROPERTIES)
    assert json.loads(events) == {"a.b/c~d": {"deep": [1, {"secret": None}]}, "plan": None, "Ω\"'": "é\n"}
    assert json.loads(users) == json.loads(everywhere) == {"role": "admin"}
    assert groups is None
    promoted = "SELECT feature_properties, account_property, internal_property, email_domain FROM raw.amplitude_events"
    assert query(home, promoted) == [({"feature": "x"}, "acct-9", "yes", "own.com")]
    assert not any(word in _texts(home) for word in ("4111", "card", "555", "phone", "Bob", "Eve"))


@pytest.mark.parametrize(
    ("sent", "kept"), [(None, None), ({}, "{}"), ({"b": 1}, "{}"), ([1], None), ("text", None), ({"a": 1}, '{"a":1}')]
)
def test_what_is_no_object_has_nothing_to_keep(tmp_path: Path, home: Home, sent: Any, kept: str | None) -> None:
    _export(tmp_path, event(event_properties=sent))
    landed(home, company(tmp_path, keep_properties=["a"]))
    assert query(home, "SELECT event_properties FROM raw.amplitude_events") == [(kept,)]


def test_a_list_of_nothing_keeps_nothing_and_a_kind_without_a_list_everything(tmp_path: Path, home: Home) -> None:
    _export(tmp_path, event())
    landed(home, company(tmp_path, keep_properties={"event": []}))
    [(events, users, _, groups)] = query(home, PROPERTIES)
    assert (events, json.loads(users), groups) == ("{}", {"role": "admin"}, "{}")


def test_a_narrower_list_rewrites_what_lies_there_and_a_wider_one_brings_nothing_back(
    tmp_path: Path, home: Home
) -> None:
    _export(tmp_path, event(event_properties={"feature": "x", "a": 1, "b": 2}), more=b'{"a": "card 4111"\n')
    landed(home, company(tmp_path))
    assert "4111" in _texts(home)
    landed(home, company(tmp_path, keep_properties={"event": ["a"]}))
    features = "SELECT event_properties, feature_properties FROM raw.amplitude_events"
    assert query(home, features) == [('{"a":1}', {"feature": "x"})]
    assert "4111" not in _texts(home) and '"b"' not in _texts(home)
    assert query(home, "SELECT reason, raw_row FROM quality.quarantine") == [("malformed_json", None)]
    wider = company(tmp_path, ("feature", "a", "b"), keep_properties={"event": ["a", "b"]})
    landed(home, wider)
    # kept values can still be promoted, those dropped cannot; what was promoted before is carried on
    assert query(home, features) == [('{"a":1}', {"feature": "x", "a": "1"})]
    assert plan(home, wider).is_empty
    land(home, wider, plan(home, wider, land_again={DAY.date()}))
    assert query(home, features) == [('{"a":1,"b":2}', {"feature": "x", "a": "1", "b": "2"})]


def test_user_ids_are_hashed_alike_on_every_day(tmp_path: Path, home: Home, key: str) -> None:
    ids = ["bob@own.com", "Zoë", "x" * 300, "7", ""]
    _export(tmp_path, *(event(number=n, user_id=user) for n, user in enumerate(ids)), event(number=9, user_id=None))
    _export(tmp_path, event(DAY + 30 * HOUR, user_id="Zoë"), hour=30)
    landed(home, company(tmp_path, hash_user_ids=True))
    rows = query(
        home, "SELECT event_id, user_id, email_domain FROM raw.amplitude_events ORDER BY upload_hour, event_id"
    )
    assert rows[:4] == [(n, _hashed(user), "own.com" if n == 0 else None) for n, user in enumerate(ids[:4])]
    assert [row[1] for row in rows[4:]] == [None, None, _hashed("Zoë")]
    assert not any(word in _texts(home) for word in ("Zoë", "bob@", key))


def test_a_long_key_is_the_hmac_of_python_too(tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LENS_HASH_KEY", KEY * 5)
    _export(tmp_path, event(user_id="bob"))
    landed(home, company(tmp_path, hash_user_ids=True))
    assert query(home, "SELECT user_id FROM raw.amplitude_events") == [(_hashed("bob", KEY * 5),)]
    assert UserHash((KEY * 5).encode()).hashed("bob") == _hashed("bob", KEY * 5)


def test_rules_about_internal_users_hold_for_hashed_ids_whatever_their_case(
    tmp_path: Path, home: Home, key: str
) -> None:
    users = ("Load-Test", "load-test", "LOAD-TEST", "other")
    _export(tmp_path, *(event(number=n, user_id=user) for n, user in enumerate(users)))
    customer = company(tmp_path, hash_user_ids=True, internal={"user_ids": ["Load-test"]})
    landed(home, customer)
    rules = "(SELECT value FROM raw.internal_rules WHERE kind = 'user_id')"
    staged = f"""SELECT lower(coalesce(user_id_folded, user_id)) IN {rules}, count(DISTINCT user_id)
        FROM raw.amplitude_events GROUP BY 1 ORDER BY 1"""
    with write(home.warehouse) as con:
        write_raw(con, customer)
        assert con.execute("SELECT value FROM raw.internal_rules").fetchall() == [(_hashed("load-test"),)]
    assert query(home, staged) == [(False, 1), (True, 3)]


def test_hashed_files_keep_their_ids_when_columns_are_promoted_again(tmp_path: Path, home: Home, key: str) -> None:
    _export(tmp_path, event(user_id="Bob@own.com", event_properties={"feature": "a", "kind": "k"}))
    landed(home, company(tmp_path, hash_user_ids=True))
    before = query(home, "SELECT user_id, user_id_folded, email_domain FROM raw.amplitude_events")
    assert before == [(_hashed("Bob@own.com"), _hashed("bob@own.com"), "own.com")]
    landed(home, company(tmp_path, ("kind",), hash_user_ids=True))
    after = query(home, "SELECT user_id, user_id_folded, email_domain, feature_properties FROM raw.amplitude_events")
    assert after == [(*before[0], {"kind": "k"})]


def test_no_key_and_a_short_key_are_refused_with_where_and_how(tmp_path: Path, home: Home) -> None:
    _export(tmp_path, event())
    customer = company(tmp_path, hash_user_ids=True)
    for env, words in (("", "there is none"), ("LENS_HASH_KEY=short-secret\n", "shorter than 32")):
        (tmp_path / ".env").write_text(env)
        with pytest.raises(InputError) as caught:
            plan(home, customer)
        text = str(caught.value)
        assert words in text and str(tmp_path / ".env") in text and "token_hex" in text
        assert "short-secret" not in text
    (tmp_path / ".env").write_text(f"# a comment\nexport LENS_HASH_KEY='{KEY}'\n")
    landed(home, customer)
    assert query(home, "SELECT user_id FROM raw.amplitude_events") == [(_hashed("user-0"),)]
    assert KEY not in repr(UserHash.of(customer)) and KEY not in home.ledger.read_bytes().decode("latin-1")


def test_the_environment_comes_before_the_env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text('A = "from file"\n#B=2\nC= # none\nexport D=x=y # why\n')
    assert [secret(tmp_path, name) for name in "ABCD"] == ["from file", None, None, "x=y"]
    monkeypatch.setenv("A", "from environment")
    assert secret(tmp_path, "A") == "from environment"


def _switched(folder: Path, how: str, monkeypatch: pytest.MonkeyPatch) -> Company:
    if how == "another key":
        monkeypatch.setenv("LENS_HASH_KEY", KEY[::-1])
    return company(folder, hash_user_ids=how == "another key")


@pytest.mark.parametrize("how", ["another key", "off"])
def test_a_switch_is_refused_until_everything_is_read_again(
    tmp_path: Path, home: Home, key: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for hour in (0, 30):
        _export(tmp_path, event(DAY + hour * HOUR), hour=hour)
    landed(home, company(tmp_path, hash_user_ids=True))
    before = lake(home)
    switched = _switched(tmp_path, how, monkeypatch)
    for again in (None, {DAY.date()}):
        with pytest.raises(InputError, match=r"backfill --from 2025-03-03 --to 2025-03-04"):
            plan(home, switched, land_again=again)
    with pytest.raises(InputError):
        land(home, switched, LandingPlan(()))
    assert lake(home) == before
    land(home, switched, plan(home, switched, land_again={DAY.date(), (DAY + 30 * HOUR).date()}))
    expected = "user-0" if how == "off" else _hashed("user-0", KEY[::-1])
    assert query(home, "SELECT DISTINCT user_id FROM raw.amplitude_events") == [(expected,)]
    assert plan(home, switched).is_empty
    with Ledger.open(home) as book:
        assert {path.relative_to(home.amplitude_lake).as_posix() for path in files_of(home)} == book.files()


def test_a_switch_without_the_exports_is_refused_and_changes_nothing(tmp_path: Path, home: Home) -> None:
    for hour in (0, 1):
        _export(tmp_path, event(DAY + hour * HOUR), hour=hour)
    landed(home, company(tmp_path))
    before = lake(home)
    (tmp_path / "events" / name(DAY)).unlink()
    (tmp_path / ".env").write_text(f"LENS_HASH_KEY={KEY}\n")
    with pytest.raises(InputError, match="exports of 1 upload hours are not there"):
        plan(home, company(tmp_path, hash_user_ids=True), land_again={DAY.date()})
    assert lake(home) == before


def test_the_keys_of_company_yaml_are_read_and_checked(tmp_path: Path) -> None:
    settings = "name: A\nreporting_currency: USD\nevents:\n  hash_user_ids: true\n  keep_properties: {KEPT}\n"
    load = lambda kept: load_company(make_folder(tmp_path, company_yaml=settings.replace("{KEPT}", kept)))  # noqa: E731
    kept = load("[a, b]").events.keep_properties
    assert kept and kept.event == kept.user == ("a", "b")
    kept = load("{event: [a]}").events.keep_properties
    assert kept and (kept.event, kept.user) == (("a",), None)
    for wrong, words in (("{event: }", "write [] to keep none"), ("{events: [a]}", "did you mean event"), ("a", "")):
        with pytest.raises(InputError) as caught:
            load(wrong)
        assert "keep_properties" in str(caught.value) and words in str(caught.value)
