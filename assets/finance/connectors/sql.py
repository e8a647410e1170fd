"""``sql``: the rows of one query a table, from any database with a SQLAlchemy dialect.

All tables of one URL are read in one read-only transaction, so that they speak of one moment where the database can do
that. Rows are streamed in chunks and kept as Arrow tables of the contract's types: a numeric is a DECIMAL from the
driver to the lake. (dlt's sql_database opens a connection for every table, takes tables rather than queries, and types
each chunk by what is in it; one snapshot, a free query and one schema are needed, so SQLAlchemy is used directly.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

import pyarrow as pa

from assets.company.finance_sources import SqlSource
from assets.company.text_table import check_header
from assets.company.typed_table import DECIMALS, Column, Table
from assets.errors import InputError
from assets.finance.connectors.cells import Unfit, cell
from assets.finance.connectors.extra import extra_error, needs_extra
from assets.finance.connectors.loads import Writer
from assets.finance.contract import BY_NAME

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine
    from sqlalchemy.exc import SQLAlchemyError

CHUNK = 10_000
_CURSOR = re.compile(r'DECLARE "\w+" (\w+ )*CURSOR (\w+ )*FOR ')
# Twelve decimals hold every number of the contract; one with more is refused, not rounded.
_DECIMAL = pa.decimal128(38, 12)
_TYPES = {"date": pa.date32(), "month": pa.date32(), "integer": pa.int64(), "boolean": pa.bool_()}
_EXACT: dict[pa.DataType, set[type]] = {
    _DECIMAL: {Decimal, int},
    pa.date32(): {date},
    pa.int64(): {int},
    pa.bool_(): {bool},
    pa.string(): {str},
}
# dialect → (options of the connection, statement to begin with) that make one read-only snapshot
_SNAPSHOTS: dict[str, tuple[dict[str, Any], str | None]] = {
    "postgresql": ({"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}, None),
    "mysql": ({"isolation_level": "REPEATABLE READ"}, "SET TRANSACTION READ ONLY"),
    "mariadb": ({"isolation_level": "REPEATABLE READ"}, "SET TRANSACTION READ ONLY"),
    "oracle": ({}, "SET TRANSACTION READ ONLY"),
    "sqlite": ({}, "PRAGMA query_only = ON"),
}


def extract(writer: Writer, sources: Mapping[str, SqlSource], secret_url: str) -> None:
    """Land the answer of every query, all in one transaction. Raises InputError; no text of it holds the password."""
    url_key = next(iter(sources.values())).url_key
    with _connected(secret_url, url_key) as (connection, redact):
        for name, source in sources.items():
            _extract(writer, connection, BY_NAME[name], source, redact)


def _extract(writer: Writer, connection: Connection, table: Table, source: SqlSource, redact: Redact) -> None:
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    where = f"company.yaml, key finance.sources.{table.name}.query"
    try:
        result = connection.exec_driver_sql(
            source.query, execution_options={"no_parameters": True, "stream_results": True, "max_row_buffer": CHUNK}
        )
        if not result.returns_rows:
            raise InputError("the query answers no rows and no columns", where=where, mend="write a SELECT")
        names = list(result.keys())
        check_header(table, names, where)
        columns = [table.column(name) for name in names]
        schema = pa.schema([(c.name, _type(c)) for c in columns])
        writer.put_tables(table.name, schema, _tables(result.partitions(CHUNK), columns, schema, where))
    except SQLAlchemyError as error:
        raise _query_error(error, table.name, where, redact) from None


def _tables(
    partitions: Iterator[Sequence[Any]], columns: list[Column], schema: pa.Schema, where: str
) -> Iterator[pa.Table]:
    first = 1
    for rows in partitions:
        cells = zip(*rows, strict=True)
        yield pa.table([_array(c, v, first, where) for c, v in zip(columns, cells, strict=True)], schema=schema)
        first += len(rows)


def _type(column: Column) -> pa.DataType:
    return _DECIMAL if column.kind in DECIMALS else _TYPES.get(column.kind, pa.string())


def _array(column: Column, values: tuple[Any, ...], first: int, where: str) -> pa.Array:
    """One column of a chunk. The driver's own types go straight into Arrow; anything else is looked at cell by cell."""
    wanted = _type(column)
    if {type(v) for v in values} - {type(None)} <= _EXACT[wanted]:
        try:
            return pa.array(values, wanted)
        except pa.ArrowInvalid:  # not finite, or too many decimals: the loop names the row
            pass
    found = []
    for row, value in enumerate(values, start=first):
        try:
            found.append(_typed(wanted, cell(column, value)))
        except (Unfit, pa.ArrowInvalid) as error:
            mend = (
                error.mend
                if isinstance(error, Unfit)
                else f"round it in the query, to {DECIMALS[column.kind]} decimals"
            )
            problem = error.problem if isinstance(error, Unfit) else f"the number {value}, with too many digits"
            raise InputError(
                f"row {row:,} of the answer holds {problem}", where=f"{where}, column {column.name}", mend=mend
            ) from None
    return pa.array(found, wanted)


