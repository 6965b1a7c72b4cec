"""Whether real programs get the verdict that plain CPython gives them: `python program.py` ends with code 0, or not."""

import dataclasses
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks.sandbox import plain_guest
from benchmarks.sandbox.styles import STYLES
from benchmarks.sandbox.suites import Source, Suite
from selfcodealign.errors import SandboxError
from selfcodealign.progress import progress
from selfcodealign.records import Verdict
from selfcodealign.sandbox import Limits, Program, RuntimeName, SandboxSettings, Status, open_sandbox, run_harness

CHUNK = 40
NUM_REPEATS = 4
PLAIN = "as they are"
CODE_GIVEN = "code given"
TAIL_CHARS = 400
KINDS = ("equal", "stricter", "false failure", "false pass", "unsteady")
# Of the container in which plain CPython runs, beside the memory of a program: its files and the processes it starts.
CONTAINER_MIB = 1024


@dataclass(frozen=True, slots=True)
class Variant:
    """A program of a suite, written in one style.

    Attributes:
        source: origin of the suite.
        style: of the tests.
        program: the program.
    """

    source: str
    style: str
    program: Program


@dataclass(frozen=True, slots=True)
class Comparison:
    """A program's verdict beside what plain CPython does with it.

    Attributes:
        variant: the program.
        verdict: ours.
        exit_code: of plain CPython; None: out of time.
        stderr: the end of what it wrote to standard error there.
        is_unsteady: another run of the same program ended in another way, in ours or in plain CPython.
    """

    variant: Variant
    verdict: Verdict
    exit_code: int | None
    stderr: str
    is_unsteady: bool = False

    @property
    def kind(self) -> str:
        """One of `KINDS`: `stricter` is a program that passes in plain CPython and whose tests prove nothing."""
        passes = self.exit_code == 0
        if self.is_unsteady:
            return "unsteady"
        if (self.verdict.status == Status.PASSED) == passes:
            return "equal"
        if not passes:
            return "false pass"
        return "stricter" if self.verdict.status == Status.VACUOUS else "false failure"

    def as_dict(self) -> dict[str, object]:
        """For JSON: all that explains a difference, the program included."""
        verdict = self.verdict
        return {
            "id": self.variant.program.id,
            "kind": self.kind,
            "status": verdict.status,
            "line": verdict.line,
            "noticed": verdict.noticed,
            "missed": verdict.missed,
            "stderr": verdict.stderr[-TAIL_CHARS:],
            "exit_code": self.exit_code,
            "plain_stderr": self.stderr[-TAIL_CHARS:],
            "program": self.variant.program.source,
        }


def variants(sources: Sequence[Source], max_programs: int, max_styled: int) -> Iterator[Variant]:
    """The programs to compare.

    Args:
        sources: suites by origin.
        max_programs: of each source, spread evenly.
        max_styled: of each source and style, spread evenly.
    """
    for source in sources:
        for suite in spread(source.suites, max_programs):
            yield _variant(source, PLAIN, suite, suite.program)
        if not source.is_styled:
            continue
        for suite in spread(source.suites, max_styled):
            program = Program.of_code(f"{source.name}/{suite.id} ({CODE_GIVEN})", suite.program, suite.code)
            yield Variant(source.name, CODE_GIVEN, program)
            for style, write in STYLES.items():
                try:
                    text = write(suite)
                except (SyntaxError, ValueError, RecursionError):
                    continue  # the tests have no definition to stand in, or do not parse
                yield _variant(source, style, suite, text)


