"""Human-readable tables."""

from collections.abc import Sequence

from benchmarks.tables import console, table_of
from benchmarks.training.breakdown import PARTS, Breakdown
from benchmarks.training.comparison import Comparison, product_dtype
from benchmarks.training.job import Job
from benchmarks.training.systems import OURS, PEER


def show_comparison(found: Comparison) -> None:
    """Print speed, memory and loss of both systems."""
    table = table_of(
        f"{describe(found.job)}; rounds: {len(found.rounds[OURS])}",
        "system",
        ("s/step", "tokens/s", "supervised/s", "time / ours", "of peak", "padding", "MiB", "loss"),
    )
    low, high = found.ratio_interval
    for name in (OURS, PEER):
        tokens = found.tokens_per_second(name)
        table.add_row(
            peer_name(found.job) if name == PEER else name,
            f"{found.seconds_per_step(name):.2f}",
            str(tokens.all),
            str(tokens.supervised),
            f"{found.ratio:.2f} ({low:.2f} .. {high:.2f})" if name == PEER else "1",
            f"{found.share_of_peak(name):.1%}",
            f"{found.rounds[name][0].padding_share:.1%}",
            f"{found.peak_mib(name):.0f}",
            f"{found.loss(name):.5f}",
        )
    out = console()
    out.print(table)
    out.print(
        f"Tokens are prompts and answers without padding; MiB is the peak memory. The loss is on held-out pairs after"
        f" training, {found.rounds[OURS][0].loss_before:.5f} before it; the two differ by {found.loss_difference:.3%}."
    )
    out.print(
        f"Peak: {found.peak_flops / 1e9:.0f} GFLOP/s in matrix products of {product_dtype(found.precision)}. The work"
        " of a token is 6 operations per trained weight and 4 per frozen one; the output layer counts for supervised"
        " tokens only."
    )
    out.print()


def show_breakdowns(job: Job, found: Sequence[Breakdown]) -> None:
    """Print the parts of a step, with a column per system, and the operators of each system's profiled step."""
    names = [peer_name(job) if run.name == PEER else run.name for run in found]
    table = table_of(f"where the time of a step goes, seconds; {describe(job)}", "part", names)
    for part, text in PARTS.items():
        table.add_row(text, *[f"{run.parts[part]:.2f} ({run.parts[part] / run.whole:.0%})" for run in found])
    table.add_row("all", *[f"{run.whole:.2f}" for run in found], style="bold")
    out = console()
    out.print(table)
    out.print()
    for name, run in zip(names, found, strict=True):
        operators = table_of(f"operators of one step of {name}, profiled", "operator", ("seconds", "calls"))
        for operator in run.operators:
            operators.add_row(operator.name, f"{operator.seconds:.2f}", str(operator.calls))
        out.print(operators)
        out.print()


def describe(job: Job) -> str:
    """The training in one line."""
    settings = job.settings
    num_real = job.num_real
    num_all = len(job.rows) + len(job.held)
    source = "pairs of a run" if num_real == num_all else f"pairs, {num_all - num_real} of them made"
    return (
        f"{settings.objective}, {settings.method}, {settings.optimizer}: {len(job.plan)} steps of"
        f" {settings.batch_size} pairs, {settings.micro_batch_size} per forward pass; {num_all} {source},"
        f" {len(job.held)} held out"
    )


def peer_name(job: Job) -> str:
    """What the peer is called beside ours."""
    return PEER if job.settings.objective == "sft" else "TRL's DPOTrainer"