def _typed(wanted: pa.DataType, text: str | None) -> Any:
    if text is None or wanted == pa.string():
        return text
    if wanted == _DECIMAL:
        return pa.scalar(Decimal(text), wanted).as_py()
    if wanted == pa.int64():
        if Decimal(text) != int(Decimal(text)):
            raise Unfit(f"the number {text}, not a whole one", "hand over a whole number")
        return int(Decimal(text))
    return text == "true" if wanted == pa.bool_() else date.fromisoformat(text)


class Redact:
    """Takes the URL and its password out of a database's words."""

    def __init__(self, url: URL, text: str) -> None:
        password = str(url.password or "")
        self._forms = sorted(
            {f for f in (text, password, quote(password, ""), quote_plus(password)) if f}, key=len, reverse=True
        )

    def __call__(self, text: str) -> str:
        for form in self._forms:
            text = text.replace(form, "***")
        return text


@contextmanager
def _connected(secret_url: str, url_key: str) -> Iterator[tuple[Connection, Redact]]:
    with needs_extra("sql"):
        from sqlalchemy.engine import make_url  # noqa: PLC0415
        from sqlalchemy.exc import ArgumentError, SQLAlchemyError  # noqa: PLC0415
    try:
        url = make_url(secret_url)
    except (ArgumentError, ValueError):
        raise InputError(
            "the value is not a database URL",
            where=f"key {url_key} of .env",
            mend="write it as dialect+driver://user:password@host:port/database (special characters %-encoded)",
        ) from None
    redact, engine = Redact(url, secret_url), _engine(url, url_key)
    options, begin = _SNAPSHOTS.get(url.get_backend_name(), ({}, None))
    try:
        try:
            connection = engine.connect().execution_options(**options)
            if begin:
                connection.exec_driver_sql(begin)
        except SQLAlchemyError as error:
            raise InputError(
                f"the database cannot be reached: {_words(error, redact)}",
                where=f"key {url_key} of .env, host {url.host or '-'}, database {url.database or '-'}",
                mend="check host, port, user, password and network; a user that may only read is enough",
            ) from None
        with connection:
            yield connection, redact
            connection.rollback()
    finally:
        engine.dispose()


def _engine(url: URL, url_key: str) -> Engine:
    from sqlalchemy import create_engine  # noqa: PLC0415
    from sqlalchemy.exc import NoSuchModuleError  # noqa: PLC0415
    from sqlalchemy.pool import NullPool  # noqa: PLC0415

    try:
        # hide_parameters: no value of a row in an error
        return create_engine(url, poolclass=NullPool, hide_parameters=True)
    except NoSuchModuleError:
        raise InputError(
            f"SQLAlchemy knows no database {url.drivername!r} here",
            where=f"key {url_key} of .env",
            mend="correct the dialect, or install the package that brings it",
        ) from None
    except ModuleNotFoundError as error:
        raise extra_error("sql", f"{error.name} (the driver of {url.drivername})") from None


def _query_error(error: SQLAlchemyError, table: str, where: str, redact: Redact) -> InputError:
    return InputError(
        f"the query of {table} fails: {_words(error, redact)}",
        where=where,
        mend="run the query by hand with the same user; grant it SELECT where permission is missing",
    )


def _words(error: SQLAlchemyError, redact: Redact) -> str:
    """The database's own message: its first lines, which quote the part of the query it stumbled over."""
    own = getattr(error, "orig", None) or error
    lines = [line.rstrip() for line in str(own).splitlines() if line.strip()]
    # A server-side cursor is declared around the query: PostgreSQL quotes that too, and points behind it.
    around = _CURSOR.search("\n".join(lines))
    if around:
        lines = [line.replace(around[0], "").removeprefix(" " * len(around[0])) for line in lines]
    return redact("\n".join(lines[:3]) or type(own).__name__)
