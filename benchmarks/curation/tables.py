"""The tables for people."""

from collections import Counter
from collections.abc import Mapping, Sequence

from rich.table import Table

from benchmarks.curation.exactness import Exactness
from benchmarks.curation.extraction import Extraction
from benchmarks.curation.plan import Need
from benchmarks.curation.planted import Hidden
from benchmarks.curation.systems import Measured
from benchmarks.curation.type_checkers import MEASURE, Checked, disagreement
from benchmarks.tables import WIDTH, console, table_of
from selfcodealign.params import TypeCheckerName

MAX_LISTED = 20
MAX_RULES = 6


def show_systems(
    measured: Mapping[str, Measured], exact: Mapping[str, Exactness], num_distinct: int, jaccard: float
) -> None:
    """Print time, memory and exactness of each system."""
    num_rows = measured["ours"].num_rows
    sample = exact["ours"]
    table = table_of(
        f"near-duplicates at {jaccard:g}: {num_rows} functions, {min(num_distinct, num_rows)} of them real and the"
        f" others edited copies; recall and precision on {sample.num_rows} with {sample.num_pairs} similar pairs",
        "system",
        ("rows/s", "time / ours", "peak memory, MiB", "rows that stay", "recall", "precision"),
    )
    ours = measured["ours"].seconds
    for name, run in measured.items():
        table.add_row(
            name,
            f"{run.rows_per_second:.0f}",
            f"{run.seconds / ours:.2f}",
            f"{run.peak_mib:.0f}",
            str(len(run.kept)),
            f"{exact[name].recall:.4f}",
            f"{exact[name].precision:.4f}",
        )
    _print(table)


def show_growth(runs: Sequence[Measured], exponent: float | None, last_step: float | None) -> None:
    """Print time and memory by the number of rows."""
    is_known = exponent is not None and last_step is not None
    power = f": time grows with the power {exponent:.2f}, in the last step {last_step:.2f}" if is_known else ""
    table = table_of(f"growth{power}", "functions", ("seconds", "rows/s", "peak memory, MiB", "bytes a row"))
    for run in runs:
        table.add_row(
            str(run.num_rows),
            f"{run.seconds:.1f}",
            f"{run.rows_per_second:.0f}",
            f"{run.peak_mib:.0f}",
            f"{run.peak_mib * 2**20 / run.num_rows:.0f}",
        )
    _print(table)


def show_hidden(hidden: Hidden) -> None:
    """Print what was found of the hidden copies, every miss, and every other row that was flagged."""
    out = console()
    found = hidden.num_planted - len(hidden.missed)
    out.print(
        f"{found} of {hidden.num_planted} hidden near-copies found ({hidden.caught:.1%}), {len(hidden.flagged)} of"
        f" {hidden.num_clean} other rows flagged ({hidden.clean_flagged:.3%}); {hidden.rows_per_second:.0f} rows/s on"
        f" one core after {hidden.index_s:.1f} s for the index",
        style="bold",
    )
    out.print("ways: " + ", ".join(f"{count} {way}" for way, count in sorted(hidden.ways.items())))
    for row in hidden.missed[:MAX_LISTED]:
        out.print(f"missed {row.id}: {' '.join(row.text.split())}"[:WIDTH], markup=False)
    for row_id, what in list(hidden.flagged.items())[:MAX_LISTED]:
        out.print(f"flagged {row_id}: {what}"[:WIDTH], markup=False)
    out.print()


def show_extraction(extracted: Sequence[Extraction]) -> None:
    """Print files and functions a second of each way."""
    table = table_of(
        f"extraction from {extracted[0].num_files} files, on one core",
        "way",
        ("files/s", "functions", "functions/s", "time / ours"),
    )
    for way in extracted:
        table.add_row(
            way.name,
            f"{way.num_files / way.seconds:.1f}",
            str(way.num_functions),
            f"{way.num_functions / way.seconds:.0f}",
            f"{way.seconds / extracted[0].seconds:.2f}",
        )
    _print(table)


def show_types(checked: Mapping[TypeCheckerName, Checked]) -> None:
    """Print speed and agreement of each type checker, and the rules behind most disagreements."""
    measure = checked[MEASURE]
    num_functions = len(measure.errors)
    table = table_of(
        f"type checkers on {num_functions} functions that pass the cheap filters, decisions beside {MEASURE}'s",
        "checker",
        ("functions/s", "CPU, s", f"CPU / {MEASURE}", "kept", "agrees", "keeps wrongly", "drops wrongly"),
    )
    out = console()
    reasons = []
    for name, run in checked.items():
        apart = disagreement(run.errors, measure.errors)
        keeps, drops = apart.false_keeps, apart.false_drops
        table.add_row(
            name,
            f"{num_functions / run.seconds:.1f}",
            f"{run.cpu_s:.0f}",
            f"{run.cpu_s / measure.cpu_s:.3f}",
            str(run.num_kept),
            f"{1 - (keeps.total() + drops.total()) / num_functions:.2%}",
            f"{keeps.total()} of {num_functions - measure.num_kept}",
            f"{drops.total()} of {measure.num_kept}",
        )
        reasons += [f"{name} keeps what {MEASURE} drops: {_most_common(keeps)}"] if keeps else []
        reasons += [f"{name} drops what {MEASURE} keeps: {_most_common(drops)}"] if drops else []
    out.print(table)
    for reason in reasons:
        out.print(reason)
    out.print()


def _most_common(rules: Counter[str]) -> str:
    return ", ".join(f"{rule} {count}" for rule, count in rules.most_common(MAX_RULES))


def show_plan(needs: Sequence[Need], num_cores: int, price: float) -> None:
    """Print what a large run needs on so many cores, at a price of a core for an hour."""
    total = sum(need.core_hours for need in needs)
    table = table_of(
        f"a run of this size, from the rates above: {total:.0f} core-hours, {total / num_cores:.1f} h on {num_cores}"
        f" cores, {total * price:.2f} at {price:g} a core-hour",
        "step",
        ("rows", "core-hours", f"h on {num_cores} cores", "memory, GiB", "spread over machines"),
    )
    for need in needs:
        table.add_row(
            need.step,
            f"{need.num_rows:,}",
            f"{need.core_hours:.1f}",
            f"{need.core_hours / num_cores:.2f}",
            f"{need.memory_gib:.1f}" if need.memory_gib else "bounded",
            "yes" if need.is_spread else "hashing only",
        )
    _print(table)


def _print(table: Table) -> None:
    out = console()
    out.print(table)
    out.print()
