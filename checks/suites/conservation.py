"""No event is lost on the way, and what could not be used stays a small, known share."""

from __future__ import annotations

from checks.model import Expect, Group, Suite

# One row in a thousand: far below what moves a figure, far above a stray bad line.
LARGEST_QUARANTINED_SHARE = 0.001


def _quarantine(source: str, asset: str, group: Group, owner: str, configured_when: str) -> Suite:
    return Suite(
        name=f"quarantine_{source}",
        frame="audit.audit_quarantine",
        rows={"subject": source},
        asset=("marts", asset),
        group=group,
        severity="warn",
        description="Rows that break the contract lie in quality.quarantine and are a small share of what was read.",
        owner=owner,
        mend="read the reasons in quality.quarantine, mend the source and refresh",
        configured_when=configured_when,
        expectations=(
            Expect(
                "expect_column_values_to_be_between",
                f"quarantined_share_{source}",
                f"at most one in a thousand rows of {source} is in quarantine",
                {"column": "quarantined_share", "min_value": 0, "max_value": LARGEST_QUARANTINED_SHARE},
            ),
        ),
    )


CONSERVATION: tuple[Suite, ...] = (
    Suite(
        name="event_conservation",
        frame="audit.audit_event_conservation",
        asset=("marts", "extraction_hours"),
        group="usage",
        severity="block",
        description="Hour by hour, records read = staged + duplicates + quarantined + erased.",
        owner="team:data",
        mend="land those days again (`lens backfill`) and compare the counts in marts.extraction_hours",
        configured_when="always",
        expectations=(
            Expect(
                "expect_column_values_to_be_between",
                "records_conserved",
                "every record read is staged, a duplicate, quarantined or erased",
                {"column": "hours_off", "max_value": 0},
            ),
        ),
    ),
    Suite(
        name="staged_events_counted",
        frame="audit.audit_staged_events",
        asset=("marts", "active_usage"),
        group="usage",
        severity="block",
        description="Every event staged in the lake is counted in the daily usage core that all usage marts sum.",
        owner="team:data",
        mend="rebuild the usage marts in full; events that stay missing point at hours that landed without a rebuild",
        configured_when="always",
        expectations=(
            Expect(
                "expect_column_values_to_be_between",
                "staged_events_counted",
                "every staged event is counted once in the daily usage core",
                {"column": "events_missing", "min_value": 0, "max_value": 0},
            ),
        ),
    ),
    _quarantine("amplitude", "extraction_hours", "usage", "team:data", "always"),
    _quarantine("finance", "fct_arr_month", "money", "team:finance", "when finance is handed over"),
)
