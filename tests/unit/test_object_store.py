"""Exports in a bucket: what is fetched, what is not, and that the lake is the one a local folder would have given.

S3 is a local server that speaks its protocol. Google's storage is not to be had offline: ``gs://`` is tested as far as
its URLs, its missing library and any file system registered under that name go.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import traceback
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from moto.server import ThreadedMotoServer
from s3fs import S3FileSystem

from assets.amplitude import mirror as mirroring
from assets.amplitude import planning
from assets.amplitude.erasure import ask_to_erase, erase
from assets.amplitude.landing import LandingResult, land, plan
from assets.amplitude.ledger import Ledger, usage_watermark
from assets.amplitude.mirror import local_path, look, mirror
from assets.company.fingerprint import company_fingerprint
from assets.company.model import Company
from assets.errors import InputError
from assets.home import Home
from assets.object_store import Store
from assets.transform.project import ROOT
from support.export_archive import DAY, company, event, lake, lines, name, packed, write_loose, write_zip

HOUR = timedelta(hours=1)
FIRST = lines(event(DAY, n) for n in range(8))
SECOND = lines(event(DAY + HOUR, n) for n in range(5))
THIRD = lines(event(DAY + 2 * HOUR, n) for n in range(3))


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    yield f"http://{host}:{port}"
    moto.stop()


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    for key in [key for key in os.environ if key.startswith("AWS_")]:
        monkeypatch.delenv(key)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "canary-id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    return boto3.resource("s3").create_bucket(Bucket=f"exports-{uuid.uuid4().hex}")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def put(bucket: Any, key: str, content: bytes) -> None:
    bucket.put_object(Key=f"acme/{key}", Body=content)


def url(bucket: Any) -> str:
    return f"s3://{bucket.name}/acme"


def refreshed(home: Home, customer: Company) -> LandingResult:
    mirror(home, customer)
    return land(home, customer, plan(home, customer))


def archives(home: Home) -> list[str]:
    root = home.amplitude_lake / "archives"
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def states(home: Home) -> list[str]:
    with Ledger.open(home) as ledger:
        return [hour.state for hour in ledger.hours()]


def test_a_bucket_gives_the_lake_of_a_local_folder(tmp_path: Path, home: Home, bucket: Any) -> None:
    local = company(tmp_path / "local")
    write_zip(tmp_path / "local/events/zips/a.zip", {name(DAY): FIRST, name(DAY + HOUR): SECOND})
    write_loose(tmp_path / "local/events/187654", name(DAY + 2 * HOUR), THIRD)
    for path in (tmp_path / "local/events").rglob("*.*z*"):
        put(bucket, path.relative_to(tmp_path / "local/events").as_posix(), path.read_bytes())
    put(bucket, "README.txt", b"not an export")
    put(bucket, ".hidden/x.json.gz", b"junk")
    bucket.put_object(Key=f"acme-of-others/{name(DAY + 9 * HOUR)}", Body=packed(FIRST))
    beside = Home(tmp_path / "beside")
    land(beside, local, plan(beside, local))

    done: list[tuple[str, int, int]] = []
    fetched = mirror(home, company(tmp_path, path=url(bucket)), lambda *told: done.append(told))
    result = land(home, company(tmp_path, path=url(bucket)), plan(home, company(tmp_path, path=url(bucket))))

    assert archives(home) == [f"187654/{name(DAY + 2 * HOUR)}", "zips/a.zip"]
    assert (fetched.objects, result.records) == (2, 16)
    assert done[-1] == ("fetching exports (bytes)", fetched.bytes, fetched.bytes)
    assert lake(home) == lake(beside)


def test_only_new_and_changed_objects_are_fetched_and_vanished_ones_stay(
    tmp_path: Path, home: Home, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = company(tmp_path, path=url(bucket))
    put(bucket, name(DAY), packed(FIRST))
    put(bucket, name(DAY + HOUR), packed(SECOND))
    refreshed(home, customer)
    asked: list[str] = []
    fetch = Store.fetch
    monkeypatch.setattr(Store, "fetch", lambda self, key, target: (asked.append(key), fetch(self, key, target))[1])

    refreshed(home, customer)
    assert asked == []
    put(bucket, name(DAY), packed(FIRST))  # written again, with the same content
    refreshed(home, customer)
    assert asked == []

    put(bucket, name(DAY), packed(FIRST + lines([event(DAY, 100)])))
    put(bucket, name(DAY + 2 * HOUR), packed(THIRD))
    bucket.Object(f"acme/{name(DAY + HOUR)}").delete()
    result = refreshed(home, customer)
    assert sorted(asked) == [name(DAY), name(DAY + 2 * HOUR)]
    assert (result.hours, result.records) == (2, 12)
    assert [row[4] for row in lake(home)[1][1]] == [9, 5, 3]  # staged by hour: nothing was lost


def test_a_file_that_somebody_removed_from_the_mirror_is_fetched_again(tmp_path: Path, home: Home, bucket: Any) -> None:
    customer = company(tmp_path, path=url(bucket))
    put(bucket, name(DAY), packed(FIRST))
    refreshed(home, customer)
    (home.amplitude_lake / "archives" / name(DAY)).unlink()
    assert mirror(home, customer).objects == 1
    assert archives(home) == [name(DAY)]


def test_an_export_that_held_somebody_forgotten_is_not_fetched_again(tmp_path: Path, home: Home, bucket: Any) -> None:
    customer = company(tmp_path, path=url(bucket))
    put(bucket, name(DAY), packed(FIRST))
    put(bucket, name(DAY + HOUR), packed(lines([event(DAY + HOUR, 1, user_id="other", device_id="elsewhere")])))
    refreshed(home, customer)
    ask_to_erase(home, customer, {"user": ["user-1"]})
    erase(home, customer)
    assert archives(home) == sorted([name(DAY + HOUR), f"{name(DAY)}.dropped"])
    assert mirror(home, customer).objects == 0
    assert refreshed(home, customer).records == 0


def test_an_hour_without_its_marker_is_not_ready(tmp_path: Path, home: Home, bucket: Any) -> None:
    customer = company(tmp_path, path=url(bucket))
    for number in range(3):
        put(bucket, f"187654/{name(DAY + number * HOUR)}", packed([FIRST, SECOND, THIRD][number]))
    put(bucket, f"187654/187654_{DAY:%Y-%m-%d}_0_complete", b"")
    put(bucket, f"187654/4711_{DAY:%Y-%m-%d}_1_complete", b"")  # another project's
    put(bucket, "-99_2025-03-03_1.json.gz", packed(b"{}\n"))  # merge facts have no marker
    fetched = mirror(home, customer)
    assert (fetched.objects, len(fetched.awaited)) == (2, 2)
    land(home, customer, plan(home, customer))
    assert states(home) == ["loaded", "not_ready", "not_ready"]
    assert usage_watermark(home, customer) is None
    assert planning.days_ahead(home, customer) == []

    before = company_fingerprint(tmp_path, url(bucket))
    put(bucket, f"187654/187654_{DAY:%Y-%m-%d}_1_complete.json.gz", b"")
    assert company_fingerprint(tmp_path, url(bucket)) != before
    assert planning.days_ahead(home, customer) == [DAY.date()]
    refreshed(home, customer)
    assert states(home) == ["loaded", "loaded", "not_ready"]
    put(bucket, f"187654_{DAY:%Y-%m-%d}_complete", b"")  # of the whole day
    refreshed(home, customer)
    assert states(home) == ["loaded"] * 3


def test_markers_for_no_hour_that_is_there_are_said(tmp_path: Path, home: Home, bucket: Any) -> None:
    put(bucket, name(DAY), packed(FIRST))
    put(bucket, "187654_2025-01-01_0_complete", b"")
    with pytest.raises(InputError, match="complete-marker"):
        refreshed(home, company(tmp_path, path=url(bucket)))


def test_hostile_keys_stay_in_the_folder(tmp_path: Path, home: Home, bucket: Any) -> None:
    hours = iter(name(DAY + number * HOUR) for number in range(9))
    keys = [
        f"../../../{next(hours)}", f"/{next(hours)}", f"a//{next(hours)}", f"./{next(hours)}", f"nul\0/{next(hours)}",
        f"{'long' * 60}/{next(hours)}", f"back\\..\\..\\{next(hours)}", f"x.gz/{next(hours)}", "x.gz", "..gz/../y.zip",
    ]  # fmt: skip
    for number, key in enumerate(keys[:8]):
        put(bucket, key, packed(lines([event(DAY + number * HOUR, number)])))
    put(bucket, "x.gz", packed(FIRST))
    outside = set(tmp_path.rglob("*"))
    refreshed(home, company(tmp_path, path=url(bucket)))

    written = set(tmp_path.rglob("*")) - outside
    assert all(path.is_relative_to(home.root) or path.is_relative_to(tmp_path / "events") for path in written)
    assert len(archives(home)) == 9
    root = (home.amplitude_lake / "archives").resolve()
    assert all((root / local_path(key)).resolve().is_relative_to(root) for key in keys)
    # Hours that their file names tell are landed, wherever the key points; a name with backslashes tells none.
    assert states(home).count("loaded") == 7


_KILLED = """
import os, sys
from pathlib import Path
from assets.amplitude import mirror as mirroring
from assets.home import Home
from support.export_archive import company
done, move = [], mirroring.make_durable
def move_some(draft, target):
    if done:
        os.kill(os.getpid(), 9)
    done.append(move(draft, target))
