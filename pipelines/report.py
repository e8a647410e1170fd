"""What a person sees: the release in small tables. Reads the published file only, as a BI tool would."""

from __future__ import annotations

from decimal import Decimal

import duckdb
from rich import box
from rich.console import Console
from rich.table import Table

from assets.home import Home
from assets.serving.manifest import Release
from assets.serving.release import current, list_releases
from pipelines.company import known_company
from pipelines.settings import Settings

_STATUS_STYLE = {"ok": "green", "pass": "green", "warn": "yellow", "not_configured": "dim"}
# Rates of a handful of accounts say little: they are not ranked.
_FEWEST_ACCOUNTS, _FEATURES_SHOWN = 10, 4
_METRICS_SHOWN = 10
# Segment, other lines and total, and what a product line's column takes.
_FIXED_WIDTH, _COLUMN_WIDTH = 45, 15


def open_release(release: Release) -> duckdb.DuckDBPyConnection:
    """The published database, read-only."""
    return duckdb.connect(str(release.path / "product_lens.duckdb"), read_only=True)


def show(settings: Settings, console: Console) -> None:
    """Where the marts are, ARR by segment × product line, adoption, tie-out and checks, and what to do next."""
    home, company = settings.home, known_company(settings)
    dimension = company.lens_dimensions[0] if company else "size"
    release = current(home)
    if release is None:
        console.print("There is no release yet: run [bold]lens refresh[/].")
        return
    with open_release(release) as con:
        _print_arr(con, console, dimension)
        if "board_metrics" in release.manifest.tables:
            print_board(con, console)
        _print_adoption(con, console, dimension)
        _print_tie_out(con, console)
    _print_checks(release, console)
    _print_where(home, release, console)


