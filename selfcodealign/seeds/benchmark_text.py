"""Seeds that hold the text of a benchmark: found, and listed with what they hold."""

from collections.abc import Iterable

from selfcodealign.curation import Decontaminator, Hit
from selfcodealign.evaluation import BenchmarkText
from selfcodealign.seeds.parsed import ParsedSeed


class BenchmarkTexts:
    """The texts of benchmark tasks, and the question whether a seed holds one.

    Attributes:
        hits: what was found so far, in the order of the seeds.
    """

    def __init__(self, tasks: Iterable[BenchmarkText]) -> None:
        self._decontaminator = Decontaminator(tasks)
        self.hits: list[Hit] = []

    def check(self, parsed: ParsedSeed) -> str | None:
        """Whether a seed holds a benchmark's text, in any of the ways of `Decontaminator`.

        Returns:
            Which task and how, or None.
        """
        found = self._decontaminator.hits(parsed.seed.id, parsed.seed.code)
        self.hits += found
        return f"{found[0].benchmark} {found[0].task_id}: {found[0].how.value}: {found[0].matched}" if found else None