mirroring.WORKERS, mirroring.make_durable = 1, move_some
folder = Path(sys.argv[1])
mirroring.mirror(Home(folder / "home"), company(folder, path=sys.argv[2]))
"""


def test_killed_between_the_temporary_file_and_its_place(tmp_path: Path, home: Home, bucket: Any) -> None:
    customer = company(tmp_path, path=url(bucket))
    for number, content in enumerate([FIRST, SECOND, THIRD]):
        put(bucket, name(DAY + number * HOUR), packed(content))
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED, str(tmp_path), url(bucket)],
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        check=False,
    )

    assert killed.returncode == -9
    assert archives(home) == [name(DAY)] and list((home.amplitude_lake / "fetching").iterdir())
    assert mirror(home, customer).objects in {2, 3}  # the first was in its place, and perhaps not yet remembered
    assert land(home, customer, plan(home, customer)).records == 16
    assert not (home.amplitude_lake / "fetching").exists()


def test_a_damaged_transfer_is_noticed(
    tmp_path: Path, home: Home, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = company(tmp_path, path=url(bucket))
    put(bucket, name(DAY), packed(FIRST))
    fetch, count = Store.fetch, iter(range(9))

    def cut(self: Store, key: str, target: Path) -> None:
        fetch(self, key, target)
        target.write_bytes(target.read_bytes()[:-3] + bytes([next(count)] * 3))

    with monkeypatch.context() as patch:
        patch.setattr(Store, "fetch", cut)
        with pytest.raises(InputError, match="does not arrive"):
            mirror(home, customer)
    assert archives(home) == []
    assert mirror(home, customer).objects == 1


def test_an_etag_that_is_no_checksum_is_understood(
    tmp_path: Path, home: Home, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With SSE-KMS the tag looks like an MD5, and is none: two equal downloads tell."""
    put(bucket, name(DAY), packed(FIRST))
    monkeypatch.setattr(mirroring, "_md5", lambda path: "0" * 32)
    assert mirror(home, company(tmp_path, path=url(bucket))).objects == 1
    assert archives(home) == [name(DAY)]


