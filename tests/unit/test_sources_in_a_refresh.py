"""Sources in the life of a refresh: what is asked when, what counts as new, and what the doctor sees."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from assets.board.choice import choose
from assets.company.assets import build_company_asset
from assets.company.fingerprint import noted_inputs
from assets.company.load import load_company
from assets.errors import InputError
from assets.finance.assets import build_finance_asset
from assets.finance.connectors.loads import loads, root_of
from assets.finance.deliveries import deliveries
from assets.home import Home
from assets.warehouse import read
from pipelines import news
from pipelines.doctor_finance import look_at_finance
from support.connected import STRIPE_TABLES, connected, landed, stripe_company
from support.fake_stripe import KEY, FakeStripe, customer, expired
from support.line import settings_for
from support.traces import places


def _run(home: Path, folder: Path) -> dict[str, Any]:
    """The company's and the finance asset in one run; the metadata of the latter."""
    assets = [build_company_asset(Home(home), folder, lambda: None, choose), build_finance_asset(Home(home), folder)]
    with dg.DagsterInstance.ephemeral() as instance:
        lock = {"refresh_lock": dg.ResourceDefinition.none_resource()}
        result = dg.materialize(assets, instance=instance, resources=lock)
    found = result.asset_materializations_for_node("lake__finance_deliveries")[0].metadata
    return {name: value.value for name, value in found.items()}


def _stands(home: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, **how: Any) -> bool:
    """Whether a release of what the last run read would still stand."""
    with read(Home(home).warehouse) as con:
        inputs = noted_inputs(con)
    monkeypatch.setattr(news, "code_fingerprint", lambda _: "code")
    manifest = SimpleNamespace(held_back={}, fingerprint=news.with_code(inputs, None))
    monkeypatch.setattr(news, "current", lambda _: SimpleNamespace(manifest=manifest))
    return news.stands(settings_for(home, folder), None, **how) is not None


def test_an_answer_that_has_not_changed_is_nothing_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, fake = tmp_path / "home", FakeStripe()
    with stripe_company(tmp_path, fake, monkeypatch) as folder:
        told = _run(home, folder)
        assert told["asked"] == {"stripe": ["accounts", "products", "subscription_items", "discounts", "invoice_lines"]}
        asked = len(fake.asked)
        assert not _stands(home, folder, monkeypatch, may_ask=False) and len(fake.asked) == asked
        assert _stands(home, folder, monkeypatch) and len(fake.asked) == 2 * asked
        landed(tmp_path)  # what was asked ahead is used
        assert len(fake.asked) == 2 * asked

        fake.customers.append(customer("cus_2"))
        assert not _stands(home, folder, monkeypatch)
        asked = len(fake.asked)
        assert _run(home, folder)["delivery"] == 2 and len(fake.asked) == asked
        assert landed(tmp_path).number == 2 and len(fake.asked) > asked, "without asking ahead a landing asks"
        fake.faults = [expired()]
        with pytest.raises(InputError, match="key has expired"):
            _stands(home, folder, monkeypatch)
    assert len(list(loads(root_of(Home(home), "stripe")))) == len(deliveries(Home(home))) == 2
    assert places(home, KEY) == []


def test_the_doctor_looks_at_sources_and_asks_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeStripe()
    signed = "  signed_dates: {field: Sub__c}\n"
    with stripe_company(tmp_path, fake, monkeypatch, STRIPE_TABLES + signed) as folder:
        (folder / ".env").chmod(0o644)
        found = list(look_at_finance(load_company(folder)))
        told = {finding.what: finding.level for finding in found}
        stripe_line = next(what for what in told if what.startswith("stripe for accounts"))
        assert told[stripe_line] == "ok" and KEY not in str(found)
        salesforce = next(what for what in told if what.startswith("salesforce for signed dates"))
        assert told[salesforce] == "bad" and "no SALESFORCE_INSTANCE_URL and no SALESFORCE_CLIENT_ID" in salesforce
        assert any(finding.mend == "chmod 600 .env" for finding in found)
        find = importlib.util.find_spec
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "dlt" else find(name))
        bad = [finding for finding in look_at_finance(load_company(folder)) if finding.level == "bad"]
        assert [finding.mend for finding in bad] == ["pip install 'product-lens[connectors]'"] * 2
    assert fake.asked == []
    assert [f.level for f in look_at_finance(load_company(connected(tmp_path / "b", "    acounts: file\n")))] == ["bad"]


@pytest.mark.parametrize(
    ("source", "package"),
    [
        ("stripe", "dlt"),
        ("salesforce", "dlt"),
        ("{kind: sql, query: SELECT 1}", "sqlalchemy"),
        ("{kind: mongodb, database: a, collection: b, fields: {account_id: a, account_name: b}}", "pymongo"),
    ],
)
def test_a_missing_extra_is_one_clear_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, package: str
) -> None:
    connected(tmp_path, f"    accounts: {source}\n")
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == package else find(name))
    with pytest.raises(InputError) as caught:
        landed(tmp_path)
    assert package in caught.value.what and caught.value.mend == "pip install 'product-lens[connectors]'"


def test_files_alone_import_none_of_it(tmp_path: Path) -> None:
    """A fresh interpreter that lands files has loaded neither dlt nor a driver."""
    import subprocess

    folder = connected(tmp_path, "    accounts: file\n", finance={"accounts.csv": "account_id,account_name\na,A\n"})
    code = (
        "import sys; from pathlib import Path; from assets.home import Home;"
        "from assets.company.load import load_company; from assets.finance.landing import land;"
        f"land(Home(Path({str(tmp_path / 'home')!r})), load_company(Path({str(folder)!r})));"
        "print([m for m in ('dlt', 'sqlalchemy', 'pymongo', 'psycopg', 'requests') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
