"""Type checking of many functions at once, without running any of them."""

import importlib.util
import json
import logging
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from selfcodealign.errors import PrerequisiteError
from selfcodealign.params import TypeCheckerName
from selfcodealign.seeds.type_checkers import TYPE_CHECKERS, TypeChecker

logger = logging.getLogger(__name__)

# A run starts within seconds; a program's own time is a small fraction of the second that it is given here.
START_TIMEOUT_S = 120.0
PROGRAM_TIMEOUT_S = 1.0
UNCHECKABLE = "the type checker fails on it"
# Comments that some checker takes as an order. `# type: list[int]` is none: it says something about the code.
_ORDERS = re.compile(r"#\s*(?:(?:pyright|pyrefly|ty|mypy):|type:\s*ignore)")
# One more program in each run, with an error that every checker names: a report without it checked nothing.
_CANARY = "seed_program_canary.py"
_CANARY_TEXT = "print(no_such_name_anywhere)\n"


class _CheckerError(Exception):
    """The type checker ended without an answer."""


def type_errors(
    programs: Sequence[str], *, checker: TypeCheckerName = "pyright", num_threads: int = 1
) -> list[str | None]:
    """Check programs, each by itself, against the packages of this environment.

    Undefined names, unresolved imports and wrong types are errors; missing annotations are none. Comments that switch
    a checker off have no effect. One run of the checker serves all programs: its start and the stubs of the standard
    library cost more than most programs.

    Args:
        programs: source texts.
        checker: which type checker; `python -m benchmarks.curation types` compares them.
        num_threads: threads of the checker; 1 unless there are hundreds of programs.

    Returns:
        For each program its first error on one line, "rule: message" in the checker's own words, or None if it has
        none. A program on which the checker itself fails counts as wrong, with `UNCHECKABLE`.

    Raises:
        PrerequisiteError: the checker is not installed or does not start.
    """
    tool = TYPE_CHECKERS[checker]
    if importlib.util.find_spec(tool.module) is None:
        raise PrerequisiteError(
            f"{tool.module} is missing; run `pip install {tool.module}`, set filter_seeds.type_checker to another one,"
            " or set filter_seeds.types: false"
        )
    if not programs:
        return []
    return _settled(tool, programs, num_threads)


def _settled(tool: TypeChecker, programs: Sequence[str], num_threads: int) -> list[str | None]:
    """The errors of programs; where the checker fails, of their halves, down to the program on which it fails."""
    try:
        return _check(tool, programs, num_threads)
    except _CheckerError as error:
        if _fails_on_nothing(tool):
            raise PrerequisiteError(
                f"{tool.module} does not work here ({error}); reinstall it, or set filter_seeds.types: false"
            ) from error
        logger.info("the type checker failed on a batch of %d (%s); trying halves", len(programs), error)
        if len(programs) == 1:
            return [UNCHECKABLE]
        middle = len(programs) // 2
        return [
            *_settled(tool, programs[:middle], num_threads),
            *_settled(tool, programs[middle:], num_threads),
        ]


def _fails_on_nothing(tool: TypeChecker) -> bool:
    try:
        _check(tool, [], 1)
    except _CheckerError:
        return True
    return False


def _check(tool: TypeChecker, programs: Sequence[str], num_threads: int) -> list[str | None]:
    names = [f"seed_program_{index}.py" for index in range(len(programs))]
    with tempfile.TemporaryDirectory(prefix="selfcodealign-types-") as name:
        folder = Path(name).resolve()
        for file, program in zip(names, programs, strict=True):
            (folder / file).write_text(_ORDERS.sub("#", program) + "\n", encoding="utf-8")
        (folder / _CANARY).write_text(_CANARY_TEXT, encoding="utf-8")
        (folder / tool.settings_file).write_text(tool.settings, encoding="utf-8")
        report = _run(tool, folder, num_threads, START_TIMEOUT_S + PROGRAM_TIMEOUT_S * len(programs))
    first: dict[str, str] = {}
    try:
        for file, rule, message in tool.errors(report):
            first.setdefault(file, f"{rule}: {' '.join(message.split())[:200]}")
    except (KeyError, TypeError) as error:
        raise _CheckerError(f"a report of an unknown form ({type(error).__name__}: {error})") from error
    if _CANARY not in first:
        raise _CheckerError("its report lacks an error that is there")
    return [first.get(file) for file in names]


def _run(tool: TypeChecker, folder: Path, num_threads: int, timeout_s: float) -> Any:
    command = [sys.executable, "-m", tool.module, *tool.arguments(num_threads)]
    environment = {**os.environ, **tool.environment(num_threads)}
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout_s, check=False, cwd=folder, env=environment
        )
    except subprocess.TimeoutExpired as error:
        raise _CheckerError(f"no answer within {timeout_s:.0f} s") from error
    try:
        return json.loads(answer.stdout)
    except ValueError as error:
        last = (answer.stderr.strip().splitlines() or ["no output"])[-1]
        raise _CheckerError(f"exit code {answer.returncode}: {last[:200]}") from error
