"""Packages that are not installed: their wheels, downloaded by name and read in place, never unpacked, never run."""

import importlib.util
import stat
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path
from zipfile import ZipFile, ZipInfo

from selfcodealign.errors import InputError, PrerequisiteError
from selfcodealign.seeds.licences import PermittedLicences
from selfcodealign.seeds.reading import MAX_FILE_BYTES, UnreadableError, decode_source, is_generated, reason_to_skip
from selfcodealign.seeds.reasons import CollectReason
from selfcodealign.seeds.sources.python_packages import permitted_licence, refused
from selfcodealign.seeds.sources.source import Origin, Skipped, SourceFile

DOWNLOAD_TIMEOUT_S = 600.0
MAX_ENTRIES = 100_000
MAX_SOURCE_BYTES = 512 * 1024 * 1024
# What `zipfile` raises on entries that are damaged, encrypted, missing or packed in an unknown way.
_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, KeyError, ValueError)


class DownloadedPackages:
    """The Python files of packages from the index that pip is set to, each at one version.

    Only wheels are taken: to read even the name of a source distribution, pip runs code that comes with it.
    """

    def __init__(self, pins: Sequence[str], permitted: PermittedLicences, folder: Path) -> None:
        """Name the packages.

        Args:
            pins: `name==version` each.
            permitted: licences that may be used.
            folder: where wheels are kept; one that is there is not downloaded again.
        """
        self._pins = pins
        self._permitted = permitted
        self._folder = folder

    def __iter__(self) -> Iterator[SourceFile | Skipped]:
        """Yield files package by package, sorted by path.

        Raises:
            InputError: pip finds no wheel for a pin.
            PrerequisiteError: this environment has no pip.
        """
        for pin in self._pins:
            yield from wheel_files(_downloaded(pin, self._folder / pin), pin, self._permitted)


def wheel_files(path: Path, pin: str, permitted: PermittedLicences) -> Iterator[SourceFile | Skipped]:
    """The Python files of one wheel, sorted by path; archives inside it are not opened.

    Args:
        path: the wheel.
        pin: `name==version`, which names it where it does not name itself.
        permitted: licences that may be used.
    """
    name, _, version = pin.partition("==")
    try:
        with ZipFile(path) as archive:
            entries = archive.infolist()
            size = sum(entry.file_size for entry in entries if entry.filename.endswith(".py"))
            if len(entries) > MAX_ENTRIES or size > MAX_SOURCE_BYTES:
                detail = f"{len(entries)} entries, {size} bytes of Python"
                yield refused(name, version, CollectReason.ARCHIVE_TOO_LARGE, detail)
                return
            licence, refusal = permitted_licence(_distribution(archive, entries), name, version, permitted)
            if refusal is not None:
                yield refusal
                return
            origin = Origin(source="python_package", package=name, version=version, licence=licence)
            for entry in sorted(entries, key=lambda entry: entry.filename):
                if entry.filename.endswith(".py"):
                    yield _entry(archive, entry, origin, path.name)
    except _ZIP_ERRORS as error:
        yield refused(name, version, CollectReason.BAD_ARCHIVE, " ".join(str(error).split())[:200])


def _distribution(archive: ZipFile, entries: Sequence[ZipInfo]) -> Distribution:
    """The wheel's metadata.

    Raises:
        BadZipFile: it has none, more than one, or one of a gigantic size.
    """
    folders = {entry.filename.split("/")[0] for entry in entries}
    named = [folder for folder in folders if folder.endswith(".dist-info")]
    if len(named) != 1:
        raise zipfile.BadZipFile(f"{len(named)} dist-info folders")
    # An entry never gives more than the size that it states, so that a bomb is seen before it is read.
    if any(entry.filename.startswith(named[0]) and entry.file_size > MAX_FILE_BYTES for entry in entries):
        raise zipfile.BadZipFile("metadata of a gigantic size")
    return PathDistribution(zipfile.Path(archive, f"{named[0]}/"))


def _entry(archive: ZipFile, entry: ZipInfo, origin: Origin, wheel: str) -> SourceFile | Skipped:
    reason, detail = reason_to_skip(entry.filename), ""
    if reason is None:
        try:
            text = _text(archive, entry)
            if not is_generated(text):
                return SourceFile(
                    origin=origin, file=_printable(entry), path=f"{wheel}!/{_printable(entry)}", text=text
                )
            reason = CollectReason.GENERATED
        except UnreadableError as error:
            reason, detail = error.reason, error.detail
    return Skipped(
        scope="file",
        package=origin.package,
        version=origin.version,
        file=_printable(entry),
        reason=reason,
        detail=detail,
    )


def _text(archive: ZipFile, entry: ZipInfo) -> str:
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise UnreadableError(CollectReason.SYMLINK)
    if entry.file_size > MAX_FILE_BYTES:
        raise UnreadableError(CollectReason.FILE_TOO_LARGE, f"{entry.file_size} bytes")
    try:
        data = archive.read(entry)
    except _ZIP_ERRORS as error:
        raise UnreadableError(CollectReason.UNREADABLE, " ".join(str(error).split())[:200]) from error
    return decode_source(data)


def _printable(entry: ZipInfo) -> str:
    return entry.filename.encode("utf-8", "backslashreplace").decode("utf-8")


def _downloaded(pin: str, folder: Path) -> Path:
    kept = sorted(folder.glob("*.whl"))
    if kept:
        return kept[0]
    if importlib.util.find_spec("pip") is None:
        raise PrerequisiteError(
            "pip is missing; run `python -m ensurepip`, or leave collect_seeds.python.downloads empty"
        )
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary", ":all:", "--dest", str(folder), pin]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_TIMEOUT_S, check=False)
        failure = answer.stderr if answer.returncode else ""
    except subprocess.TimeoutExpired:
        failure = f"no answer within {DOWNLOAD_TIMEOUT_S:.0f} s"
    wheels = sorted(folder.glob("*.whl"))
    if failure or not wheels:
        last = (failure.strip().splitlines() or ["no wheel came"])[-1].removeprefix("ERROR: ")
        raise InputError(
            f"collect_seeds.python.downloads: no wheel of {pin} ({last[:200]}); mend name and version, "
            "or name the folder of its unpacked source under collect_seeds.folders"
        )
    return wheels[0]
