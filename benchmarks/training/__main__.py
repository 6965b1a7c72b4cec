"""`python -m benchmarks.training`: training speed beside a trainer that pads, and where the time of a step goes."""

import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Literal

import typer

from selfcodealign.stage import one_line_errors

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

ModelOption = Annotated[Path, typer.Option(help="Model folder to start from.")]
PairsOption = Annotated[
    Path | None,
    typer.Option(help="Training pairs; none: those in data/select_examples, filled up with pairs made from exemplars."),
]
ObjectiveOption = Annotated[
    Literal["sft", "dpo"], typer.Option(help="What is trained; dpo's peer is TRL's DPOTrainer.")
]
MethodOption = Annotated[Literal["full", "lora"], typer.Option(help="All weights, or adapters.")]
OptimizerOption = Annotated[Literal["adafactor", "adamw_torch"], typer.Option(help="Optimizer.")]
MicroOption = Annotated[int, typer.Option(min=1, help="Pairs per forward pass at most; divides --rows over --steps.")]
LengthOption = Annotated[int, typer.Option(min=16, help="Tokens of a pair at most; longer ones are left out.")]
PadOption = Annotated[Literal["longest", "max_length"], typer.Option(help="What the peer pads to.")]
SeedOption = Annotated[int, typer.Option(min=0, help="Draws the pairs, their order and the adapters.")]


@app.callback(invoke_without_command=True)
@one_line_errors
def rates(
    context: typer.Context,
    model: ModelOption = Path("models/base"),
    pairs: PairsOption = None,
    objective: ObjectiveOption = "sft",
    method: MethodOption = "full",
    optimizer: OptimizerOption = "adafactor",
    rows: Annotated[int, typer.Option(min=2, help="Pairs to train on, a multiple of --steps.")] = 48,
    steps: Annotated[int, typer.Option(min=2, help="Optimizer steps; the first is a warm-up.")] = 6,
    held: Annotated[int, typer.Option(min=1, help="More pairs, on which the losses are compared.")] = 8,
    rounds: Annotated[int, typer.Option(min=1, help="Trainings of each system.")] = 2,
    micro: MicroOption = 4,
    max_length: LengthOption = 1280,
    pad: PadOption = "longest",
    seed: SeedOption = 0,
) -> None:
    """Tokens per second of a training, beside transformers' Trainer with padding, as the reference uses it.

    Both train the same model on the same pairs in the same steps, in turns, each in a process of its own; only the
    optimizer steps are timed. The last line is JSON; `vs_padded_trainer` is the peer's time over ours: above 1, ours
    is faster. `loss_difference` is between their losses on held-out pairs after training.
    """
    if context.invoked_subcommand is not None:
        return
    from benchmarks.training import tables
    from benchmarks.training.comparison import compare
    from benchmarks.training.job import make_job, make_settings

    settings = make_settings(
        objective,
        method,
        optimizer=optimizer,
        num_rows=rows,
        num_steps=steps,
        micro_batch_size=micro,
        max_length=max_length,
    )
    job = make_job(model, pairs, settings, num_rows=rows, num_held=held, seed=seed, padding=pad)
    found = compare(job, rounds)
    tables.show_comparison(found)
    _end_with(found.as_keys())


@app.command()
@one_line_errors
def breakdown(
    model: ModelOption = Path("models/base"),
    pairs: PairsOption = None,
    objective: ObjectiveOption = "sft",
    method: MethodOption = "full",
    optimizer: OptimizerOption = "adafactor",
    rows: Annotated[int, typer.Option(min=3, help="Pairs to train on, a multiple of --steps.")] = 24,
    steps: Annotated[int, typer.Option(min=3, help="Optimizer steps: a warm-up, timed ones, a profiled one.")] = 3,
    micro: MicroOption = 4,
    max_length: LengthOption = 1280,
    pad: PadOption = "longest",
    seed: SeedOption = 0,
    peer: Annotated[bool, typer.Option("--peer/--no-peer", help="Whether to break the peer down as well.")] = True,
    operators: Annotated[int, typer.Option(min=1, help="Operators to list.")] = 12,
) -> None:
    """Where the time of a step goes: forward pass, output layer and loss, backward pass, optimizer; and operators.

    The last line is JSON: seconds per step of each part.
    """
    from benchmarks.training import tables
    from benchmarks.training.breakdown import break_down
    from benchmarks.training.job import make_job, make_settings
    from benchmarks.training.systems import OURS, PEER, in_own_process

    settings = make_settings(
        objective,
        method,
        optimizer=optimizer,
        num_rows=rows,
        num_steps=steps,
        micro_batch_size=micro,
        max_length=max_length,
    )
    job = make_job(model, pairs, settings, num_rows=rows, num_held=0, seed=seed, padding=pad)
    found = [in_own_process(break_down, name, job, operators) for name in ([OURS, PEER] if peer else [OURS])]
    tables.show_breakdowns(job, found)
    _end_with({run.name: {part: round(seconds, 3) for part, seconds in run.parts.items()} for run in found})


def _end_with(keys: dict[str, object]) -> None:
    machine = {"num_cores": os.cpu_count(), "torch": version("torch"), "python": platform.python_version()}
    typer.echo(json.dumps({**keys, **machine}))


if __name__ == "__main__":
    app()
