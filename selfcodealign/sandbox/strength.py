"""Test strength: how much the tests of a program that passes would notice.

Mutants of the code are run with its tests; the share that the tests notice is the mutation score. The code with markers
in its branches is run once; the share of arms that are taken is the branch coverage. Both run in the sandbox like any
other program, with the same isolation, and their verdicts are journalled under the same keys.
"""

import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from selfcodealign.journal import Journal
from selfcodealign.records import Response, Strength, Verdict, derived_seed
from selfcodealign.sandbox.branches import mark_branches
from selfcodealign.sandbox.journalled import run_journalled
from selfcodealign.sandbox.mutants import make_mutants
from selfcodealign.sandbox.pool import open_sandbox
from selfcodealign.sandbox.settings import Limits, Program, SandboxSettings, Status
from selfcodealign.sandbox.source_edits import UnreadableCodeError

# A mutant may take ten times as long as the unchanged program, rounded up to one of these, and never more than the
# sandbox allows. Few steps, because each is a sandbox of its own: the limits are part of a verdict's key.
SLOWDOWN = 10.0
MUTANT_TIMEOUTS_S = (1.0, 4.0)
# Mutants are judged by their status; of the marked program all must be kept that it writes to standard error.
MUTANT_OUTPUT_BYTES = 1024
MARKED_OUTPUT_BYTES = 256 << 10
# Responses whose mutants are in memory at the same time.
BATCH = 500
# A mutant after which no assertion ran was not noticed by any: the tests just did not say anything.
SURVIVED = frozenset({Status.PASSED, Status.VACUOUS})


class UnknownReason(StrEnum):
    """Why a score or a coverage is not known."""

    CODE_NOT_FOUND = "code_not_found"  # the program does not begin with the code
    UNREADABLE = "unreadable"  # no syntax tree: does not parse by itself, too deep, too long
    NO_MUTANTS = "no_mutants"  # nothing in the code that an operator could change
    NOT_PASSED_MARKED = "not_passed_marked"  # with markers it does not pass: it looks at itself, or passes by chance
    OUTPUT_CUT = "output_cut"  # it wrote so much to standard error that markers may be lost
    SANDBOX_ERROR = "sandbox_error"  # the sandbox's fault


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeUnderTest:
    """A program that passed: code, then tests.

    Attributes:
        id: of the response; also decides which mutants are drawn.
        code: what is tested; the program begins with it. Only this is changed.
        program: code and tests.
        seconds: what the program took when it passed.
    """

    id: str
    code: str
    program: str
    seconds: float


@dataclass(frozen=True, slots=True)
class StrengthCounts:
    """What a measurement cost.

    Attributes:
        asked: programs that were really run.
        from_journal: programs whose verdict the journal had.
        duplicates: programs with the text of another one.
        seconds: wall time.
    """

    asked: int
    from_journal: int
    duplicates: int
    seconds: float


def passing_subjects(responses: Sequence[Response], verdicts: Sequence[Verdict]) -> list[CodeUnderTest]:
    """The responses that passed, as `measure_strength` takes them, in their order.

    Args:
        responses: responses with code, and with code and tests as one program.
        verdicts: what the sandbox saw of them; ids are those of the responses.
    """
    passed = {verdict.id: verdict for verdict in verdicts if verdict.status == Status.PASSED}
    return [
        CodeUnderTest(id=row.id, code=row.code, program=row.program, seconds=passed[row.id].seconds)
        for row in responses
        if row.id in passed
    ]


