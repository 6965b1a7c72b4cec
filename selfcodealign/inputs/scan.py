"""What outside the repository decides a stage: one small mapping per stage, equal as long as nothing has changed."""

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfcodealign.errors import InputError, PrerequisiteError
from selfcodealign.files import write_text
from selfcodealign.inputs.benchmark_files import (
    CONNECTION_TIMEOUT_S,
    BenchmarkPlaces,
    connection_failure,
    download_benchmark,
    find_benchmark,
    find_imported,
)
from selfcodealign.inputs.benchmark_names import find_other, has_stand_in, import_hint
from selfcodealign.inputs.digests import FileDigests, listing_digest, unpacked_md5_of
from selfcodealign.inputs.folder_digests import folder_digest
from selfcodealign.inputs.packages import deciding_packages, installed_version, pinned_versions
from selfcodealign.inputs.settings import conditional_settings
from selfcodealign.models.hub import model_files
from selfcodealign.params import CollectSeeds, ImportBenchmarks, ImportModel, Params

Inputs = dict[str, Any]
"""What decides one stage, by kind: `packages`, `settings`, `files`, `folders`, `benchmarks`, `others`, `model`.

An input that this machine does not have is None; a kind of which there is nothing is left out.
"""

RETRY_TIMEOUT_S = 3.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class InputPlaces:
    """Where inputs are looked for.

    Attributes:
        path_of: makes the path of a name in the params, which may be relative to the repository.
        benchmarks: where benchmarks are looked for.
        digests: folder of the digests of files that were read before.
        connect: tries to reach the server of benchmarks within some seconds; returns why it failed, or an empty string.
        download: brings a missing benchmark into a folder; returns why it failed, or an empty string.
    """

    path_of: Callable[[str], Path]
    benchmarks: BenchmarkPlaces
    digests: Path
    connect: Callable[[float], str] = connection_failure
    download: Callable[[str, Path], str] = download_benchmark


def scanned_stages(params: Params) -> list[str]:
    """The stages that have inputs outside the repository."""
    return list(deciding_packages(params))


def scan_inputs(
    params: Params, pins: Mapping[str, str], places: InputPlaces, earlier: Mapping[str, Inputs]
) -> dict[str, Inputs]:
    """Find what outside the repository decides each stage.

    Nothing here depends on where an input lies, or on when it was written: two machines with the same inputs get the
    same result. An input of an earlier scan that is not on this machine counts as unchanged, and the log says so:
    what was made from it can be used without it.

    Args:
        params: the params of the run.
        pins: pinned versions of packages, of `read_pins`.
        places: where inputs are looked for.
        earlier: the result of the last scan.

    Returns:
        The inputs by stage, for each of `scanned_stages`.

    Raises:
        InputError: an input is there and cannot be read, or an override variable does not name a file.
        PrerequisiteError: none of the benchmarks to evaluate is available.
    """
    found: dict[str, Inputs] = {
        stage: {"packages": pinned_versions(names, pins)} for stage, names in deciding_packages(params).items()
    }
    for stage, settings in conditional_settings(params).items():
        found[stage]["settings"] = settings
    scan = _Scan(places, earlier)
    found["import_model"]["model"] = scan.models("import_model", params.import_model)
    found["import_generator"]["model"] = scan.models("import_generator", params.import_generator.model)
    found["collect_seeds"] |= scan.seeds(params.collect_seeds)
    found["collect_seeds"]["packages"] |= _unpinned(params.collect_seeds, pins)
    found["import_benchmarks"] |= scan.benchmarks(params.import_benchmarks)
    _check_something_to_evaluate(params, found["import_benchmarks"]["benchmarks"])
    return {stage: {kind: values for kind, values in inputs.items() if values} for stage, inputs in found.items()}