def spread(suites: Sequence[Suite], count: int) -> list[Suite]:
    """At most this many suites, spread evenly."""
    count = min(count, len(suites))
    return [suites[place * len(suites) // count] for place in range(count)]


def _variant(source: Source, style: str, suite: Suite, text: str) -> Variant:
    return Variant(source.name, style, Program(f"{source.name}/{suite.id} ({style})", text))


def compare(
    variants: Sequence[Variant], limits: Limits, runtime: RuntimeName = "runsc", num_cores: int = 1
) -> list[Comparison]:
    """Run programs in the sandbox, and by plain CPython in containers of the same image.

    Programs that differ run `NUM_REPEATS` more times in both: one whose outcome changes from run to run proves nothing.

    Args:
        variants: the programs.
        limits: of each.
        runtime: of the containers of both.
        num_cores: programs at the same time.

    Raises:
        PrerequisiteError, SandboxError: as `open_sandbox`.
    """
    found = _compare_once(variants, limits, runtime, num_cores)
    differing = [place for place, comparison in enumerate(found) if comparison.kind != "equal"]
    again = _compare_once([variants[place] for place in differing] * NUM_REPEATS, limits, runtime, num_cores)
    for number, place in enumerate(differing):
        repeats = again[number :: len(differing)]
        if any(repeat.kind != found[place].kind for repeat in repeats):
            found[place] = dataclasses.replace(found[place], is_unsteady=True)
    return found


def _compare_once(
    variants: Sequence[Variant], limits: Limits, runtime: RuntimeName, num_cores: int
) -> list[Comparison]:
    if not variants:
        return []
    plain = _run_plainly([variant.program.source for variant in variants], limits, runtime, num_cores)
    verdicts = []
    with (
        open_sandbox(SandboxSettings(runtime=runtime, limits=limits, num_workers=num_cores)) as sandbox,
        progress("programs in the sandbox", len(variants)) as shown,
    ):
        for verdict in sandbox.run([variant.program for variant in variants]):
            verdicts.append(verdict)
            shown.advance()
    return [
        Comparison(variant, verdict, code, stderr)
        for variant, verdict, (code, stderr) in zip(variants, verdicts, plain, strict=True)
    ]


def _run_plainly(
    sources: Sequence[str], limits: Limits, runtime: RuntimeName, num_cores: int
) -> list[tuple[int | None, str]]:
    """Exit codes and standard errors of programs; see `plain_guest`."""
    script = Path(plain_guest.__file__).read_text(encoding="utf-8")
    settings = SandboxSettings(runtime=runtime)
    found: list[tuple[int | None, str]] = []

    def run_chunk(chunk: Sequence[str]) -> list[tuple[int | None, str]]:
        request = {"sources": chunk, "timeout_s": limits.timeout_s, "memory_mib": limits.memory_mib}
        try:
            answer = run_harness(
                script,
                json.dumps(request).encode(),
                settings=settings,
                timeout_s=60 + len(chunk) * limits.timeout_s,
                memory_mib=limits.memory_mib + CONTAINER_MIB,
            )
        except SandboxError as error:
            if len(chunk) == 1:
                return [(-1, f"the container ended: {error}")]
            return [row for source in chunk for row in run_chunk([source])]
        return [(code, stderr) for code, stderr in json.loads(answer)]

    chunks = [sources[start : start + CHUNK] for start in range(0, len(sources), CHUNK)]
    with ThreadPoolExecutor(num_cores) as pool, progress("programs in plain CPython", len(sources)) as shown:
        for rows in pool.map(run_chunk, chunks):
            found += rows
            shown.advance(len(rows))
    return found


def counted(comparisons: Sequence[Comparison]) -> dict[str, Counter[str]]:
    """How many comparisons of each kind there are, by source, by style, and of all."""
    return {name: Counter(comparison.kind for comparison in rows) for name, rows in _grouped(comparisons).items()}


def passing_in_both(comparisons: Sequence[Comparison]) -> dict[str, int]:
    """How many programs pass in the sandbox and in plain CPython, by source, by style, and of all."""
    return {
        name: sum(row.kind == "equal" and row.exit_code == 0 for row in rows)
        for name, rows in _grouped(comparisons).items()
    }


def _grouped(comparisons: Sequence[Comparison]) -> dict[str, list[Comparison]]:
    groups: dict[str, list[Comparison]] = {}
    for label in ("source", "style"):
        for comparison in comparisons:
            groups.setdefault(getattr(comparison.variant, label), []).append(comparison)
    return {**groups, "all": list(comparisons)}


def write_differences(comparisons: Sequence[Comparison], path: Path) -> None:
    """Write a line of JSON for each program that is not equal."""
    rows = [json.dumps(comparison.as_dict()) for comparison in comparisons if comparison.kind != "equal"]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
