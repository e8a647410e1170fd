"""The Export API over HTTP: one request window at a time, streamed to disk, whole or not at all.

Nothing here knows the ledger or a clock of its own: the caller says which hours, and what an answer means for them.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256
from pathlib import Path
from shutil import disk_usage

import httpx

from assets.amplitude.access import HOSTS, Access
from assets.amplitude.archive import hour_start
from assets.amplitude.convert import make_durable
from assets.amplitude.download import Download, damage, part_of
from assets.amplitude.redaction import Redaction
from assets.errors import InputError

# Amplitude documents no limit of its own for exports; four at once has never been refused.
MOST_REQUESTS = 4
_PATH = "/api/2/export"
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_MOST_REDIRECTS = 5
_BLOCK = 1 << 18
_EXCERPT = 200
# What a download leaves free on the disk: landing needs room too.
_FREE_BYTES = 1 << 30


@dataclass(frozen=True)
class Patience:
    """How long one window is tried, and how long one request may take."""

    attempts: int = 10
    budget_seconds: float = 900
    first_wait: float = 1
    longest_wait: float = 60
    connect_seconds: float = 15
    read_seconds: float = 300
    request_seconds: float = 3_600


@dataclass(frozen=True)
class NoData:
    """404: the window holds nothing. Whether that is final depends on how old its hours are."""


@dataclass(frozen=True)
class TooMuch:
    """More than one request may carry: ask for less."""


@dataclass(frozen=True)
class Failed:
    """Tried as long as patience lasted. ``is_outage``: the service as a whole seems to be the problem."""

    problem: str
    is_outage: bool


Answer = Download | NoData | TooMuch | Failed


class _Again(Exception):
    """A problem that may pass. ``wait``: what the host asked for, in seconds; ``is_outage`` as in Failed."""

    def __init__(self, problem: str, wait: float | None = None, is_outage: bool = True) -> None:
        self.problem, self.wait, self.is_outage = problem, wait, is_outage
        super().__init__(problem)


class Stopped(Exception):
    """The client was closed while a window was waiting for its turn."""


class ExportApi:
    """A client for one project. Threads may share it; at most four requests run at once. Holds no secret in its
    repr; ``close`` wakes whoever waits for a retry."""

    def __init__(
        self,
        access: Access,
        patience: Patience | None = None,
        *,
        sleep: Callable[[float], object] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        rng: random.Random | None = None,
    ) -> None:
        self._patience = patience or Patience()
        self._url = httpx.URL(access.base_url).copy_with(path=_PATH)
        key, secret = access.api_key.get_secret_value(), access.secret_key.get_secret_value()
        self._auth = httpx.BasicAuth(key, secret)
        self._redacted = Redaction.of(key, secret)
        self._stop, self._turns, self._lock = threading.Event(), threading.Semaphore(MOST_REQUESTS), threading.Lock()
        self._sleep, self._monotonic = sleep or self._stop.wait, monotonic
        self._rng = rng or random.Random()  # noqa: S311 - jitter, no secret
        self._not_before = 0.0
        self._client = httpx.Client(
            timeout=httpx.Timeout(self._patience.read_seconds, connect=self._patience.connect_seconds),
            limits=httpx.Limits(max_connections=MOST_REQUESTS),
            # Proxies and certificates of the environment count, but no proxy reaches this machine's own server.
            trust_env=self._url.host not in _LOOPBACK,
            follow_redirects=False,
            headers={"Accept-Encoding": "identity", "User-Agent": "product-lens"},
        )

    def __repr__(self) -> str:
        return f"ExportApi({self._url.host})"

    def __enter__(self) -> ExportApi:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End waiting retries and connections."""
        self._stop.set()
        self._client.close()

    def download(self, first_hour: int, last_hour: int, target: Path) -> Answer:
        """Ask for upload hours (numbers since 1970, both included) and put the zip at ``target``.

        Raises InputError for what no retry mends: refused credentials, a redirect elsewhere, a full disk.
        """
        began, patience = self._monotonic(), self._patience
        attempt = 0
        while True:
            attempt += 1
            try:
                return self._ask(first_hour, last_hour, target)
            except httpx.TransportError as error:
                again = _Again(f"{type(error).__name__}: {self._redacted(str(error))}")
            except _Again as error:
                again = error
            wait = self._wait(again, attempt)
            left = patience.budget_seconds - (self._monotonic() - began)
            if attempt >= patience.attempts or wait > left:
                tries = f"{attempt} attempts" if attempt > 1 else "1 attempt"
                asked = f", the host asks to wait {again.wait:.0f} s" if again.wait is not None else ""
                return Failed(f"{again.problem} ({tries}{asked})", again.is_outage)
            self._rest(wait, for_all=again.wait is not None)

    # ---- waiting

    def _wait(self, again: _Again, attempt: int) -> float:
        """What the host asked for, else exponential backoff with full jitter."""
        if again.wait is not None:
            return again.wait
        return self._rng.uniform(0, min(self._patience.longest_wait, self._patience.first_wait * 2 ** (attempt - 1)))

    def _rest(self, seconds: float, *, for_all: bool) -> None:
        """Sleep; what the host asked for holds for every thread."""
        if for_all:
            with self._lock:
                self._not_before = max(self._not_before, self._monotonic() + seconds)
        self._sleep(seconds)
        if self._stop.is_set():
            raise Stopped

    @contextmanager
    def _turn(self) -> Iterator[None]:
        with self._turns:
            pause = self._not_before - self._monotonic()
            if pause > 0:
                self._sleep(pause)
            if self._stop.is_set():
                raise Stopped
            yield

    # ---- one request

    def _ask(self, first_hour: int, last_hour: int, target: Path) -> Answer:
        window = {name: f"{hour_start(hour):%Y%m%dT%H}" for name, hour in (("start", first_hour), ("end", last_hour))}
        url = self._url.copy_merge_params(window)
        with self._turn():
            for _ in range(_MOST_REDIRECTS + 1):
                with self._client.stream("GET", url, auth=self._auth) as response:
                    if response.has_redirect_location:
                        url = self._same_host(response)
                        continue
                    return self._answered(response, first_hour == last_hour, target)
        return Failed(f"more than {_MOST_REDIRECTS} redirects", is_outage=False)

    def _same_host(self, response: httpx.Response) -> httpx.URL:
        try:
            there = response.request.url.join(response.headers["location"])
        except httpx.InvalidURL:
            there = httpx.URL()
        here = self._url
        if (there.scheme, there.host, there.port) != (here.scheme, here.host, here.port):
            place = self._redacted(f"{there.scheme}://{there.host}"[:_EXCERPT])
            raise InputError(
                f"{here.host} redirects to {place}: refused, the credentials are for {here.host} only",
                where=f"{here.scheme}://{here.host}{_PATH}",
                mend="check events.region and whether a proxy on the way answers in Amplitude's place",
            )
        return there

    def _answered(self, response: httpx.Response, is_one_hour: bool, target: Path) -> Answer:
        status = response.status_code
        if status == 200:
            return self._saved(response, target)
        if status == 404:
            return NoData()
        if status in {400, 504} and not is_one_hour:
            return TooMuch()
        problem = self._described(response)
        if status in {401, 403}:
            raise self._refused(problem)
        if status in {408, 429} or status >= 500:
            raise _Again(problem, _retry_after(response), is_outage=status != 504)
        return Failed(problem, is_outage=False)

    def _described(self, response: httpx.Response) -> str:
        """Status and the beginning of what the host says about it."""
        said = next(response.iter_raw(_BLOCK), b"")[:2_000].decode("utf-8", "replace")
        words = self._redacted(" ".join(said.split()))[:_EXCERPT]
        return f"HTTP {response.status_code}" + (f": {words}" if words else "")

    def _refused(self, problem: str) -> InputError:
        regions = ", ".join(f"{region} asks {httpx.URL(host).host}" for region, host in HOSTS.items())
        return InputError(
            f"{self._url.host} refused the credentials ({problem}): a wrong key, or a project of the other region",
            where=f"AMPLITUDE_API_KEY, AMPLITUDE_SECRET_KEY and events.region; asked: {self._url.host}",
            mend=f"copy both keys from the project's settings in Amplitude, and set its events.region: {regions}",
        )

    def _saved(self, response: httpx.Response, target: Path) -> Download:
        expected = response.headers.get("content-length", "")
        part = part_of(target)
        digest, size, began = sha256(), 0, self._monotonic()
        target.parent.mkdir(parents=True, exist_ok=True)
        _check_room(target.parent, int(expected) if expected.isdigit() else 0)
        try:
            with part.open("wb") as out:
                for block in response.iter_raw(_BLOCK):
                    out.write(block)
                    digest.update(block)
                    size += len(block)
                    if self._stop.is_set():
                        raise Stopped
                    if self._monotonic() - began > self._patience.request_seconds:
                        raise _Again(f"the body took more than {self._patience.request_seconds:.0f} s")
            if expected.isdigit() and size != int(expected):
                raise _Again(f"the body has {size:,} bytes instead of {int(expected):,}")
            problem = damage(part)
            if problem:
                raise _Again(f"the zip is damaged: {problem}")
            make_durable(part, target)
        except OSError as error:
            raise _unwritable(target.parent, str(error.strerror)) from error
        finally:
            part.unlink(missing_ok=True)
        return Download(target, digest.hexdigest(), size)


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds that the host asks to wait: a number or a date, by the host's own clock if it tells it."""
    value = response.headers.get("retry-after", "").strip()
    if value.isdigit():
        return float(value)
    try:
        until = parsedate_to_datetime(value)
        said = response.headers.get("date")
        now = parsedate_to_datetime(said) if said else datetime.now(UTC)
        return float(max((until - now).total_seconds(), 0))
    except (ValueError, TypeError):
        return None


def _check_room(folder: Path, wanted: int) -> None:
    free = disk_usage(folder).free
    if free < wanted + _FREE_BYTES:
        raise _unwritable(folder, f"{free / 2**30:.1f} GB free, {(wanted + _FREE_BYTES) / 2**30:.1f} GB needed")


def _unwritable(folder: Path, why: str) -> InputError:
    return InputError(
        f"the download cannot be written: {why}",
        where=str(folder),
        mend="make room or set LENS_HOME to a larger disk, then refresh again: nothing loaded is downloaded twice",
    )