class _Scan:
    """One look at all inputs."""

    def __init__(self, places: InputPlaces, earlier: Mapping[str, Inputs]) -> None:
        self._places = places
        self._earlier = earlier

    def models(self, stage: str, settings: ImportModel | None) -> Inputs:
        if settings is None or settings.source != "path":
            return {}
        return self._each(stage, "model", [settings.name], _model_digest)

    def seeds(self, settings: CollectSeeds) -> Inputs:
        return {
            "files": self._each("collect_seeds", "files", settings.files, _file_digest),
            "folders": self._each("collect_seeds", "folders", settings.folders, folder_digest),
        }

    def _each(
        self, stage: str, kind: str, names: list[str], digest: Callable[[Path, FileDigests], Inputs]
    ) -> dict[str, Inputs | None]:
        return {name: self._one(stage, kind, name, digest) for name in names}

    def _one(self, stage: str, kind: str, name: str, digest: Callable[[Path, FileDigests], Inputs]) -> Inputs | None:
        path = self._places.path_of(name)
        with self._digests(path) as digests:
            found = digest(path, digests) if path.exists() else None
        before: Inputs | None = self._earlier.get(stage, {}).get(kind, {}).get(name)
        # An empty folder may be the mount point of a disk that is not there.
        if before and (found is None or found.get("files") == 0):
            logger.warning("%s: %s is not on this machine; what was made from it before is kept", stage, name)
            return before
        return found

    @contextmanager
    def _digests(self, path: Path) -> Iterator[FileDigests]:
        """The digests of the files under one input; each has a file of its own, as large as what is scanned now."""
        name = hashlib.sha256(str(path.absolute()).encode("utf-8", "surrogateescape")).hexdigest()[:16]
        digests = FileDigests(self._places.digests / f"{name}.json")
        try:
            yield digests
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(f"{error.filename or path} cannot be read ({reason}); fix or remove it") from error
        digests.save()

    def benchmarks(self, settings: ImportBenchmarks) -> Inputs:
        before: Inputs = self._earlier.get("import_benchmarks", {})
        found = {name: self._benchmark(name) for name in settings.names}
        missing = [name for name, values in found.items() if values is None]
        # A benchmark that is not available is tried again in each run, which must not take long without a network.
        is_retry = set(missing) <= before.get("benchmarks", {}).keys()
        failure = self._places.connect(RETRY_TIMEOUT_S if is_retry else CONNECTION_TIMEOUT_S) if missing else ""
        for name in missing:
            reason = failure or self._places.download(name, self._places.benchmarks.downloads)
            found[name] = self._benchmark(name)
            if found[name] is None:
                logger.warning("%s cannot be downloaded (%s); to get it, %s", name, reason, import_hint(name))
        others = {name: self._other(name, before.get("others", {}).get(name)) for name in settings.others}
        return {"benchmarks": found, "others": others}

    def _benchmark(self, name: str) -> Inputs | None:
        """Release and digest of a benchmark, the same whether its file is packed or not, or was imported before."""
        places = self._places.benchmarks
        file = find_benchmark(name, places)
        if file is not None:
            with self._digests(file.path) as digests:
                return {"version": file.version, "md5": digests.of(file.path, unpacked_md5_of)}
        imported = find_imported(name, places.imported)
        if imported is None:
            return None
        logger.info(
            "import_benchmarks: the file of %s is not on this machine; it is kept as it was imported (to import it"
            " anew, delete data/import_benchmarks)",
            name,
        )
        _, entry = imported
        return {"version": entry["version"], "md5": entry["md5"]}

    def _other(self, name: str, before: Inputs | None) -> Inputs | None:
        files = {}
        for path in find_other(name, self._places.benchmarks.folders):
            with self._digests(path) as digests:
                files[path.name] = digests.of(path)
        if not files and before:
            logger.warning("import_benchmarks: %s is not on this machine; its earlier files still count", name)
        return files or before or None


def _unpinned(settings: CollectSeeds, pins: Mapping[str, str]) -> dict[str, str | None]:
    """The installed versions of packages that seeds are collected from and that have no pin."""
    named = settings.python.packages if settings.python is not None else []
    return {name: installed_version(name) for name in sorted(named) if not pinned_versions([name], pins)}


def _file_digest(path: Path, digests: FileDigests) -> Inputs:
    return {"sha256": digests.of(path)}


def _model_digest(path: Path, digests: FileDigests) -> Inputs:
    """Of a GGUF file, or of the files of a folder that are imported."""
    if path.is_file():
        return _file_digest(path, digests)
    entries = [(file.name, digests.of(file)) for file in model_files(path)]
    return {"files": len(entries), "sha256": listing_digest(entries)}


def _check_something_to_evaluate(params: Params, found: Mapping[str, Inputs | None]) -> None:
    names = params.evaluate_model.benchmarks
    if not any(found[name] or has_stand_in(name) for name in names):
        raise PrerequisiteError(
            f"there is no benchmark to evaluate: evaluate_model.benchmarks has only {', '.join(names)}, which is not"
            " available; add another one there, or see the line above for how to get it"
        )


def read_inputs(folder: Path) -> dict[str, Inputs]:
    """The result of the last scan; a file that is missing or damaged counts as no result."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        try:
            loaded = json.loads(path.read_bytes())
        except (OSError, ValueError):
            continue
        if isinstance(loaded, dict):
            found[path.stem] = loaded
    return found


def write_inputs(folder: Path, inputs: Mapping[str, Inputs]) -> None:
    """Write one `<stage>.json` per stage; a file that would be the same is left as it is.

    Raises:
        InputError: a file cannot be written.
    """
    before = read_inputs(folder)
    for stage, values in inputs.items():
        if before.get(stage) != values or not (folder / f"{stage}.json").is_file():
            write_text(folder / f"{stage}.json", json.dumps(values, indent=2, sort_keys=True) + "\n")
