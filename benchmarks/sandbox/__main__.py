"""`python -m benchmarks.sandbox`: how fast the sandbox is, against peers; parity of runtimes; a long run."""

import json
import os
import platform
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from selfcodealign.stage import one_line_errors

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

DIFFERENCES = Path(".cache/honest-differences.jsonl")
SLICE_ROUNDS = 2  # of the mixed programs: half of them each, since those that time out take their time


@app.callback(invoke_without_command=True)
@one_line_errors
def rates(
    context: typer.Context,
    copies: Annotated[int, typer.Option(min=1, help="Copies of the exemplars in their workload.")] = 20,
    programs: Annotated[int, typer.Option(min=0, help="Mixed programs; 0: leave that workload out.")] = 1000,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of the exemplars, each on every system.")] = 3,
    sample: Annotated[int, typer.Option(min=1, help="Programs a round for the peers that start each anew.")] = 40,
    cores: Annotated[int, typer.Option(min=0, help="Programs at the same time; 0: one a core.")] = 0,
) -> None:
    """Programs a second under gVisor, side by side with the ways that others run them, and where the time goes.

    The systems take turns on the same programs; figures are medians of the rounds. The last line is JSON, in which
    `vs_*` is the peer's time over ours: above 1, ours is faster.
    """
    if context.invoked_subcommand is not None:
        return
    from benchmarks.sandbox import breakdown, systems, tables, workloads
    from benchmarks.sandbox import rates as measuring

    # A peer's sandbox outlives this process: when it is asked to end, too, everything is closed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    num_cores = cores or os.cpu_count() or 1
    exemplars = workloads.exemplars(copies)
    every_round = measuring.whole_rounds(exemplars, rounds)
    measured = measuring.measure(exemplars, every_round, sample, num_cores, measuring.OTHERWISE)
    tables.show_rates(measured, num_cores)
    keys = {**measuring.as_keys(measured), "workload": exemplars.name}
    if programs:
        mixed = workloads.mixed(programs)
        mixed_measured = measuring.measure(mixed, measuring.dealt_rounds(mixed, SLICE_ROUNDS), sample, num_cores)
        tables.show_rates(mixed_measured, num_cores)
        floor_s = measuring.time_limit_floor_s(mixed, num_cores)
        keys["mixed"] = {**measuring.as_keys(mixed_measured), "time_limit_floor_s": round(floor_s, 1)}
    few = workloads.exemplars(max(1, copies // 2))
    ways = (systems.OURS, systems.OURS_RUNC)
    parts = {way.name: breakdown.break_down(way, few, rounds, num_cores) for way in ways}
    unisolated_ms = breakdown.unisolated_whole_ms(few, rounds, num_cores)
    tables.show_parts(parts, unisolated_ms)
    keys["ms_per_program_and_core"] = {name: part.as_dict() for name, part in parts.items()}
    _end_with({**keys, "isolation": measured.isolation, "num_cores": num_cores, "python": platform.python_version()})


@app.command()
@one_line_errors
def real(
    responses: Annotated[list[Path] | None, typer.Option(help="responses.parquet of a run; may be repeated.")] = None,
    folders: Annotated[
        list[Path] | None, typer.Option(help="Folder with ClassEval and BigCodeBench; may be repeated.")
    ] = None,
    parts: Annotated[int, typer.Option(min=2, help="Parts of each set, each run on both systems.")] = 4,
    cores: Annotated[int, typer.Option(min=0, help="Programs at the same time; 0: one per core.")] = 0,
) -> None:
    """Verdicts per second and core on real programs, side by side with the unisolated pool.

    Exemplars, the reference solutions of the benchmarks that are at hand, and what models wrote. The last line is JSON.
    """
    from benchmarks.sandbox import real_rates, tables

    num_cores = cores or os.cpu_count() or 1
    measured = [
        real_rates.measure(name, programs, parts, num_cores)
        for name, programs in real_rates.sets(folders or [], responses or [])
    ]
    tables.show_real_rates(measured)
    _end_with({rate.name: rate.as_keys() for rate in measured})


@app.command()
@one_line_errors
def parity(
    responses: Annotated[list[Path] | None, typer.Option(help="responses.parquet of a run; may be repeated.")] = None,
    samples: Annotated[list[Path] | None, typer.Option(help="EvalPlus samples, JSONL; may be repeated.")] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="Wall time of one program, seconds.")] = 10.0,
    cores: Annotated[int, typer.Option(min=0, help="Programs at the same time; 0: one a core.")] = 0,
) -> None:
    """Whether gVisor and plain containers (runc) give the same verdict on real programs.

    Exemplars, reference solutions of HumanEval+ and MBPP+ with their own assertions, and what models wrote. Those with
    two statuses are run again under both; the exit code is 1 if a status depends on the runtime.
    """
    from benchmarks.sandbox import real_programs, tables
    from benchmarks.sandbox.parity import compare_runtimes
    from selfcodealign.sandbox import Limits

    benchmarks = real_programs.find_benchmarks()
    programs = real_programs.exemplar_programs()
    for benchmark in benchmarks:
        programs += real_programs.reference_programs(benchmark)
    for path in samples or []:
        programs += real_programs.sample_programs(path, benchmarks)
    for path in responses or []:
        programs += real_programs.response_programs(path)
    found = compare_runtimes(programs, Limits(timeout_s=timeout), cores)
    tables.show_parity(found)
    _end_with(found.as_keys())
    raise typer.Exit(any(not difference.is_unsteady for difference in found.differences))