def measure_strength(
    subjects: Sequence[CodeUnderTest],
    settings: SandboxSettings,
    journal: Journal,
    *,
    max_mutants: int,
    seed: int,
    on_verdict: Callable[[Verdict], None] | None = None,
) -> tuple[list[Strength], StrengthCounts]:
    """Measure the tests of programs that pass.

    A mutant counts as killed if its verdict is anything but `passed` and `vacuous`; those with `sandbox_error` do not
    count at all.

    Args:
        subjects: programs that passed in this sandbox.
        settings: isolation and limits under which they passed. Mutants get a shorter time limit: ten times what the
            unchanged program took, but at least 1 s.
        journal: keeps each verdict as it arrives.
        max_mutants: mutants of one program at most; 0: none, only branch coverage.
        seed: the run's seed; which mutants are drawn derives from it and the id.
        on_verdict: called with each verdict as it is known, for progress.

    Returns:
        A strength for each subject, in their order; and the counts.

    Raises:
        PrerequisiteError: as `open_sandbox`.
        SandboxError: the sandbox failed as a whole; verdicts that arrived before are in the journal.
    """
    started = time.monotonic()
    run = _Run(settings, journal, on_verdict)
    fields: dict[str, dict[str, Any]] = {subject.id: {"id": subject.id} for subject in subjects}
    limits = dataclasses.replace(settings.limits, kept_output_bytes=MARKED_OUTPUT_BYTES)
    for subject_id, found in run.each(limits, subjects, _Coverage):
        fields[subject_id] |= found
    tiers: dict[float, list[CodeUnderTest]] = {}
    for subject in subjects:
        tiers.setdefault(_mutant_timeout_s(subject, settings.limits), []).append(subject)
    for timeout_s, tier in sorted(tiers.items()):
        limits = dataclasses.replace(settings.limits, timeout_s=timeout_s, kept_output_bytes=MUTANT_OUTPUT_BYTES)
        for subject_id, found in run.each(limits, tier, lambda subject: _Mutation(subject, max_mutants, seed)):
            fields[subject_id] |= found
    counts = StrengthCounts(run.asked, run.from_journal, run.duplicates, time.monotonic() - started)
    return [Strength(**fields[subject.id]) for subject in subjects], counts


def summarise_strength(strengths: Sequence[Strength], counts: StrengthCounts) -> dict[str, Any]:
    """The figures of a measurement, ready for a metrics file.

    Returns:
        Means, the share of responses with a score below 0.5 (of those with a score), scores in tenths (the last tenth
        with 1.0), unknown ones by reason, mutants run and killed, and what it cost.
    """
    scores = [row.mutation_score for row in strengths if row.mutation_score is not None]
    coverages = [row.branch_coverage for row in strengths if row.branch_coverage is not None]
    tenths = Counter(min(9, int(score * 10)) for score in scores)
    return {
        "responses": len(strengths),
        "mean_mutation_score": _mean(scores),
        "share_below_half": _mean([float(score < 0.5) for score in scores]),
        "mean_branch_coverage": _mean(coverages),
        "scores_by_tenth": [tenths[tenth] for tenth in range(10)],
        "score_unknown": dict(sorted(Counter(row.score_unknown for row in strengths if row.score_unknown).items())),
        "coverage_unknown": dict(
            sorted(Counter(row.coverage_unknown for row in strengths if row.coverage_unknown).items())
        ),
        "mutants": sum(row.num_mutants for row in strengths),
        "killed": sum(row.num_killed for row in strengths),
        "asked": counts.asked,
        "from_journal": counts.from_journal,
        "duplicates": counts.duplicates,
        "programs_per_second": round(counts.asked / counts.seconds, 2) if counts.asked else None,
        "seconds": round(counts.seconds, 2),
    }


def _mean(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), 4) if values else None


def _mutant_timeout_s(subject: CodeUnderTest, limits: Limits) -> float:
    wanted_s = SLOWDOWN * subject.seconds
    return next((step for step in MUTANT_TIMEOUTS_S if wanted_s <= step <= limits.timeout_s), limits.timeout_s)


class _Measurement(Protocol):
    """Programs to be run, and what their verdicts mean."""

    programs: list[Program]

    def result(self, verdicts: Sequence[Verdict]) -> dict[str, Any]:
        """Fields of `Strength`."""
        ...


