"""From sources to seeds: every file read, every function extracted, everything left out counted by reason."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from selfcodealign.errors import InputError
from selfcodealign.parallel import ALONE, ordered_map
from selfcodealign.params import CollectSeeds, Workers
from selfcodealign.progress import progress
from selfcodealign.records import Dropped, Seed
from selfcodealign.seeds.draw import Draw
from selfcodealign.seeds.extraction import extract_functions
from selfcodealign.seeds.licences import PermittedLicences, spdx_expression
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


@dataclass(slots=True)
class Collected:
    """What came out of the sources.

    Attributes:
        seeds: whole functions, in the order of the sources.
        dropped: functions, files and packages that were left out, each with its reason.
        num_functions: functions found.
        num_files: files found, the unreadable ones included.
        functions_dropped: functions left out, by reason; `num_functions` = seeds + their sum.
        files_dropped: files left out, by reason.
        packages_dropped: packages, folders and datasets refused as a whole, by reason.
        functions_by_package: functions kept, by package.
        licences: functions kept, by licence.
    """

    seeds: list[Seed] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)
    num_functions: int = 0
    num_files: int = 0
    functions_dropped: Counter[str] = field(default_factory=Counter)
    files_dropped: Counter[str] = field(default_factory=Counter)
    packages_dropped: Counter[str] = field(default_factory=Counter)
    functions_by_package: Counter[str] = field(default_factory=Counter)
    licences: Counter[str] = field(default_factory=Counter)


def sources_of(settings: CollectSeeds, cache: Path) -> list[Source]:
    """The sources that the settings name, in their order.

    Args:
        settings: the `collect_seeds` section of the params.
        cache: folder in which downloaded wheels are kept.

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
    sources += [Folder(Path(folder), permitted, assumed_licence=assumed) for folder in settings.folders]
    sources += [RowFile(Path(file), permitted, assumed_licence=assumed) for file in settings.files]
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


def collect_seeds(
    sources: Sequence[Source], *, max_functions: int | None, seed: int, workers: Workers = ALONE
) -> Collected:
    """Read all sources and extract their functions.

    The result depends on the sources, `max_functions` and `seed` only, not on the number of workers.

    Args:
        sources: read one after the other.
        max_functions: functions kept, drawn by id; None keeps all.
        seed: the run's seed, for the draw.
        workers: where functions are extracted.

    Raises:
        InputError: a source is not what the settings say.
        PrerequisiteError: a source cannot be reached.
    """
    result = Collected()
    draw = Draw(seed, max_functions)
    seen: set[str] = set()
    with progress("collect seeds: files") as bar:
        for item in ordered_map(_extract, _items(sources), workers=workers, on_crash=_crashed):
            if isinstance(item, Skipped):
                _count_skipped(result, item)
            else:
                result.num_files += 1
                for row in item:
                    _count_function(result, row, draw, seen)
            bar.advance(note=f"{result.num_functions} functions")
    result.seeds = draw.rows()
    result.functions_by_package = Counter(row.package for row in result.seeds)
    result.licences = Counter(row.licence for row in result.seeds)
    return result


def _items(sources: Sequence[Source]) -> Iterator[SourceFile | Skipped]:
    for source in sources:
        yield from source


def _extract(item: SourceFile | Skipped) -> Skipped | list[Seed | Dropped]:
    return item if isinstance(item, Skipped) else extract_functions(item)


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


def _count_skipped(result: Collected, item: Skipped) -> None:
    result.dropped.append(item.dropped())
    if item.scope == "package":
        result.packages_dropped[item.reason] += 1
    else:
        result.num_files += 1
        result.files_dropped[item.reason] += 1


def _count_function(result: Collected, row: Seed | Dropped, draw: Draw, seen: set[str]) -> None:
    result.num_functions += 1
    if isinstance(row, Dropped):
        lost: Dropped | None = row
    elif row.id in seen:
        lost = _as_dropped(row, CollectReason.REPEATED)
    else:
        seen.add(row.id)
        pushed_out = draw.add(row)
        lost = None if pushed_out is None else _as_dropped(pushed_out, CollectReason.BEYOND_MAX_FUNCTIONS)
    if lost is not None:
        result.dropped.append(lost)
        result.functions_dropped[lost.reason] += 1


def _as_dropped(row: Seed, reason: CollectReason) -> Dropped:
    detail = f"{row.package} {row.version} {row.file}:{row.first_line} {row.name}"
    return Dropped(id=row.id, parent_id="", reason=reason, detail=detail, text="")
