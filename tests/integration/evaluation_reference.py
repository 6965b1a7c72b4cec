"""EvalPlus outside the sandbox, for comparison. Only programs that these tests wrote themselves are run by it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from selfcodealign.errors import PrerequisiteError
from selfcodealign.evaluation import Benchmark, import_benchmarks, load_benchmark
from selfcodealign.inputs import BenchmarkPlaces
from selfcodealign.params import BenchmarkName, ImportBenchmarks, load_params

ROOT = Path(__file__).parents[2]
OVERRIDES = {"humaneval": "HUMANEVAL_OVERRIDE_PATH", "mbpp": "MBPP_OVERRIDE_PATH"}

WRONG = {
    "returns nothing": "    return None",
    "does not compile": "    return (",
    "raises": "    raise ValueError('no')",
    "exits cleanly": "    import sys\n    sys.exit(0)",
    "ends the process": "    import os\n    os._exit(0)",
    "loops": "    while True:\n        pass",
    "loops and catches the alarm": "    while True:\n        try:\n            while True:\n                pass\n"
    "        except BaseException:\n            pass",
    "eats memory": "    return [0] * (1 << 40)",
    "recurses": "    return (lambda f: f(f))(lambda f: f(f))",
}


def imported(name: BenchmarkName, folder: Path, folders: list[str]) -> Benchmark:
    """A benchmark as `import_benchmarks` finds it in `folders`, EvalPlus's cache, or by a download."""
    settings = ImportBenchmarks(names=[name], folders=folders)
    places = BenchmarkPlaces(
        overrides={},
        folders=[ROOT / one for one in folders],
        downloads=folder / "downloads",
        evalplus_cache=Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "evalplus",
    )
    import_benchmarks(settings, folder, places, download_timeout_s=20.0)
    return load_benchmark(folder, name)


def imported_from_params(name: BenchmarkName, folder: Path) -> Benchmark:
    """A benchmark from the folders of params.yaml, EvalPlus's cache, or a download."""
    return imported(name, folder, load_params(ROOT / "params.yaml").import_benchmarks.folders)


def mbpp_or_skip(folder: Path) -> Benchmark:
    """MBPP+, which has no fallback; skips the test if it is not available."""
    try:
        return imported_from_params("mbpp_plus", folder)
    except PrerequisiteError as error:
        pytest.skip(str(error))


def imported_fallback(folder: Path) -> Benchmark:
    """OpenAI's HumanEval from its package, which stands in for HumanEval+."""
    settings = ImportBenchmarks(names=["humaneval_plus"])
    absent = folder / "absent"
    places = BenchmarkPlaces(overrides={}, folders=[], downloads=absent, evalplus_cache=absent)
    import_benchmarks(settings, folder, places, download_timeout_s=0.001)
    return load_benchmark(folder, "humaneval_plus")


def wrong_solution(benchmark: Benchmark, task_id: str, how: str) -> str:
    """A program that defines the function of a task, with one of the `WRONG` bodies."""
    return f"def {benchmark.tasks[task_id]['entry_point']}(*values):\n{WRONG[how]}\n"


def canonical(benchmark: Benchmark, task_id: str) -> str:
    """The reference solution of a task, as a whole program."""
    task = benchmark.tasks[task_id]
    return str(task["prompt"] + task["canonical_solution"])


def evalplus_outside(
    benchmark: Benchmark, samples: Mapping[str, Sequence[str]], folder: Path
) -> dict[str, list[tuple[str, str]]]:
    """Base and plus status of samples by `evalplus.evaluate`, as its users run it.

    EvalPlus wants samples for all tasks of its file: it gets a file with just these tasks.
    """
    dataset = "mbpp" if benchmark.info.variant == "mbpp_plus" else "humaneval"
    data, listed = folder / "tasks.jsonl", folder / "samples.jsonl"
    data.write_text("".join(json.dumps(benchmark.tasks[task_id]) + "\n" for task_id in samples))
    rows = [{"task_id": task_id, "solution": code} for task_id, solutions in samples.items() for code in solutions]
    listed.write_text("".join(json.dumps(row) + "\n" for row in rows))
    environment = {**os.environ, OVERRIDES[dataset]: str(data), "XDG_CACHE_HOME": str(folder / "cache")}
    command = [sys.executable, "-m", "evalplus.evaluate", f"--dataset={dataset}", f"--samples={listed}", "--parallel=2"]
    subprocess.run(command, env=environment, cwd=folder, check=True, capture_output=True)
    results = json.loads((folder / "samples_eval_results.json").read_text())["eval"]
    return {
        task_id: [(sample["base_status"], sample["plus_status"]) for sample in results[task_id]] for task_id in samples
    }
