"""company.yaml and the files beside it become one typed, frozen company."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from assets.company.load import load_company
from assets.company.raw import write_raw
from assets.company.secrets import secrets_file_names
from assets.company.template import write_template
from assets.errors import InputError
from assets.finance.contract_page import FOLDER, pages
from assets.warehouse import write
from support.company_folder import SETTINGS, complete_journey, make_company, make_folder

FULL = """
name: Acme
time_zone: America/New_York
week_starts_on: sunday
fiscal_year_starts_in: 2
reporting_currency: EUR
lens_dimensions: [size, industry]
events:
  source: export_archive
  path: exports
  account_from: [user_property, event_group]
  account_user_property: org
  internal: {email_domains: [acme.com], accounts: [acct-0], user_ids: [bot], user_property: is_employee}
  inactive_event_types: [ping]
finance: {as_of: 2024-12-31, path: money}
policy:
  discounts: forever_only
  churn_at: cancel_effective
  delinquency_grace_days: 60
  publish_groups: [money, usage]
  tie_out_tolerance: {company: 0.005}
"""


def test_two_keys_are_enough_and_the_rest_has_the_documented_defaults(tmp_path: Path) -> None:
    company = make_company(tmp_path)
    assert (company.time_zone, company.week_starts_on, company.fiscal_year_starts_in) == ("UTC", "monday", 1)
    assert company.lens_dimensions == ("size",)
    assert company.events.account_from == ("event_group", "user_property", "user_membership")
    assert company.events.inactive_event_types == (
        "session_start",
        "session_end",
        "$identify",
        "$groupidentify",
        "push*",
    )
    assert (
        company.policy.close_day,
        company.policy.adoption_established_days,
        company.policy.adoption_window_days,
    ) == (8, 3, 28)
    assert (company.policy.tie_out_tolerance_company, company.policy.tie_out_tolerance_product_line) == (0.01, 0.02)
    assert tuple(company.policy.publish_groups) == ("money", "usage", "joint")
    assert company.board.reviews == () and company.launches == ()
    with pytest.raises(ValidationError):
        company.name = "other"  # type: ignore[misc]  # frozen: that is the point


def test_every_key_is_read(tmp_path: Path) -> None:
    company = make_company(tmp_path, company_yaml=FULL)
    assert company.fiscal_year_starts_in == 2 and company.reporting_currency == "EUR"
    assert company.events.internal.user_property == "is_employee"
    assert str(company.finance.as_of) == "2024-12-31" and company.finance_folder == company.folder / "money"
    assert tuple(company.policy.publish_groups) == ("money", "usage")
    assert (company.policy.tie_out_tolerance_company, company.policy.tie_out_tolerance_product_line) == (0.005, 0.02)


def test_a_byte_order_mark_is_not_part_of_the_first_key(tmp_path: Path) -> None:
    assert make_company(tmp_path, company_yaml=b"\xef\xbb\xbf" + SETTINGS.encode()).name == "Acme"


def test_feature_rules_keep_file_order_and_say_which_properties_they_need(tmp_path: Path) -> None:
    company = make_company(
        tmp_path,
        features_csv="event_type,feature_key,feature_name,feature_set,product_line,property,property_value,is_core,launched_on\n"
        "Bought,b,B,S,L,kind,x,TRUE,2024-02-29\n"
        '"Opened, then closed",a,A,S,L,,,,\n'
        "Bought,a,A,S,L,area,y,,\n",
    )
    assert [(rule.rule_no, rule.feature_key, rule.event_type) for rule in company.features] == [
        (1, "b", "Bought"), (2, "a", "Opened, then closed"), (3, "a", "Bought"),
    ]  # fmt: skip
    assert company.features[0].is_core and str(company.features[0].launched_on) == "2024-02-29"
    assert company.feature_properties == ("area", "kind")


def test_launch_lists_are_split_and_an_empty_list_means_all(tmp_path: Path) -> None:
    company = make_company(
        tmp_path,
        launches_csv="launch_id,name,kind,starts_on,segments,features,expected_lag_days\n"
        "l1,One,release,2024-01-02,S| M ,reports,\nl2,Two,incident,2024-01-03,,,7\n",
    )
    one, two = company.launches
    assert one.segments == ("S", "M") and one.features == ("reports",) and one.expected_lag_days == 3
    assert two.segments == () and two.expected_lag_days == 7


def test_the_settings_hash_moves_with_numbers_and_not_with_places_or_words(tmp_path: Path) -> None:
    def hash_of(name: str, settings: str = "", **files: str | bytes) -> str:
        company = make_company(tmp_path / name, None, company_yaml=SETTINGS + settings, **files)
        return company.settings_hash

    base = hash_of("base")
    assert hash_of("place", "events: {path: elsewhere}\nfinance: {as_of: 2024-01-31}\n") == base
    assert hash_of("said", "time_zone: UTC\npolicy: {close_day: 8}\n") == base  # a default spelled out
    renamed = (
        "feature_key,feature_name,feature_set,product_line,event_type,owner\nreports,New,Core,Analytics,Report *,me\n"
    )
    assert hash_of("renamed", features_csv=renamed) == base
    assert hash_of("zone", "time_zone: Asia/Tokyo\n") != base
    assert hash_of("policy", "policy: {churn_at: cancel_requested}\n") != base
    moved = "feature_key,feature_name,feature_set,product_line,event_type\nreports,Reports,Core,Storage,Report *\n"
    assert hash_of("moved", features_csv=moved) != base


def test_the_order_of_feature_rules_does_not_change_the_settings_hash(tmp_path: Path) -> None:
    header, *rows = "feature_key,feature_name,feature_set,product_line,event_type\na,A,S,L,x\nb,B,S,L,y\n".splitlines()
    one = make_company(tmp_path / "1", features_csv="\n".join([header, *rows]))
    two = make_company(tmp_path / "2", features_csv="\n".join([header, *reversed(rows)]))
    assert one.settings_hash == two.settings_hash


def test_raw_tables_hold_the_company_and_are_replaced(tmp_path: Path) -> None:
    launches = "launch_id,name,kind,starts_on,metrics\nl1,One,release,2024-01-02,arr|nrr\n"
    with write(tmp_path / "w" / "warehouse.duckdb") as con:
        write_raw(con, make_company(tmp_path / "a", company_yaml=FULL, launches_csv=launches))
        assert con.execute("SELECT metrics, segments, ends_on FROM raw.launches").fetchall() == [
            (["arr", "nrr"], [], None)
        ]
        assert con.execute("SELECT * FROM raw.internal_rules ORDER BY kind").fetchall() == [
            ("account", "acct-0"), ("email_domain", "acme.com"), ("user_id", "bot"),
        ]  # fmt: skip
        assert con.execute("SELECT way FROM raw.account_ways ORDER BY position").fetchall() == [
            ("user_property",), ("event_group",),
        ]  # fmt: skip
        assert con.execute("SELECT delinquency_grace_days, tie_out_tolerance_company FROM raw.company").fetchall() == [
            (60, 0.005)
        ]
        write_raw(con, make_company(tmp_path / "b"))
        assert con.execute("SELECT name, delinquency_grace_days FROM raw.company").fetchall() == [("Acme", None)]
        assert con.execute("SELECT count(*) FROM raw.launches").fetchall() == [(0,)]
        types = con.execute("SELECT column_name, column_type FROM (DESCRIBE raw.feature_rules)").fetchall()
        assert ("rule_no", "INTEGER") in types and ("launched_on", "DATE") in types and ("is_core", "BOOLEAN") in types


def test_only_the_names_of_secrets_are_read(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    assert secrets_file_names(folder) == frozenset()
    (folder / ".env").write_text("# A=1\nAMPLITUDE_API_KEY=abc\nexport AMPLITUDE_SECRET_KEY='x'\nEMPTY=\nQUOTED=''\n")
    assert secrets_file_names(folder) == {"AMPLITUDE_API_KEY", "AMPLITUDE_SECRET_KEY"}
    assert "abc" not in repr(load_company(folder))


def test_a_fresh_template_loads_and_is_never_written_over_files(tmp_path: Path) -> None:
    files = write_template(tmp_path / "new")
    company = load_company(tmp_path / "new")
    assert company.name == "My Company" and company.features and company.launches
    assert {"company.yaml", "board.yaml", ".env.example", ".gitignore"} <= {path.name for path in files}
    assert (tmp_path / "new" / "events").is_dir()
    with pytest.raises(InputError, match="not empty"):
        write_template(tmp_path / "new")


def test_the_template_explains_every_key_of_company_yaml(tmp_path: Path) -> None:
    """Uncommenting every commented key gives a valid file that names every key there is."""
    write_template(tmp_path / "new")
    company_yaml = tmp_path / "new" / "company.yaml"
    lines = [
        line.replace("# ", "", 1) if line.strip().startswith("# ") and _is_key(line) else line
        for line in company_yaml.read_text(encoding="utf-8").splitlines()
    ]
    company_yaml.write_text("\n".join(lines), encoding="utf-8")
    company = load_company(tmp_path / "new")
    for part in (
        company,
        company.events,
        company.events.internal,
        company.finance,
        company.policy,
        company.policy.tie_out_tolerance,
    ):
        known = set(type(part).model_fields) - {"folder", "features", "launches", "board"}
        assert known == part.model_fields_set - {"folder", "features", "launches", "board"}


def _is_key(line: str) -> bool:
    key = line.strip().removeprefix("# ").lstrip().partition(":")[0]
    return key.replace("_", "").isalpha() and key.islower() and " " not in key and ":" in line


def test_the_finance_part_of_the_template_is_the_contract() -> None:
    """After a change of the contract: python -m assets.finance.contract_page."""
    assert {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()} == pages()


def test_complete_journey_loads() -> None:
    company = load_company(complete_journey())
    assert company.lens_dimensions == ("size", "region", "age") and company.feature_properties == ("feature",)
    assert len(company.features) == 311 and len(company.launches) == 1
