"""One need of a run, its state, and how it reads."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from selfcodealign.errors import PrerequisiteError

COMMAND_TIMEOUT_S = 30.0


class State(StrEnum):
    """What a check found."""

    OK = "ok"
    MISSING = "missing"
    WARNING = "warning"  # the run works, with a drawback that the line names
    OPTIONAL = "-"  # not there, and not needed for a run


@dataclass(frozen=True, slots=True)
class Check:
    """One need and its state.

    Attributes:
        name: the need, such as `Docker`.
        state: whether it is there.
        detail: what was found: versions, sizes, addresses.
        remedy: how to get it; empty when nothing is to be done.
    """

    name: str
    state: State
    detail: str
    remedy: str = ""


def format_checks(found: Sequence[Check]) -> str:
    """The checks as a table: state, need, what was found and the fix, one line each."""
    width = max((len(check.name) for check in found), default=0)
    lines = []
    for check in found:
        remedy = f" -> {check.remedy}" if check.remedy else ""
        lines.append(f"{check.state:<8} {check.name:<{width}}  {check.detail}{remedy}")
    return "\n".join(lines)


def exit_code(found: Sequence[Check]) -> int:
    """0 when everything that a run needs is there, else 2."""
    return PrerequisiteError.exit_code if any(check.state is State.MISSING for check in found) else 0


def output_of(command: Sequence[str], timeout_s: float = COMMAND_TIMEOUT_S) -> str | None:
    """What a command prints, stripped; None when it is missing, fails or takes too long."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
