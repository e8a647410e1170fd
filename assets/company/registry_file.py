"""Readers of features.csv and launches.csv: the strict table reader plus what only rows together can tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from assets.company.parse_table import parse
from assets.company.registry import CONSTANT_PER_FEATURE, FEATURES, LAUNCHES, FeatureRule, Launch, split_list
from assets.company.text_table import read_text
from assets.company.typed_table import Table
from assets.company.wording import did_you_mean, listing, shown_value
from assets.errors import InputError


def read_features(path: Path) -> tuple[FeatureRule, ...]:
    """The feature rules in file order; InputError when a feature contradicts itself between rows."""
    rows = _rows(FEATURES, path)
    findings: list[tuple[int, str]] = []
    first: dict[str, dict[str, Any]] = {}
    rules: dict[tuple[Any, ...], int] = {}
    for row in rows:
        row_no, key = row["row_no"], row["feature_key"]
        known = first.setdefault(key, row)
        for column in CONSTANT_PER_FEATURE:
            if row[column] != known[column]:
                findings.append(
                    (
                        row_no,
                        f"column {column}: {shown_value(row[column])} contradicts {shown_value(known[column])} in row "
                        f"{known['row_no']} of the same feature {key}",
                    )
                )
        if (row["property"] is None) != (row["property_value"] is None):
            findings.append((row_no, "columns property and property_value: one is given without the other"))
        rule = (key, row["event_type"], row["property"], row["property_value"])
        if rule in rules:
            findings.append((row_no, f"the same rule as row {rules[rule]} ({key})"))
        rules.setdefault(rule, row_no)
    _raise(
        FEATURES,
        findings,
        "name, set, line, owner, team, launched_on, is_core are the same in all rows of a feature; list a rule once",
    )
    return tuple(FeatureRule(rule_no=n, **{c: row[c] for c in FEATURES.names}) for n, row in enumerate(rows, start=1))


def read_launches(path: Path, feature_keys: set[str]) -> tuple[Launch, ...]:
    """The launches in file order; a missing file means none."""
    if not path.exists():
        return ()
    findings: list[tuple[int, str]] = []
    seen: dict[str, int] = {}
    launches = []
    for row in _rows(LAUNCHES, path):
        row_no = row.pop("row_no")
        for column in ("segments", "features", "metrics"):
            row[column] = split_list(row[column])
        launch = Launch(**row)
        launches.append(launch)
        if launch.launch_id in seen:
            findings.append(
                (
                    row_no,
                    f"column launch_id: {shown_value(launch.launch_id)} is in row {seen[launch.launch_id]} already",
                )
            )
        seen.setdefault(launch.launch_id, row_no)
        if launch.ends_on is not None and launch.ends_on < launch.starts_on:
            findings.append((row_no, f"column ends_on: {launch.ends_on} is before starts_on {launch.starts_on}"))
        for key in launch.features:
            if key not in feature_keys:
                findings.append(
                    (
                        row_no,
                        f"column features: {shown_value(key)} is not in features.csv{did_you_mean(key, feature_keys)}",
                    )
                )
    _raise(LAUNCHES, findings, "correct these cells; lists are separated by | and name features by feature_key")
    return tuple(launches)


def _rows(contract: Table, path: Path) -> list[dict[str, Any]]:
    """Parsed rows with ``row_no``; every required cell is filled, or an InputError lists those that are not."""
    with duckdb.connect() as con:
        parse(con, contract, read_text(con, contract, path, path.name), path.name)
        cursor = con.execute(f"SELECT * FROM {contract.name} ORDER BY row_no")
        names = [column[0] for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    empty = [(row["row_no"], f"column {c}: is empty") for row in rows for c in contract.required if row[c] is None]
    _raise(contract, empty, f"fill in {', '.join(contract.required)} in every row")
    return rows


def _raise(contract: Table, findings: list[tuple[int, str]], mend: str) -> None:
    if findings:
        lines = [f"row {row_no}, {text}" for row_no, text in findings]
        raise InputError(
            f"{contract.name}.csv holds rows that cannot be used:\n{listing(lines)}",
            where=f"{contract.name}.csv, row {findings[0][0]}",
            mend=mend,
        )
