"""I->R: the model answers each task several times, each time with tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from selfcodealign.files import replaced_folder
from selfcodealign.generation import load_prompt_format, make_ask, make_responses
from selfcodealign.journal import open_journal
from selfcodealign.models import read_card
from selfcodealign.params import Params, load_params
from selfcodealign.records import Instruction, Response, read_rows
from selfcodealign.sandbox import VerdictStream, open_sandbox, open_stream, sandbox_settings
from selfcodealign.stage import cache_folder, run_stage, stage_run, write_step

NAME = "generate_responses"


def main(
    params_path: Annotated[Path, typer.Option("--params", help="the params file")] = Path("params.yaml"),
    instructions_path: Annotated[Path, typer.Option("--instructions", help="the tasks")] = Path(
        "data/generate_instructions/instructions.parquet"
    ),
    model: Annotated[Path, typer.Option(help="folder of the generator model")] = Path("models/generator"),
    out: Annotated[Path, typer.Option(help="folder for the rows and the dropped answers")] = Path("data") / NAME,
    metrics: Annotated[Path, typer.Option(help="metrics file")] = Path("metrics") / f"{NAME}.json",
) -> None:
    """I->R: ask the model for `num_samples` answers a task, each with tests that check it.

    An answer has the asked form if it holds a code block, the tests' heading and a second code block, and both together
    are valid Python. Nothing is run here: that is the sandbox's job, in `validate_responses`.

    With `generate_responses.stop_after` (adaptive sampling) the sandbox runs while the model generates, and a task that
    has so many passing answers gets no more. `validate_responses` then finds the verdicts in the journal.
    """
    params = load_params(params_path)
    with stage_run(NAME, metrics) as run, _judge(params) as judge:
        instructions = read_rows(instructions_path, Instruction)
        result = make_responses(
            instructions,
            params.generate_responses,
            seed=params.seed,
            prompt_format=load_prompt_format(model, read_card(model).prompt_form),
            ask=make_ask(model, params.engine, cache_folder(), "responses"),
            judge=judge,
        )
        with replaced_folder(out) as folder:
            write_step(run, folder / "responses.parquet", result.rows, Response, result.dropped)
        run.record(usage=result.usage.as_metrics(), cost=result.usage.cost.as_metrics(), tasks=len(instructions))
        if judge is not None:
            run.record(adaptive=result.saved)


@contextmanager
def _judge(params: Params) -> Iterator[VerdictStream | None]:
    if params.generate_responses.stop_after is None:
        yield None
        return
    with (
        open_sandbox(sandbox_settings(params.sandbox)) as sandbox,
        open_journal(cache_folder() / "verdicts.sqlite") as journal,
        open_stream(sandbox, journal) as stream,
    ):
        yield stream


if __name__ == "__main__":
    run_stage(main)
