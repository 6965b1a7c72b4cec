"""Selection: which responses become training pairs, and why each of the others does not.

The rules, in order. First those that look at one response alone, so that a response which cannot be kept never takes
the place of one that can: verdict, placeholders, tests, length of the task, benchmark text. Then, between tasks,
near-duplicate tasks. Then rounds: each task without a pair puts forward its next response, by the settings' criteria
and then by the draw, and the response is kept if no kept one repeats it (exactly, in its set of names, or nearly). A
task whose drawn response repeats another pair thus gets a second chance, and near-copies among the samples of one task
cost nothing.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from selfcodealign.curation.decontamination import Decontaminator, Hit
from selfcodealign.curation.exact_duplicates import whitespace_free_key
from selfcodealign.curation.near_duplicates import near_duplicates
from selfcodealign.curation.normalised_code import normalised_words, parse_python
from selfcodealign.curation.policies import Rank, part_of, rank, shared_out, why_kept
from selfcodealign.curation.response_check import JudgedResponse, ResponseCheck, crashed
from selfcodealign.curation.response_rules import SelectionSettings, SelectReason
from selfcodealign.curation.shingles import Words, words_of
from selfcodealign.curation.shown_tests import with_shown_test
from selfcodealign.curation.syntax_rules import defined_names
from selfcodealign.errors import InputError
from selfcodealign.evaluation import BenchmarkText
from selfcodealign.parallel import ALONE, ordered_map
from selfcodealign.params import Workers
from selfcodealign.progress import progress
from selfcodealign.records import (
    Agreement,
    Dropped,
    Example,
    Instruction,
    Message,
    Response,
    Seed,
    Strength,
    Verdict,
    derived_seed,
    row_id,
)

Parents = tuple[Instruction, Seed]

# Responses up to which the start of processes costs more than it saves.
INLINE_RESPONSES = 1024


@dataclass(frozen=True, slots=True)
class Selection:
    """The outcome: every response is in `examples` or in `dropped`.

    Attributes:
        examples: the training pairs, in drawn order.
        dropped: the other responses, with reason, ordered by id.
        hits: what `benchmark_text` found, ordered by response.
    """

    examples: list[Example]
    dropped: list[Dropped]
    hits: list[Hit]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A response that survived the rules that look at it alone."""

    response: Response
    status: str
    key: bytes
    names: frozenset[str]
    rank: Rank
    strength: Strength | None
    agreement: Agreement | None

    @property
    def task(self) -> str:
        return self.response.instruction_id


@dataclass(frozen=True, slots=True)
class _Measured:
    """What was measured of the responses, by their ids."""

    verdicts: Mapping[str, Verdict]
    strengths: Mapping[str, Strength]
    agreements: Mapping[str, Agreement]


@dataclass(slots=True)
class _Outcome:
    dropped: list[Dropped] = field(default_factory=list)
    hits: list[Hit] = field(default_factory=list)

    def drop(self, response: Response, reason: SelectReason, detail: str = "") -> None:
        self.dropped.append(
            Dropped(
                id=response.id,
                parent_id=response.instruction_id,
                reason=reason.value,
                detail=detail,
                text=response.response,
            )
        )


