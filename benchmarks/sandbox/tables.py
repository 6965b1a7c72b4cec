"""Human-readable tables."""

from collections.abc import Mapping, Sequence

from rich.table import Table

from benchmarks.sandbox.breakdown import Parts
from benchmarks.sandbox.flat import LongRun
from benchmarks.sandbox.honest import KINDS, Comparison, counted, passing_in_both
from benchmarks.sandbox.parity import Parity
from benchmarks.sandbox.rates import WorkloadRates, time_limit_floor_s
from benchmarks.sandbox.real_rates import RealRate
from benchmarks.sandbox.systems import OURS
from benchmarks.sandbox.workloads import num_pure
from benchmarks.tables import WIDTH, console

RATE_COLUMNS = ("programs/s", "ms x core each", "time / ours", "least .. greatest", "programs run", "differing")
PARTS = {
    "between": "between programs: clean, frames, pipes, the host's side",
    "process": "process of an empty program, or its turn in the shared one",
    "compile": "parse, look what is code and what tests it, compile",
    "run": "run",
}


def show_rates(measured: WorkloadRates, num_cores: int) -> None:
    """Print the rates of all systems on one workload, and their times over ours."""
    workload = measured.workload
    limits = f"time limit {workload.limits.timeout_s:g} s, memory {workload.limits.memory_mib} MiB"
    title = (
        f"{workload.name}: {len(workload.programs)} programs, {num_cores} cores, {limits}; ours: {measured.isolation}"
    )
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("system")
    for column in RATE_COLUMNS:
        table.add_column(column, justify="right")
    ours = measured.rates[OURS.name]
    for rate in measured.rates.values():
        median, least, greatest = rate.times_ours(ours)
        table.add_row(
            rate.name,
            f"{rate.programs_per_second:.1f}",
            f"{1000 * num_cores / rate.programs_per_second:.1f}",
            "1" if rate is ours else f"{median:.2f}",
            "" if rate is ours else f"{least:.2f} .. {greatest:.2f}",
            f"{rate.num_programs}{' (sample)' if rate.is_sampled else ''}",
            str(len(rate.differing)),
        )
    out = console()
    out.print(table)
    pure = num_pure(workload.programs)
    out.print(f"{pure} of {len(workload.programs)} programs are pure: ours runs their copies in one process.")
    floor_s = time_limit_floor_s(workload, num_cores)
    if floor_s:
        rate_at_best = len(workload.programs) / floor_s
        out.print(
            f"Programs that time out take {floor_s:.0f} s of it in every system that gives each a core all the while:"
            f" such a one stays below {rate_at_best:.1f} programs/s. Ours lends out the cores of those that only wait."
        )
    out.print()


def show_parts(parts: Mapping[str, Parts], unisolated_ms: float) -> None:
    """Print where the time goes, with a column for each way of ours."""
    table = Table(title="where the time goes: ms x core / program", title_justify="left", title_style="bold")
    table.add_column("part (of the exemplars)")
    for way in parts:
        table.add_column(way, justify="right")
    table.add_column("unisolated pool", justify="right")
    for name, text in PARTS.items():
        table.add_row(text, *[f"{getattr(part, name):.2f}" for part in parts.values()], "")
    table.add_row("all", *[f"{part.whole:.2f}" for part in parts.values()], f"{unisolated_ms:.2f}", style="bold")
    table.add_row("(processor time of the host's side)", *[f"{part.host_cpu:.2f}" for part in parts.values()], "")
    out = console()
    out.print(table)
    out.print()


def show_real_rates(measured: Sequence[RealRate]) -> None:
    """Print a row for each set of real programs."""
    table = Table(title="real programs", title_justify="left", title_style="bold")
    for column in ("programs", "verdicts/s and core", "95 %", "pool's time / ours", "95 %", "statuses"):
        table.add_column(column)
    for rate in measured:
        keys = rate.as_keys()
        statuses = ", ".join(f"{count} {status}" for status, count in rate.statuses.items())
        cells = ("verdicts_per_second_and_core", "verdicts_interval_95", "vs_unisolated_pool", "vs_interval_95")
        table.add_row(f"{rate.num_programs} {rate.name}", *[str(keys[cell]) for cell in cells], statuses)
    out = console()
    out.print(table)


def show_honest(comparisons: Sequence[Comparison], absent: Sequence[str]) -> None:
    """Print how many programs of each source and of each style have the same verdict as in plain CPython.

    Args:
        comparisons: the programs.
        absent: sources that this machine does not have.
    """
    table = Table(title="verdicts beside plain CPython", title_justify="left", title_style="bold")
    table.add_column("source or style")
    for column in ("programs", "pass in both", *KINDS):
        table.add_column(column, justify="right")
    passing = passing_in_both(comparisons)
    for name, counts in counted(comparisons).items():
        table.add_row(name, str(counts.total()), str(passing[name]), *[str(counts[kind]) for kind in KINDS])
    out = console()
    out.print(table)
    if absent:
        out.print(f"not available: {', '.join(absent)}")


def show_parity(parity: Parity) -> None:
    """Print how many statuses agree, and every program with two."""
    out = console()
    same = parity.num_programs - len(parity.differences)
    out.print(f"{same} of {parity.num_programs} programs have the same status under gVisor and runc.")
    out.print(f"{parity.num_pure} of them are pure: their copies run in one process.")
    out.print("statuses under gVisor: " + ", ".join(f"{count} {name}" for name, count in parity.statuses.items()))
    for difference in parity.differences:
        note = " (unsteady: changes under one runtime alone)" if difference.is_unsteady else ""
        out.print(f"\n{difference.id}{note}", markup=False)
        for runtime, verdict in difference.verdicts.items():
            again = ", ".join(difference.repeated[runtime])
            tail = " | ".join(verdict.stderr.strip().splitlines()[-2:])[-WIDTH:]
            out.print(f"  {runtime}: {verdict.status} (again: {again}) {tail}", markup=False)
    out.print()


def show_long_run(run: LongRun) -> None:
    """Print each tenth of a long run, and what it left."""
    title = f"{run.num_programs} programs in one run ({run.isolation})"
    table = Table(title=title, title_justify="left", title_style="bold")
    for column in ("tenth", "programs/s", "our memory, MiB", "memory available, MiB"):
        table.add_column(column, justify="right")
    for number, part in enumerate(run.parts, start=1):
        table.add_row(
            str(number), f"{part.programs_per_second:.1f}", f"{part.own_mib:.0f}", f"{part.available_mib:.0f}"
        )
    out = console()
    out.print(table)
    out.print(f"last tenth over first: {run.last_over_first:.3f}; memory grew by {run.growth_mib:.1f} MiB")
    left = ", ".join(f"{len(names)} {what}" for what, names in run.left.items())
    out.print(f"wrong verdicts: {len(run.wrong)}; left behind: {left}")
    out.print()
