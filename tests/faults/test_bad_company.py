"""A bad company folder gives one error: what, where, how to mend."""

from __future__ import annotations

from pathlib import Path

import pytest

from assets.company.load import load_company
from assets.errors import InputError
from support.company_folder import SETTINGS, make_folder

FEATURE_HEADER = "feature_key,feature_name,feature_set,product_line,event_type"
LAUNCH_HEADER = "launch_id,name,kind,starts_on,ends_on,features"


def error_of(folder: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        load_company(folder)
    error = caught.value
    assert error.what and error.where and error.mend
    return error


@pytest.mark.parametrize(
    ("settings", "what", "where"),
    [
        ("lens_dimension: [size]", "unknown key lens_dimension (did you mean lens_dimensions?)", "key lens_dimension"),
        (
            "events: {internal: {email_domain: [a.b]}}",
            "did you mean email_domains?",
            "key events.internal.email_domain",
        ),
        (
            "time_zone: Europe/Pari",
            "'Europe/Pari': not an IANA time zone (did you mean Europe/Paris?)",
            "key time_zone",
        ),
        ("time_zone: localtime", "'localtime': not an IANA time zone", "key time_zone"),
        (
            "week_starts_on: Monday",
            "'Monday': should be 'monday' or 'sunday' (did you mean monday?)",
            "key week_starts_on",
        ),
        ("fiscal_year_starts_in: 13", "'13': should be less than or equal to 12", "key fiscal_year_starts_in"),
        ("lens_dimensions: [size, size]", "size is listed more than once", "key lens_dimensions"),
        ("lens_dimensions: size", "should be a list", "key lens_dimensions"),
        ("lens_dimensions: [all]", "'all' is the name of the totals", "key lens_dimensions[1]"),
        ("events: {source: export_archive}", "path is required for source export_archive", "key events"),
        ("events: {source: amplitude_api}", "start_date is required for source amplitude_api", "key events"),
        ("events: {account_from: [user_property]}", "say which one in account_user_property", "key events"),
        ("events: {start_date: 20240101}", "'20240101': not a date YYYY-MM-DD", "key events.start_date"),
        ("finance: {as_of: 03/04/2024}", "'03/04/2024': not a date YYYY-MM-DD", "key finance.as_of"),
        ("finance: {as_of: 2024-02-30}", "'2024-02-30': not a date YYYY-MM-DD", "key finance.as_of"),
        ("policy: {churn_at: service}", "'service': should be 'service_end'", "key policy.churn_at"),
        ("policy: {close_day: 31}", "less than or equal to 28", "key policy.close_day"),
        (
            "policy: {publish_groups: [money, usge]}",
            "unknown publish group 'usge' (did you mean usage?)",
            "publish_groups",
        ),
        ("policy: {adoption_established_days: 30}", "nobody could get there", "key policy"),
        ("name: Again", "the key 'name' is given twice", "line 3"),
        ("policy: [1,", "not valid YAML", "line 4"),
        ("\tpolicy: 1", "not valid YAML", "line 3"),
    ],
)
def test_settings_that_do_not_fit(tmp_path: Path, settings: str, what: str, where: str) -> None:
    error = error_of(make_folder(tmp_path, company_yaml=SETTINGS + settings + "\n"))
    assert what in error.what
    assert error.where.startswith("company.yaml") and where in error.where


def test_every_bad_key_is_listed_at_once(tmp_path: Path) -> None:
    error = error_of(
        make_folder(tmp_path, company_yaml="nam: Acme\nreporting_currency: EURO\npolicy: {discounts: recuring}\n")
    )
    for part in (
        "the key name is missing",
        "'EURO': not an ISO 4217 currency code",
        "did you mean recurring?",
        "unknown key nam",
    ):
        assert part in error.what


def test_a_missing_folder(tmp_path: Path) -> None:
    error = error_of(tmp_path / "nowhere")
    assert "does not exist" in error.what and "nowhere" in error.where and "lens init" in error.mend


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "is a file" in error_of(tmp_path / "file").what


@pytest.mark.parametrize("name", ["company.yaml", "features.csv"])
def test_a_missing_file(tmp_path: Path, name: str) -> None:
    folder = make_folder(tmp_path)
    (folder / name).unlink()
    error = error_of(folder)
    assert f"{name} is missing" in error.what and error.where.endswith(name)


def test_a_misspelt_optional_file_is_not_silently_ignored(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    (folder / "launch.csv").write_text("x\n")
    error = error_of(folder)
    assert "launch.csv is not read" in error.what and "did you mean launches.csv" in error.mend


def test_settings_that_are_not_utf8(tmp_path: Path) -> None:
    error = error_of(make_folder(tmp_path, company_yaml="name: Café\nreporting_currency: EUR\n".encode("latin-1")))
    assert "not UTF-8" in error.what and error.where == "company.yaml"


@pytest.mark.parametrize(
    ("features", "what", "where"),
    [
        (f"{FEATURE_HEADER}x\n", "unknown column 'event_typex' (did you mean event_type?)", "features.csv, row 1"),
        ("feature_key,feature_name\n", "missing column event_type", "features.csv, row 1"),
        (
            f"{FEATURE_HEADER}\na,A,S,L,x\na,B,S,L,y\n",
            "row 3, column feature_name: 'B' contradicts 'A' in row 2",
            "features.csv, row 3",
        ),
        (f"{FEATURE_HEADER}\na,A,S,L,x\na,A,S,L,x\n", "row 3, the same rule as row 2", "features.csv, row 3"),
        (f"{FEATURE_HEADER}\na,,S,L,x\n", "row 2, column feature_name: is empty", "features.csv, row 2"),
        (
            f"{FEATURE_HEADER},is_core\na,A,S,L,x,yes\n",
            "row 2, column is_core: 'yes' is not true or false",
            "row 2, column is_core",
        ),
        (f"{FEATURE_HEADER},property\na,A,S,L,x,kind\n", "one is given without the other", "features.csv, row 2"),
        (
            f"{FEATURE_HEADER},launched_on\na,A,S,L,x,1/2/2024\n",
            "'1/2/2024' is not a date YYYY-MM-DD",
            "column launched_on",
        ),
        (f"{FEATURE_HEADER}\na,A,S,L,x,too,many\n", "row 2 has 7 cells, the header 5", "features.csv, row 2"),
        (f'{FEATURE_HEADER}\na,A,S,L,"x\n', "a quoted cell is never closed", "features.csv, row 2"),
        ("", "no header", "features.csv, row 1"),
    ],
)
def test_a_bad_feature_registry(tmp_path: Path, features: str, what: str, where: str) -> None:
    error = error_of(make_folder(tmp_path, features_csv=features))
    assert what in error.what and where in error.where


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ("l1,One,relase,2024-01-01,,", "'relase' is not a known kind (did you mean release?)"),
        ("l1,One,release,2024-01-02,2024-01-01,", "ends_on: 2024-01-01 is before starts_on 2024-01-02"),
        ("l1,One,release,2024-01-01,,report", "'report' is not in features.csv (did you mean reports?)"),
        ("l1,One,release,2024-01-01,,\nl1,Two,release,2024-01-01,,", "'l1' is in row 2 already"),
    ],
)
def test_bad_launches(tmp_path: Path, row: str, what: str) -> None:
    error = error_of(make_folder(tmp_path, launches_csv=f"{LAUNCH_HEADER}\n{row}\n"))
    assert what in error.what and error.where.startswith("launches.csv, row")


