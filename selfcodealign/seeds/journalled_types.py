"""Type checks of any number of programs: in batches, in parallel, and each outcome journalled as it comes."""

import itertools
from collections.abc import Iterator, Sequence
from functools import cached_property, partial

from selfcodealign.journal import Journal, journal_key
from selfcodealign.parallel import ALONE, ordered_map
from selfcodealign.params import TypeCheckerName, Workers
from selfcodealign.seeds.type_check import type_errors
from selfcodealign.seeds.type_environment import TypeEnvironment

# A run of the checker takes about a second to start, and tens of milliseconds a program.
BATCH_PROGRAMS = 512


class TypeCheck:
    """Says what type errors programs have. What is in the journal is not checked again."""

    def __init__(self, checker: TypeCheckerName, journal: Journal, workers: Workers = ALONE) -> None:
        """Check in worker processes.

        Args:
            checker: which type checker.
            journal: where outcomes are kept, under a key of the program and of what else decides them; see
                `TypeEnvironment`.
            workers: where batches of programs are checked, by one run of the checker a worker.
        """
        self._checker = checker
        self._journal = journal
        self._workers = workers

    @cached_property
    def _environment(self) -> TypeEnvironment:
        return TypeEnvironment(self._checker)

    def __call__(self, programs: Sequence[str]) -> Iterator[str | None]:
        """The first type error of each program, or None; in the order of the programs.

        Raises:
            InputError: the journal is damaged or cannot be written.
            PrerequisiteError: the checker is missing or does not start.
        """
        environments = (self._environment.of(program) for program in programs)
        keys = [
            journal_key("types", program=program, environment=environment)
            for program, environment in zip(programs, environments, strict=True)
        ]
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
