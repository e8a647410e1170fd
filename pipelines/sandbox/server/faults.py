"""What shall go wrong, scripted request by request."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Query = Mapping[str, str]
Kind = Literal["status", "hang", "reset", "short", "corrupt", "truncated", "redirect"]

_TEXTS = {
    400: "Request malformed: the requested window holds more than 4 GB",
    413: "Payload too large",
    429: "Too many requests",
    500: "Internal server error",
    502: "Bad gateway",
    503: "Service unavailable",
    504: "The amount of data is large and the request timed out",
}


@dataclass(frozen=True)
class Fault:
    """One fault, for the next ``times`` requests it fits (None: for all of them).

    It fits a request whose path is ``path``, whose method is ``method`` (if given) and for which
    ``when(method, path, query)`` is true (if given). Kinds:

    - ``status``: answer ``status`` with ``body`` (or a usual text), ``retry_after`` as its header if given
      (seconds, or a date as text); for 400 "over size", 429, 5xx;
    - ``hang``: do nothing for ``seconds``, then go on as usual;
    - ``reset``: promise the whole body, send half of it, reset the connection;
    - ``short``: promise the whole body, send half of it, close the connection in good order;
    - ``corrupt``: turn one byte inside a member of the zip, so that its CRC is wrong;
    - ``truncated``: a zip that ends half-way, with a Content-Length that fits;
    - ``redirect``: answer ``status`` (302, 307) with ``location``.
    """

    path: str
    kind: Kind = "status"
    times: int | None = 1
    status: int = 0
    retry_after: float | str | None = None
    body: bytes | str | Mapping[str, object] | None = None
    seconds: float = 0.0
    location: str = ""
    method: str | None = None
    when: Callable[[str, str, Query], bool] | None = None

    def __post_init__(self) -> None:
        if self.kind == "status" and not 400 <= self.status <= 599:
            raise ValueError("a fault of kind 'status' needs a status from 400 to 599")
        if self.kind == "hang" and self.seconds <= 0:
            raise ValueError("a fault of kind 'hang' needs seconds")
        if self.kind == "redirect" and not self.location:
            raise ValueError("a fault of kind 'redirect' needs a location")

    def fits(self, method: str, path: str, query: Query) -> bool:
        """Whether it is meant for this request."""
        return (
            path == self.path
            and self.method in (None, method)
            and (self.when is None or self.when(method, path, query))
        )

    def text(self) -> bytes:
        """The body it answers with."""
        if isinstance(self.body, bytes):
            return self.body
        if isinstance(self.body, str):
            return self.body.encode()
        if self.body is not None:
            return json.dumps(self.body).encode()
        error = _TEXTS.get(self.status, "Error")
        if self.path.startswith("/api/"):
            return error.encode()
        # The ingestion endpoints answer in JSON, also when they fail
        return json.dumps({"code": self.status, "error": error}).encode()


@dataclass
class Faults:
    """The script: faults in order, each used up by the requests it fits. Safe to use from any thread."""

    _left: list[tuple[Fault, int | None]] = field(default_factory=list)
    _struck: list[Fault] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, *faults: Fault) -> None:
        """Append to the script."""
        with self._lock:
            self._left += [(fault, fault.times) for fault in faults]

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        with self._lock:
            self._left.clear()

    @property
    def struck(self) -> tuple[Fault, ...]:
        """The faults that befell a request so far, in order."""
        with self._lock:
            return tuple(self._struck)

    @property
    def left(self) -> int:
        """How many entries of the script are not used up."""
        with self._lock:
            return len(self._left)

    def take(self, method: str, path: str, query: Query) -> Fault | None:
        """The first fault that fits the request, used up by one."""
        with self._lock:
            for position, (fault, times) in enumerate(self._left):
                if not fault.fits(method, path, query):
                    continue
                if times is not None and times <= 1:
                    del self._left[position]
                elif times is not None:
                    self._left[position] = (fault, times - 1)
                self._struck.append(fault)
                return fault
        return None
