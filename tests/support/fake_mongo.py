"""A stand-in for what pymongo gives: client[database][collection].find(filter, projection, batch_size=…).

No MongoDB server can be had offline, so the wire is left out; documents go through real BSON (pymongo's own encoder and
decoder) and come back with the types a server would send. The interface is that of
pymongo.readthedocs.io/en/stable/api/pymongo/collection.html and /cursor.html.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import bson
from bson.codec_options import CodecOptions


class FakeCursor:
    """An iterable that is closed by its context."""

    def __init__(self, documents: list[dict[str, Any]]) -> None:
        self._documents, self.is_closed = documents, False

    def __enter__(self) -> FakeCursor:
        return self

    def __exit__(self, *_: object) -> None:
        self.is_closed = True

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for document in self._documents:
            if isinstance(document, Exception):
                raise document
            yield bson.decode(bson.encode(document), CodecOptions(tz_aware=True))


class FakeCollection:
    """Documents; ``asked`` are the arguments of every find."""

    def __init__(self, documents: list[Any]) -> None:
        self.documents, self.asked = documents, []  # type: ignore[var-annotated]

    def find(self, filter: Mapping[str, Any], projection: Mapping[str, int], batch_size: int) -> FakeCursor:
        self.asked.append((dict(filter), dict(projection), batch_size))
        wanted = [
            d for d in self.documents if isinstance(d, Exception) or all(d.get(k) == v for k, v in filter.items())
        ]
        return FakeCursor([d if isinstance(d, Exception) else _projected(d, projection) for d in wanted])


class FakeClient:
    """``FakeClient({"db": {"collection": [documents]}})``, a context like MongoClient."""

    def __init__(self, databases: Mapping[str, Mapping[str, list[Any]]]) -> None:
        self._databases = {db: {n: FakeCollection(d) for n, d in found.items()} for db, found in databases.items()}

    def __getitem__(self, database: str) -> Mapping[str, FakeCollection]:
        return self._databases[database]

    def __enter__(self) -> FakeClient:
        return self

    def __exit__(self, *_: object) -> None:
        """Closed."""


def _projected(document: dict[str, Any], projection: Mapping[str, int]) -> dict[str, Any]:
    """Inclusion by dotted paths, with _id, as a server projects."""
    found: dict[str, Any] = {"_id": document["_id"]}
    for path in projection:
        source, target = document, found
        parts = path.split(".")
        for part in parts[:-1]:
            if not isinstance(source, dict) or not isinstance(source.get(part), dict):
                break
            source, target = source[part], target.setdefault(part, {})
        else:
            if parts[-1] in source:
                target[parts[-1]] = source[parts[-1]]
    return found
