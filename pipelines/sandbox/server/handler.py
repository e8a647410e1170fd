"""HTTP/1.1 around the answers: reading requests, sending bodies, and the faults that befall them."""

from __future__ import annotations

import os
import socket
import struct
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pipelines.sandbox.server.answers import (
    ANNOTATIONS,
    EXPORT,
    INGESTION,
    Answer,
    Endpoints,
    json_answer,
    text_answer,
)
from pipelines.sandbox.server.faults import Fault, Faults
from pipelines.sandbox.server.requests import MAX_BYTES
from pipelines.sandbox.server.zipping import BLOCK, Body

_METHODS = {EXPORT: ("GET",), ANNOTATIONS: ("GET", "POST")} | dict.fromkeys(INGESTION, ("POST",))
_MOST_BYTES = max(MAX_BYTES.values())
_SECRETS = frozenset({"api_key", "secret_key"})


@dataclass(frozen=True)
class Request:
    """One line of the request log. Headers and bodies, which hold credentials, are not in it."""

    method: str
    path: str
    query: Mapping[str, str]
    status: int


@dataclass
class Log:
    """The requests that were answered, in the order of their answers."""

    _requests: list[Request] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, request: Request) -> None:
        with self._lock:
            self._requests.append(request)

    def all(self) -> tuple[Request, ...]:
        with self._lock:
            return tuple(self._requests)


class Listener(ThreadingHTTPServer):
    """Listens on 127.0.0.1 and knows its open connections, so that closing it leaves no thread behind."""

    daemon_threads = False
    request_queue_size = 64

    def __init__(self, port: int, endpoints: Endpoints, faults: Faults, log: Log) -> None:
        self.endpoints, self.faults, self.log = endpoints, faults, log
        self.closing = threading.Event()
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(("127.0.0.1", port), Handler)

    def opened(self, connection: socket.socket) -> None:
        with self._open_lock:
            self._open.add(connection)
        if self.closing.is_set():
            _hang_up(connection)

    def closed(self, connection: socket.socket) -> None:
        with self._open_lock:
            self._open.discard(connection)

    def end(self) -> None:
        """Stop listening, hang up, wait for the threads."""
        self.closing.set()
        self.shutdown()
        with self._open_lock:
            for connection in self._open:
                _hang_up(connection)
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no error of the server's; anything else is told as usual."""
        with self._open_lock:
            self._open.discard(request)
        error = sys.exc_info()[1]
        if not isinstance(error, (ConnectionError, TimeoutError)) and not self.closing.is_set():
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "amplitude-sandbox", ""
    disable_nagle_algorithm = True
    server: Listener

    def setup(self) -> None:
        super().setup()
        self.server.opened(self.connection)

    def finish(self) -> None:
        self.server.closed(self.connection)
        super().finish()

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is printed; AmplitudeServer.requests is the log."""

    def _handle(self) -> None:
        address = urlsplit(self.path)
        path, query = address.path, dict(parse_qsl(address.query, keep_blank_values=True))
        body = self._body()
        if body is None:
            self.close_connection = True
            self._send(json_answer(413, {"code": 413, "error": "Payload too large"}), path, query, None)
            return
        fault = self.server.faults.take(self.command, path, query)
        if fault is not None and fault.kind == "hang" and self.server.closing.wait(fault.seconds):
            self.close_connection = True  # the server ends: no answer any more
            return
        answer = _instead(fault)
        if path == EXPORT and answer is None:
            with self.server.endpoints.export_slot() as free:
                self._send(self._answer(path, query, body) if free else _too_many(), path, query, fault)
            return
        self._send(answer or self._answer(path, query, body), path, query, fault)

    def _answer(self, path: str, query: Mapping[str, str], body: bytes) -> Answer:
        endpoints = self.server.endpoints
        if path not in _METHODS:
            return text_answer(404, "Not found")
        if self.command not in _METHODS[path]:
            return text_answer(405, "Method not allowed", Allow=", ".join(_METHODS[path]))
        if path in INGESTION:
            return endpoints.ingest(path, body, self.client_address[0])
        refusal = endpoints.refusal(self.headers.get("Authorization"))
        if refusal is not None:
            return refusal
        if path == EXPORT:
            return endpoints.export(query)
        if self.command == "GET":
            return endpoints.annotations(query)
        return endpoints.annotate(body, self.headers.get("Content-Type") or "")

    def _body(self) -> bytes | None:
        """The request's body; None when it is larger than anything that is taken, or of unknown length."""
        if self.headers.get("Transfer-Encoding"):
            return None
        length = self.headers.get("Content-Length") or "0"
        if not length.isdigit():
            return None
        if int(length) > _MOST_BYTES:
            self._drain(min(int(length), 10 * _MOST_BYTES))
            return None
        return self.rfile.read(int(length))

    def _drain(self, left: int) -> None:
        """Read what nobody wants: a client that is cut off while it sends may never see the answer."""
        while left > 0 and (block := self.rfile.read(min(left, BLOCK))):
            left -= len(block)

    def _send(self, answer: Answer, path: str, query: Mapping[str, str], fault: Fault | None) -> None:
        shown = {key: "…" if key in _SECRETS else value for key, value in query.items()}
        # Before the first byte: who has read an answer finds it in the log
        self.server.log.add(Request(self.command, path, shown, answer.status))
        kind = fault.kind if fault is not None else None
        length, half = answer.body.length, answer.body.length // 2
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(half if kind == "truncated" else length))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        limit = half if kind in ("reset", "short", "truncated") else None
        for block in answer.body.blocks(limit, damaged=kind == "corrupt"):
            self.wfile.write(block)
        if kind == "reset":
            self._reset()
        elif kind == "short":
            self.close_connection = True

    def _reset(self) -> None:
        """RST instead of FIN: the client sees a broken connection, not an ended one."""
        self.close_connection = True
        self.server.closed(self.connection)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())


def _instead(fault: Fault | None) -> Answer | None:
    """The answer that a fault gives in place of the real one."""
    if fault is None or fault.kind not in ("status", "redirect"):
        return None
    if fault.kind == "redirect":
        return text_answer(fault.status or 302, "", Location=fault.location)
    after = fault.retry_after
    headers = {} if after is None else {"Retry-After": after if isinstance(after, str) else format(after, "g")}
    if fault.path in INGESTION:
        return Answer(fault.status, Body.of(fault.text()), headers=headers)
    return text_answer(fault.status, fault.text().decode(), **headers)


def _too_many() -> Answer:
    return text_answer(429, "Too many concurrent requests")


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it was closed already
