"""`python -m benchmarks.generation`: the three steps in our layout and in the reference's, side by side."""

import json
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.generation.diversity import diversity
from benchmarks.generation.layouts import Ours, ReferenceLayout, Run, Setting
from selfcodealign.errors import InputError
from selfcodealign.generation import load_prompt_format
from selfcodealign.models import read_card
from selfcodealign.params import load_params
from selfcodealign.records import Seed, read_rows
from selfcodealign.stage import one_line_errors

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
STEPS = ("concepts", "instructions", "responses")


@app.command()
@one_line_errors
def main(
    seeds_path: Annotated[Path, typer.Option("--seeds", help="Seeds of a run.")] = Path(
        "data/filter_seeds/seeds.parquet"
    ),
    model: Annotated[Path, typer.Option(help="Folder of the model.")] = Path("models/generator"),
    params_path: Annotated[Path, typer.Option("--params", help="Params file.")] = Path("params.yaml"),
    count: Annotated[int, typer.Option(min=1, help="Seeds that are used, the first ones.")] = 48,
    samples: Annotated[int, typer.Option(min=0, help="Samples a task at most; 0: S->C and C->I only.")] = 4,
    chunk: Annotated[int, typer.Option(min=1, help="Requests of the reference's layout between two barriers.")] = 16,
) -> None:
    """Time, prefix hit rate, yield and diversity of our request layout and of the reference's, on the same seeds.

    Both run all three steps with the same model, prompts' wording, decoding and engine. The last line is JSON, in which
    `vs_*` is the reference's figure over ours: above 1, ours is faster. Needs a model and seeds: `make repro` first.
    """
    params = load_params(params_path)
    responses = params.generate_responses.model_copy(update={"num_samples": samples})
    params = params.model_copy(update={"generate_responses": responses})
    seeds = read_rows(seeds_path, Seed)[:count]
    if not seeds:
        raise InputError(f"{seeds_path} has no seeds; run `dvc repro filter_seeds`")
    prompt_format = load_prompt_format(model, read_card(model).prompt_form)
    with tempfile.TemporaryDirectory() as folder:
        setting = Setting(params, model, prompt_format, Path(folder))
        runs = [layout.run(seeds) for layout in (Ours(setting), ReferenceLayout(setting, chunk))]
    figures = {run.name: _figures(run) for run in runs}
    _show(figures)
    ours, theirs = runs
    keys = {
        **{f"vs_reference_{step}": _ratio(theirs.usages[step].seconds, ours.usages[step].seconds) for step in STEPS},
        "vs_reference_concepts_and_instructions": _ratio(
            sum(theirs.usages[step].seconds for step in STEPS[:2]), sum(ours.usages[step].seconds for step in STEPS[:2])
        ),
        "vs_reference_all": _ratio(theirs.seconds, ours.seconds),
        "vs_reference_per_solved_task": _ratio(
            theirs.seconds / max(theirs.num_solved, 1), ours.seconds / max(ours.num_solved, 1)
        ),
        "vs_reference_per_passing_answer": _ratio(
            theirs.seconds / max(len(theirs.passed), 1), ours.seconds / max(len(ours.passed), 1)
        ),
    }
    shared = {"seeds": len(seeds), "samples": samples, "chunk": chunk}
    typer.echo(json.dumps({**keys, **shared, "figures": figures}))


def _figures(run: Run) -> dict[str, object]:
    steps = {step: run.usages[step].as_metrics() for step in STEPS}
    texts = {
        "concepts": [", ".join(row.concepts) for row in run.concepts.rows],
        "instructions": [row.instruction for row in run.instructions.rows],
        "responses": [row.code for row in run.responses.rows],
    }
    return {
        "seconds": round(run.seconds, 1),
        "judging_seconds": round(run.judging_s, 1),
        "steps": steps,
        "rows": {step: len(texts[step]) for step in STEPS},
        "passing_answers": len(run.passed),
        "solved_tasks": run.num_solved,
        "saved": run.responses.saved,
        "diversity": {step: diversity(texts[step]) for step in STEPS},
    }


def _ratio(theirs: float, ours: float) -> float | None:
    return round(theirs / ours, 3) if ours else None


def _show(figures: dict[str, dict[str, object]]) -> None:
    table = Table(title="three steps, side by side", title_justify="left", title_style="bold")
    table.add_column("")
    for name in figures:
        table.add_column(name, justify="right")
    rows: dict[str, list[str]] = {}
    for found in figures.values():
        for label, value in _flat(found):
            rows.setdefault(label, []).append(str(value))
    for label, values in rows.items():
        table.add_row(label, *values)
    Console(width=120, highlight=False).print(table)


def _flat(values: dict[str, object], before: str = "") -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for name, value in values.items():
        found += _flat(value, f"{before}{name} ") if isinstance(value, dict) else [(before + name, value)]
    return found


if __name__ == "__main__":
    app()
