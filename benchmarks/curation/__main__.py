"""`python -m benchmarks.curation`: near-duplicates against datasketch, growth, hidden copies, extraction, types."""

import json
import os
import platform
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from selfcodealign.stage import one_line_errors

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

GROWTH = (10_000, 30_000, 100_000, 300_000, 1_000_000)


@app.callback(invoke_without_command=True)
@one_line_errors
def everything(
    context: typer.Context,
    rows: Annotated[int, typer.Option(min=100, help="Functions for ours and for datasketch's loop.")] = 250_000,
    distinct: Annotated[int, typer.Option(min=100, help="Real functions; more rows are edited copies.")] = 100_000,
    growth: Annotated[int, typer.Option(min=10_000, help="Functions of the largest step of the growth.")] = 1_000_000,
    sample: Annotated[int, typer.Option(min=100, help="Functions that are compared pair by pair.")] = 5_000,
    files: Annotated[int, typer.Option(min=1, help="Files that seeds are extracted from.")] = 500,
    clean: Annotated[int, typer.Option(min=100, help="Rows among which near-copies are hidden.")] = 20_000,
    copies: Annotated[int, typer.Option(min=1, help="Near-copies of benchmark tasks.")] = 200,
    benchmarks: Annotated[
        Path | None, typer.Option(help="Folder with benchmarks' files; none: HumanEval, from its package.")
    ] = None,
    typed: Annotated[
        int, typer.Option(min=1, help="Functions for the type checkers; 2048: one batch of the stage.")
    ] = 2_048,
    jaccard: Annotated[float, typer.Option(min=0.1, max=0.99, help="Similarity of near-duplicates.")] = 0.7,
    plan_functions: Annotated[int, typer.Option(min=1, help="Functions of the run that is planned.")] = 5_000_000,
    plan_responses: Annotated[int, typer.Option(min=1, help="Responses of the run that is planned.")] = 2_400_000,
    plan_cores: Annotated[int, typer.Option(min=1, help="Cores of the run that is planned.")] = 64,
    plan_price: Annotated[float, typer.Option(min=0.0, help="Price of a core for an hour.")] = 0.05,
) -> None:
    """Time, memory and exactness of near-duplicate removal, hidden copies of benchmarks, extraction, type checkers.

    From what it measures it works out what a large run needs, and prints that plan.

    The last line is JSON; `near_duplicates_vs_datasketch` is datasketch's time over ours: above 1, ours is faster.
    """
    if context.invoked_subcommand is not None:
        return
    from benchmarks.curation import exactness, extraction, functions, growing, tables, type_checkers
    from benchmarks.curation import plan as planning
    from benchmarks.curation.planted import hide_and_seek
    from benchmarks.curation.systems import SYSTEMS, measure, write_texts
    from benchmarks.curation.texts import benchmark_texts

    real = functions.real_functions(min(distinct, max(rows, growth)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "texts.parquet"
        write_texts(path, functions.repeated(real, rows))
        measured = {name: measure(name, path, rows, jaccard) for name in SYSTEMS}
        texts = functions.repeated(real[: sample // 2], sample)
        write_texts(path, texts)
        exact = {name: exactness.compare(texts, measure(name, path, sample, jaccard).kept, jaccard) for name in SYSTEMS}
        tables.show_systems(measured, exact, len(real), jaccard)
        sizes = [size for size in GROWTH if size < growth] + [growth]
        write_texts(path, functions.repeated(real, growth))
        grown = [measure("ours", path, size, jaccard) for size in sizes]
    times = [(run.num_rows, run.seconds) for run in grown]
    exponent, last_step = growing.exponent(times), growing.exponent(times[-2:])
    tables.show_growth(grown, exponent, last_step)
    hidden = hide_and_seek(benchmark_texts(benchmarks), real[:clean], copies)
    tables.show_hidden(hidden)
    extracted = extraction.measure(functions.python_files()[:files])
    tables.show_extraction(extracted)
    checked = type_checkers.compare(type_checkers.candidates(typed), num_threads=1)
    tables.show_types(checked)
    types = checked[type_checkers.MEASURE]
    needs = planning.plan(
        plan_functions,
        plan_responses,
        grown=grown,
        exponent=growing.steepest(times),
        extraction=extracted[0],
        hidden=hidden,
        typed_per_second=len(types.errors) / types.cpu_s,
        num_cores=os.cpu_count() or 1,
    )
    tables.show_plan(needs, plan_cores, plan_price)
    _end_with(
        {
            "near_duplicates_vs_datasketch": round(measured["datasketch"].seconds / measured["ours"].seconds, 2),
            "rows": rows,
            "rows_per_second": round(measured["ours"].rows_per_second, 1),
            "rows_per_second_datasketch": round(measured["datasketch"].rows_per_second, 1),
            "time_exponent": None if exponent is None else round(exponent, 3),
            "time_exponent_last_step": None if last_step is None else round(last_step, 3),
            "peak_memory_mib": round(grown[-1].peak_mib, 1),
            "peak_memory_rows": grown[-1].num_rows,
            "recall": round(exact["ours"].recall, 4),
            "precision": round(exact["ours"].precision, 4),
            "planted_caught": round(hidden.caught, 4),
            "clean_flagged": round(hidden.clean_flagged, 5),
            "files_per_second": round(extracted[0].num_files / extracted[0].seconds, 1),
            **type_checkers.keys(checked),
            "plan_core_hours": {need.step: round(need.core_hours, 2) for need in needs},
            "plan_memory_gib": round(max(need.memory_gib for need in needs), 1),
            "num_cores": os.cpu_count(),
            "python": platform.python_version(),
        }
    )


@app.command()
@one_line_errors
def planted(
    clean: Annotated[int, typer.Option(min=1, help="Rows among which near-copies are hidden.")] = 20_000,
    copies: Annotated[int, typer.Option(min=1, help="Near-copies of benchmark tasks.")] = 200,
    benchmarks: Annotated[
        Path | None, typer.Option(help="Folder with benchmarks' files; none: HumanEval, from its package.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Draws tasks and disguises.")] = 0,
) -> None:
    """Near-copies of benchmark tasks hidden among real functions: how many are found, and what else is flagged.

    The exit code is 1 if fewer than 95 % are found, or more than 0.1 % of the other rows are flagged.
    """
    from benchmarks.curation import functions, tables
    from benchmarks.curation.planted import hide_and_seek
    from benchmarks.curation.texts import benchmark_texts

    hidden = hide_and_seek(benchmark_texts(benchmarks), functions.real_functions(clean), copies, seed)
    tables.show_hidden(hidden)
    _end_with({"planted_caught": round(hidden.caught, 4), "clean_flagged": round(hidden.clean_flagged, 5)})
    raise typer.Exit(hidden.caught < 0.95 or hidden.clean_flagged > 0.001)


@app.command()
@one_line_errors
def types(
    typed: Annotated[int, typer.Option(min=1, help="Functions; 2048: one batch of the stage.")] = 2_048,
    threads: Annotated[int, typer.Option(min=1, help="Threads of each checker.")] = 1,
    listed: Annotated[
        Path | None, typer.Option(help="Where to list the functions on which they differ, JSONL.")
    ] = None,
) -> None:
    """The type checkers that filter_seeds.type_checker offers: speed, and how often each decides as pyright."""
    from benchmarks.curation import tables, type_checkers

    programs = type_checkers.candidates(typed)
    checked = type_checkers.compare(programs, num_threads=threads)
    if listed is not None:
        type_checkers.write_disagreements(listed, programs, checked)
    tables.show_types(checked)
    _end_with(type_checkers.keys(checked))


def _end_with(keys: dict[str, object]) -> None:
    typer.echo(json.dumps(keys))


if __name__ == "__main__":
    app()
