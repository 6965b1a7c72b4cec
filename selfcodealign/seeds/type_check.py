"""Type checking of many functions at once with basedpyright, without running any of them."""

import importlib.util
import json
import logging
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from selfcodealign.errors import PrerequisiteError

logger = logging.getLogger(__name__)

# A run starts within seconds; a program's own time is a small fraction of the second that it is given here.
START_TIMEOUT_S = 120.0
PROGRAM_TIMEOUT_S = 1.0
_PYRIGHT_COMMENT = re.compile(r"#\s*pyright:")
UNCHECKABLE = "the type checker fails on it"


class _CheckerError(Exception):
    """The type checker ended without an answer."""


def type_errors(programs: Sequence[str], *, num_threads: int = 1) -> list[str | None]:
    """Check programs, each by itself, against the packages of this environment.

    Undefined names, unresolved imports and wrong types are errors; missing annotations are none (pyright's mode
    "standard"). Comments that switch the checker off have no effect. One run of the checker serves all programs: its
    start and the stubs of the standard library cost more than most programs.

    Args:
        programs: source texts.
        num_threads: threads of the checker; 1 unless there are hundreds of programs.

    Returns:
        For each program its first error on one line, or None if it has none. A program on which the checker itself
        fails counts as wrong, with `UNCHECKABLE`.

    Raises:
        PrerequisiteError: basedpyright is not installed or does not start.
    """
    if importlib.util.find_spec("basedpyright") is None:
        raise PrerequisiteError(
            "basedpyright is missing; run `pip install basedpyright`, or set filter_seeds.types: false"
        )
    if not programs:
        return []
    try:
        return _check(programs, num_threads)
    except _CheckerError as error:
        if _fails_on_nothing():
            raise PrerequisiteError(
                f"basedpyright does not work here ({error}); reinstall it, or set filter_seeds.types: false"
            ) from error
        logger.info("the type checker failed on a batch of %d (%s); trying halves", len(programs), error)
        if len(programs) == 1:
            return [UNCHECKABLE]
        middle = len(programs) // 2
        return [
            *type_errors(programs[:middle], num_threads=num_threads),
            *type_errors(programs[middle:], num_threads=num_threads),
        ]


def _fails_on_nothing() -> bool:
    try:
        _check(["x = 1\n"], 1)
    except _CheckerError:
        return True
    return False


def _check(programs: Sequence[str], num_threads: int) -> list[str | None]:
    with tempfile.TemporaryDirectory(prefix="selfcodealign-types-") as name:
        folder = Path(name).resolve()
        files = [folder / f"seed_program_{index}.py" for index in range(len(programs))]
        for file, program in zip(files, programs, strict=True):
            file.write_text(_PYRIGHT_COMMENT.sub("#", program) + "\n", encoding="utf-8")
        settings = {
            "include": ["*.py"],
            "typeCheckingMode": "standard",
            "enableTypeIgnoreComments": False,
            "pythonVersion": ".".join(platform.python_version_tuple()[:2]),
        }
        (folder / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
        report = _run(folder, num_threads, START_TIMEOUT_S + PROGRAM_TIMEOUT_S * len(programs))
    if report["summary"]["filesAnalyzed"] != len(programs):
        raise _CheckerError(f"{report['summary']['filesAnalyzed']} of {len(programs)} files were checked")
    first: dict[str, str] = {}
    for diagnostic in report["generalDiagnostics"]:
        if diagnostic["severity"] == "error":
            message = " ".join(diagnostic["message"].split())[:200]
            first.setdefault(Path(diagnostic["file"]).name, f"{diagnostic.get('rule', 'syntax')}: {message}")
    return [first.get(file.name) for file in files]


def _run(folder: Path, num_threads: int, timeout_s: float) -> dict[str, Any]:
    command = [sys.executable, "-m", "basedpyright", "--outputjson", "--level", "error"]
    command += ["--pythonpath", sys.executable, "--project", str(folder)]
    command += ["--threads", str(num_threads)] if num_threads > 1 else []
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False, cwd=folder)
    except subprocess.TimeoutExpired as error:
        raise _CheckerError(f"no answer within {timeout_s:.0f} s") from error
    try:
        report = json.loads(answer.stdout)
    except ValueError as error:
        last = (answer.stderr.strip().splitlines() or ["no output"])[-1]
        raise _CheckerError(f"exit code {answer.returncode}: {last[:200]}") from error
    if not isinstance(report, dict) or "summary" not in report:
        raise _CheckerError(f"exit code {answer.returncode}: its report has no summary")
    return report
