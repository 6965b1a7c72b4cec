"""All rules that look at one response alone, benchmark text the last: what a worker applies to each response."""

from dataclasses import dataclass, field

from selfcodealign.curation.decontamination import Decontaminator, Hit
from selfcodealign.curation.response_rules import Fault, SelectionSettings, SelectReason, find_fault
from selfcodealign.records import Response, Strength, Verdict


@dataclass(frozen=True, slots=True)
class JudgedResponse:
    """A response with its task and what was measured of it.

    Attributes:
        response: the response.
        verdict: what the sandbox saw; None if it never ran.
        instruction: the task.
        strength: how strong its tests are; None if that was not measured.
    """

    response: Response
    verdict: Verdict | None
    instruction: str
    strength: Strength | None


@dataclass(frozen=True, slots=True)
class ResponseFinding:
    """What the rules say of one response.

    Attributes:
        fault: the first rule that it breaks, and what was found; None if it may become a pair.
        hits: benchmark texts that it holds.
    """

    fault: Fault | None
    hits: list[Hit] = field(default_factory=list)


class ResponseCheck:
    """The rules, with the benchmarks' texts indexed once."""

    def __init__(self, settings: SelectionSettings, decontaminator: Decontaminator) -> None:
        """Take the settings of the selection, and the benchmarks that no pair may hold text of."""
        self._settings = settings
        self._decontaminator = decontaminator

    def __call__(self, judged: JudgedResponse) -> ResponseFinding:
        """Look at one response."""
        response = judged.response
        fault = find_fault(response, judged.verdict, judged.instruction, self._settings, judged.strength)
        if fault is not None:
            return ResponseFinding(fault)
        text = "\n\n".join((judged.instruction, response.response, response.tests))
        hits = self._decontaminator.hits(response.id, text)
        return ResponseFinding((SelectReason.BENCHMARK_TEXT, hits[0].described) if hits else None, hits)


def crashed(_judged: JudgedResponse) -> ResponseFinding:
    """What is said of a response whose check ended the process."""
    return ResponseFinding((SelectReason.UNPARSABLE, "the process that parsed it ended"))
