"""Companies for tests of who adopted what: one for each thing that may entitle an account."""

from __future__ import annotations

from datetime import date
from typing import Any

from support import raw_money
from support.usage_world import company_tables, events, ledger


def accounts_tables(name: str) -> dict[str, Any]:
    """Companies by what entitles an account. Launches, grants and accounts begin, end and pause inside the window."""
    day = date.fromisoformat
    overrides = {"time_zone": "Asia/Kolkata"} if name == "subscription" else {}
    tables = company_tables(**overrides)
    names = {"ai_chat": "Chat [bold]", "report": "Reports", "export": "Reports"}
    launches = {"board": day("2024-03-13"), "ai_chat": day("2024-02-20"), "percent": day("2024-04-04")}
    tables["feature_rules"] = [
        {**rule, "launched_on": launches.get(key), "feature_name": names.get(key, key)}
        for rule in tables["feature_rules"]
        for key in (rule["feature_key"],)
    ]
    created = {"a1": day("2024-02-25"), "a2": day("2024-02-06"), "a3": day("2023-11-01")}
    tables["accounts"] = [{**row, "created_date": created.get(row["account_id"])} for row in tables["accounts"]]
    tables["entitlements"] += [
        {"account_id": account, "product_line": line, "feature_key": feature, "valid_from": day(start),
         "valid_to": day(end) if end else None}
        for account, line, feature, start, end in (
            ("a1", "core", None, "2024-02-10", "2024-03-01"), ("a1", "core", None, "2024-03-01", "2024-03-20"),
            ("a1", "core", None, "2024-03-25", None), ("a2", "core", None, "2024-03-05", "2024-03-08"),
            ("a3", "core", None, "2024-03-02", None), ("a3", None, "board", "2024-02-10", "2024-02-20"),
            ("a3", None, "board", "2024-03-18", None), ("a5", "extra", None, "2024-02-15", None),
            ("a5", "core", None, "2024-02-12", None), ("a0", "extra", None, "2024-03-10", "2024-04-02"),
            ("a5", "plus", None, "2024-03-30", None), ("a3", None, "unseen", "2024-02-12", None),
        )
    ]  # fmt: skip
    state = raw_money.state("minimum", "2024-04-10", has_entitlements=name == "entitlements")
    if name == "all_live":
        state, tables["arr_month"] = raw_money.state("none", "2024-12-31", has_entitlements=False), []
    if name == "subscription":  # a1 pauses in March
        kept = [row for row in tables["arr_month"] if (row["account_id"], row["month"].month) != ("a1", 3)]
        tables["arr_month"] = kept
    return {**tables, "finance_state": [state], "amplitude_events": events(3, 240), "amplitude_hours": ledger()}
