"""The server as the rest of the sandbox and the tests use it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from assets.errors import InputError
from pipelines.sandbox.server import identity
from pipelines.sandbox.server.answers import Endpoints, Limits
from pipelines.sandbox.server.faults import Faults
from pipelines.sandbox.server.handler import Listener, Log, Request
from pipelines.sandbox.server.records import Clock
from pipelines.sandbox.server.store import Store, hour_number, hour_start
from pipelines.sandbox.spec import PROJECT


def now_utc() -> datetime:
    """The real time, UTC without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)


class AmplitudeServer:
    """A local server with one Amplitude project; listens on 127.0.0.1 only.

    ``store`` keeps everything it was sent, over restarts. ``clock`` gives the UTC time without a zone: it stamps what
    arrives and decides which hours can be exported. ``faults`` scripts what goes wrong; ``limits`` can be changed at
    any time. Use it as a context manager, or call :meth:`start` and :meth:`close`.
    """

    def __init__(
        self,
        store: Path,
        *,
        api_key: str,
        secret_key: str,
        clock: Clock = now_utc,
        port: int = 0,
        project: int = PROJECT,
    ) -> None:
        self.faults, self.limits, self.project = Faults(), Limits(), project
        self._log, self._port, self._folder = Log(), port, store
        self._store = Store(store)
        self._endpoints = Endpoints(self._store, project, (api_key, secret_key), clock, self.limits)
        self._listener: Listener | None = None
        self._thread: threading.Thread | None = None

    def __repr__(self) -> str:
        return f"AmplitudeServer({str(self._folder)!r}, project={self.project})"

    def __enter__(self) -> AmplitudeServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Listen. Raises InputError when the port is taken."""
        try:
            self._listener = Listener(self._port, self._endpoints, self.faults, self._log)
        except OSError as error:
            self.close()
            raise InputError(
                f"port {self._port} cannot be listened on ({error.strerror})",
                where="127.0.0.1",
                mend="choose another port, or 0 for any free one",
            ) from error
        self._thread = threading.Thread(
            target=self._listener.serve_forever, kwargs={"poll_interval": 0.02}, name="amplitude-server", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Hang up and close the store; may be called twice."""
        if self._listener is not None and self._thread is not None:
            self._listener.end()
            self._thread.join()
            self._listener = self._thread = None
        self._store.close()

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT``; only while it listens."""
        if self._listener is None:
            raise RuntimeError("the server does not listen: call start() first")
        return f"http://127.0.0.1:{self._listener.server_address[1]}"

    @property
    def max_bytes(self) -> int:
        """How large an export may be before it is refused with 400; can be set."""
        return self.limits.max_bytes

    @max_bytes.setter
    def max_bytes(self, value: int) -> None:
        self.limits.max_bytes = value

    @property
    def requests(self) -> tuple[Request, ...]:
        """The requests answered so far: method, path, query, status."""
        return self._log.all()

    def seed(self, upload_hour: datetime, part: int, gzipped: bytes, events: int) -> None:
        """Put a ready hour file into the store; the same part of an hour again replaces it."""
        self._store.add_part(hour_number(upload_hour), part, gzipped, events)

    def seed_identities(self, users: Mapping[str, int], devices: Mapping[str, int]) -> None:
        """Amplitude ids that the seeded history uses: by user id, and by device id for devices that so far were only
        anonymous. What is sent later continues with them; a device that then names its user gives a merge."""
        with self._store.transaction() as con:
            identity.know(con, users, devices)

    def count(self) -> int:
        """How many distinct events it holds: rows that it accepted, and the counts of seeded files."""
        return sum(self._store.hours().values())

    def hours(self) -> dict[datetime, int]:
        """Events by upload hour (UTC)."""
        return {hour_start(hour): events for hour, events in self._store.hours().items()}
