"""Closed months: what changed under them is accounted for, and the reported bridge adds up."""

from __future__ import annotations

from checks.model import Expect, Suite


def _closed_months(name: str, asset: str, column: str, says: str, description: str, mend: str) -> Suite:
    return Suite(
        name=name,
        frame="audit.audit_restatements",
        asset=("marts", asset),
        group="money",
        severity="block",
        description=description,
        owner="team:finance",
        mend=mend,
        configured_when="when a month is closed",
        expectations=(Expect("expect_column_values_to_be_between", name, says, {"column": column, "max_value": 0}),),
    )


RESTATEMENTS: tuple[Suite, ...] = (
    _closed_months(
        "restatements_complete",
        "restatements",
        "lines_off",
        "today's ARR of a closed month minus the reported one is the sum of its restatements",
        "For every account and product line of every closed month, and segments only exchange ARR.",
        "compare those months of marts.restatements with arr_month_as_reported and fct_arr_month",
    ),
    _closed_months(
        "reported_bridge_adds_up",
        "arr_bridge_as_reported",
        "bridge_lines_off",
        "reported opening ARR, movements and prior-period adjustment are the reported closing ARR",
        "In every closed month and segment, to the cent.",
        "look at those months in marts.arr_bridge_as_reported; frozen figures must be those of lake/closes",
    ),
)
