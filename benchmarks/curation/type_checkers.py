"""Type checkers as a filter of seeds: speed, and how often each decides as pyright, function by function."""

import json
import resource
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

from selfcodealign.params import FilterSeeds, TypeCheckerName
from selfcodealign.seeds import (
    InstalledPackages,
    PermittedLicences,
    Source,
    StandardLibrary,
    collect_seeds,
    filter_seeds,
    type_errors,
)

# The reference's checker, and ours by default: the others are compared with it.
MEASURE: TypeCheckerName = "pyright"
PERMISSIVE = ("MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "PSF-2.0", "Python-2.0", "0BSD", "Unlicense")


@dataclass(frozen=True, slots=True)
class Checked:
    """One checker's verdicts.

    Attributes:
        errors: for each function its first error, "rule: message", or None.
        seconds: wall time for all of them, in one run of the checker.
        cpu_s: processor time of that run, all threads together, seconds; other load hardly changes it.
    """

    errors: list[str | None]
    seconds: float
    cpu_s: float

    @property
    def num_kept(self) -> int:
        """Functions without an error."""
        return self.errors.count(None)


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Where a checker and the measure decide differently.

    Attributes:
        false_keeps: functions that only the checker keeps, by the measure's rule against them.
        false_drops: functions that only the checker drops, by its rule.
    """

    false_keeps: Counter[str]
    false_drops: Counter[str]


def candidates(count: int) -> list[str]:
    """Functions as they reach the type filter: whole, permissive, past the cheap filters; fewer if there are fewer."""
    permitted = PermittedLicences(PERMISSIVE)
    sources: list[Source] = [StandardLibrary(permitted), InstalledPackages(["*"], permitted)]
    cheap = FilterSeeds(
        docstring=True,
        returns_value=True,
        arguments=True,
        bad_words=True,
        system_imports=True,
        types=False,
        benchmark_text=False,
        near_duplicates=False,
        judge=False,
        max_seeds=count,
    )
    with (
        TemporaryDirectory() as folder,
        collect_seeds(sources, Path(folder) / "parts", max_functions=None, seed=0) as found,
    ):
        return [row.code for row in filter_seeds(found.rows(lambda _: None), cheap, seed=0).seeds]


def compare(programs: Sequence[str], num_threads: int) -> dict[TypeCheckerName, Checked]:
    """Check the same programs with every checker, one checker after the other."""
    checked = {}
    for name in get_args(TypeCheckerName):
        started, cpu_before = time.perf_counter(), _cpu_of_children()
        errors = type_errors(programs, checker=name, num_threads=num_threads)
        checked[name] = Checked(errors, time.perf_counter() - started, _cpu_of_children() - cpu_before)
    return checked


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def write_disagreements(path: Path, programs: Sequence[str], checked: Mapping[TypeCheckerName, Checked]) -> None:
    """Write the functions on which the checkers decide differently, one JSON object a line, with the error of each."""
    with path.open("w", encoding="utf-8") as opened:
        for index, program in enumerate(programs):
            errors = {name: run.errors[index] for name, run in checked.items()}
            if len({error is None for error in errors.values()}) > 1:
                opened.write(json.dumps({**errors, "code": program}) + "\n")


def disagreement(checker: Sequence[str | None], measure: Sequence[str | None]) -> Disagreement:
    """Count where two checkers decide differently.

    Args:
        checker: first errors by one checker.
        measure: first errors of the same functions by the one that it is compared with.
    """
    pairs = list(zip(checker, measure, strict=True))
    return Disagreement(
        false_keeps=_rules(reference for own, reference in pairs if own is None),
        false_drops=_rules(own for own, reference in pairs if reference is None),
    )


def _rules(errors: Iterable[str | None]) -> Counter[str]:
    return Counter(error.partition(":")[0] for error in errors if error is not None)


def keys(checked: Mapping[TypeCheckerName, Checked]) -> dict[str, object]:
    """Figures for the last line of a run, one mapping a figure, by checker."""
    measure = checked[MEASURE]
    apart = {name: disagreement(run.errors, measure.errors) for name, run in checked.items()}
    return {
        "type_checked": len(measure.errors),
        "type_checked_per_second": {name: round(len(run.errors) / run.seconds, 1) for name, run in checked.items()},
        "type_check_cpu_seconds": {name: round(run.cpu_s, 1) for name, run in checked.items()},
        "type_false_keeps": {name: found.false_keeps.total() for name, found in apart.items()},
        "type_false_drops": {name: found.false_drops.total() for name, found in apart.items()},
    }
