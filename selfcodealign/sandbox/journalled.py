"""Verdicts that survive a crash: each is written to the journal as it arrives, and none is asked for twice."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from selfcodealign.journal import Journal, journal_key
from selfcodealign.records import Verdict
from selfcodealign.sandbox.pool import Sandbox
from selfcodealign.sandbox.settings import Program, Status


@dataclass(frozen=True, slots=True)
class RunCounts:
    """What a run with a journal cost.

    Attributes:
        asked: programs that were really run.
        from_journal: programs whose verdict the journal had.
        duplicates: programs with the text of another one, which got its verdict.
    """

    asked: int
    from_journal: int
    duplicates: int


def verdict_key(program: Program, fingerprint: dict[str, Any]) -> str:
    """The journal's key of a verdict: program text and all that decides the verdict beside it, but not the id.

    Args:
        program: the program.
        fingerprint: `Sandbox.fingerprint`.
    """
    return journal_key("verdict", source=program.source, num_code_lines=program.num_code_lines, **fingerprint)


def run_journalled(
    sandbox: Sandbox,
    programs: Sequence[Program],
    journal: Journal,
    on_verdict: Callable[[Verdict], None] | None = None,
) -> tuple[list[Verdict], RunCounts]:
    """Run programs that the journal does not know; identical ones once.

    Args:
        sandbox: where they run.
        programs: the programs.
        journal: keeps each verdict as it arrives, except `sandbox_error`.
        on_verdict: called with each verdict as it is known, for progress; once for each distinct program.

    Returns:
        A verdict for each program, in their order, with their ids; and the counts.

    Raises:
        SandboxError: the sandbox failed as a whole; verdicts that arrived before are in the journal.
    """
    fingerprint = sandbox.fingerprint
    keys = [verdict_key(program, fingerprint) for program in programs]
    verdicts = {key: Verdict(**value) for key, value in journal.get_many(keys).items()}
    num_known = len(verdicts)
    if on_verdict is not None:
        for verdict in verdicts.values():
            on_verdict(verdict)
    missing = {key: program for key, program in zip(keys, programs, strict=True) if key not in verdicts}
    missing_keys = list(missing)
    for index, verdict in sandbox.run_as_completed(missing.values()):
        key = missing_keys[index]
        verdicts[key] = verdict
        if verdict.status != Status.SANDBOX_ERROR:
            journal.put(key, dataclasses.asdict(verdict), kind="verdict")
        if on_verdict is not None:
            on_verdict(verdict)
    rows = [dataclasses.replace(verdicts[key], id=program.id) for key, program in zip(keys, programs, strict=True)]
    return rows, RunCounts(len(missing), num_known, len(programs) - len(verdicts))
