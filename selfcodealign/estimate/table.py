"""An estimate as a table for people."""

from collections.abc import Sequence

from selfcodealign.estimate.measured import Rates
from selfcodealign.estimate.steps import StepEstimate

COLUMNS = f"{'step':<42} {'requests':>12} {'prompt tokens':>17} {'new tokens':>17} {'rows out':>12} {'hours':>9}"


def format_estimate(steps: Sequence[StepEstimate], rates: Rates | None = None) -> str:
    """The table, with lines that say what is measured and what is an upper bound.

    Args:
        steps: of `estimate_run`.
        rates: of the engine that was measured, to be set off against other hardware's; None: not known.
    """
    lines = [COLUMNS, *(_line(step) for step in steps)]
    known = sum(step.hours for step in steps if step.hours is not None)
    lines.append(f"{'steps with known rates together':<42} {'':>12} {'':>17} {'':>17} {'':>12} {known:>9.2f}")
    if rates is not None:
        lines.append(
            f"measured: {rates.prompt_tokens_per_second:,.0f} prompt tokens/s that are not cached and"
            f" {rates.output_tokens_per_second:,.0f} new tokens/s; other hardware: --prompt-rate and --output-rate"
        )
    without_cost = [f"{step.step} {step.num_without_cost:,}" for step in steps if step.num_without_cost]
    if without_cost:
        lines.append(
            f"answers from the journal whose time is unknown: {', '.join(without_cost)}; hours take them to be as fast"
            " as the others of their step, and are unknown (?) where there are no others"
        )
    bounds = [step.step for step in steps if not step.is_measured]
    if bounds:
        lines.append(f"<= upper bounds, no finished run has measured: {', '.join(bounds)}; try --probe")
    return "\n".join(lines)


def _line(step: StepEstimate) -> str:
    def number(count: int) -> str:
        return f"{'' if step.is_measured else '<= '}{count:,}" if count else "-"

    hours = "?" if step.hours is None else f"{step.hours:.2f}"
    counts = f"{number(step.requests):>12} {number(step.prompt_tokens):>17} {number(step.output_tokens):>17}"
    return f"{step.step:<42} {counts} {number(step.rows):>12} {hours:>9}"
