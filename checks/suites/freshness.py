"""Marts reach the date their group speaks for, and nothing holds that date back unseen."""

from __future__ import annotations

from checks.model import Expect, Group, Suite


def _reaches(mart: str, group: Group, owner: str, date_name: str, exactly: bool, configured_when: str) -> Suite:
    """``exactly``: a later period would be wrong too (no money exists after its as-of month)."""
    arguments = {"column": "days_behind", "max_value": 0} | ({"min_value": 0} if exactly else {})
    return Suite(
        name=f"freshness_{mart}",
        frame="audit.audit_freshness",
        rows={"subject": mart},
        asset=("marts", mart),
        group=group,
        severity="block",
        description=f"The latest period of {mart} is the one of the {date_name}.",
        owner=owner,
        mend="compare last_period with due_period in audit.audit_freshness, then rebuild the marts in full",
        configured_when=configured_when,
        expectations=(
            Expect("expect_column_values_to_be_between", "up_to_date", f"{mart} reaches the {date_name}", arguments),
        ),
    )


FRESHNESS: tuple[Suite, ...] = (
    _reaches("active_usage", "usage", "team:product", "usage watermark", False, "always"),
    _reaches("fct_arr_month", "money", "team:finance", "finance as-of date", True, "when finance is handed over"),
    _reaches("arr_by_segment", "money", "team:finance", "finance as-of date", True, "when finance is handed over"),
    _reaches("adoption", "joint", "team:product", "joint watermark", False, "when features.csv maps events"),
    Suite(
        name="held_hours",
        frame="audit.audit_held_hours",
        asset=("marts", "extraction_hours"),
        group="usage",
        severity="warn",
        description="No upload hour is partial or failed: such an hour holds the usage watermark.",
        owner="team:data",
        mend="land those hours again (`lens backfill`); until then usage is complete only up to the first of them",
        configured_when="always",
        expectations=(
            Expect(
                "expect_column_values_to_be_between",
                "no_hour_holds_the_watermark",
                "no upload hour is partial or failed",
                {"column": "held_hours", "max_value": 0},
            ),
        ),
    ),
)
