"""The columns of what a close freezes: file by file, as they are written and as dbt reads them again."""

from __future__ import annotations

_MONEY = "DECIMAL(18,2)"
_KEY = {"month_start": "DATE", "close_number": "INTEGER"}

# raw.closes: one row a record.
RECORD = {
    "month_start": "DATE", "close_number": "INTEGER", "sequence": "INTEGER", "kind": "VARCHAR", "why": "VARCHAR",
    "closed_at": "TIMESTAMP", "run_id": "VARCHAR", "release_id": "VARCHAR", "reporting_currency": "VARCHAR",
    "source_hash": "VARCHAR", "policy_hash": "VARCHAR", "definition_hash": "VARCHAR",
}  # fmt: skip

# What the bridge of a segment is made of, in the order of marts.arr_by_segment.
BRIDGE = ("new", "reactivation", "expansion", "contraction", "churn", "fx", "transfer_in", "transfer_out")

# frozen file → column → type. dbt reads each as raw.closed_<file>.
FROZEN: dict[str, dict[str, str]] = {
    "arr_month": _KEY
    | {"account_id": "VARCHAR", "product_line": "VARCHAR", "currency": "VARCHAR"}
    | {"arr_local": _MONEY, "gross_arr_local": _MONEY, "arr": _MONEY, "gross_arr": _MONEY, "arr_constant": _MONEY}
    | {"arr_past_due": _MONEY, "arr_at_notice": _MONEY, "carr": _MONEY, "usage_run_rate": _MONEY}
    | {"fx_rate": "DECIMAL(18,8)"},
    "account_segments": _KEY | {"account_id": "VARCHAR", "dimension": "VARCHAR", "segment": "VARCHAR"},
    "movements": _KEY
    | {"grain": "VARCHAR", "account_id": "VARCHAR", "product_line": "VARCHAR", "movement": "VARCHAR"}
    | {"arr_delta": _MONEY, "reason": "VARCHAR"},
    "segment_bridge": _KEY
    | {"dimension": "VARCHAR", "segment": "VARCHAR", "opening_arr": _MONEY}
    | {f"{name}_arr": _MONEY for name in BRIDGE}
    | {"closing_arr": _MONEY},
    # of the month, and of the fiscal quarter that ends with it
    "board_metrics": _KEY
    | {"period_type": "VARCHAR", "period_start": "DATE", "metric_key": "VARCHAR", "dimension": "VARCHAR"}
    | {"segment": "VARCHAR", "scope": "VARCHAR", "scope_key": "VARCHAR", "metric_name": "VARCHAR", "kind": "VARCHAR"}
    | {"value": "DOUBLE", "numerator": _MONEY, "denominator": _MONEY, "unit": "VARCHAR", "previous_value": "DOUBLE"}
    | {"year_ago_value": "DOUBLE", "target": "DOUBLE", "status": "VARCHAR", "direction": "VARCHAR", "owner": "VARCHAR"}
    | {"is_small": "BOOLEAN", "is_complete": "BOOLEAN", "board_position": "INTEGER", "definition": "VARCHAR"}
    | {"definition_hash": "VARCHAR"},
}

# What is true of a restatement for good; the run that published it first is kept beside it.
RESTATEMENT_KEY = {
    "month_start": "DATE", "close_number": "INTEGER", "account_id": "VARCHAR", "product_line": "VARCHAR",
    "currency": "VARCHAR", "dimension": "VARCHAR", "segment": "VARCHAR", "cause": "VARCHAR", "delta": _MONEY,
}  # fmt: skip
