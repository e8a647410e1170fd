"""The contract as the files of a fresh company folder: header-only CSVs and the page that explains them.

``python -m assets.finance.contract_page`` writes them anew under ``assets/company/template_files/finance`` after
the contract has changed; a test holds the two together.
"""

from __future__ import annotations

from pathlib import Path

from assets.company.typed_table import DECIMALS, Column, Table
from assets.finance.contract import TABLES

FOLDER = Path(__file__).parents[1] / "company" / "template_files" / "finance"

_INTRO = """# Finance tables

One file per table, CSV (UTF-8) or Parquet, named like the table. A table with a header and no rows counts as not given.
Only `accounts` is required. Money comes from EITHER `arr_month` (minimum mode: ARR at month end, what a CFO can hand
over on day one) OR `subscription_items` with `products` (everything works). Without both, usage still publishes.

- Dates are `YYYY-MM-DD`; months are named by their first day; intervals are `[from, to)`: the end is the day after.
- Numbers have a decimal point and no thousands separator; money is in major units with at most 4 decimals.
- Booleans are `true` and `false`; currencies are ISO 4217 codes.
- Cells, columns or values that do not fit stop the landing before anything is written, and name row and column.
- Rows that break a rule (unknown account, empty key, overlapping intervals, …) are set aside in `quality.quarantine`
  with their reason; past `finance.max_quarantine_share` the landing fails. One row of a table never stops it, unless
  the share is 0 or it is the table's only row.
- Every delivery is kept: a subscription item that a later file lacks ends on the date of that file; its history stays.

Columns with * need a value in every row.
"""


def pages() -> dict[str, str]:
    """File name → content."""
    files = {f"{table.name}.csv": ",".join(table.names) + "\n" for table in TABLES}
    return files | {"README.md": "\n".join([_INTRO, *map(_section, TABLES)])}


def _section(table: Table) -> str:
    columns = "\n".join(f"- {_described(column)}" for column in table.columns)
    grain = f"One row per {' × '.join(table.key)}." if table.key else "No key: rows add up, or are told apart by dates."
    return f"## {table.name}\n{table.about}\n{grain}\n\n{columns}\n"


def _described(column: Column) -> str:
    kind = f"{column.kind}, at most {DECIMALS[column.kind]} decimals" if column.kind in DECIMALS else column.kind
    meaning = f"one of {', '.join(column.values)}" if column.values else kind
    default = column.default.strip("'") if column.default else None
    return f"`{column.name}`{'*' if column.required else ''}: {meaning}{f' (default {default})' if default else ''}"


if __name__ == "__main__":
    for name, content in pages().items():
        (FOLDER / name).write_text(content, encoding="utf-8")
