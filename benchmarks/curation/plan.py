"""What a large run of curation needs, from what was measured here: core-hours and memory, step by step."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.curation.extraction import Extraction
from benchmarks.curation.planted import Hidden
from benchmarks.curation.systems import Measured


@dataclass(frozen=True, slots=True)
class Need:
    """What one step needs.

    Attributes:
        step: the step.
        num_rows: rows that go into it.
        core_hours: hours on one core like those of the measurement.
        memory_gib: memory that grows with the rows; 0: a bounded number of rows is held.
        is_spread: Ray spreads it over machines; else its last part runs on one core.
    """

    step: str
    num_rows: int
    core_hours: float
    memory_gib: float
    is_spread: bool


def plan(
    num_functions: int,
    num_responses: int,
    *,
    grown: Sequence[Measured],
    exponent: float | None,
    extraction: Extraction,
    hidden: Hidden,
    typed_per_second: float,
    num_cores: int,
) -> list[Need]:
    """The needs of a run, step by step. Steps that look at one row at a time grow linearly.

    Args:
        num_functions: functions that were collected; each is taken to pass the cheap filters, which few do.
        num_responses: responses that are selected from.
        grown: near-duplicates by the number of rows; the last, largest run is what is extrapolated.
        exponent: of their growth in time; None: linear.
        extraction: files to functions.
        hidden: decontamination.
        typed_per_second: functions whose types are checked in a second, on one core.
        num_cores: cores that `grown` used.
    """
    largest = grown[-1]

    def compared(rows: int) -> tuple[float, float]:
        seconds = largest.seconds * (rows / largest.num_rows) ** (exponent or 1.0)
        return seconds * num_cores / 3600, largest.peak_mib / 1024 * rows / largest.num_rows

    def alone(rows: int, rows_per_second: float) -> tuple[float, float]:
        return rows / rows_per_second / 3600, 0.0

    functions_per_second = extraction.num_functions / extraction.seconds
    return [
        Need("extraction", num_functions, *alone(num_functions, functions_per_second), True),
        Need("decontamination of seeds", num_functions, *alone(num_functions, hidden.rows_per_second), True),
        Need("types", num_functions, *alone(num_functions, typed_per_second), True),
        Need("near-duplicates of seeds", num_functions, *compared(num_functions), False),
        Need("decontamination of responses", num_responses, *alone(num_responses, hidden.rows_per_second), True),
        Need("near-duplicates of responses", num_responses, *compared(num_responses), False),
    ]
