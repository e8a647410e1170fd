"""The company folder's finance tables and registries, as rows, and how they are written."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

from pipelines.sandbox.accounts import Account
from pipelines.sandbox.arr import Arr, money
from pipelines.sandbox.catalogue import BUNDLE, PRODUCTS, SUCCESSION
from pipelines.sandbox.entitlement import Stay
from pipelines.sandbox.features import FEATURES
from pipelines.sandbox.launches import launches
from pipelines.sandbox.rates import rate_rows
from pipelines.sandbox.spec import SandboxSpec
from pipelines.sandbox.terms import Book

Row = Sequence[object]


def write_csv(path: Path, header: str, rows: Iterable[Row]) -> None:
    """UTF-8, no BOM, ``\\n`` line ends, so that equal rows give equal bytes on every system."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header.split(","))
        writer.writerows([_cell(value) for value in row] for row in rows)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.isoformat() if isinstance(value, date) else str(value)


def account_rows(accounts: list[Account]) -> list[Row]:
    return [
        (a.account_id, a.name, a.parent_id, f"crm-{a.index + 40_001}", a.country, a.start, a.is_internal_test)
        for a in accounts
    ]


def segment_rows(accounts: list[Account]) -> list[Row]:
    """Slowly changing segments: each interval ends where the next begins."""
    rows: list[Row] = []
    for account in accounts:
        for dimension, history in (("size", account.size_history), ("industry", account.industry_history)):
            ends = [valid_from for _, valid_from in history[1:]] + [None]
            rows += [
                (account.account_id, dimension, value, valid_from, end, "revops" if dimension == "size" else "crm")
                for (value, valid_from), end in zip(history, ends, strict=True)
            ]
    return rows


def item_rows(book: Book) -> list[Row]:
    return [
        (
            v.item_id,
            v.version_no,
            v.subscription_id,
            v.account_id,
            v.product_id,
            v.status,
            v.effective_from,
            v.effective_to,
            v.service_end_date,
            v.term_start,
            v.term_end,
            v.signed_date,
            v.cancel_requested_at,
            v.end_reason,
            v.replaces_item_id,
            v.currency,
            v.quantity,
            v.unit_amount,
            v.interval,
            v.interval_count,
            v.pricing_model,
            v.committed_amount,
            v.recorded_at,
        )
        for v in book.versions()
    ]


ITEMS = (
    "item_id,version_no,subscription_id,account_id,product_id,status,effective_from,effective_to,service_end_date,"
    "term_start,term_end,signed_date,cancel_requested_at,end_reason,replaces_item_id,currency,quantity,unit_amount,"
    "interval,interval_count,pricing_model,committed_amount,recorded_at"
)


def identity_rows(accounts: list[Account]) -> list[Row]:
    """The account's value in Amplitude; some accounts were renamed there and had an older value until that day."""
    rows: list[Row] = []
    for a in accounts:
        if a.legacy_value:
            rows.append((a.account_id, a.legacy_value, None, a.renamed_on, "crm"))
        rows.append((a.account_id, a.amplitude_value, a.renamed_on if a.legacy_value else None, None, "crm"))
    return rows


def entitlement_rows(stays: list[Stay]) -> list[Row]:
    return [(s.account_id, s.line, None, s.seats or None, s.valid_from, s.valid_to) for s in stays]


def control_rows(spec: SandboxSpec, arr: Arr) -> list[Row]:
    """What the CFO reported: ARR of the company and of each product line, and the number of paying accounts."""
    rows: list[Row] = []
    for month in spec.money_months:
        cells = arr.by(month)
        lines: dict[str, int] = {}
        for (_, line), cents in cells.items():
            lines[line] = lines.get(line, 0) + cents
        rows.append((month, "arr", money(sum(lines.values())), None, None))
        rows += [(month, "arr", money(cents), line, None) for line, cents in sorted(lines.items())]
        paying = {account for (account, _), cents in cells.items() if cents}
        rows.append((month, "paying_accounts", len(paying), None, None))
    return rows


def write_contract_tables(
    folder: Path, spec: SandboxSpec, accounts: list[Account], book: Book, stays: list[Stay], arr: Arr
) -> None:
    """Every finance table but invoices and the general ledger."""
    write_csv(
        folder / "accounts.csv",
        "account_id,account_name,parent_account_id,crm_id,billing_country,created_date,is_internal_test",
        account_rows(accounts),
    )
    write_csv(folder / "subscription_items.csv", ITEMS, item_rows(book))
    write_csv(
        folder / "account_segments.csv",
        "account_id,dimension,value,valid_from,valid_to,assigned_by",
        segment_rows(accounts),
    )
    write_csv(
        folder / "products.csv",
        "product_id,product_name,product_line,product_family,is_recurring,valid_from,valid_to",
        [(p.product_id, p.name, p.line, p.family, p.is_recurring, _sold_from(p.line, spec), None) for p in PRODUCTS],
    )
    write_csv(
        folder / "product_succession.csv",
        "from_product_id,to_product_id,effective_date",
        [(*SUCCESSION, spec.month_at(0.45))],
    )
    write_csv(
        folder / "bundle_allocation.csv",
        "bundle_product_id,product_line,share,valid_from",
        [("growth-bundle", line, share, date(2020, 1, 1)) for line, share in BUNDLE.items()],
    )
    write_csv(
        folder / "discounts.csv",
        "discount_id,item_id,subscription_id,kind,value,duration,starts_on,ends_on,currency",
        [
            (
                d.discount_id,
                d.item_id,
                d.subscription_id,
                d.kind,
                d.value,
                d.duration,
                d.starts_on,
                d.ends_on,
                d.currency,
            )
            for d in book.discounts
        ],
    )
    write_csv(folder / "fx_rates.csv", "rate_date,from_currency,to_currency,rate,rate_type", rate_rows(spec))
    write_csv(
        folder / "identity_map.csv", "account_id,amplitude_value,valid_from,valid_to,method", identity_rows(accounts)
    )
    write_csv(
        folder / "entitlements.csv",
        "account_id,product_line,feature_key,seats,valid_from,valid_to",
        entitlement_rows(stays),
    )
    write_csv(folder / "control_totals.csv", "month,metric,value,product_line,segment", control_rows(spec, arr))


def _sold_from(line: str, spec: SandboxSpec) -> date:
    return spec.at(0.5) if line == "assistant" else date(2020, 1, 1)


def write_registries(folder: Path, spec: SandboxSpec) -> None:
    """``features.csv`` and ``launches.csv``."""
    write_csv(
        folder / "features.csv",
        "feature_key,feature_name,feature_set,product_line,event_type,property,"
        "property_value,launched_on,is_core,owner,team",
        [
            (
                f.key,
                f.name,
                f.group.name,
                f.line,
                *rule,
                spec.at(f.launched_at) if f.launched_at else None,
                f.is_core,
                f.group.owner,
                f.group.team,
            )
            for f in FEATURES
            for rule in f.signal.rules
        ],
    )
    write_csv(
        folder / "launches.csv",
        "launch_id,name,kind,starts_on,ends_on,segments,features,metrics,"
        "expected_direction,expected_lag_days,owner,url",
        [
            (
                x.launch_id,
                x.name,
                x.kind,
                x.starts_on,
                x.ends_on,
                "|".join(x.segments),
                "|".join(x.features),
                "",
                x.direction,
                x.lag_days,
                x.owner,
                f"https://northwind.example/changes/{x.launch_id}",
            )
            for x in launches(spec)
        ],
    )
