"""docs/metrics.md: the registry as a page for people. ``python -m assets.board.catalogue`` writes it anew."""

from __future__ import annotations

from pathlib import Path

from assets.board.metric import Metric
from assets.board.registry import METRICS

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"

_INTRO = """# The board's metrics

Written by `python -m assets.board.catalogue` from `assets/board/registry.py`; do not edit.

`marts.board_metrics` holds every metric below by month and fiscal quarter, for the company, by segment, by product
line and by both where the source tells; metrics of usage (owner: product) also by feature set. `board.yaml` chooses
which of them the board sees, in which order, and sets targets. Units: *currency* is the reporting currency, *ratio* a
plain number (1.05 is 105 %). Losses are negative. A quarter is made of its months by the rule in the last column.

| metric | name | kind | unit | good is | quarter |
|---|---|---|---|---|---|
"""

_QUARTER = {
    ("stock", "last"): "last month end",
    ("flow", "sum"): "sum",
    ("rate", "last"): "as at the last month end",
    ("rate", "sum"): "ratio of the months' sums",
}


def page() -> str:
    """The whole page."""
    rows = "".join(
        f"| `{m.key}` | {m.name} | {m.kind} | {m.unit} | {'higher' if m.is_higher_better else 'lower'} "
        f"| {_QUARTER[m.kind, m.quarter_rule]} |\n"
        for m in METRICS
    )
    return _INTRO + rows + "\n" + "\n".join(map(_section, METRICS))


def _section(metric: Metric) -> str:
    return f"## {metric.key}\n\n{metric.definition}\n\nOwner: {metric.owner}. From: `{metric.source}`.\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