def test_listing_is_enough_to_know_that_nothing_is_new(tmp_path: Path, home: Home, bucket: Any) -> None:
    (tmp_path / "company.yaml").write_text("name: T")
    put(bucket, name(DAY), packed(FIRST))
    first = company_fingerprint(tmp_path, url(bucket))
    assert company_fingerprint(tmp_path, url(bucket)) == first
    put(bucket, name(DAY + HOUR), packed(SECOND))
    assert company_fingerprint(tmp_path, url(bucket)) != first
    put(bucket, "a.zip", write_zip(tmp_path / "a.zip", {name(DAY + 30 * HOUR): THIRD}).read_bytes())
    outlook = look(home, company(tmp_path, path=url(bucket)))
    assert (outlook.objects, outlook.days) == (3, {DAY.date(), (DAY + 30 * HOUR).date()})
    assert archives(home) == []
    assert planning.first_day(home, company(tmp_path, path=url(bucket))) == DAY.date()


def test_long_listings_come_in_pages(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    call = S3FileSystem.call_s3
    monkeypatch.setattr(S3FileSystem, "call_s3", lambda *told, **asked: call(*told, **asked, MaxKeys=7))
    for number in range(30):
        put(bucket, f"{number:02d}.gz", b"x")
    keys = [found.key for found in Store(url(bucket)).objects()]
    assert len(keys) == 30 and keys == sorted(keys)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("s3://no-such-bucket/x", "no such bucket"),
        ("s3://", "not a place"),
        ("https://exports/acme", "not a place"),
        ("gs://exports/acme", "needs the library gcsfs"),
    ],
)
def test_places_that_cannot_be_read(tmp_path: Path, home: Home, bucket: Any, place: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        mirror(home, company(tmp_path, path=place))
    assert caught.value.mend


def test_an_empty_bucket_is_bad_input(tmp_path: Path, home: Home, bucket: Any) -> None:
    with pytest.raises(InputError, match=r"no \.zip and no \.json\.gz") as caught:
        refreshed(home, company(tmp_path, path=url(bucket)))
    assert caught.value.where == url(bucket)


def test_secrets_in_the_url_are_refused_and_not_repeated(tmp_path: Path, home: Home) -> None:
    with pytest.raises(InputError) as caught:
        mirror(home, company(tmp_path, path="s3://canary-id:canary-secret@exports/acme"))
    assert "canary" not in str(caught.value)


def test_unreachable_store_and_missing_credentials(
    tmp_path: Path, home: Home, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = company(tmp_path, path=url(bucket))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://user:canary-secret@127.0.0.1:{free.getsockname()[1]}")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        with pytest.raises(InputError, match="cannot be read") as caught:
            mirror(home, customer)
    assert "canary" not in "".join(traceback.format_exception(caught.value))
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(key)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(InputError, match="no credentials"):
        mirror(home, customer)


def test_refused_credentials(tmp_path: Path, home: Home, bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("Access Denied for canary-id")

    monkeypatch.setattr(S3FileSystem, "call_s3", refuse)
    with pytest.raises(InputError, match="refuses these credentials") as caught:
        mirror(home, company(tmp_path, path=url(bucket)))
    assert "canary" not in str(caught.value)


def test_gs_urls_go_to_the_file_system_of_that_name(
    tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Fake(MemoryFileSystem):
        protocol = "gs"
        store: dict[str, Any] = {}  # noqa: RUF012 - as the class it derives from
        pseudo_dirs: list[str] = [""]  # noqa: RUF012

    fsspec.register_implementation("gs", Fake, clobber=True)
    try:
        Fake().pipe_file(f"/exports/acme/187654/{name(DAY)}", packed(FIRST))
        customer = company(tmp_path, path="gs://exports/acme/")
        assert list(planning.days_ahead(home, customer)) == [DAY.date()]
        assert refreshed(home, customer).records == 8
        assert archives(home) == [f"187654/{name(DAY)}"]
        assert mirror(home, customer).objects == 0
    finally:
        fsspec.register_implementation("gs", "gcsfs.GCSFileSystem", clobber=True)
