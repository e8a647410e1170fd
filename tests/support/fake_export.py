"""A small Export API on this machine for tests: hours of events, an H+3 gate, scripted answers, a log of requests."""

from __future__ import annotations

import base64
import io
import threading
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr

from assets.amplitude.archive import hour_number
from assets.amplitude.export_api import Access
from support.export_archive import PROJECT, lines, name, packed

KEY, SECRET = "canary-key+/=0", "canary secret&%7"
HOUR = timedelta(hours=1)
Reply = tuple[int, dict[str, str], bytes]


def window_of(path: str) -> tuple[datetime, datetime]:
    """First and last hour that a request asks for."""
    query = parse_qs(urlsplit(path).query)
    first, last = (datetime.strptime(query[key][0], "%Y%m%dT%H") for key in ("start", "end"))  # noqa: DTZ007 - UTC
    return first, last


@dataclass
class FakeExport:
    """``parts``: upload hour → the gzip members' JSON lines. ``script``: called with (start, end, how often this was
    asked); a Reply, a word that names a broken body, or None for the ordinary answer."""

    now: datetime
    parts: dict[datetime, list[bytes]] = field(default_factory=dict)
    script: Callable[[datetime, datetime, int], Reply | str | None] = lambda *_: None
    most_hours: int = 10_000
    asked: list[tuple[datetime, datetime]] = field(default_factory=list)
    seen: list[tuple[str, str | None]] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def hours_asked(self) -> Counter[datetime]:
        return Counter(first + n * HOUR for first, last in self.asked for n in range((last - first) // HOUR + 1))

    def add(self, hour: datetime, events: list[dict[str, Any]]) -> None:
        self.parts.setdefault(hour, []).append(lines(events))

    def clock(self) -> datetime:
        return self.now

    def access(self, url: str | None = None) -> Access:
        return Access(url or self.url, SecretStr(KEY), SecretStr(SECRET), self.clock)

    def body(self, first: datetime, last: datetime) -> bytes:
        """The zip of a window; empty when it holds nothing."""
        buffer, count = io.BytesIO(), 0
        with zipfile.ZipFile(buffer, "w") as archive:
            for hour in sorted(self.parts):
                for part, content in enumerate(self.parts[hour] if first <= hour <= last else ()):
                    archive.writestr(f"{PROJECT}/{name(hour, part)}", packed(content))
                    count += 1
        return buffer.getvalue() if count else b""

    def reply(self, path: str, authorization: str | None) -> Reply | str:
        """The answer to one request; a word names a broken body."""
        first, last = window_of(path)
        with self.lock:
            self.seen.append((path, authorization))
            self.asked.append((first, last))
            times = self.asked.count((first, last))
        scripted = self.script(first, last, times)
        if scripted is not None:
            return scripted
        if authorization != "Basic " + base64.b64encode(f"{KEY}:{SECRET}".encode()).decode():
            return 403, {}, b"Invalid API Key"
        if (last - first) // HOUR + 1 > self.most_hours:
            return 400, {}, b"more than 4GB"
        body = self.body(first, last) if hour_number(last) + 3 <= hour_number(self.now) else b""
        return (200, {}, body) if body else (404, {}, b"")


class _Handler(BaseHTTPRequestHandler):
    server: Any
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        fake: FakeExport = self.server.fake
        with fake.lock:
            fake.at_once += 1
            fake.most_at_once = max(fake.most_at_once, fake.at_once)
        try:
            self._send(fake, fake.reply(self.path, self.headers.get("Authorization")))
        finally:
            with fake.lock:
                fake.at_once -= 1

    def _send(self, fake: FakeExport, reply: Reply | str) -> None:
        if isinstance(reply, tuple):
            status, headers, body = reply
            length = len(body)
        else:
            status, headers, body = 200, {}, fake.body(*window_of(self.path))
            length = len(body)
            if reply == "short":
                body = body[: len(body) // 2]
            elif reply == "corrupt":
                body = body[:80] + bytes(255 - byte for byte in body[80:100]) + body[100:]
            elif reply == "no zip":
                body = b"<html>Welcome</html>"
                length = len(body)
            elif reply == "cut zip":  # whole by its length, half by its content
                body = body[: len(body) // 2]
                length = len(body)
        self.close_connection = True
        if reply == "reset":
            self.connection.close()
            return
        self.send_response_only(status)
        self.send_header("Connection", "close")
        for header, value in headers.items():
            self.send_header(header, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serving(fake: FakeExport) -> Iterator[FakeExport]:
    """Serve on a free port of 127.0.0.1."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.fake = fake  # type: ignore[attr-defined]
    fake.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