@app.command()
@one_line_errors
def honest(
    responses: Annotated[list[Path] | None, typer.Option(help="responses.parquet of a run; may be repeated.")] = None,
    folders: Annotated[
        list[Path] | None, typer.Option(help="Folders with the benchmarks' files; none: those of params.yaml.")
    ] = None,
    names: Annotated[
        list[str] | None, typer.Option("--source", help="Only this source, as the table names it; may be repeated.")
    ] = None,
    programs: Annotated[int, typer.Option(min=1, help="Programs of each source, at most.")] = 250,
    styled: Annotated[int, typer.Option(min=0, help="Programs of each source and style, at most.")] = 30,
    timeout: Annotated[float, typer.Option(min=0.1, help="Wall time of one program, seconds.")] = 20.0,
    runtime: Annotated[str, typer.Option(help="Runtime of the containers, of ours and of plain CPython.")] = "runsc",
    differences: Annotated[Path, typer.Option(help="Where the differences go, JSONL.")] = DIFFERENCES,
    cores: Annotated[int, typer.Option(min=0, help="Programs at the same time; 0: one per core.")] = 0,
) -> None:
    """Whether real programs get the verdict that plain CPython gives them in a container without a judge.

    Exemplars, answers of a run, and reference solutions of benchmarks with their tests; assertions also as unittest,
    pytest, doctest, asyncio and hypothesis. The exit code is 1 if a program fails here and passes there, or passes here
    and fails there.
    """
    from benchmarks.sandbox import honest as comparing
    from benchmarks.sandbox import real_programs, suites, tables
    from selfcodealign.sandbox import Limits
    from selfcodealign.sandbox.settings import runtime_named

    given = responses or [path for path in [real_programs.ROOT / suites.RESPONSES] if path.exists()]
    sources = [source for source in suites.sources(folders or [], given) if not names or source.name in names]
    variants = list(comparing.variants(sources, programs, styled))
    limits = Limits(timeout_s=timeout, memory_mib=2048)
    found = comparing.compare(variants, limits, runtime_named(runtime), cores or os.cpu_count() or 1)
    comparing.write_differences(found, differences)
    absent = [source.name for source in sources if not source.suites]
    tables.show_honest(found, [*absent, *([] if given else ["answers of a run"])])
    typer.echo(f"differences, with their programs: {differences}")
    counts = comparing.counted(found)["all"]
    _end_with({"programs": len(found), **counts, "absent": absent})
    raise typer.Exit(bool(counts["false failure"] or counts["false pass"]))


@app.command()
@one_line_errors
def flat(
    programs: Annotated[int, typer.Option(min=10, help="Programs, all distinct, in one run.")] = 10_000,
    cores: Annotated[int, typer.Option(min=0, help="Programs at the same time; 0: one a core.")] = 0,
) -> None:
    """Rate and memory of each tenth of a long run, and what it leaves behind.

    The exit code is 1 if the rate of the last tenth is more than 10 % off the first's, memory grew, a verdict is wrong,
    or anything is left: containers, temporary folders, processes.
    """
    from benchmarks.sandbox import tables
    from benchmarks.sandbox.flat import run_long

    found = run_long(programs, cores)
    tables.show_long_run(found)
    _end_with(found.as_keys())
    raise typer.Exit(not found.is_flat or bool(found.wrong) or any(found.left.values()))


def _end_with(keys: dict[str, object]) -> None:
    typer.echo(json.dumps(keys))


if __name__ == "__main__":
    app()
