"""Stage evaluate_model: solutions of one model for one benchmark, scored inside the sandbox."""

import json
import logging
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from selfcodealign.evaluation import (
    evaluate_samples,
    generate_solutions,
    group_samples,
    load_benchmark,
    read_missing,
    write_samples,
)
from selfcodealign.evaluation.command import JOURNAL, BenchmarkChoice
from selfcodealign.files import replaced_folder, write_text
from selfcodealign.generation import Usage, load_prompt_format, make_ask
from selfcodealign.models import read_card
from selfcodealign.params import load_params
from selfcodealign.sandbox import prepare_sandbox, sandbox_settings
from selfcodealign.stage import StageRun, cache_folder, run_stage, stage_run

NAME = "evaluate_model"

logger = logging.getLogger(__name__)


def main(
    model: Annotated[str, typer.Option(help="Name of the model in the outputs: base or aligned.")],
    benchmark: Annotated[BenchmarkChoice, typer.Option(help="Benchmark to evaluate on.")],
    params_path: Annotated[Path, typer.Option("--params", help="Params file.")] = Path("params.yaml"),
    model_folder: Annotated[Path | None, typer.Option(help="Folder of the model; models/<model> by default.")] = None,
    data: Annotated[Path, typer.Option(help="Folder of the imported benchmarks.")] = Path("data/import_benchmarks"),
    out: Annotated[Path | None, typer.Option(help="Folder to write; data/evaluate_model/<model>/<benchmark>.")] = None,
    metrics: Annotated[
        Path | None, typer.Option(help="Metrics; metrics/evaluate_model/<model>-<benchmark>.json.")
    ] = None,
) -> None:
    """Let a model solve a benchmark and score its solutions with EvalPlus inside the sandbox.

    Writes samples.jsonl (in EvalPlus's format) and results.json (status of every sample on base and plus tests); the
    metrics hold pass@1 with its 95% interval, and pass@10 with 10 samples per task. Answers and verdicts are journaled:
    a rerun repeats neither. A benchmark that import_benchmarks had to leave out gets empty files whose `missing` is the
    reason.
    """
    params = load_params(params_path)
    settings = params.evaluate_model
    weights = model_folder or Path("models") / model
    target = out or Path("data") / NAME / model / benchmark.value
    metrics_path = metrics or Path("metrics") / NAME / f"{model}-{benchmark.value}.json"
    with stage_run(NAME, metrics_path) as run:
        if reason := read_missing(data).get(benchmark.value):
            write_missing(run, target, model, benchmark.value, reason)
            return
        sandbox = sandbox_settings(params.sandbox)
        prepare_sandbox(sandbox)  # now, and not after all solutions were generated
        loaded = load_benchmark(data, benchmark.value)
        prompt_format = load_prompt_format(weights, read_card(weights).prompt_form)
        solutions = generate_solutions(
            loaded,
            list(islice(loaded.tasks, settings.max_tasks)),
            prompt_format=prompt_format,
            opening=settings.opening,
            max_new_tokens=settings.max_new_tokens,
            num_samples=settings.num_samples,
            temperature=settings.temperature,
            seed=params.seed,
            # No server has the fine-tuned model, and both models are to be judged by the same engine.
            ask=make_ask(
                weights, params.engine.from_folder(), cache_folder(), f"solutions of {model} for {benchmark.value}"
            ),
        )
        result = evaluate_samples(
            loaded,
            group_samples(solutions.samples, loaded, "the solutions"),
            sandbox=sandbox,
            journal_path=cache_folder() / JOURNAL,
        )
        with replaced_folder(target) as folder:
            write_samples(folder / "samples.jsonl", solutions.samples)
            write_text(folder / "results.json", result.as_json())
        run.record(
            model=model,
            **result.summary(),
            max_tasks=settings.max_tasks,
            prompt_form="chat" if prompt_format.is_chat else "completion",
            opening=solutions.opening,
            samples_per_task=settings.num_samples,
            temperature=settings.temperature,
            cut_short=solutions.num_cut_short,
            mean_output_tokens=solutions.mean_output_tokens and round(solutions.mean_output_tokens, 1),
            with_comment=solutions.num_commented,
            unanswered=solutions.num_unanswered,
            usage=solutions.usage.as_metrics(),
            cost=solutions.usage.cost.as_metrics(),
            scoring={"seconds": round(result.seconds, 2), "from_journal": result.num_from_journal},
        )


def write_missing(run: StageRun, target: Path, model: str, benchmark: str, reason: str) -> None:
    """Write the outputs of an evaluation without a benchmark: they say so, and hold no score."""
    logger.warning("%s is not evaluated: it could not be imported (%s)", benchmark, reason)
    with replaced_folder(target) as folder:
        write_samples(folder / "samples.jsonl", [])
        empty = {"benchmark": benchmark, "missing": reason, "tasks": {}, "eval": {}}
        write_text(folder / "results.json", json.dumps(empty, indent=2) + "\n")
    nothing = Usage()
    run.record(
        model=model,
        benchmark=benchmark,
        missing=reason,
        num_tasks=0,
        usage=nothing.as_metrics(),
        cost=nothing.cost.as_metrics(),
    )


if __name__ == "__main__":
    run_stage(main)
