"""S->C: the model names the programming concepts of each seed."""

from pathlib import Path
from typing import Annotated

import typer

from selfcodealign.files import replaced_folder
from selfcodealign.generation import load_prompt_format, make_ask, make_concepts
from selfcodealign.models import read_card
from selfcodealign.params import load_params
from selfcodealign.records import Concepts, Seed, read_rows
from selfcodealign.stage import cache_folder, run_stage, stage_run, write_step

NAME = "generate_concepts"


def main(
    params_path: Annotated[Path, typer.Option("--params", help="the params file")] = Path("params.yaml"),
    seeds_path: Annotated[Path, typer.Option("--seeds", help="filtered seeds")] = Path(
        "data/filter_seeds/seeds.parquet"
    ),
    model: Annotated[Path, typer.Option(help="folder of the generator model")] = Path("models/generator"),
    out: Annotated[Path, typer.Option(help="folder for the rows and the dropped answers")] = Path("data") / NAME,
    metrics: Annotated[Path, typer.Option(help="metrics file")] = Path("metrics") / f"{NAME}.json",
) -> None:
    """S->C: ask the model for the programming concepts of every seed.

    One answer a seed, with few-shot exemplars from a small number of fixed sets. Finished answers are journalled: a
    rerun asks only for what is missing. Answers without the asked form are counted by reason and kept beside the rows.
    With `generate_instructions.source: functions` tasks are not made from concepts, so nothing is generated.
    """
    params = load_params(params_path)
    with stage_run(NAME, metrics) as run:
        needs_concepts = params.generate_instructions.source != "functions"
        seeds = read_rows(seeds_path, Seed) if needs_concepts else []
        result = make_concepts(
            seeds,
            params.generate_concepts,
            seed=params.seed,
            prompt_format=load_prompt_format(model, read_card(model).prompt_form),
            ask=make_ask(model, params.engine, cache_folder(), "concepts"),
        )
        with replaced_folder(out) as folder:
            write_step(run, folder / "concepts.parquet", result.rows, Concepts, result.dropped)
        run.record(usage=result.usage.as_metrics(), cost=result.usage.cost.as_metrics())


if __name__ == "__main__":
    run_stage(main)
