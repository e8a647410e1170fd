"""Rates are finite, and lie within the bounds they have by definition."""

from __future__ import annotations

from checks.model import Expect, Group, Suite


def _finite(group: Group, asset: str, owner: str, configured_when: str) -> Suite:
    return Suite(
        name=f"{group}_rates",
        frame="audit.audit_rates",
        rows={"publish_group": group},
        asset=("marts", asset),
        group=group,
        severity="block",
        description=f"No rate of the {group} marts is infinite, not a number or outside its bounds (a share: 0 to 1).",
        owner=owner,
        mend="look at the numerator and denominator beside those rates",
        configured_when=configured_when,
        expectations=(
            Expect(
                "expect_column_values_to_be_between",
                f"{group}_rates_finite",
                f"every rate of the {group} marts is finite",
                {"column": "not_finite", "max_value": 0},
            ),
            Expect(
                "expect_column_values_to_be_between",
                f"{group}_rates_within_bounds",
                f"every rate of the {group} marts lies within its bounds",
                {"column": "out_of_bounds", "max_value": 0},
            ),
        ),
    )


RATES: tuple[Suite, ...] = (
    _finite("money", "arr_by_segment", "team:finance", "when finance is handed over"),
    _finite("usage", "active_usage", "team:product", "always"),
    _finite("joint", "adoption", "team:product", "when features.csv maps events"),
)
