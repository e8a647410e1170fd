"""What board.yaml makes of the registry: which metrics the board sees, in which order, with which targets."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from assets.board.registry import METRICS
from assets.company.model import Company
from assets.company.wording import nearest, shown_value
from assets.errors import InputError
from assets.warehouse import RAW

TABLE = "board_metrics"
_SCHEMA = pa.schema(
    [
        ("metric_key", pa.string()), ("metric_name", pa.string()), ("kind", pa.string()), ("unit", pa.string()),
        ("quarter_rule", pa.string()), ("direction", pa.string()), ("owner", pa.string()), ("source", pa.string()),
        ("definition", pa.string()), ("definition_hash", pa.string()), ("board_position", pa.int32()),
        ("target", pa.float64()), ("publish_group", pa.string()),
    ]
)  # fmt: skip


@dataclass(frozen=True)
class Choice:
    """Every metric of the registry as a row of ``raw.board_metrics``, with the board's order and targets."""

    rows: tuple[dict[str, Any], ...]

    @property
    def hash(self) -> str:
        """sha256 (hex) over all rows: what the board's table depends on beside settings, models and finance."""
        return hashlib.sha256(json.dumps(self.rows, sort_keys=True).encode()).hexdigest()

    def write(self, con: duckdb.DuckDBPyConnection) -> None:
        """Replace ``raw.board_metrics``."""
        con.register("board_rows", pa.Table.from_pylist(list(self.rows), schema=_SCHEMA))
        con.execute(f"CREATE OR REPLACE TABLE {RAW}.{TABLE} AS SELECT * FROM board_rows")
        con.unregister("board_rows")


def choose(company: Company) -> Choice:
    """The registry with the company's choice; without metrics in board.yaml the board sees all, in registry order.

    Raises InputError for a metric that does not exist, naming those that do.
    """
    known = {metric.key: metric for metric in METRICS}
    listed = {chosen.metric: (place, chosen.target) for place, chosen in enumerate(company.board.metrics, start=1)}
    for key, (place, _) in listed.items():
        if key not in known:
            guess = nearest(key, known)
            raise InputError(
                f"there is no metric {shown_value(key)}" + (f" (did you mean {guess}?)" if guess else ""),
                where=f"{company.folder.name}/board.yaml, key metrics[{place}]",
                mend=f"take one of {', '.join(sorted(known))}; docs/metrics.md explains each",
            )
    if not listed:
        listed = {key: (place, None) for place, key in enumerate(known, start=1)}
    rows = []
    for metric in METRICS:
        position, target = listed.get(metric.key, (None, None))
        rows.append(
            {
                "metric_key": metric.key, "metric_name": metric.name, "kind": metric.kind,
                "unit": company.reporting_currency if metric.unit == "currency" else metric.unit,
                "quarter_rule": metric.quarter_rule, "direction": metric.direction, "owner": metric.owner,
                "source": metric.source, "definition": metric.definition, "definition_hash": metric.definition_hash,
                "board_position": position, "target": target, "publish_group": metric.publish_group,
            }
        )  # fmt: skip
    return Choice(tuple(rows))