def select_examples(
    responses: Sequence[Response],
    verdicts: Mapping[str, Verdict],
    instructions: Mapping[str, Instruction],
    seeds: Mapping[str, Seed],
    benchmarks: Sequence[BenchmarkText],
    settings: SelectionSettings,
    strengths: Mapping[str, Strength] | None = None,
    agreements: Mapping[str, Agreement] | None = None,
    workers: Workers = ALONE,
) -> Selection:
    """Select the training pairs. The order of the rows does not matter: every draw derives from ids.

    Args:
        responses: all responses, each with its own id.
        verdicts: what the sandbox saw, by response id.
        instructions: the tasks, by id.
        seeds: the seeds, by id.
        benchmarks: texts that no pair may hold, one entry a task of a benchmark.
        settings: how pairs are selected.
        strengths: how strong the tests are, by response id; needed if the settings ask for it.
        agreements: how far responses agree with the others of their task, by response id; likewise.
        workers: where responses are looked at and hashed.

    Returns:
        The pairs, the dropped responses and the benchmark hits; responses in = pairs + dropped.

    Raises:
        InputError: two responses have one id, the instruction or seed of a response is not among the rows, or the
            settings ask for a strength or an agreement that was not measured.

    Source: SelfCodeAlign, section 3; the order of the rules is ours and keeps the most pairs.
    """
    if len({response.id for response in responses}) != len(responses):
        raise InputError("two responses have the same id; rerun generate_responses")
    strengths = _strengths(responses, verdicts, strengths or {}, settings)
    agreements = _agreements(responses, verdicts, agreements or {}, settings)
    parents = {response.id: _parents(response, instructions, seeds) for response in responses}
    outcome = _Outcome()
    measured = _Measured(verdicts, strengths, agreements)
    candidates = _candidates(responses, measured, instructions, benchmarks, settings, outcome, workers)
    survivors = _one_task_each(candidates, instructions, settings, outcome, workers)
    pool = Counter(candidate.task for candidate in survivors)
    kept = sorted(_rounds(survivors, settings, outcome, workers), key=lambda candidate: _drawn(candidate, settings))
    kept = _limited(kept, parents, settings, outcome)
    return Selection(
        examples=[
            _example(candidate, parents[candidate.response.id], pool[candidate.task], settings) for candidate in kept
        ],
        dropped=sorted(outcome.dropped, key=lambda row: row.id),
        hits=sorted(outcome.hits, key=lambda hit: hit.id),
    )


def _strengths(
    responses: Sequence[Response],
    verdicts: Mapping[str, Verdict],
    strengths: Mapping[str, Strength],
    settings: SelectionSettings,
) -> Mapping[str, Strength]:
    """The strengths that the settings ask for; none if they do not."""
    if not settings.needs_strength:
        return {}
    if settings.keep != "passing":
        raise InputError(
            f"select_examples.keep = {settings.keep}: only passing responses have a test strength; set choice to random"
            " and min_mutation_score and min_branch_coverage to null"
        )
    missing = _num_passing_without(strengths, responses, verdicts)
    if missing:
        raise InputError(
            f"select_examples asks for the strength of tests, which {missing} passing responses lack; set"
            " validate_responses.test_strength to true and rerun validate_responses (`dvc repro`)"
        )
    return strengths


def _num_passing_without(
    measured: Mapping[str, object], responses: Sequence[Response], verdicts: Mapping[str, Verdict]
) -> int:
    passed = (response.id for response in responses if _status(verdicts, response) == "passed")
    return sum(response_id not in measured for response_id in passed)


def _agreements(
    responses: Sequence[Response],
    verdicts: Mapping[str, Verdict],
    agreements: Mapping[str, Agreement],
    settings: SelectionSettings,
) -> Mapping[str, Agreement]:
    """The agreements that the settings ask for; none if they do not."""
    if "agreed" not in settings.criteria:
        return {}
    missing = _num_passing_without(agreements, responses, verdicts)
    if missing:
        raise InputError(
            f"select_examples.choice asks for the agreement of responses, which {missing} passing ones lack; set"
            " validate_responses.agreement to true and rerun validate_responses (`dvc repro`)"
        )
    return agreements


def _limited(
    kept: list[_Candidate], parents: Mapping[str, Parents], settings: SelectionSettings, outcome: _Outcome
) -> list[_Candidate]:
    """At most `max_examples` pairs, shared out if asked for; the others are dropped."""
    limit, balance = settings.max_examples, settings.balance
    if limit is None:
        return kept
    if balance is None:
        left, detail = kept[:limit], f"{limit} pairs were drawn before it"
    else:
        left = shared_out(kept, limit, lambda candidate: part_of(balance, *parents[candidate.response.id]))
        detail = f"its {balance} has its part of {limit} pairs"
    chosen = {candidate.response.id for candidate in left}
    for candidate in kept:
        if candidate.response.id not in chosen:
            outcome.drop(candidate.response, SelectReason.BEYOND_MAX_EXAMPLES, detail)
    return left


