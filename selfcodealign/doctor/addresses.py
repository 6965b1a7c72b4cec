"""What comes over the network or from files: benchmarks, and the servers of the engine. Nothing is downloaded."""

from pathlib import Path

import httpx

from selfcodealign.doctor.check import Check, State
from selfcodealign.errors import InputError
from selfcodealign.evaluation import read_manifest
from selfcodealign.inputs.benchmark_files import benchmark_places, download_page, find_benchmark
from selfcodealign.inputs.benchmark_names import MANIFEST, file_hint
from selfcodealign.params import BenchmarkName, Params

NETWORK_TIMEOUT_S = 5.0
DATA = Path("data") / "import_benchmarks"
STAND_INS = {"humaneval_plus": "HumanEval with its base tests, from PyPI, will stand in"}


def check_benchmark(name: BenchmarkName, params: Params, root: Path) -> Check:
    """Whether a benchmark is imported, on this machine, or at an address that answers.

    Args:
        name: one of `import_benchmarks.names`.
        params: the run.
        root: the repository.
    """
    page = download_page(name)
    try:
        found = _on_machine(name, params, root) or (f"can be downloaded from {page}" if answers(page) else None)
    except InputError as error:
        return Check(name, State.MISSING, str(error))
    if found is not None:
        return Check(name, State.OK, found)
    detail = f"not on this machine, and {page} does not answer"
    if name in STAND_INS:
        return Check(name, State.WARNING, f"{detail}: {STAND_INS[name]}", file_hint(name))
    others = [other for other in params.evaluate_model.benchmarks if other != name]
    if params.import_benchmarks.allow_missing and others:
        return Check(name, State.WARNING, f"{detail}: it will be left out", file_hint(name))
    return Check(name, State.MISSING, detail, file_hint(name))


def _on_machine(name: BenchmarkName, params: Params, root: Path) -> str | None:
    """What is here of a benchmark: imported, or in one of the places that `import_benchmarks` looks at."""
    imported = root / DATA
    for info in read_manifest(imported) if (imported / MANIFEST).is_file() else []:
        if info.name == name:
            return f"imported: {info.variant} {info.version} from {info.source}"
    file = find_benchmark(name, benchmark_places(params.import_benchmarks.folders, root, DATA))
    return f"{file.path} ({file.source})" if file else None


def check_server(address: str) -> Check:
    """Whether a server of the engine answers; its models are not asked for.

    Args:
        address: one of `engine.servers`.
    """
    if answers(address):
        return Check("Server", State.OK, f"{address} answers")
    return Check("Server", State.MISSING, f"{address} does not answer", "start it, or correct engine.servers")


def answers(address: str, timeout_s: float = NETWORK_TIMEOUT_S) -> bool:
    """Whether something speaks HTTP at an address, whatever it says of the path.

    Args:
        address: a URL; proxies of the environment are used.
        timeout_s: of the connection and of the answer, seconds.
    """
    try:
        httpx.head(address, timeout=timeout_s)
    except (httpx.HTTPError, httpx.InvalidURL):
        return False
    return True
