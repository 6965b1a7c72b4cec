"""Preference pairs: each kept answer with a failing answer of the same task, matched in comments and length."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from selfcodealign.curation.decontamination import Decontaminator
from selfcodealign.curation.exact_duplicates import whitespace_free_key
from selfcodealign.curation.response_check import JudgedResponse, ResponseCheck, crashed
from selfcodealign.curation.response_rules import SelectionSettings, SelectReason
from selfcodealign.curation.selection import INLINE_RESPONSES, Selection
from selfcodealign.curation.summary import most_frequent, quantiles
from selfcodealign.evaluation import BenchmarkText
from selfcodealign.parallel import ALONE, ordered_map
from selfcodealign.params import PreferenceMatch, Workers
from selfcodealign.program_text import closed_blocks, has_comment
from selfcodealign.records import Example, Instruction, Preference, Response, Verdict, derived_seed, row_id

PREFERENCES_FILE = "preferences.parquet"

# The program ran, and its tests did not hold. The other statuses do not say that the answer is wrong: it did not
# compile, used too much time or memory, or its tests or the sandbox are to blame.
REFUTED = frozenset({"failed", "error"})
MISSING_LIBRARY = "ModuleNotFoundError"


class UnpairedReason(StrEnum):
    """Why a kept answer has no preference pair."""

    NOT_PASSED = "not_passed"
    OWN_TESTS = "own_tests"
    NO_FAILING_RESPONSE = "no_failing_response"
    NO_USABLE_FAILING_RESPONSE = "no_usable_failing_response"
    COMMENTS_DIFFER = "comments_differ"
    FAILING_RESPONSES_USED = "failing_responses_used"
    BEYOND_PREFERENCES_PER_TASK = "beyond_preferences_per_task"


class UnusableReason(StrEnum):
    """Why a failing answer cannot be the rejected one, besides the rules of `SelectReason`."""

    NO_CODE = "no_code"
    MISSING_LIBRARY = "missing_library"
    COPY_OF_PASSING = "copy_of_passing"
    COPY_OF_FAILING = "copy_of_failing"


@dataclass(frozen=True, slots=True)
class Pairing:
    """The preference pairs of a selection.

    Attributes:
        preferences: the pairs, in the order of the examples; further pairs of a task follow its first one.
        unpaired: kept examples without a pair, by `UnpairedReason`.
        unusable: failing responses that cannot be rejected ones, by `UnusableReason` or `SelectReason`.
        num_further: pairs whose chosen response is not a kept example.
    """

    preferences: list[Preference]
    unpaired: dict[str, int]
    unusable: dict[str, int]
    num_further: int

    def summary(self) -> dict[str, Any]:
        """The figures for a metrics file: counts, and quantiles of the words of both sides."""
        return {
            "pairs": len(self.preferences),
            "tasks": len({row.instruction_id for row in self.preferences}),
            "further_pairs": self.num_further,
            "examples_without_pair": {reason.value: self.unpaired.get(reason.value, 0) for reason in UnpairedReason},
            "unusable_failing_responses": self.unusable,
            "chosen_words": quantiles(len(row.chosen.split()) for row in self.preferences),
            "rejected_words": quantiles(len(row.rejected.split()) for row in self.preferences),
            "comments": comment_counts(self.preferences),
        }


def comment_counts(preferences: Sequence[Preference]) -> dict[str, int]:
    """Number of pairs by which of their answers have a comment: both, the chosen one alone, the rejected one, none."""
    counts = dict.fromkeys(("both", "chosen", "rejected", "none"), 0)
    for row in preferences:
        chosen, rejected = _commented(row.chosen), _commented(row.rejected)
        side = ("both" if rejected else "chosen") if chosen else ("rejected" if rejected else "none")
        counts[side] += 1
    return counts


def comments_differ(row: Preference) -> bool:
    """Whether one answer of a pair has a comment and the other one has none."""
    return _commented(row.chosen) != _commented(row.rejected)


def _commented(answer: str) -> bool:
    return any(has_comment(block) for block in closed_blocks(answer) or [])


def pair_preferences(
    selection: Selection,
    responses: Sequence[Response],
    verdicts: Mapping[str, Verdict],
    instructions: Mapping[str, Instruction],
    benchmarks: Sequence[BenchmarkText],
    settings: SelectionSettings,
    workers: Workers = ALONE,
    *,
    shared_tests: Collection[str] = (),
) -> Pairing:
    """Pair each kept answer with a failing answer of its task. The order of the rows does not matter.

    The chosen response passed. The rejected one ran and failed, satisfies the rules for single responses, and is not a
    copy of a passing one: the tests of such a copy are wrong, not its code. No response is in two pairs.

    The two must differ in correctness alone as far as possible, because DPO learns every other difference as well, and
    more easily. With `preference_match` `comments` the rejected response has a comment if and only if the chosen one
    has. Among several, the one closest in length (characters) to the chosen one is taken; ties are drawn by id.

    If responses were judged by consensus tests, only those are paired. Verdicts from a response's own tests are not
    comparable: the model wrote these tests too, and a failing response can be the correct one.

    Args:
        selection: the kept examples and the dropped responses.
        responses: all responses, those of the selection.
        verdicts: what the sandbox saw, by response id.
        instructions: the tasks, by id.
        benchmarks: texts that no pair may hold.
        settings: of the selection; `preferences_per_task` limits the pairs of a task. Beyond the kept examples, other
            passing responses of the task are paired, in drawn order.
        workers: where failing responses are looked at.
        shared_tests: ids of the responses that were judged by consensus tests; empty: all were judged by their own.

    Returns:
        The pairs, and why examples and failing responses are in none.
    """
    examples: dict[str, list[Example]] = defaultdict(list)
    for example in selection.examples:
        examples[example.instruction_id].append(example)
    comparable = [response for response in responses if response.id in shared_tests] if shared_tests else responses
    answers = _Answers.of(comparable, verdicts, set(examples), settings)
    faults = _faults(answers, verdicts, instructions, benchmarks, settings, workers)
    not_drawn = {row.id for row in selection.dropped if row.reason == SelectReason.NOT_DRAWN.value}
    preferences: list[Preference] = []
    unpaired: Counter[str] = Counter()
    num_further = 0
    for task, kept in examples.items():
        passing = {response.id: response for response in answers.passing[task]}
        pairs = _TaskPairs(
            failing=[response for response in answers.failing[task] if response.id not in faults],
            had_failing=bool(answers.failing[task]),
            limit=settings.preferences_per_task,
            match=settings.preference_match,
        )
        for example in kept:
            chosen = passing.get(example.response_id)
            reason = _why_not_chosen(example) if chosen is None else pairs.add(chosen)
            unpaired.update([reason.value] if reason else [])
        num_kept = len(pairs.pairs)
        is_kept_comparable = any(example.response_id in passing for example in kept)
        chosen_keys = {whitespace_free_key(example.response) for example in kept}
        for response in passing.values():
            key = whitespace_free_key(response.response)
            if is_kept_comparable and response.id in not_drawn and key not in chosen_keys:
                chosen_keys.add(key)
                pairs.add(response)
        num_further += len(pairs.pairs) - num_kept
        preferences += [_preference(kept[0], chosen, rejected, verdicts) for chosen, rejected in pairs.pairs]
    return Pairing(preferences, dict(unpaired), most_frequent(faults.values()), num_further)


def _why_not_chosen(example: Example) -> UnpairedReason:
    return UnpairedReason.OWN_TESTS if example.status == "passed" else UnpairedReason.NOT_PASSED


@dataclass(frozen=True, slots=True)
class _Answers:
    """The passing and the failing responses of some tasks, in drawn order."""

    passing: dict[str, list[Response]]
    failing: dict[str, list[Response]]

    @classmethod
    def of(
        cls,
        responses: Sequence[Response],
        verdicts: Mapping[str, Verdict],
        tasks: set[str],
        settings: SelectionSettings,
    ) -> "_Answers":
        passing: dict[str, list[Response]] = defaultdict(list)
        failing: dict[str, list[Response]] = defaultdict(list)
        wanted = [response for response in responses if response.instruction_id in tasks and response.id in verdicts]
        for response in sorted(wanted, key=lambda row: (derived_seed(settings.seed, "preference", row.id), row.id)):
            status = verdicts[response.id].status
            if status == "passed":
                passing[response.instruction_id].append(response)
            elif status in REFUTED:
                failing[response.instruction_id].append(response)
        return cls(passing, failing)


def _faults(
    answers: _Answers,
    verdicts: Mapping[str, Verdict],
    instructions: Mapping[str, Instruction],
    benchmarks: Sequence[BenchmarkText],
    settings: SelectionSettings,
    workers: Workers,
) -> dict[str, str]:
    """Why failing responses cannot be rejected ones, by id; those that can be are left out."""
    faults: dict[str, str] = {}
    judged: list[JudgedResponse] = []
    for task, rows in answers.failing.items():
        copies = {key for response in answers.passing[task] for key in _keys(response)}
        seen: set[bytes] = set()
        for response in rows:
            verdict = verdicts[response.id]
            if not response.code.strip():
                faults[response.id] = UnusableReason.NO_CODE.value
            elif MISSING_LIBRARY in verdict.stderr:
                faults[response.id] = UnusableReason.MISSING_LIBRARY.value
            elif copies.intersection(_keys(response)):
                faults[response.id] = UnusableReason.COPY_OF_PASSING.value
            elif whitespace_free_key(response.response) in seen:
                faults[response.id] = UnusableReason.COPY_OF_FAILING.value
            else:
                seen.add(whitespace_free_key(response.response))
                judged.append(JudgedResponse(response, verdict, instructions[task].instruction, None))
    rules = SelectionSettings(keep="failing", max_instruction_words=settings.max_instruction_words)
    check = ResponseCheck(rules, Decontaminator(benchmarks))
    findings = ordered_map(check, judged, workers=workers, on_crash=crashed, inline_items=INLINE_RESPONSES)
    for row, finding in zip(judged, findings, strict=True):
        if finding.fault is not None:
            faults[row.response.id] = finding.fault[0].value
    return faults


def _keys(response: Response) -> tuple[bytes, bytes]:
    """What makes a response a copy of another one: its text or its code."""
    return whitespace_free_key("response", response.response), whitespace_free_key("code", response.code)


class _TaskPairs:
    """The pairs of one task, made one at a time."""

    def __init__(self, failing: list[Response], *, had_failing: bool, limit: int, match: PreferenceMatch) -> None:
        """Take what can be rejected.

        Args:
            failing: failing responses, in drawn order.
            had_failing: whether any response failed, usable or not.
            limit: pairs at most.
            match: what the responses of a pair must have in common.
        """
        self.pairs: list[tuple[Response, Response]] = []
        self._failing = failing
        self._had_failing = had_failing
        self._had_usable = bool(failing)
        self._limit = limit
        self._match = match

    def add(self, chosen: Response) -> UnpairedReason | None:
        """Pair a passing response with the failing one most like it; returns None, or the reason for no pair."""
        if not self._had_usable:
            unusable = UnpairedReason.NO_USABLE_FAILING_RESPONSE
            return unusable if self._had_failing else UnpairedReason.NO_FAILING_RESPONSE
        if len(self.pairs) == self._limit:
            return UnpairedReason.BEYOND_PREFERENCES_PER_TASK
        if not self._failing:
            return UnpairedReason.FAILING_RESPONSES_USED
        alike = [response for response in self._failing if self._are_alike(chosen, response)]
        if not alike:
            return UnpairedReason.COMMENTS_DIFFER
        length = len(chosen.response)
        rejected = min(alike, key=lambda response: abs(len(response.response) - length))
        self._failing.remove(rejected)
        self.pairs.append((chosen, rejected))
        return None

    def _are_alike(self, chosen: Response, failing: Response) -> bool:
        return self._match == "length" or _commented(chosen.response) == _commented(failing.response)


def _preference(example: Example, chosen: Response, rejected: Response, verdicts: Mapping[str, Verdict]) -> Preference:
    """A pair with the lineage of an example of its task."""
    return Preference(
        id=row_id("preference", chosen.id, rejected.id),
        instruction=example.instruction,
        chosen=chosen.response,
        rejected=rejected.response,
        rejected_status=verdicts[rejected.id].status,
        category=example.category,
        difficulty=example.difficulty,
        chosen_id=chosen.id,
        rejected_id=rejected.id,
        instruction_id=example.instruction_id,
        seed_id=example.seed_id,
        package=example.package,
        version=example.version,
        licence=example.licence,
    )