def _status(verdicts: Mapping[str, Verdict], response: Response) -> str:
    verdict = verdicts.get(response.id)
    return "" if verdict is None else verdict.status


def _parents(response: Response, instructions: Mapping[str, Instruction], seeds: Mapping[str, Seed]) -> Parents:
    instruction = instructions.get(response.instruction_id)
    seed = seeds.get(response.seed_id)
    if instruction is None or seed is None:
        kind, parent = ("instruction", response.instruction_id) if instruction is None else ("seed", response.seed_id)
        raise InputError(f"{kind} {parent} of response {response.id} is missing; rerun the stages with `dvc repro`")
    return instruction, seed


def _candidates(
    responses: Sequence[Response],
    measured: _Measured,
    instructions: Mapping[str, Instruction],
    benchmarks: Sequence[BenchmarkText],
    settings: SelectionSettings,
    outcome: _Outcome,
    workers: Workers,
) -> list[_Candidate]:
    candidates: list[_Candidate] = []
    judged = (
        JudgedResponse(
            response,
            measured.verdicts.get(response.id),
            instructions[response.instruction_id].instruction,
            measured.strengths.get(response.id),
        )
        for response in responses
    )
    check = ResponseCheck(settings, Decontaminator(benchmarks))
    findings = ordered_map(check, judged, workers=workers, on_crash=crashed, inline_items=INLINE_RESPONSES)
    with progress("responses judged", len(responses)) as bar:
        for response, finding in zip(responses, findings, strict=True):
            outcome.hits += finding.hits
            if finding.fault is None:
                candidates.append(_candidate(response, measured, settings))
            else:
                outcome.drop(response, *finding.fault)
            bar.advance(note=f"{len(candidates)} left")
    return candidates


def _candidate(response: Response, measured: _Measured, settings: SelectionSettings) -> _Candidate:
    module = parse_python(response.code)
    strength, agreement = measured.strengths.get(response.id), measured.agreements.get(response.id)
    return _Candidate(
        response=response,
        status=measured.verdicts[response.id].status,
        key=whitespace_free_key(response.response),
        names=defined_names(module) if module is not None else frozenset(),
        rank=rank(response, strength, agreement, settings),
        strength=strength,
        agreement=agreement,
    )


def _drawn(candidate: _Candidate, settings: SelectionSettings) -> tuple[int, str, Rank]:
    """The drawn order: tasks first, then the responses of a task."""
    return derived_seed(settings.seed, "select", candidate.task), candidate.task, candidate.rank


def _one_task_each(
    candidates: Sequence[_Candidate],
    instructions: Mapping[str, Instruction],
    settings: SelectionSettings,
    outcome: _Outcome,
    workers: Workers,
) -> list[_Candidate]:
    """Of each cluster of near-duplicate tasks the first drawn one; in drawn order."""
    ordered = sorted(candidates, key=lambda candidate: _drawn(candidate, settings))
    tasks = list(dict.fromkeys(candidate.task for candidate in ordered))
    texts = [instructions[task].instruction for task in tasks]
    repeats = near_duplicates(texts, jaccard=settings.jaccard, workers=workers)
    like = {task: tasks[first] for task, first in zip(tasks, repeats, strict=True) if first is not None}
    for candidate in ordered:
        if candidate.task in like:
            outcome.drop(candidate.response, SelectReason.NEAR_DUPLICATE_TASK, f"like task {like[candidate.task]}")
    return [candidate for candidate in ordered if candidate.task not in like]


