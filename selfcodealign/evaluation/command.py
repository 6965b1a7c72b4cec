"""`selfcodealign evaluate`: score anybody's samples inside the sandbox."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from selfcodealign.errors import InputError
from selfcodealign.evaluation.benchmarks import Benchmark, load_benchmark, read_manifest
from selfcodealign.evaluation.result import EvaluationResult
from selfcodealign.evaluation.samples import read_samples
from selfcodealign.evaluation.scoring import evaluate_samples
from selfcodealign.evaluation.sources import fetch_benchmark
from selfcodealign.files import write_text
from selfcodealign.inputs import benchmark_places
from selfcodealign.inputs.benchmark_names import MANIFEST
from selfcodealign.params import load_params
from selfcodealign.sandbox import SandboxSettings
from selfcodealign.stage import cache_folder, repository_folder

DEFAULT_DATA = Path("data") / "import_benchmarks"
JOURNAL = "verdicts.sqlite"


class BenchmarkChoice(StrEnum):
    """The benchmarks that can be scored."""

    HUMANEVAL_PLUS = "humaneval_plus"
    MBPP_PLUS = "mbpp_plus"


class RuntimeChoice(StrEnum):
    """The container runtimes that programs can run in."""

    RUNSC = "runsc"
    RUNSC_DIRECT = "runsc-direct"
    RUNC = "runc"


def evaluate(
    benchmark: Annotated[BenchmarkChoice, typer.Option(help="Benchmark that the samples are for.")],
    samples: Annotated[Path, typer.Option(help="JSONL with task_id and solution or completion, as for EvalPlus.")],
    out: Annotated[Path, typer.Option(help="JSON file to write: statuses by task, pass@k, interval.")],
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the imported benchmarks; by default data/import_benchmarks, and what it lacks is looked for"
            " as import_benchmarks does: override variable, folders of params.yaml, download."
        ),
    ] = None,
    runtime: Annotated[
        RuntimeChoice, typer.Option(help="runsc: gVisor by Docker; runsc-direct: gVisor without Docker; runc: weaker.")
    ] = RuntimeChoice.RUNSC,
    workers: Annotated[int, typer.Option(min=0, help="Tasks checked at the same time; 0: one a core.")] = 0,
    partial: Annotated[bool, typer.Option("--partial", help="Score only the tasks that have samples.")] = False,
) -> None:
    """Score samples with EvalPlus inside the sandbox: status of every sample on base and plus tests, pass@k, interval.

    Several samples a task are allowed: pass@10 and pass@100 follow where every task has enough. The reference solutions
    are checked first; verdicts are kept, so that the same samples are not run again.
    """
    loaded = load_benchmark(data, benchmark.value) if data else find_benchmark(benchmark.value)
    read = read_samples(samples, loaded)
    if read.missing and not partial:
        raise InputError(
            f"{samples} lacks samples for {len(read.missing)} of {len(loaded.tasks)} tasks, such as {read.missing[0]};"
            " add them, or score only the others with --partial"
        )
    result = evaluate_samples(
        loaded,
        read,
        sandbox=SandboxSettings(runtime=runtime.value, num_workers=workers),
        journal_path=cache_folder() / JOURNAL,
    )
    write_text(out, result.as_json())
    typer.echo(describe(result))


def find_benchmark(name: str) -> Benchmark:
    """The benchmark as the pipeline imported it, or else from where the pipeline would take it.

    Raises:
        InputError: its file was changed since its import, or is not an EvalPlus benchmark; or the params are wrong.
        PrerequisiteError: it can be neither found nor downloaded.
    """
    root = repository_folder()
    imported = root / DEFAULT_DATA
    if (imported / MANIFEST).is_file() and name in {info.name for info in read_manifest(imported)}:
        return load_benchmark(imported, name)
    params = root / "params.yaml"
    folders = load_params(params).import_benchmarks.folders if params.is_file() else []
    return fetch_benchmark(name, benchmark_places(folders, root, DEFAULT_DATA))


def describe(result: EvaluationResult) -> str:
    """The result for people, one line a kind of tests."""
    lines = []
    for tests in result.test_kinds:
        name = result.info.variant.removesuffix("_plus") + (
            "+ (base and extra tests)" if tests == "plus" else " (base tests)"
        )
        scores = ", ".join(f"{key} {100 * value:.1f}%" for key, value in result.pass_at_k(tests).items())
        interval = result.interval(tests)
        bounds = f" (95% interval {100 * interval[0]:.1f}-{100 * interval[1]:.1f}%)" if interval else ""
        lines.append(f"{name}: {scores}{bounds}, {len(result.results)} tasks, in {result.isolation}")
    return "\n".join(lines)
