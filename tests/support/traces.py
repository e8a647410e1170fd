"""Where a text has left traces below a folder: plain, URL-encoded or in base64, in files and inside database files."""

from __future__ import annotations

import base64
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import duckdb


def _forms(text: str) -> list[bytes]:
    """The text as it is, URL-encoded, and in base64 wherever it may begin within a longer text."""
    shifted = [base64.b64encode(b"\0" * shift + text.encode()) for shift in range(3)]
    cores = [code[(0, 2, 3)[shift] : -4].rstrip(b"=") for shift, code in enumerate(shifted)]
    return [text.encode(), urllib.parse.quote(text, safe="").encode(), *cores]


def _tables(path: Path) -> Iterator[tuple[str, bytes]]:
    """Every table of a database file as text: strings are compressed there."""
    with duckdb.connect(str(path), read_only=True) as con:
        tables = con.execute("SELECT schema_name, table_name FROM duckdb_tables()").fetchall()
        for schema, table in tables:
            rows = con.execute(f'SELECT * FROM "{schema}"."{table}"').fetchall()
            yield f"{path.name}: {schema}.{table}", repr(rows).encode()


def _contents(home: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(p for p in home.rglob("*") if p.is_file() and not p.is_symlink()):
        yield str(path.relative_to(home)), path.read_bytes()
        if path.suffix == ".parquet":
            with duckdb.connect() as con:
                yield str(path), repr(con.execute(f"SELECT * FROM read_parquet('{path}')").fetchall()).encode()
        elif path.suffix == ".duckdb":
            yield from _tables(path)


def places(home: Path, text: str) -> list[str]:
    """Files, and tables in them, that hold the text in any of its forms."""
    forms = _forms(text)
    return [place for place, content in _contents(home) if any(form in content for form in forms)]
