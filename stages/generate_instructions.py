"""C->I: the model writes one coding task for each concepts row (S->I: for each seed)."""

from pathlib import Path
from typing import Annotated

import typer

from selfcodealign.files import replaced_folder
from selfcodealign.generation import (
    StepResult,
    TaskSource,
    function_tasks,
    load_prompt_format,
    make_ask,
    make_instructions,
)
from selfcodealign.models import read_card
from selfcodealign.params import Params, load_params
from selfcodealign.records import Concepts, Instruction, Seed, read_rows
from selfcodealign.stage import cache_folder, count_by, run_stage, stage_run, write_step

NAME = "generate_instructions"


def main(
    params_path: Annotated[Path, typer.Option("--params", help="the params file")] = Path("params.yaml"),
    concepts_path: Annotated[Path, typer.Option("--concepts", help="concepts rows (S->C->I)")] = Path(
        "data/generate_concepts/concepts.parquet"
    ),
    seeds_path: Annotated[Path, typer.Option("--seeds", help="filtered seeds (S->I)")] = Path(
        "data/filter_seeds/seeds.parquet"
    ),
    model: Annotated[Path, typer.Option(help="folder of the generator model")] = Path("models/generator"),
    out: Annotated[Path, typer.Option(help="folder for the rows and the dropped answers")] = Path("data") / NAME,
    metrics: Annotated[Path, typer.Option(help="metrics file")] = Path("metrics") / f"{NAME}.json",
) -> None:
    """C->I: ask the model for one coding task a concepts row, of a drawn category and difficulty.

    With `generate_instructions.source: seeds` the task is made from the seed directly: the paper's ablation S->I. With
    `functions` the task requests the seed's own function, by signature and docstring, and no model is used.
    """
    params = load_params(params_path)
    with stage_run(NAME, metrics) as run:
        if params.generate_instructions.source == "functions":
            result = function_tasks(read_rows(seeds_path, Seed), run_seed=params.seed)
        else:
            result = _ask(params, concepts_path, seeds_path, model)
        with replaced_folder(out) as folder:
            write_step(run, folder / "instructions.parquet", result.rows, Instruction, result.dropped)
        run.record(
            usage=result.usage.as_metrics(),
            cost=result.usage.cost.as_metrics(),
            categories=count_by(row.category for row in result.rows),
            difficulties=count_by(row.difficulty for row in result.rows),
        )


def _ask(params: Params, concepts_path: Path, seeds_path: Path, model: Path) -> StepResult[Instruction]:
    if params.generate_instructions.source == "concepts":
        rows = read_rows(concepts_path, Concepts)
        sources = [TaskSource(row.id, row.seed_id, row.concepts, "") for row in rows]
    else:
        sources = [TaskSource(row.id, row.id, [], row.code) for row in read_rows(seeds_path, Seed)]
    return make_instructions(
        sources,
        params.generate_instructions,
        seed=params.seed,
        prompt_format=load_prompt_format(model, read_card(model).prompt_form),
        ask=make_ask(model, params.engine, cache_folder(), "instructions"),
    )


if __name__ == "__main__":
    run_stage(main)
