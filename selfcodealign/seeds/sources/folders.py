"""Any folder or git checkout, or a folder that holds many of them."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from selfcodealign.errors import InputError
from selfcodealign.inputs.source_folders import LICENSE_FILE, PROJECT_FILE, head_commit, is_entered, sorted_entries
from selfcodealign.seeds.licence_texts import licence_of_text
from selfcodealign.seeds.licences import PermittedLicences, licence_from_names
from selfcodealign.seeds.reasons import CollectReason
from selfcodealign.seeds.sources.python_packages import printable, read_or_skip
from selfcodealign.seeds.sources.source import Origin, Skipped, SourceFile

UNVERSIONED = "unversioned"
_MAX_LICENCE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Project:
    """The project that a folder belongs to: the nearest one above it that names itself."""

    root: Path
    package: str
    version: str
    licence: str | None


class Folder:
    """The Python files under a folder. Each git checkout or folder with a licence file is a project of its own.

    Symbolic links are counted and never followed, so that loops and ways out of the folder do not exist.
    """

    def __init__(self, root: Path, permitted: PermittedLicences, *, assumed_licence: str | None = None) -> None:
        """Name the folder.

        Args:
            root: the folder.
            permitted: licences that may be used.
            assumed_licence: SPDX expression for projects that state none; None drops them.
        """
        self._root = root
        self._permitted = permitted
        self._assumed_licence = assumed_licence

    def __iter__(self) -> Iterator[SourceFile | Skipped]:
        """Yield files sorted by path inside each folder, then its subfolders.

        Raises:
            InputError: there is no such folder.
        """
        if not self._root.is_dir():
            raise InputError(f"collect_seeds.folders: {self._root} is no folder; mend the path or remove it")
        root = self._root.resolve()
        outer = _Project(root, printable(root.name), UNVERSIONED, self._assumed_licence)
        pending = [(root, outer)]
        judged: set[Path] = set()
        while pending:  # a stack of our own: a hostile tree may be deeper than Python's
            folder, parent = pending.pop()
            entries = sorted_entries(folder)
            if isinstance(entries, OSError):
                yield _skipped(parent, folder, CollectReason.UNREADABLE, entries.strerror or "")
                continue
            project = _project_at(folder, [entry.name for entry in entries], parent, self._assumed_licence)
            subfolders, files = [], []
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if is_entered(entry.name):
                        subfolders.append((Path(entry.path), project))
                elif entry.name.endswith(".py"):
                    files.append(Path(entry.path))
                elif entry.is_symlink() and entry.is_dir():
                    yield _skipped(project, Path(entry.path), CollectReason.SYMLINK, "")
            pending.extend(reversed(subfolders))
            yield from self._files(project, files, judged)

    def _files(self, project: _Project, files: list[Path], judged: set[Path]) -> Iterator[SourceFile | Skipped]:
        licence = project.licence
        if files and (licence is None or not self._permitted.permits(licence)):
            if project.root not in judged:  # a refused project is one row, however many files it has
                judged.add(project.root)
                reason = CollectReason.LICENCE_UNKNOWN if licence is None else CollectReason.LICENCE_NOT_PERMITTED
                yield replace(_skipped(project, project.root, reason, licence or ""), scope="package")
            return
        for path in files:
            origin = Origin(source="folder", package=project.package, version=project.version, licence=str(licence))
            item = read_or_skip(origin, path.relative_to(project.root).as_posix(), path)
            if isinstance(item, SourceFile):
                item = replace(item, file=printable(item.file), path=printable(item.path))
            yield item


def _project_at(folder: Path, names: list[str], parent: _Project, assumed_licence: str | None) -> _Project:
    """The project of a folder: its own if it is a checkout, has a licence file or a pyproject, else its parent's."""
    licence_files = [name for name in names if LICENSE_FILE.match(name)]
    is_checkout = ".git" in names
    if not (licence_files or is_checkout or PROJECT_FILE in names):
        return parent
    declared = _declared(folder / PROJECT_FILE) if PROJECT_FILE in names else {}
    licence = _stated_licence(declared) or _licence_of_files(folder, licence_files)
    if licence is None and not licence_files:
        # A package inside a monorepo may leave its terms to the whole; a checkout inside another folder may not.
        licence = assumed_licence if is_checkout else parent.licence
    name = declared.get("name")
    return _Project(
        root=folder,
        package=name if isinstance(name, str) and name else printable(folder.name),
        version=(head_commit(folder) or UNVERSIONED) if is_checkout else parent.version,
        licence=licence,
    )


def _declared(path: Path) -> dict[str, Any]:
    """The `[project]` table of a pyproject file; empty if it has none or cannot be read."""
    try:
        project = tomllib.loads(path.read_text(encoding="utf-8")).get("project", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError):
        return {}
    return project if isinstance(project, dict) else {}


def _stated_licence(declared: dict[str, Any]) -> str | None:
    stated = declared.get("license")
    if isinstance(stated, dict):
        stated = stated.get("text")
    return licence_from_names([stated]) if isinstance(stated, str) and "\n" not in stated else None


def _licence_of_files(folder: Path, names: list[str]) -> str | None:
    """The licence that the licence files of a project agree on, joined with AND if they are several."""
    found = []
    for name in names:
        path = folder / name
        try:
            if path.is_symlink() or not path.is_file() or path.stat().st_size > _MAX_LICENCE_BYTES:
                continue
            found.append(licence_of_text(path.read_text(encoding="utf-8", errors="replace")))
        except OSError:
            continue
    known = [licence for licence in found if licence is not None]
    return licence_from_names(known) if known and len(known) == len(found) else None


def _skipped(project: _Project, path: Path, reason: CollectReason, detail: str) -> Skipped:
    return Skipped(
        scope="file",
        package=project.package,
        version=project.version,
        file=printable(path.relative_to(project.root).as_posix()),
        reason=reason,
        detail=detail,
    )
