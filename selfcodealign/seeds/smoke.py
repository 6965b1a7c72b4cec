"""Does a function run: its imports, its definition, and a call where it needs no argument."""

import ast
from collections.abc import Sequence

from selfcodealign.journal import Journal
from selfcodealign.records import Seed, Verdict
from selfcodealign.sandbox import Program, Sandbox, Status, run_journalled
from selfcodealign.seeds.names import parse_function

# No assertion runs here, so that the sandbox calls a program that reaches its end vacuous.
_RAN = frozenset({Status.PASSED, Status.VACUOUS})


def smoke_program(seed: Seed) -> str:
    """The program that shows whether a seed runs: its code, and a call if every parameter has a default.

    Functions that need an argument are only defined: what a good argument would be is not known, and a function that
    refuses a bad one is no worse for it. A coroutine is not awaited.
    """
    _, function = parse_function(seed.code)
    taken = function.args
    num_needed = len(taken.posonlyargs) + len(taken.args) - len(taken.defaults) + taken.kw_defaults.count(None)
    is_callable = num_needed == 0 and isinstance(function, ast.FunctionDef)
    return f"{seed.code}\n{function.name}()\n" if is_callable else f"{seed.code}\n"


def smoke_errors(seeds: Sequence[Seed], sandbox: Sandbox, journal: Journal) -> list[str | None]:
    """Run each seed in the sandbox.

    Args:
        seeds: whole functions.
        sandbox: where they run; a package that it lacks is an error.
        journal: keeps each verdict as it arrives.

    Returns:
        For each seed None if it runs, else how it ends and the last line that it prints to standard error.

    Raises:
        SandboxError: the sandbox failed as a whole.
    """
    programs = [Program(seed.id, smoke_program(seed)) for seed in seeds]
    verdicts, _ = run_journalled(sandbox, programs, journal)
    return [_error(verdict) for verdict in verdicts]


def _error(verdict: Verdict) -> str | None:
    if verdict.status in _RAN:
        return None
    last = (verdict.stderr.strip().splitlines() or [""])[-1]
    return f"{verdict.status}: {last[:200]}".removesuffix(": ")
