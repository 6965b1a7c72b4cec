"""The last stage: one page that shows the whole run."""

import itertools
import json
import logging
import shutil
from pathlib import Path
from typing import Annotated, get_args

import typer

from selfcodealign import report
from selfcodealign.files import replaced_folder, write_text
from selfcodealign.params import BenchmarkName, EvaluateModel, ModelName, load_params
from selfcodealign.stage import run_stage

DATA = Path("data")

logger = logging.getLogger(__name__)


def main(
    params_path: Annotated[Path, typer.Option("--params", help="the params file")] = Path("params.yaml"),
    metrics_folder: Annotated[Path, typer.Option(help="folder with one metrics file a stage")] = Path("metrics"),
    examples: Annotated[Path, typer.Option(help="the training pairs")] = DATA / "select_examples/examples.parquet",
    instructions: Annotated[Path, typer.Option(help="the tasks")] = DATA / "generate_instructions/instructions.parquet",
    responses: Annotated[Path, typer.Option(help="the answers")] = DATA / "generate_responses/responses.parquet",
    verdicts: Annotated[Path, typer.Option(help="the verdicts")] = DATA / "validate_responses/verdicts.parquet",
    resampled: Annotated[Path, typer.Option(help="folder of the further answers and their verdicts")] = DATA
    / "resample_responses",
    loss: Annotated[Path, typer.Option(help="the training curve")] = DATA / "finetune_model/loss.csv",
    evaluations: Annotated[Path, typer.Option(help="MODEL/BENCHMARK/results.json")] = DATA / "evaluate_model",
    benchmarks: Annotated[Path, typer.Option(help="the imported benchmarks")] = DATA / "import_benchmarks",
    out: Annotated[Path, typer.Option(help="folder for report.html and plots/*.csv")] = DATA / "write_report",
    summary: Annotated[Path, typer.Option(help="headline metrics of the run")] = Path("metrics/summary.json"),
) -> None:
    """Write the report: one self-contained HTML page, plots for `dvc plots`, and the headline metrics of the run.

    Shows the funnel from seeds to training pairs with drops by reason, yields, lengths, training loss, pass@1 of the
    base and the aligned model with intervals, both models' solutions to each task gained or lost, sample pairs with
    their lineage, licences, timings and all settings.
    Only the evaluations of `evaluate_model.models` and `evaluate_model.benchmarks` are shown; those of a run with other
    models or benchmarks are removed from the folders. What has not been run is reported as missing; only the files
    named here are read.
    """
    params = load_params(params_path)
    remove_other_evaluations(params.evaluate_model, metrics_folder / "evaluate_model", evaluations)
    inputs = report.ReportInputs(
        params=params,
        stages=report.read_stage_metrics(metrics_folder, tuple(report.STAGES)),
        evaluations=report.read_evaluations(
            metrics_folder / "evaluate_model",
            evaluations,
            models=params.evaluate_model.models,
            benchmarks=params.evaluate_model.benchmarks,
        ),
        task_texts=report.read_task_texts(benchmarks),
        examples=report.read_examples(examples),
        loss=report.read_loss(loss),
        attempts=report.read_attempts(
            instructions,
            [responses, resampled / "responses.parquet"],
            [verdicts, resampled / "verdicts.parquet"],
        ),
        output_tokens=report.read_output_tokens([responses, resampled / "responses.parquet"]),
        versions=report.installed_versions(),
    )
    with replaced_folder(out) as folder:
        report.write_report(inputs, folder / "report.html")
        report.write_plots(inputs, folder / "plots")
    typer.echo(report.conclusion(report.benchmark_rows(inputs)))
    write_text(summary, json.dumps(report.summary_metrics(inputs), indent=2) + "\n")


def remove_other_evaluations(settings: EvaluateModel, metrics: Path, results: Path) -> None:
    """Remove what an earlier run with more models or benchmarks left behind, so that the folders are those of this run.

    Git and DVC's cache keep it. Files of other names, which no stage writes, stay.

    Args:
        settings: the models and benchmarks of this run.
        metrics: folder with one `<model>-<benchmark>.json` per evaluation.
        results: folder with one `<model>/<benchmark>` per evaluation.
    """
    removed = []
    for model, benchmark in itertools.product(get_args(ModelName), get_args(BenchmarkName)):
        file, folder = metrics / f"{model}-{benchmark}.json", results / model / benchmark
        is_of_this_run = model in settings.models and benchmark in settings.benchmarks
        if is_of_this_run or not (file.exists() or folder.exists()):
            continue
        file.unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        removed.append(f"{model} on {benchmark}")
    if removed:
        logger.info("write_report: removed evaluations that are not part of this run: %s", ", ".join(removed))


if __name__ == "__main__":
    run_stage(main)
