"""From sources to seeds: every file read, every function extracted, everything left out counted by reason."""

import copy
import itertools
import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from selfcodealign.errors import InputError
from selfcodealign.files import writing
from selfcodealign.locking import only_process
from selfcodealign.parallel import ALONE, ordered_map
from selfcodealign.params import CollectSeeds, Workers
from selfcodealign.progress import progress
from selfcodealign.records import ID_HEX_DIGITS, Dropped, Seed
from selfcodealign.seeds.draw import drawn
from selfcodealign.seeds.extraction import extract_functions
from selfcodealign.seeds.licences import PermittedLicences, spdx_expression
from selfcodealign.seeds.parts import Parts, cut, part_digest
from selfcodealign.seeds.reasons import CollectReason
from selfcodealign.seeds.sources import (
    DownloadedPackages,
    Folder,
    HubFiles,
    InstalledPackages,
    RowFile,
    Skipped,
    Source,
    SourceFile,
    StandardLibrary,
)

KEPT, REPEATED, BEYOND = range(3)


class Collected:
    """What came out of the sources. Rows are read from disk, part by part.

    Attributes:
        counts: what was found and left out; `counts.functions` = `num_seeds` + the sum of `counts.functions_dropped`.
        num_seeds: whole functions that are kept.
        functions_by_package: functions kept, by package.
        licences: functions kept, by licence.
    """

    def __init__(self, parts: Parts, fates: NDArray[np.uint8]) -> None:
        """Join parts with what became of each of their seeds.

        Args:
            parts: all parts of the sources.
            fates: for each seed of the parts `KEPT`, `REPEATED` or `BEYOND`.
        """
        self._parts = parts
        self._fates = fates
        self.counts = copy.deepcopy(parts.counts)
        lost = {CollectReason.REPEATED: REPEATED, CollectReason.BEYOND_MAX_FUNCTIONS: BEYOND}
        self.counts.functions_dropped.update(
            {reason: count for reason, fate in lost.items() if (count := int((fates == fate).sum()))}
        )
        self.num_seeds = int((fates == KEPT).sum())
        self.functions_by_package: Counter[str] = Counter()
        self.licences: Counter[str] = Counter()
        kept = iter((fates == KEPT).tolist())
        for packages, licences in parts.columns("package", "licence"):
            for package, licence in zip(packages, licences, strict=True):
                if next(kept):
                    self.functions_by_package[package] += 1
                    self.licences[licence] += 1

    def rows(self, on_drop: Callable[[Dropped], None], root: Path | None = None) -> Iterator[Seed]:
        """The seeds, in the order of the sources.

        Args:
            on_drop: takes every row that was left out: packages, files and functions.
            root: files in this folder get paths relative to it, so that a run in another clone gives the same rows;
                None: paths stay as they are.

        Raises:
            InputError: a part cannot be read.
        """
        prefix = "" if root is None else f"{root.absolute()}{os.sep}"
        for lost in self._parts.dropped():
            on_drop(lost)
        for row, fate in zip(self._parts.seeds(), self._fates.tolist(), strict=True):
            if fate == KEPT:
                # No `Path`: an address may go on behind the file's name (`rows.jsonl#3`).
                yield replace(row, path=row.path.removeprefix(prefix))
            else:
                repeated = fate == REPEATED
                on_drop(_as_dropped(row, CollectReason.REPEATED if repeated else CollectReason.BEYOND_MAX_FUNCTIONS))


def sources_of(settings: CollectSeeds, cache: Path, path_of: Callable[[str], Path] = Path) -> list[Source]:
    """The sources that the settings name, in their order.

    Args:
        settings: the `collect_seeds` section of the params.
        cache: folder in which downloaded wheels are kept.
        path_of: makes the path of a folder or file that the settings name.

    Raises:
        InputError: a licence among the settings is no SPDX id or expression.
    """
    permitted = PermittedLicences(settings.licences)
    sources: list[Source] = []
    if settings.python is not None and settings.python.standard_library:
        sources.append(StandardLibrary(permitted))
    if settings.python is not None and settings.python.packages:
        sources.append(InstalledPackages(settings.python.packages, permitted))
    if settings.python is not None and settings.python.downloads:
        sources.append(DownloadedPackages(settings.python.downloads, permitted, cache / "wheels"))
    assumed = _assumed("assumed_licence", settings.assumed_licence)
    sources += [Folder(path_of(folder), permitted, assumed_licence=assumed) for folder in settings.folders]
    sources += [RowFile(path_of(file), permitted, assumed_licence=assumed) for file in settings.files]
    if settings.hub is not None:
        sources.append(
            HubFiles(
                settings.hub.name,
                permitted,
                subset=settings.hub.subset,
                split=settings.hub.split,
                revision=settings.hub.revision,
                text_column=settings.hub.text_column,
                licence_column=settings.hub.licence_column,
                assumed_licence=_assumed("hub.licence", settings.hub.licence),
                max_files=settings.hub.max_files,
            )
        )
    return sources


