"""The files of the evaluated benchmarks: where they are looked for, and their download."""

import hashlib
import http.client
import json
import logging
import os
import re
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfcodealign.errors import InputError
from selfcodealign.inputs.benchmark_names import FILE_STEMS, MANIFEST, OVERRIDE_VARIABLES

VERSION = re.compile(r"v\d+(?:\.\d+)*")
DOWNLOAD_TIMEOUT_S = 90.0
CONNECTION_TIMEOUT_S = 20.0
RELEASES = "https://github.com/evalplus"
_LOADERS = {"humaneval_plus": "get_human_eval_plus", "mbpp_plus": "get_mbpp_plus"}

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BenchmarkFile:
    """A benchmark's file, and the kind of place where it was found."""

    path: Path
    source: str

    @property
    def version(self) -> str:
        """The release that the file's name states, such as `v0.1.10`; `unknown` if it states none."""
        stated = VERSION.search(self.path.name)
        return stated[0] if stated else "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkPlaces:
    """Where the files of benchmarks are looked for, in this order.

    Attributes:
        overrides: EvalPlus's own variables `HUMANEVAL_OVERRIDE_PATH` and `MBPP_OVERRIDE_PATH`, as far as set.
        folders: the folders of the settings, searched recursively.
        downloads: where downloads are kept for the next run.
        evalplus_cache: EvalPlus's cache folder; it is only read.
        imported: folders that `import_benchmarks` wrote before; what is in them no longer needs its file.
    """

    overrides: Mapping[str, str]
    folders: Sequence[Path]
    downloads: Path
    evalplus_cache: Path
    imported: Sequence[Path] = ()


def benchmark_places(folders: Sequence[str], root: Path, imported: Path) -> BenchmarkPlaces:
    """The places of this machine.

    Args:
        folders: `import_benchmarks.folders` of the params.
        root: the repository; relative folders are relative to it.
        imported: the folder that `import_benchmarks` writes, relative to the working folder. An experiment in a copy of
            the repository finds there only what it imported itself, so that of the repository counts as well.
    """
    from appdirs import user_cache_dir

    return BenchmarkPlaces(
        overrides={name: os.environ[name] for name in OVERRIDE_VARIABLES.values() if os.environ.get(name)},
        folders=[root / folder for folder in folders],
        downloads=root / ".cache" / "benchmarks",
        evalplus_cache=Path(user_cache_dir("evalplus")),
        imported=[imported, root / imported],
    )


def find_benchmark(name: str, places: BenchmarkPlaces) -> BenchmarkFile | None:
    """The file of a benchmark on this machine; None if there is none.

    Raises:
        InputError: the override variable does not name a file.
    """
    override = places.overrides.get(OVERRIDE_VARIABLES[name])
    if override:
        if not Path(override).is_file():
            raise InputError(f"{OVERRIDE_VARIABLES[name]}={override} is not a file; fix or unset the variable")
        return BenchmarkFile(Path(override), "override")
    searched = (
        ("folder", places.folders),
        ("download", [places.downloads]),
        ("evalplus_cache", [places.evalplus_cache]),
    )
    for source, folders in searched:
        path = newest_file(folders, FILE_STEMS[name])
        if path is not None:
            return BenchmarkFile(path, source)
    return None


def find_imported(name: str, folders: Sequence[Path]) -> tuple[Path, dict[str, Any]] | None:
    """A benchmark that was imported before, with its manifest entry. A stand-in or a damaged file does not count."""
    for folder in folders:
        try:
            entries = json.loads((folder / MANIFEST).read_bytes())
            (entry,) = [one for one in entries if one["name"] == one["variant"] == name]
            path = folder / f"{name}.jsonl"
            if hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() == entry["md5"]:
                return path, entry
        except (OSError, ValueError, TypeError, KeyError):
            continue
    return None


def newest_file(folders: Sequence[Path], stem: str) -> Path | None:
    """The newest release of a benchmark's file in some folders.

    Args:
        folders: folders that are searched recursively; those that do not exist are skipped.
        stem: `HumanEvalPlus` or `MbppPlus`. The reduced files (`-Mini`, `-NoExtreme`) do not count.

    Returns:
        The file `<stem>-v*.jsonl` or `.jsonl.gz` of the highest version, in the first folder that has it; None if
        there is no such file.
    """
    name = re.compile(rf"{stem}-({VERSION.pattern})\.jsonl(?:\.gz)?")
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


def download_benchmark(name: str, folder: Path, timeout_s: float = DOWNLOAD_TIMEOUT_S) -> str:
    """Let EvalPlus download its file into `<folder>/evalplus`.

    A child process does it: EvalPlus picks its cache folder when it is imported, and its downloader has no time limit.

    Args:
        name: `humaneval_plus` or `mbpp_plus`.
        folder: where downloads are kept.
        timeout_s: seconds after which the download is given up.

    Returns:
        Why it failed; empty if it succeeded.
    """
    failure = connection_failure(min(timeout_s, CONNECTION_TIMEOUT_S))
    if failure:
        return failure
    program = (
        f"import socket; socket.setdefaulttimeout({CONNECTION_TIMEOUT_S}); "
        f"from evalplus.data import {_LOADERS[name]} as load; load()"
    )
    environment = {key: value for key, value in os.environ.items() if key not in OVERRIDE_VARIABLES.values()}
    environment["XDG_CACHE_HOME"] = str(folder.resolve())
    logger.info("%s: not found on this machine, trying a download", name)
    try:
        done = subprocess.run(
            [sys.executable, "-c", program],
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


def download_page(name: str) -> str:
    """The address of the releases that EvalPlus downloads a benchmark from."""
    return f"{RELEASES}/{FILE_STEMS[name].lower()}_release"


def connection_failure(timeout_s: float, address: str = RELEASES) -> str:
    """Why the server of EvalPlus's releases cannot be reached; empty if it can. Uses the environment's proxy.

    Args:
        timeout_s: seconds at most, name resolution included, for which Python itself has no limit.
        address: of the page that is requested.
    """
    failure = [f"no answer within {timeout_s:g} s"]

    def ask() -> None:
        try:
            with urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=timeout_s):  # noqa: S310 - our own https addresses
                failure[0] = ""
        except (OSError, http.client.HTTPException) as error:
            failure[0] = " ".join(str(error).split()) or type(error).__name__

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(timeout_s)
    return failure[0]
