"""What lies in the export folder: zips of the Export API and loose hourly files, in any nesting.

Nothing is unpacked here. A zip gives its central directory, a loose file its checksum; what a member holds is known
by (file name, CRC-32, size) of its gzip bytes, so the same hour delivered twice, zipped or loose, is one content.
"""

from __future__ import annotations

import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from assets.company.model import Company
from assets.errors import InputError
from assets.home import Home

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - UTC without a zone, as in the lake
# <project>_<yyyy-MM-dd>_<H>#<part>.json.gz, the hour not padded
_EVENTS = re.compile(r"[^_/\\-][^_/\\]*_(\d{4}-\d{2}-\d{2})_(\d{1,2})#(\d+)\.json\.gz")
# A file of another year is misnamed, and would stretch the ledger over millions of empty hours.
_YEARS = range(2010, 2101)
# Merge facts of the S3/GCS destination: -<Org>_<yyyy-MM-dd>_<H>.json.gz
_MERGES = re.compile(r"-.+_(\d{4}-\d{2}-\d{2})_(\d{1,2})\.json\.gz")
_JUNK = re.compile(r"(^|/)(__MACOSX/|\.)")
_STORED, _DEFLATED, _LOOSE = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, -1
_BLOCK = 1 << 20


@dataclass(frozen=True)
class ArchiveFile:
    """A zip or a loose gzip file, as its folder lists it."""

    path: Path
    size: int
    mtime_ns: int


@dataclass(frozen=True)
class Member:
    """One hourly gzip file, in a zip or loose. ``hour``: upload hour (UTC) as hours since 1970, None when the name
    tells none; ``problem``: why it must not be read, if so; ``offset`` and ``packed``: where its bytes lie."""

    archive: str
    path: str
    name: str
    crc: int
    size: int
    hour: int | None
    problem: str | None
    method: int
    offset: int
    packed: int

    @property
    def content(self) -> tuple[str, int, int]:
        return self.name, self.crc, self.size

    @property
    def tells_merges(self) -> bool:
        """Whether it is a file of merge facts and not of events."""
        return self.hour is not None and bool(_MERGES.fullmatch(self.name))


def hour_number(moment: datetime) -> int:
    """Whole hours since 1970 of a UTC moment."""
    return (moment - EPOCH) // timedelta(hours=1)


def hour_start(number: int) -> datetime:
    return EPOCH + timedelta(hours=number)


def day_hours(day: date) -> range:
    """The 24 upload hours of a UTC day."""
    first = hour_number(datetime(day.year, day.month, day.day))  # noqa: DTZ001 - as EPOCH
    return range(first, first + 24)


def local_midnight_hour(day: date, time_zone: str) -> int:
    """Number of the first UTC hour that does not end by the local midnight AFTER ``day``."""
    after = datetime.combine(day + timedelta(days=1), datetime.min.time(), ZoneInfo(time_zone))
    return hour_number(after.astimezone(UTC).replace(tzinfo=None))


def upload_hour(name: str) -> int | None:
    """Upload hour that the name of a file of events tells, or None."""
    return _hour_in(_EVENTS.fullmatch(name))


def _hour_in(match: re.Match[str] | None) -> int | None:
    if not match:
        return None
    try:
        day = datetime.strptime(match[1], "%Y-%m-%d")  # noqa: DTZ007 - UTC by definition of the export
    except ValueError:
        return None
    return hour_number(day) + int(match[2]) if int(match[2]) < 24 and day.year in _YEARS else None


def archives_folder(home: Home) -> Path:
    """Where exports lie that were fetched from elsewhere."""
    return (home.amplitude_lake / "archives").resolve()


def dropped_mark(path: Path) -> Path:
    """Stands in the place of an archive that was removed because it holds somebody who was erased."""
    return path.with_name(f"{path.name}.dropped")


def is_junk(path: str) -> bool:
    """Hidden files and the leftovers of operating systems, by their path within the exports."""
    return bool(_JUNK.search(path))


