"""Every mart that is due holds rows: an empty table passes every other test."""

from __future__ import annotations

from checks.model import Expect, Group, Suite


def _filled(group: Group, asset: str, owner: str, configured_when: str) -> Suite:
    return Suite(
        name=f"{group}_marts_filled",
        frame="audit.audit_row_counts",
        rows={"publish_group": group},
        asset=("marts", asset),
        group=group,
        severity="block",
        description=f"Every {group} mart that is due holds rows.",
        owner=owner,
        mend="see which source table of those marts is empty, and whether accounts and dates of the sources overlap",
        configured_when=configured_when,
        expectations=(
            Expect(
                "expect_column_values_to_be_between",
                f"{group}_marts_filled",
                f"every {group} mart holds rows",
                {"column": "rows_found", "min_value": 1},
            ),
        ),
    )


CONTENTS: tuple[Suite, ...] = (
    _filled("money", "arr_by_segment", "team:finance", "when finance is handed over"),
    _filled("usage", "active_usage", "team:product", "always"),
    _filled("joint", "adoption", "team:product", "always"),
)
