"""The way of one program to its verdict: its own run, then as many counterfactual copies as its tests need."""

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from selfcodealign.sandbox.inside.execution import GOOD_ENDS
from selfcodealign.sandbox.inside.judgement import Copy, Facts, Judgement, facts_from, judge
from selfcodealign.sandbox.settings import Status

# A copy may take this many times what the program took, and at least some seconds: broken code may loop for ever.
COPY_SLOWDOWN = 10.0
MIN_COPY_S = 2.0
# How much more time a program or a copy gets that is run again because it ran out of time on a busy machine.
SECOND_LOOK_FACTOR = 3.0
REAL = Copy("real")
# Ways in which a program ends that a verdict does not tell apart from others.
ENDINGS = {"exit_code": Status.ERROR, "unexpected": Status.FAILED}


@dataclass(frozen=True, slots=True)
class Found:
    """What was found of a program; see `Verdict`."""

    status: Status
    seconds: float = 0.0
    assertions: int = 0
    line: int = 0
    noticed: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    stdout: str = ""
    stderr: str = ""


class Trial:
    """Decides from how runs ended what runs next, and in the end the verdict.

    It lives in a process that has nothing in common with the programs.

    Attributes:
        copy: what is to run.
    """

    def __init__(self) -> None:
        self.copy = REAL
        self._real: dict[str, Any] = {}
        self._facts: Facts | None = None
        self._judging: Generator[Copy, str, Judgement] | None = None
        self._is_repeated = False

    def timeout_s(self, program_timeout_s: float) -> float:
        """Wall time of the run that is due, seconds.

        Args:
            program_timeout_s: that of the program itself.
        """
        if self.copy.kind == "real":
            return program_timeout_s
        copy_s = max(MIN_COPY_S, COPY_SLOWDOWN * float(self._real["seconds"]))
        return min(program_timeout_s, copy_s * SECOND_LOOK_FACTOR if self._is_repeated else copy_s)

    def repeat_copy(self) -> bool:
        """Have the copy that was due run once more, with more time.

        Returns:
            Whether it does: False for the program itself, and for a copy that was repeated before.
        """
        if self.copy.kind == "real" or self._is_repeated:
            return False
        self._is_repeated = True
        return True

    def take(self, message: dict[str, Any]) -> Found | None:
        """Take the answer to the run that was due.

        Args:
            message: the supervisor's.

        Returns:
            The verdict; None if another copy has to run.

        Raises:
            KeyError, TypeError, ValueError: the message makes no sense.
        """
        self._is_repeated = False
        if self._judging is not None:
            return self._continue(self._judging, str(message["status"]))
        self._real = message
        if message["facts"] is not None:
            self._facts = facts_from(message["facts"])
        if message["status"] not in GOOD_ENDS or self._facts is None:
            status = ENDINGS.get(message["status"]) or Status(message["status"])
            return self._found(Judgement(status=str(status), line=int(message["line"])))
        if message["judgement"] is not None:
            return self._found(Judgement(**message["judgement"]))
        # Without a judgement: not plain, or a copy in its process did not end. Each copy gets a process then.
        self._judging = judge(self._facts, has_exited=message["status"] == "exited")
        try:
            self.copy = next(self._judging)
        except StopIteration as stop:
            return self._found(stop.value)
        return None

    def _continue(self, judging: Generator[Copy, str, Judgement], status: str) -> Found | None:
        try:
            self.copy = judging.send(status)
        except StopIteration as stop:
            return self._found(stop.value)
        return None

    def _found(self, judgement: Judgement) -> Found:
        message = self._real
        return Found(
            Status(judgement.status),
            seconds=float(message["seconds"]),
            assertions=len(self._facts.sites) if self._facts else 0,
            line=judgement.line,
            noticed=judgement.noticed,
            missed=judgement.missed,
            stdout=str(message["stdout"]),
            stderr=str(message["stderr"]) + judgement.note,
        )