def _assumed(key: str, licence: str | None) -> str | None:
    if licence is None:
        return None
    expression = spdx_expression(licence)
    if expression is None:
        raise InputError(f"collect_seeds.{key}: {licence!r} is no SPDX expression; see https://spdx.org/licenses")
    return expression


@contextmanager
def collect_seeds(
    sources: Sequence[Source],
    folder: Path,
    *,
    max_functions: int | None,
    seed: int,
    methods: bool = False,
    workers: Workers = ALONE,
) -> Iterator[Collected]:
    """Read all sources and extract their functions.

    The result depends on the sources, `max_functions`, `seed` and `methods` only: not on the number of workers, and
    not on runs that ended before their time. Memory: a part in the making, the items in flight, some 110 bytes a seed.

    Args:
        sources: read one after the other.
        folder: where extracted functions wait. What a killed run left there is taken over for files that are still the
            same; when the block ends without an error, the folder is removed.
        max_functions: functions kept, drawn by id; None keeps all.
        seed: the run's seed, for the draw.
        methods: methods that need neither their class nor an instance are taken, as functions.
        workers: where functions are extracted.

    Yields:
        What was found, to be read inside the block.

    Raises:
        InputError: a source is not what the settings say, another process is at work in the folder, or it cannot be
            written.
        PrerequisiteError: a source cannot be reached.
    """
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
    with only_process(folder.with_name(f"{folder.name}.lock"), f"the collection in {folder}"):
        parts = Parts(folder)
        _extract_all(sources, parts, methods, workers)
        yield Collected(parts, _fates(parts, max_functions, seed))
        parts.remove()


def _extract_all(sources: Sequence[Source], parts: Parts, methods: bool, workers: Workers) -> None:
    cuts = cut(item for source in sources for item in source)
    with progress("collect seeds: files") as bar:
        for items in cuts:
            if not parts.take_over(digest := part_digest(items, methods)):
                cuts = itertools.chain([items], cuts)
                break
            bar.advance(len(items), "taken over from the run before")
        waiting: deque[tuple[str, int]] = deque()
        flat = _flat(cuts, methods, waiting)
        results = ordered_map(partial(_extract, methods=methods), flat, workers=workers, on_crash=_crashed)
        for first in results:
            digest, size = waiting.popleft()
            parts.write(digest, itertools.chain([first], itertools.islice(results, size - 1)))
            bar.advance(size, f"{parts.counts.functions} functions")


def _flat(
    cuts: Iterable[list[SourceFile | Skipped]], methods: bool, waiting: deque[tuple[str, int]]
) -> Iterator[SourceFile | Skipped]:
    """The items of all parts one by one; the digest and the size of each part are put in line before its items."""
    for items in cuts:
        waiting.append((part_digest(items, methods), len(items)))
        yield from items


def _fates(parts: Parts, max_functions: int | None, seed: int) -> NDArray[np.uint8]:
    columns = [np.array(ids, dtype=f"S{ID_HEX_DIGITS}") for (ids,) in parts.columns("id")]
    ids = np.concatenate(columns) if columns else np.empty(0, dtype=f"S{ID_HEX_DIGITS}")
    _, first = np.unique(ids, return_index=True)
    fates = np.full(len(ids), REPEATED, dtype=np.uint8)
    fates[first] = np.where(drawn(ids[first], seed, max_functions), KEPT, BEYOND)
    return fates


def _extract(item: SourceFile | Skipped, *, methods: bool) -> Skipped | list[Seed | Dropped]:
    return item if isinstance(item, Skipped) else extract_functions(item, methods=methods)


def _crashed(item: SourceFile | Skipped) -> Skipped | list[Seed | Dropped]:
    if isinstance(item, Skipped):
        return item
    return Skipped(
        scope="file",
        package=item.origin.package,
        version=item.origin.version,
        file=item.file,
        reason=CollectReason.PARSER_CRASHED,
        detail="the process that parsed it ended",
    )


def _as_dropped(row: Seed, reason: CollectReason) -> Dropped:
    detail = f"{row.package} {row.version} {row.file}:{row.first_line} {row.name}"
    return Dropped(id=row.id, parent_id="", reason=reason, detail=detail, text="")