def events_folder(home: Home, company: Company) -> Path:
    """The folder to read: the company's own, or that of what is fetched. Raises InputError when there is none."""
    if company.events.is_extracted or company.events_url:
        archives_folder(home).mkdir(parents=True, exist_ok=True)
        return archives_folder(home)
    where = f"{company.folder / 'company.yaml'}: events"
    if not company.events_path.is_dir():
        raise InputError(
            f"the events folder {company.events_path} does not exist",
            where=where,
            mend="make the folder and put the Export API zips or hourly .json.gz files into it, or correct events.path",
        )
    return company.events_path.resolve()


def list_files(folder: Path) -> list[ArchiveFile]:
    """All zips and gzip files below a folder, sorted by path; hidden files and folders are left alone."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in {".zip", ".gz"} or is_junk(path.relative_to(folder).as_posix()):
            continue
        if any("\ud800" <= letter <= "\udfff" for letter in str(path)):
            raise InputError("a file name is not UTF-8", where=ascii(str(path)), mend="rename the file or move it away")
        status = path.stat()
        if stat.S_ISREG(status.st_mode):
            found.append(ArchiveFile(path, status.st_size, status.st_mtime_ns))
    return found


def read_members(file: ArchiveFile) -> Iterator[Member]:
    """The members of a zip, or the loose file itself. Raises InputError for a zip without a readable directory."""
    if file.path.suffix.lower() == ".zip":
        yield from _zip_members(file)
    else:
        crc = _checksum(file.path)
        name = file.path.name
        hour = _hour_in(_EVENTS.fullmatch(name) or _MERGES.fullmatch(name))
        problem = None if hour is not None else "unknown_name"
        yield Member(str(file.path), name, name, crc, file.size, hour, problem, _LOOSE, 0, file.size)


def _checksum(path: Path) -> int:
    crc = 0
    try:
        with path.open("rb") as stream:
            while block := stream.read(_BLOCK):
                crc = zlib.crc32(block, crc)
    except OSError as error:
        raise InputError(
            f"the file cannot be read: {error.strerror}", where=str(path), mend="make it readable or remove it"
        ) from error
    return crc


def _zip_members(file: ArchiveFile) -> Iterator[Member]:
    try:
        with zipfile.ZipFile(file.path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise InputError(
            f"the zip cannot be read: {error}",
            where=str(file.path),
            mend="the file is cut off or damaged: copy or download it again (or remove it), then refresh once more",
        ) from error
    for entry in entries:
        name = re.split(r"[/\\]", entry.orig_filename)[-1]
        if _is_none_of_ours(entry, name):
            continue
        hour = _hour_in(_EVENTS.fullmatch(name) or _MERGES.fullmatch(name))
        problem = _listed_problem(entry, hour)
        yield Member(
            str(file.path), entry.orig_filename, name, entry.CRC, entry.file_size, hour, problem,
            entry.compress_type, entry.header_offset, entry.compress_size,
        )  # fmt: skip


def _is_none_of_ours(entry: zipfile.ZipInfo, name: str) -> bool:
    """Folders and the leftovers of operating systems are nothing to report."""
    known = entry.is_dir() or _JUNK.search(entry.orig_filename)
    return bool(known) and not _is_unsafe(entry.orig_filename)


def _is_unsafe(path: str) -> bool:
    return path.startswith(("/", "\\")) or bool(re.match(r"[A-Za-z]:", path)) or ".." in re.split(r"[/\\]", path)


def _listed_problem(entry: zipfile.ZipInfo, hour: int | None) -> str | None:
    """What the central directory alone says against reading a member."""
    if _is_unsafe(entry.orig_filename):
        return "unsafe_path"
    if hour is None:
        return "unknown_name"
    if entry.flag_bits & 0x1:
        return "encrypted"
    return None if entry.compress_type in {_STORED, _DEFLATED} else "unsupported_compression"
