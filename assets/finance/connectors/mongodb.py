"""``mongodb``: the documents of a collection, by a mapping of contract columns to paths in the document.

The answer is kept as Extended JSON in its canonical form, which holds every BSON type exactly (a Decimal128 is a
decimal, an ObjectId itself), and only the paths that are mapped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from zoneinfo import ZoneInfo

from assets.company.finance_sources import MongoSource
from assets.company.wording import did_you_mean
from assets.errors import InputError
from assets.finance.connectors.cells import Unfit, cell
from assets.finance.connectors.extra import needs_extra
from assets.finance.connectors.loads import Load, Writer
from assets.finance.connectors.mapped import Row
from assets.finance.contract import BY_NAME

_TIMEOUT_MS = 20_000
_BATCH = 2_000
_MISSING = object()


def extract(writer: Writer, sources: Mapping[str, MongoSource], secret_url: str) -> None:
    """Land the mapped fields of every document. Raises InputError; no text of it holds the URL."""
    for name, source in sources.items():
        _check_fields(name, source)
    url_key = next(iter(sources.values())).url_key
    with _explained(url_key), connect(secret_url) as client:
        for name, source in sources.items():
            writer.put_answers(name, _documents(client[source.database][source.collection], name, source))


def connect(secret_url: str) -> Any:
    """A client of the server at the URL; times are read as instants (with their zone)."""
    with needs_extra("mongodb"):
        from pymongo import MongoClient  # noqa: PLC0415
    return MongoClient(secret_url, tz_aware=True, serverSelectionTimeoutMS=_TIMEOUT_MS, appname="product-lens")


def _documents(collection: Any, table: str, source: MongoSource) -> Iterator[tuple[str, str]]:
    from bson.json_util import CANONICAL_JSON_OPTIONS, dumps  # noqa: PLC0415

    unseen, count = set(source.fields.values()), 0
    with collection.find(source.filter, _projection(source), batch_size=_BATCH) as cursor:
        for document in cursor:
            count += 1
            unseen = {path for path in unseen if _at(document, path) is _MISSING}
            yield (
                dumps(document.get("_id"), json_options=CANONICAL_JSON_OPTIONS),
                dumps(document, json_options=CANONICAL_JSON_OPTIONS, sort_keys=True),
            )
    if count and unseen:
        path = min(unseen)
        column = next(column for column, p in source.fields.items() if p == path)
        raise InputError(
            f"no document of {source.collection} has the field {path}, which {table}.{column} is read from",
            where=f"mongodb, collection {source.database}.{source.collection}, field {path}",
            mend=f"was it renamed? correct finance.sources.{table}.fields.{column} in company.yaml, or remove it there",
        )


def _projection(source: MongoSource) -> dict[str, int]:
    """Only what is mapped; a path below another mapped path is part of it, and MongoDB refuses to be told both."""
    paths = set(source.fields.values())
    return dict.fromkeys(
        sorted(p for p in paths if not any(p.startswith(f"{other}.") for other in paths)), 1
    )  # _id always comes along


def _check_fields(table: str, source: MongoSource) -> None:
    contract = BY_NAME[table]
    where = f"company.yaml, key finance.sources.{table}.fields"
    for column in source.fields:
        if column not in contract.names:
            raise InputError(
                f"{table} has no column {column}{did_you_mean(column, contract.names)}",
                where=f"{where}.{column}",
                mend=f"the columns are: {', '.join(contract.names)}",
            )
    missing = [c for c in contract.required if c not in source.fields]
    if missing:
        raise InputError(
            f"no field is mapped to {', '.join(missing)}, which {table} must have", where=where, mend="add them there"
        )


def rows(load: Load, table: str, source: MongoSource, zone: ZoneInfo) -> Iterator[Row]:
    """The mapping: every document as a row of the contract. ``zone``: the company's, unless the source names one."""
    from bson.json_util import CANONICAL_JSON_OPTIONS, loads  # noqa: PLC0415

    options = CANONICAL_JSON_OPTIONS.with_options(tz_aware=True)
    place = ZoneInfo(source.dates_in) if source.dates_in else zone
    contract = BY_NAME[table]
    for text in load.texts(table):
        document = loads(text, json_options=options)
        cells = {}
        for column, path in source.fields.items():
            value = _at(document, path)
            try:
                cells[column] = cell(contract.column(column), _plain(value), place) if value is not _MISSING else None
            except Unfit as error:
                raise InputError(
                    f"a document of {source.collection} holds {error.problem}",
                    where=f"mongodb, collection {source.database}.{source.collection}, document {document.get('_id')}, "
                    f"field {path} (read as {table}.{column})",
                    mend=error.mend,
                ) from None
        yield Row(cells, ref=f"document {document.get('_id')}")


def _at(document: Any, path: str) -> Any:
    """The value at a dotted path, _MISSING when a part of it is not there."""
    for part in path.split("."):
        if not isinstance(document, dict) or part not in document:
            return _MISSING
        document = document[part]
    return document


def _plain(value: Any) -> Any:
    """BSON's own types as Python's: exact decimals, ids as text."""
    from bson import Decimal128, ObjectId  # noqa: PLC0415

    if isinstance(value, Decimal128):
        return value.to_decimal()
    return str(value) if isinstance(value, ObjectId) else value


@contextmanager
def _explained(url_key: str) -> Iterator[None]:
    with needs_extra("mongodb"):
        from pymongo.errors import ConfigurationError, InvalidURI, OperationFailure, PyMongoError  # noqa: PLC0415
    try:
        yield
    except (ConfigurationError, InvalidURI, ValueError) as error:
        raise InputError(
            f"the value is not a MongoDB URL that can be used ({type(error).__name__})",
            where=f"key {url_key} of .env",
            mend="write it as mongodb://user:password@host:port/ or mongodb+srv://… (special characters %-encoded)",
        ) from None
    except OperationFailure as error:
        raise InputError(
            f"MongoDB refuses the request (code {error.code}, {(error.details or {}).get('codeName', 'no name')})",
            where=f"mongodb, key {url_key} of .env",
            mend="check user and password, and that the user may read database and collection; check the filter",
        ) from None
    except PyMongoError as error:
        raise InputError(
            f"MongoDB cannot be reached ({type(error).__name__})",
            where=f"mongodb, key {url_key} of .env",
            mend="check host, port, TLS and network; then refresh again",
        ) from None
