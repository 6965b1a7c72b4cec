"""Programs in and verdicts out while the programs are still being made, through the journal."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager

from selfcodealign.journal import Journal
from selfcodealign.records import Verdict
from selfcodealign.sandbox.journalled import verdict_key
from selfcodealign.sandbox.pool import Sandbox, Submitted
from selfcodealign.sandbox.settings import Program, Status


class VerdictStream:
    """Judges programs one by one. What the journal knows is not run; what is run is written there as it ends.

    Not for several threads. Made by `open_stream`.
    """

    def __init__(self, sandbox: Sandbox, submitted: Submitted, journal: Journal) -> None:
        self._fingerprint = sandbox.fingerprint
        self._submitted = submitted
        self._journal = journal
        self._known: list[tuple[str, bool]] = []
        self._running: dict[int, tuple[str, str]] = {}

    def submit(self, name: str, program: str, code: str) -> None:
        """Have a program run, unless its verdict is known.

        Args:
            name: comes back with its verdict; need not be unique.
            program: Python source: code and tests.
            code: the code under test, with which the program begins.
        """
        asked = Program.of_code(name, program, code)
        key = verdict_key(asked, self._fingerprint)
        known = self._journal.get_many([key]).get(key)
        if known is not None:
            self._known.append((name, known["status"] == Status.PASSED))
        else:
            self._running[self._submitted.submit(asked)] = (name, key)

    def verdicts(self, *, wait: bool) -> list[tuple[str, bool]]:
        """Names and whether they passed, of programs that have been judged since the last call.

        Args:
            wait: wait for at least one, if there is any to wait for.

        Raises:
            SandboxError: the sandbox failed as a whole.
        """
        found, self._known = self._known, []
        while self._running:
            ended = self._submitted.next_verdict(wait=wait and not found)
            if ended is None:
                break
            number, verdict = ended
            found.append(self._keep(number, verdict))
        return found

    def _keep(self, number: int, verdict: Verdict) -> tuple[str, bool]:
        name, key = self._running.pop(number)
        if verdict.status != Status.SANDBOX_ERROR:
            self._journal.put(key, dataclasses.asdict(verdict), kind="verdict")
        return name, verdict.status == Status.PASSED


@contextmanager
def open_stream(sandbox: Sandbox, journal: Journal) -> Iterator[VerdictStream]:
    """Judge programs as they come. What still runs when the block ends is given up.

    Args:
        sandbox: where they run; it tests itself first.
        journal: of verdicts.

    Raises:
        SandboxError: the self-test failed.
    """
    with sandbox.submitting() as submitted:
        yield VerdictStream(sandbox, submitted, journal)
