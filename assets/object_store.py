"""Buckets as folders of objects: listed page by page, streamed to disk, their errors said in words that help.

Credentials come from where the store's own library looks for them (environment, profile, role of the machine), and so
does another endpoint (``AWS_ENDPOINT_URL``). Texts of the libraries' errors are not passed on: they may quote a proxy
or an endpoint with a password in it.
"""

from __future__ import annotations

import base64
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from assets.errors import InputError

# scheme: the library behind it, and where that one finds credentials
_STORES = {
    "s3": ("s3fs", "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE or the machine's role"),
    "gs": ("gcsfs", "GOOGLE_APPLICATION_CREDENTIALS, `gcloud auth application-default login` or the machine's role"),
}
INSTALL = ".venv/bin/uv pip install --python .venv/bin/python -c requirements.lock -e '.[object-stores]'"
_MD5 = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class StoredObject:
    """``key``: below the URL, as the store spells it, anything at all; ``version`` changes with the content;
    ``md5``: what the store says, hex; with S3 it may be no MD5 although it looks like one (SSE-KMS)."""

    key: str
    size: int
    version: str
    md5: str | None


class Store:
    """One URL, ``s3://bucket/prefix`` or ``gs://bucket/prefix``. Raises InputError for whatever a person must mend."""

    def __init__(self, url: str) -> None:
        scheme, _, rest = url.partition("://")
        self.bucket, _, prefix = rest.partition("/")
        self.prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        if "@" in self.bucket:
            raise InputError(
                "events.path holds credentials",
                where=f"{scheme}://…@…",
                mend="take them out of the URL; " + _hint(scheme),
            )
        self.url = f"{scheme}://{self.bucket}/{self.prefix}"
        if scheme not in _STORES or not self.bucket:
            raise InputError(
                f"{url} is not a place that can be read", where="events.path", mend="write s3://bucket/prefix or gs://…"
            )
        self._scheme = scheme
        import fsspec  # noqa: PLC0415 - only those with a bucket wait for it

        try:
            # Every look is a fresh one: what the listing said a minute ago is of no use here.
            self._fs: Any = fsspec.filesystem(scheme, use_listings_cache=False, skip_instance_cache=True)
        except ImportError:
            raise InputError(
                f"reading {scheme}:// needs the library {_STORES[scheme][0]}, which is not installed",
                where=self.url,
                mend=f"install it: {INSTALL}",
            ) from None

    def objects(self) -> Iterator[StoredObject]:
        """Everything below the URL, in the order of the keys. From S3 in pages, whatever the size of the bucket."""
        if not hasattr(self._fs, "call_s3"):
            with self._explained("the listing"):
                found = self._fs.find(f"{self.bucket}/{self.prefix}".rstrip("/"), detail=True)
            start = len(self._fs._strip_protocol(f"{self.bucket}/{self.prefix}".rstrip("/"))) + 1
            yield from (_described(name[start:], found[name]) for name in sorted(found))
            return
        more: dict[str, str] = {}
        while True:
            with self._explained("the listing"):
                page = self._fs.call_s3("list_objects_v2", Bucket=self.bucket, Prefix=self.prefix, **more)
            for entry in page.get("Contents", ()):
                yield _described(entry["Key"][len(self.prefix) :], entry)
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def describe(self, key: str) -> StoredObject:
        """The object as it is now."""
        with self._explained(key):
            return _described(key, self._fs.info(self._path(key)))

    def fetch(self, key: str, target: Path) -> None:
        """Stream an object into a file."""
        with self._explained(key):
            self._fs.get_file(self._path(key), str(target))

    @contextmanager
    def open(self, key: str) -> Iterator[BinaryIO]:
        """Read parts of an object without fetching the rest."""
        with self._explained(key), self._fs.open(self._path(key), "rb", block_size=1 << 20) as stream:
            yield cast("BinaryIO", stream)

    def _path(self, key: str) -> str:
        return f"{self.bucket}/{self.prefix}{key}"

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        try:
            yield
        except InputError:
            raise
        except _errors() as error:
            raise self._told(error, what) from None

    def _told(self, error: BaseException, what: str) -> InputError:
        kind = type(error).__name__
        where = self.url if what == "the listing" else f"{self.url} {what[:200]!r}"
        if kind in {"NoCredentialsError", "PartialCredentialsError", "DefaultCredentialsError"}:
            return InputError("there are no credentials for the bucket", where=where, mend=_hint(self._scheme))
        if isinstance(error, PermissionError) or kind in {"RefreshError", "TokenRetrievalError"}:
            return InputError(
                "the bucket refuses these credentials",
                where=where,
                mend=f"allow them to list the bucket and read its objects, or use others: {_hint(self._scheme)}",
            )
        if isinstance(error, FileNotFoundError):
            what = "there is no such bucket" if what == "the listing" else "the object is gone"
            return InputError(what, where=where, mend="correct events.path in company.yaml, or refresh again")
        return InputError(
            f"the bucket cannot be read ({kind})",
            where=where,
            mend="see that this machine reaches the store (network, proxy, AWS_ENDPOINT_URL, region), then try again",
        )


def _hint(scheme: str) -> str:
    return f"give credentials by {_STORES[scheme][1]}" if scheme in _STORES else "use s3:// or gs://"


def _errors() -> tuple[type[BaseException], ...]:
    """What the libraries in use raise. OSError is what they translate most errors to."""
    found: list[type[BaseException]] = [OSError, TimeoutError]
    for module, name in (
        ("botocore.exceptions", "BotoCoreError"),
        ("botocore.exceptions", "ClientError"),
        ("aiohttp", "ClientError"),
        ("google.auth.exceptions", "GoogleAuthError"),
        ("gcsfs.retry", "HttpError"),
    ):
        if module in sys.modules:
            found.append(getattr(sys.modules[module], name))
    return tuple(found)


def _described(key: str, entry: dict[str, Any]) -> StoredObject:
    etag = str(entry.get("ETag") or entry.get("etag") or "").strip('"')
    moment = next((entry[name] for name in ("LastModified", "updated", "mtime", "created") if entry.get(name)), "")
    md5 = base64.b64decode(entry["md5Hash"]).hex() if entry.get("md5Hash") else etag
    size = entry["Size"] if "Size" in entry else entry["size"]
    return StoredObject(key, int(size), etag or str(moment), md5 if _MD5.fullmatch(md5) else None)