class _Run:
    """Runs measurements, a batch at a time, and counts what that costs."""

    def __init__(
        self, settings: SandboxSettings, journal: Journal, on_verdict: Callable[[Verdict], None] | None
    ) -> None:
        self.asked = self.from_journal = self.duplicates = 0
        self._settings = settings
        self._journal = journal
        self._on_verdict = on_verdict

    def each(
        self, limits: Limits, subjects: Sequence[CodeUnderTest], measurement: Callable[[CodeUnderTest], _Measurement]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """The id of each subject with what was measured."""
        if not subjects:
            return
        with open_sandbox(dataclasses.replace(self._settings, limits=limits)) as sandbox:
            for start in range(0, len(subjects), BATCH):
                batch = [(subject.id, measurement(subject)) for subject in subjects[start : start + BATCH]]
                programs = [program for _, one in batch for program in one.programs]
                verdicts, counts = run_journalled(sandbox, programs, self._journal, self._on_verdict)
                self.asked += counts.asked
                self.from_journal += counts.from_journal
                self.duplicates += counts.duplicates
                following = iter(verdicts)
                for subject_id, one in batch:
                    yield subject_id, one.result([next(following) for _ in one.programs])


def _parts(subject: CodeUnderTest) -> tuple[str, str] | None:
    """The code and what comes behind it; None if the program does not begin with the code."""
    code = subject.code.rstrip()
    return (code, subject.program[len(code) :]) if code and subject.program.startswith(code) else None


class _Coverage:
    """Branch coverage: one program, the code of which tells which arms it takes."""

    def __init__(self, subject: CodeUnderTest) -> None:
        self.programs: list[Program] = []
        self._unknown = ""
        parts = _parts(subject)
        if parts is None:
            self._unknown = UnknownReason.CODE_NOT_FOUND
            return
        code, tests = parts
        try:
            self._marked = mark_branches(code)
        except UnreadableCodeError:
            self._unknown = UnknownReason.UNREADABLE
            return
        if self._marked.num_branches:
            self.programs = [Program.of_code(subject.id, self._marked.code + tests, self._marked.code)]

    def result(self, verdicts: Sequence[Verdict]) -> dict[str, Any]:
        """Coverage fields."""
        unknown = self._unknown or next((_fault(verdict) for verdict in verdicts), "")
        if unknown:
            return {"num_branches": 0, "num_hit": 0, "branch_coverage": None, "coverage_unknown": unknown}
        num_branches = self._marked.num_branches
        num_hit = sum(self._marked.num_hit(verdict.stderr) for verdict in verdicts)
        coverage = num_hit / num_branches if num_branches else 1.0
        return {
            "num_branches": num_branches,
            "num_hit": num_hit,
            "branch_coverage": round(coverage, 4),
            "coverage_unknown": "",
        }


def _fault(verdict: Verdict) -> str:
    """Why the verdict of a marked program says nothing; empty if it does."""
    if verdict.status == Status.SANDBOX_ERROR:
        return UnknownReason.SANDBOX_ERROR
    # The unmarked program has passed; broken with the rest, the markers themselves keep the marked one from it.
    if verdict.status not in {Status.PASSED, Status.VACUOUS}:
        return UnknownReason.NOT_PASSED_MARKED
    is_cut = len(verdict.stderr.encode("utf-8", "surrogatepass")) >= MARKED_OUTPUT_BYTES
    return UnknownReason.OUTPUT_CUT if is_cut else ""


class _Mutation:
    """Mutation score: a program for each mutant."""

    def __init__(self, subject: CodeUnderTest, max_mutants: int, seed: int) -> None:
        self.programs: list[Program] = []
        self._changes: list[str] = []
        self._unknown = ""
        parts = _parts(subject)
        if parts is None:
            self._unknown = UnknownReason.CODE_NOT_FOUND
            return
        code, tests = parts
        try:
            mutants = make_mutants(code, max_mutants=max_mutants, seed=derived_seed(seed, "mutants", subject.id))
        except UnreadableCodeError:
            self._unknown = UnknownReason.UNREADABLE
            return
        self.programs = [Program.of_code(subject.id, mutant.code + tests, mutant.code) for mutant in mutants]
        self._changes = [f"line {mutant.line}, {mutant.kind}: {mutant.change}" for mutant in mutants]

    def result(self, verdicts: Sequence[Verdict]) -> dict[str, Any]:
        """Mutation fields."""
        judged = [
            (change, verdict.status)
            for change, verdict in zip(self._changes, verdicts, strict=True)
            if verdict.status != Status.SANDBOX_ERROR
        ]
        survivors = [change for change, status in judged if status in SURVIVED]
        num_killed = len(judged) - len(survivors)
        unknown = self._unknown
        if not judged and not unknown:
            unknown = UnknownReason.SANDBOX_ERROR if verdicts else UnknownReason.NO_MUTANTS
        return {
            "num_mutants": len(judged),
            "num_killed": num_killed,
            "mutation_score": None if unknown else round(num_killed / len(judged), 4),
            "score_unknown": str(unknown),
            "survivors": survivors,
        }
