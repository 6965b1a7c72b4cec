"""Functions that are on every machine: the Python standard library and the installed packages."""

import importlib.metadata
import os
import platform
import re
import sysconfig
from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution, PackageNotFoundError
from pathlib import Path

from selfcodealign.errors import InputError
from selfcodealign.seeds.licences import PermittedLicences, distribution_licence
from selfcodealign.seeds.reading import UnreadableError, is_generated, read_source, reason_to_skip
from selfcodealign.seeds.reasons import CollectReason
from selfcodealign.seeds.sources.source import Origin, Skipped, SourceFile

STANDARD_LIBRARY_LICENCE = "PSF-2.0"
ALL_PACKAGES = "*"
_NOT_THE_LIBRARY = frozenset({"site-packages", "dist-packages", "__pycache__", "lib-dynload"})


class StandardLibrary:
    """The pure-Python modules of the running interpreter's standard library, without its tests."""

    def __init__(self, permitted: PermittedLicences) -> None:
        self._permitted = permitted

    def __iter__(self) -> Iterator[SourceFile | Skipped]:
        """Yield the library's files, sorted by path."""
        root = Path(sysconfig.get_paths()["stdlib"])
        origin = Origin(
            source="standard_library",
            package="python",
            version=platform.python_version(),
            licence=STANDARD_LIBRARY_LICENCE,
        )
        if not self._permitted.permits(origin.licence):
            yield refused(origin.package, origin.version, CollectReason.LICENCE_NOT_PERMITTED, origin.licence)
            return
        for folder, subfolders, names in os.walk(root):
            subfolders[:] = sorted(name for name in subfolders if name not in _NOT_THE_LIBRARY)
            for name in sorted(names):
                if name.endswith(".py"):
                    path = Path(folder) / name
                    yield read_or_skip(origin, path.relative_to(root).as_posix(), path)


class InstalledPackages:
    """The Python files of installed packages whose licence is permitted."""

    def __init__(self, names: Sequence[str], permitted: PermittedLicences) -> None:
        """Name the packages.

        Args:
            names: distribution names; `["*"]` takes every installed one, in alphabetical order.
            permitted: licences that may be used.
        """
        self._names = names
        self._permitted = permitted

    def __iter__(self) -> Iterator[SourceFile | Skipped]:
        """Yield files package by package, sorted by path.

        Raises:
            InputError: a named package is not installed.
        """
        for distribution in self._distributions():
            yield from self._files(distribution)

    def _distributions(self) -> list[Distribution]:
        if ALL_PACKAGES in self._names:
            found = {_normal(entry.name): entry for entry in importlib.metadata.distributions() if entry.name}
            return [found[name] for name in sorted(found)]
        return [_distribution(name) for name in self._names]

    def _files(self, distribution: Distribution) -> Iterator[SourceFile | Skipped]:
        name, version = distribution.name, distribution.version
        licence, refusal = permitted_licence(distribution, name, version, self._permitted)
        if refusal is not None:
            yield refusal
            return
        if distribution.files is None:
            yield refused(name, version, CollectReason.NO_FILE_LIST, "its metadata lists no files")
            return
        origin = Origin(source="python_package", package=name, version=version, licence=licence)
        listed = sorted(
            file.as_posix() for file in distribution.files if file.suffix == ".py" and ".." not in file.parts
        )
        for file in listed:
            yield read_or_skip(origin, file, Path(str(distribution.locate_file(file))))


def read_or_skip(origin: Origin, file: str, path: Path) -> SourceFile | Skipped:
    """Read one file of a package or folder, or say why not.

    Args:
        origin: the package.
        file: path inside the package, with forward slashes.
        path: where it lies.
    """
    reason, detail = reason_to_skip(file), ""
    if reason is None:
        try:
            text = read_source(path)
            if not is_generated(text):
                return SourceFile(origin=origin, file=file, path=str(path), text=text)
            reason = CollectReason.GENERATED
        except UnreadableError as error:
            reason, detail = error.reason, error.detail
    return Skipped(
        scope="file", package=origin.package, version=origin.version, file=printable(file), reason=reason, detail=detail
    )


def printable(text: str) -> str:
    """A file name as valid UTF-8: bytes that are none become escapes (Python keeps them as lone surrogates)."""
    return os.fsencode(text).decode("utf-8", "backslashreplace")


def permitted_licence(
    distribution: Distribution, name: str, version: str, permitted: PermittedLicences
) -> tuple[str, Skipped | None]:
    """The licence of a package, and its refusal if that is unknown or not permitted."""
    licence = distribution_licence(distribution)
    if licence is None:
        return "", refused(name, version, CollectReason.LICENCE_UNKNOWN, "its metadata names no known licence")
    if not permitted.permits(licence):
        return licence, refused(name, version, CollectReason.LICENCE_NOT_PERMITTED, licence)
    return licence, None


def refused(package: str, version: str, reason: CollectReason, detail: str) -> Skipped:
    """The refusal of a whole package."""
    return Skipped(scope="package", package=package, version=version, file="", reason=reason, detail=detail)


def _distribution(name: str) -> Distribution:
    try:
        return importlib.metadata.distribution(name)
    except (PackageNotFoundError, ValueError) as error:
        raise InputError(
            f"collect_seeds.python.packages: {name!r} is not installed; install it (`pip install {name}`) or remove it"
        ) from error


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