@pytest.mark.parametrize(
    ("board", "what", "where"),
    [
        (
            "reviews: [{name: QBR, rule: thrid thursday after quarter end}]",
            "is not a review rule; write for example",
            "reviews[1].rule",
        ),
        ("reviews: [{name: QBR}]", "either a date or a rule", "reviews[1]"),
        (
            "reviews: [{name: QBR, date: 2024-01-01, rule: 1 day after month end}]",
            "either a date or a rule",
            "reviews[1]",
        ),
        (
            "reviews: [{name: A, date: 2024-01-01}, {name: A, date: 2024-01-02}]",
            "review A is listed more than once",
            "board.yaml",
        ),
        (
            "reviews: [{name: A, date: 2024-01-01, refresh_day_before: 1}]",
            "did you mean refresh_days_before?",
            "reviews[1]",
        ),
        ("metrics: [arr, arr]", "metric arr is listed more than once", "board.yaml"),
    ],
)
def test_a_bad_board(tmp_path: Path, board: str, what: str, where: str) -> None:
    error = error_of(make_folder(tmp_path, board_yaml=board))
    assert what in error.what and error.where.startswith("board.yaml") and where in error.where


def test_a_mended_folder_loads(tmp_path: Path) -> None:
    error_of(make_folder(tmp_path, company_yaml=SETTINGS + "time_zone: Mars\n"))
    assert (
        load_company(make_folder(tmp_path, company_yaml=SETTINGS + "time_zone: Asia/Tokyo\n")).time_zone == "Asia/Tokyo"
    )


def test_secrets_are_not_in_errors(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, company_yaml=SETTINGS + "time_zone: Mars\n")
    (folder / ".env").write_text("AMPLITUDE_SECRET_KEY=hush\n")
    assert "hush" not in str(error_of(folder))