def _rounds(
    ordered: Sequence[_Candidate], settings: SelectionSettings, outcome: _Outcome, workers: Workers
) -> list[_Candidate]:
    """Let tasks put forward responses until each has a pair or no response left."""
    waiting: dict[str, list[_Candidate]] = {}
    for candidate in ordered:
        waiting.setdefault(candidate.task, []).append(candidate)
    kept: list[_Candidate] = []
    while waiting:
        if settings.one_per_task:
            batch = [queue.pop(0) for queue in waiting.values()]
        else:
            batch, waiting = list(ordered), {}
        fresh = _unlike(kept, batch, settings, outcome, workers)
        kept += fresh
        for candidate in fresh:
            for other in waiting.pop(candidate.task, []):
                outcome.drop(other.response, SelectReason.NOT_DRAWN, f"{candidate.response.id} was drawn for its task")
        waiting = {task: queue for task, queue in waiting.items() if queue}
    return kept


def _unlike(
    kept: Sequence[_Candidate],
    batch: Sequence[_Candidate],
    settings: SelectionSettings,
    outcome: _Outcome,
    workers: Workers,
) -> list[_Candidate]:
    """Those of a batch that repeat neither a kept pair nor one before them; the others are dropped."""
    keys = {candidate.key: candidate for candidate in kept}
    names = {candidate.names: candidate for candidate in kept if candidate.names}
    fresh: list[_Candidate] = []
    for candidate in batch:
        namesake = names.get(candidate.names)
        if candidate.key in keys:
            detail = f"same as {keys[candidate.key].response.id}"
            outcome.drop(candidate.response, SelectReason.EXACT_DUPLICATE, detail)
        elif namesake is not None and namesake.task != candidate.task:
            detail = f"{', '.join(sorted(candidate.names))} as in {namesake.response.id}"
            outcome.drop(candidate.response, SelectReason.SAME_NAMES, detail)
        else:
            keys[candidate.key] = candidate
            if candidate.names:
                names.setdefault(candidate.names, candidate)
            fresh.append(candidate)
    looks: list[tuple[SelectReason, Callable[[Response], str], float, Words]] = [
        (SelectReason.NEAR_DUPLICATE_RESPONSE, lambda response: response.response, settings.jaccard, words_of),
        (SelectReason.NEAR_DUPLICATE_CODE, lambda response: response.code, settings.jaccard, words_of),
    ]
    if settings.normalised_jaccard is not None:
        structure = SelectReason.NEAR_DUPLICATE_STRUCTURE
        looks.append((structure, lambda response: response.code, settings.normalised_jaccard, normalised_words))
    for reason, text, jaccard, words in looks:
        rows = [*kept, *fresh]
        texts = [text(candidate.response) for candidate in rows]
        repeats = near_duplicates(texts, jaccard=jaccard, words=words, workers=workers)
        fresh = []
        for candidate, first in list(zip(rows, repeats, strict=True))[len(kept) :]:
            if first is None:
                fresh.append(candidate)
            else:
                outcome.drop(candidate.response, reason, f"like {rows[first].response.id}")
    return fresh


def _example(candidate: _Candidate, parents: Parents, pool: int, settings: SelectionSettings) -> Example:
    response = candidate.response
    instruction, seed = parents
    task = with_shown_test(
        instruction.instruction,
        response.tests,
        instruction.id,
        share=settings.shown_tests,
        seed=settings.seed,
        choice=settings.shown_test,
    )
    return Example(
        id=row_id("example", response.id),
        messages=[
            Message(role="user", content=task),
            Message(role="assistant", content=response.response),
        ],
        instruction=task,
        response=response.response,
        tests=response.tests,
        category=instruction.category,
        difficulty=instruction.difficulty,
        concepts=list(instruction.concepts),
        status=candidate.status,
        kept_because=why_kept(candidate.status, pool, settings, candidate.strength, candidate.agreement),
        response_id=response.id,
        instruction_id=instruction.id,
        seed_id=seed.id,
        package=seed.package,
        version=seed.version,
        licence=seed.licence,
        file=seed.file,
        first_line=seed.first_line,
        last_line=seed.last_line,
    )