def _print_arr(con: duckdb.DuckDBPyConnection, console: Console, dimension: str) -> None:
    rows = con.execute(
        """
        SELECT month_start, segment, product_line, closing_arr FROM marts.arr_by_segment_and_product_line
        WHERE dimension = ? AND closing_arr <> 0
          AND month_start = (SELECT max(month_start) FROM marts.arr_by_segment_and_product_line)
        """,
        [dimension],
    ).fetchall()
    if not rows:
        console.print("No ARR in this release (no finance tables, or the money marts are held back).")
        return
    cells: dict[tuple[str, str], Decimal] = {(segment, line): arr for _, segment, line, arr in rows}
    by_line: dict[str, Decimal] = {}
    for (_, line), arr in cells.items():
        by_line[line] = by_line.get(line, Decimal()) + arr
    lines = sorted(by_line, key=lambda line: -by_line[line])
    fitting = max(1, (console.width - _FIXED_WIDTH) // _COLUMN_WIDTH)
    shown, rest = lines[:fitting], lines[fitting:]
    table = Table(
        title=f"ARR by {dimension} and product line, {rows[0][0]:%B %Y}", box=box.SIMPLE_HEAVY, title_justify="left"
    )
    table.add_column(dimension, no_wrap=True)
    for line in [*shown, *(["other lines"] if rest else []), "total"]:
        table.add_column(line, justify="right", no_wrap=True)
    for segment in [*sorted({segment for segment, _ in cells}), None]:
        amounts = [_sum(cells, segment, [line]) for line in shown]
        amounts += [_sum(cells, segment, rest)] if rest else []
        total = _sum(cells, segment, lines)
        style = "bold" if segment is None else None
        table.add_row(segment or "total", *(f"{amount:,.0f}" for amount in [*amounts, total]), style=style)
    console.print(table)


def _sum(cells: dict[tuple[str, str], Decimal], segment: str | None, lines: list[str]) -> Decimal:
    return sum((arr for (seg, line), arr in cells.items() if line in lines and segment in (None, seg)), Decimal())


def print_board(con: duckdb.DuckDBPyConnection, console: Console) -> None:
    """The company's figures of the last fiscal quarter that is over, as board.yaml chooses and orders them."""
    rows = con.execute(
        """
        SELECT period_start, metric_name, unit, value, previous_value, year_ago_value, target, status
        FROM marts.board_metrics
        WHERE period_type = 'quarter' AND dimension = 'all' AND scope = 'all' AND board_position <= ?
          AND period_start = (
              -- the books close later than the last day of usage: the page is of their quarter
              SELECT coalesce(max(period_start) FILTER (WHERE metric_key = 'arr'), max(period_start))
              FROM marts.board_metrics WHERE period_type = 'quarter' AND is_complete)
        ORDER BY board_position
        """,
        [_METRICS_SHOWN],
    ).fetchall()
    if not rows:
        return
    start = rows[0][0]
    table = Table(title=f"Board, quarter from {start:%B %Y}", box=box.SIMPLE_HEAVY, title_justify="left")
    table.add_column("metric", no_wrap=True, overflow="ellipsis")
    for name in ("value", "before", "year ago", "target"):
        table.add_column(name, justify="right", no_wrap=True)
    for _, name, unit, *figures, status in rows:
        value, previous, year_ago, target = (_figure(figure, unit) for figure in figures)
        judged = {"on_target": "[green]met[/] ", "off_target": "[red]missed[/] "}.get(status, "")
        table.add_row(name, value, previous, year_ago, judged + target)
    console.print(table)


def _figure(value: float | None, unit: str) -> str:
    if value is None:
        return "–"
    return f"{value:,.2f}" if unit == "ratio" else f"{value:,.0f}"


def _print_adoption(con: duckdb.DuckDBPyConnection, console: Console, dimension: str) -> None:
    """The features that entitled accounts use most and least, by segment, in the last complete month."""
    rows = con.execute(
        """
        WITH month AS (
            SELECT scope_key, dimension, segment, entitled_accounts, current_accounts, adoption_rate, month_start
            FROM marts.adoption
            WHERE scope = 'feature' AND month_start = (SELECT max(month_start) FROM marts.adoption WHERE is_complete)
        ),
        ranked AS (
            SELECT scope_key, adoption_rate, row_number() OVER (ORDER BY adoption_rate DESC, scope_key) AS place,
                count(*) OVER () AS features
            FROM month WHERE dimension = 'all' AND entitled_accounts >= ?
        )
        SELECT f.feature_name, f.product_line, m.segment, m.current_accounts, m.entitled_accounts, m.month_start
        FROM ranked r
        JOIN month m USING (scope_key)
        JOIN marts.dim_feature f ON f.feature_key = r.scope_key
        WHERE (r.place <= ? OR r.place > r.features - ?) AND m.dimension IN (?, 'all')
        ORDER BY r.place
        """,
        [_FEWEST_ACCOUNTS, _FEATURES_SHOWN, _FEATURES_SHOWN, dimension],
    ).fetchall()
    if not rows:
        return
    segments = [*sorted({row[2] for row in rows} - {"all"}), "all"]
    title = f"Most and least adopted features, {rows[0][5]:%B %Y}: share of entitled accounts"
    table = Table("feature", "product line", title=title, box=box.SIMPLE_HEAVY, title_justify="left")
    for segment in segments:
        table.add_column("all accounts" if segment == "all" else segment, justify="right")
    for feature in dict.fromkeys((row[0], row[1]) for row in rows):
        cells = {row[2]: (row[3], row[4]) for row in rows if (row[0], row[1]) == feature}
        table.add_row(*feature, *(_share(*cells.get(segment, (0, 0))) for segment in segments))
    console.print(table)


def _share(using: int, entitled: int) -> str:
    return f"{using / entitled:.0%}" if entitled else "–"


def _print_tie_out(con: duckdb.DuckDBPyConnection, console: Console) -> None:
    rows = con.execute(
        "SELECT check_key, status, count(*) FROM marts.tie_out GROUP BY ALL ORDER BY check_key, status"
    ).fetchall()
    by_key: dict[str, list[str]] = {}
    for key, status, count in rows:
        by_key.setdefault(key, []).append(f"[{_STATUS_STYLE.get(status, 'red')}]{count:,} {status}[/]")
    for key, parts in by_key.items():
        console.print(f"tie-out {key}: " + ", ".join(parts))


def _print_checks(release: Release, console: Console) -> None:
    counts: dict[str, int] = {}
    for check in release.manifest.checks:
        counts[check["status"]] = counts.get(check["status"], 0) + 1
    parts = (f"[{_STATUS_STYLE.get(status, 'red')}]{count} {status}[/]" for status, count in sorted(counts.items()))
    console.print("checks: " + ", ".join(parts))
    for check in release.manifest.checks:
        if check["status"] not in {"pass", "not_configured"}:
            console.print(f"  [{_STATUS_STYLE.get(check['status'], 'red')}]{check['status']}[/] {check['message']}")
    for group, held in release.manifest.held_back.items():
        console.print(f"[red]{group} is held back[/], its tables are those of release {held.from_release}")


def _print_where(home: Home, release: Release, console: Console) -> None:
    as_of = ", ".join(f"{group} {day}" for group, day in release.manifest.as_of.items())
    console.print(f"\nrelease [bold]{release.id}[/] of {release.manifest.company}, as of: {as_of}")
    console.print(f"marts   {home.current / 'product_lens.duckdb'} (and one .parquet each beside it)", soft_wrap=True)
    console.print(
        "next    [bold].venv/bin/lens ui[/] opens the Dagster UI on http://127.0.0.1:3000; docs/reading-the-marts.md"
    )


def print_releases(home: Home, console: Console) -> None:
    """The kept releases, oldest first."""
    now = current(home)
    table = Table(box=box.SIMPLE_HEAVY)
    for name in ("", "release", "created", "as of", "marts", "held back"):
        table.add_column(name)
    for release in list_releases(home):
        manifest = release.manifest
        as_of = ", ".join(f"{group} {day}" for group, day in manifest.as_of.items())
        mark = "current" if now and now.id == release.id else ""
        table.add_row(
            mark,
            release.id,
            manifest.created_at,
            as_of,
            str(len(manifest.tables)),
            ", ".join(manifest.held_back) or "–",
        )
    console.print(table)
