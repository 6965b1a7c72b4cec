"""Type checks of any number of programs: in batches, in parallel, and each outcome journalled as it comes."""

import importlib.metadata
import itertools
import platform
from collections.abc import Iterator, Sequence
from functools import cached_property, partial

from selfcodealign.journal import Journal, journal_key
from selfcodealign.parallel import ALONE, ordered_map
from selfcodealign.params import TypeCheckerName, Workers
from selfcodealign.records import row_id
from selfcodealign.seeds.type_check import type_errors

# A run of the checker takes about a second to start, and tens of milliseconds a program.
BATCH_PROGRAMS = 512


class TypeCheck:
    """Says what type errors programs have. What is in the journal is not checked again."""

    def __init__(self, checker: TypeCheckerName, journal: Journal, workers: Workers = ALONE) -> None:
        """Check in worker processes.

        Args:
            checker: which type checker.
            journal: where outcomes are kept, under a key of the program, the checker, Python's version and all
                installed packages.
            workers: where batches of programs are checked, by one run of the checker a worker.
        """
        self._checker = checker
        self._journal = journal
        self._workers = workers

    @cached_property
    def _environment(self) -> str:
        return _environment()

    def __call__(self, programs: Sequence[str]) -> Iterator[str | None]:
        """The first type error of each program, or None; in the order of the programs.

        Raises:
            InputError: the journal is damaged or cannot be written.
            PrerequisiteError: the checker is missing or does not start.
        """
        decisive = {"checker": self._checker, "environment": self._environment}
        keys = [journal_key("types", program=program, **decisive) for program in programs]
        known = self._journal.get_many(keys)
        unknown = (program for key, program in zip(keys, programs, strict=True) if key not in known)
        errors = itertools.chain.from_iterable(
            ordered_map(
                partial(type_errors, checker=self._checker),
                _batches(unknown),
                workers=self._workers,
                chunk_items=1,
                inline_items=1,
            )
        )
        for key in keys:
            if key in known:
                yield known[key]["error"]
            else:
                error = next(errors)
                self._journal.put(key, {"error": error}, kind="types")
                yield error


def _batches(programs: Iterator[str]) -> Iterator[list[str]]:
    while batch := list(itertools.islice(programs, BATCH_PROGRAMS)):
        yield batch


def _environment() -> str:
    """A digest of what a program is checked against: the checker, Python and the installed packages."""
    installed = {f"{package.name}=={package.version}" for package in importlib.metadata.distributions()}
    return row_id(platform.python_version(), *sorted(installed))
