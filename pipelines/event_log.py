"""Dagster's SQLite event log with connections that stay open: a new one for every event costs a refresh seconds.

Named in dagster.yaml as ``event_log_storage``; files and tables are Dagster's own, in Dagster's own place.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.pool import QueuePool

# The index and the run at hand; a server that shows many runs must not keep every file open.
_OPEN_SHARDS = 4
_BUSY_SECONDS = 5 * 60


class KeptOpenEventLog(SqliteEventLogStorage):
    """One engine a database file, the least recently used closed first."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> KeptOpenEventLog:
        """``base_dir`` is DAGSTER_HOME, so that the folder can move; the log lies where Dagster's default has it."""
        return cls(str(Path(config_value["base_dir"]) / "history" / "runs"), inst_data)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def _engine(self, shard: str) -> Engine:
        engine = self._engines.get(shard)
        if engine is not None and not Path(self.path_for_shard(shard)).exists():
            self._engines.pop(shard).dispose()  # its file was deleted: what an open connection writes would be lost
            self._initialized_dbs.discard(shard)
            engine = None
        if engine is None:
            engine = self._engines[shard] = create_engine(
                self.conn_string_for_shard(shard),
                poolclass=QueuePool,
                connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False},
            )
        self._engines.move_to_end(shard)
        while len(self._engines) > _OPEN_SHARDS:
            self._engines.popitem(last=False)[1].dispose()
        return engine

    def dispose(self) -> None:
        super().dispose()
        with self._db_lock:
            while self._engines:
                self._engines.popitem()[1].dispose()
