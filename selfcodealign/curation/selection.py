"""Selection: which responses become training pairs, and why each of the others does not.

The rules, in order. First those that look at one response alone, so that a response which cannot be kept never takes
the place of one that can: verdict, placeholders, tests, length of the task, benchmark text. Then, between tasks,
near-duplicate tasks. Then rounds: each task without a pair puts forward its next response, in a drawn order (or the one
with the strongest tests first), and the response is kept if no kept one repeats it (exactly, in its set of names, or
nearly). A task whose drawn response repeats another pair thus gets a second chance, and near-copies among the samples
of one task cost nothing.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from selfcodealign.curation.decontamination import Decontaminator, Hit
from selfcodealign.curation.exact_duplicates import whitespace_free_key
from selfcodealign.curation.near_duplicates import near_duplicates
from selfcodealign.curation.normalised_code import parse_python
from selfcodealign.curation.response_rules import SelectionSettings, SelectReason, find_fault
from selfcodealign.curation.syntax_rules import defined_names
from selfcodealign.errors import InputError
from selfcodealign.evaluation import BenchmarkText
from selfcodealign.progress import progress
from selfcodealign.records import (
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
    rank: tuple[float, float, int, str]
    strength: Strength | None

    @property
    def task(self) -> str:
        return self.response.instruction_id


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

    Returns:
        The pairs, the dropped responses and the benchmark hits; responses in = pairs + dropped.

    Raises:
        InputError: two responses have one id, the instruction or seed of a response is not among the rows, or the
            settings ask for a strength of tests that was not measured.

    Source: SelfCodeAlign, section 3; the order of the rules is ours and keeps the most pairs.
    """
    if len({response.id for response in responses}) != len(responses):
        raise InputError("two responses have the same id; rerun generate_responses")
    strengths = _strengths(responses, verdicts, strengths or {}, settings)
    parents = {response.id: _parents(response, instructions, seeds) for response in responses}
    outcome = _Outcome()
    candidates = _candidates(responses, verdicts, strengths, instructions, benchmarks, settings, outcome)
    survivors = _one_task_each(candidates, instructions, settings, outcome)
    pool = Counter(candidate.task for candidate in survivors)
    kept = sorted(_rounds(survivors, settings, outcome), key=lambda candidate: _drawn(candidate, settings))
    limit = len(kept) if settings.max_examples is None else settings.max_examples
    for candidate in kept[limit:]:
        outcome.drop(candidate.response, SelectReason.BEYOND_MAX_EXAMPLES, f"{limit} pairs were drawn before it")
    return Selection(
        examples=[
            _example(candidate, parents[candidate.response.id], pool[candidate.task], settings)
            for candidate in kept[:limit]
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
    passed = (response.id for response in responses if _status(verdicts, response) == "passed")
    missing = sum(response_id not in strengths for response_id in passed)
    if missing:
        raise InputError(
            f"select_examples asks for the strength of tests, which {missing} passing responses lack; set"
            " validate_responses.test_strength to true and rerun validate_responses (`dvc repro`)"
        )
    return strengths


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
    verdicts: Mapping[str, Verdict],
    strengths: Mapping[str, Strength],
    instructions: Mapping[str, Instruction],
    benchmarks: Sequence[BenchmarkText],
    settings: SelectionSettings,
    outcome: _Outcome,
) -> list[_Candidate]:
    decontaminator = Decontaminator(benchmarks)
    candidates: list[_Candidate] = []
    with progress("responses judged", len(responses)) as bar:
        for response in responses:
            verdict = verdicts.get(response.id)
            instruction = instructions[response.instruction_id].instruction
            strength = strengths.get(response.id)
            fault = find_fault(response, verdict, instruction, settings, strength)
            if fault is None:
                hits = decontaminator.hits(response.id, "\n\n".join((instruction, response.response, response.tests)))
                outcome.hits += hits
                if hits:
                    detail = f"{hits[0].benchmark} {hits[0].task_id}: {hits[0].how.value}: {hits[0].matched}"
                    fault = (SelectReason.BENCHMARK_TEXT, detail)
            if fault is None and verdict is not None:
                candidates.append(_candidate(response, verdict, strength, settings))
            elif fault is not None:
                outcome.drop(response, *fault)
            bar.advance(note=f"{len(candidates)} left")
    return candidates


def _candidate(
    response: Response, verdict: Verdict, strength: Strength | None, settings: SelectionSettings
) -> _Candidate:
    module = parse_python(response.code)
    is_ranked = strength is not None and settings.choice == "strongest"
    return _Candidate(
        response=response,
        status=verdict.status,
        key=whitespace_free_key(response.response),
        names=defined_names(module) if module is not None else frozenset(),
        rank=(
            *(_weakest_last(strength) if is_ranked else (0.0, 0.0)),
            derived_seed(settings.seed, "select", response.id),
            response.id,
        ),
        strength=strength,
    )


def _weakest_last(strength: Strength | None) -> tuple[float, float]:
    """Sorts responses by mutation score, then by branch coverage, the unknown ones behind all others."""
    score = strength.mutation_score if strength is not None else None
    coverage = strength.branch_coverage if strength is not None else None
    return (1.0 if score is None else -score), (1.0 if coverage is None else -coverage)


def _drawn(candidate: _Candidate, settings: SelectionSettings) -> tuple[int, str, tuple[float, float, int, str]]:
    """The drawn order: tasks first, then the responses of a task."""
    return derived_seed(settings.seed, "select", candidate.task), candidate.task, candidate.rank


def _one_task_each(
    candidates: Sequence[_Candidate],
    instructions: Mapping[str, Instruction],
    settings: SelectionSettings,
    outcome: _Outcome,
) -> list[_Candidate]:
    """Of each cluster of near-duplicate tasks the first drawn one; in drawn order."""
    ordered = sorted(candidates, key=lambda candidate: _drawn(candidate, settings))
    tasks = list(dict.fromkeys(candidate.task for candidate in ordered))
    repeats = near_duplicates([instructions[task].instruction for task in tasks], jaccard=settings.jaccard)
    like = {task: tasks[first] for task, first in zip(tasks, repeats, strict=True) if first is not None}
    for candidate in ordered:
        if candidate.task in like:
            outcome.drop(candidate.response, SelectReason.NEAR_DUPLICATE_TASK, f"like task {like[candidate.task]}")
    return [candidate for candidate in ordered if candidate.task not in like]


def _rounds(ordered: Sequence[_Candidate], settings: SelectionSettings, outcome: _Outcome) -> list[_Candidate]:
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
        fresh = _unlike(kept, batch, settings, outcome)
        kept += fresh
        for candidate in fresh:
            for other in waiting.pop(candidate.task, []):
                outcome.drop(other.response, SelectReason.NOT_DRAWN, f"{candidate.response.id} was drawn for its task")
        waiting = {task: queue for task, queue in waiting.items() if queue}
    return kept


def _unlike(
    kept: Sequence[_Candidate], batch: Sequence[_Candidate], settings: SelectionSettings, outcome: _Outcome
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
    texts: tuple[tuple[SelectReason, Callable[[Response], str]], ...] = (
        (SelectReason.NEAR_DUPLICATE_RESPONSE, lambda response: response.response),
        (SelectReason.NEAR_DUPLICATE_CODE, lambda response: response.code),
    )
    for reason, text in texts:
        rows = [*kept, *fresh]
        repeats = near_duplicates([text(candidate.response) for candidate in rows], jaccard=settings.jaccard)
        fresh = []
        for candidate, first in list(zip(rows, repeats, strict=True))[len(kept) :]:
            if first is None:
                fresh.append(candidate)
            else:
                outcome.drop(candidate.response, reason, f"like {rows[first].response.id}")
    return fresh


def _shown(strength: Strength | None) -> str:
    if strength is None:
        return ""
    return (
        f"; its tests kill {strength.num_killed} of {strength.num_mutants} mutants"
        f" and take {strength.num_hit} of {strength.num_branches} branches"
    )


def _example(candidate: _Candidate, parents: Parents, pool: int, settings: SelectionSettings) -> Example:
    response = candidate.response
    instruction, seed = parents
    way = "the strongest tests of" if settings.choice == "strongest" else "drawn from"
    policy = (
        f"{way} the {pool} responses of its task that survive the rules"
        if settings.one_per_task
        else "all responses that survive the rules are kept"
    )
    policy += _shown(candidate.strength)
    return Example(
        id=row_id("example", response.id),
        messages=[
            Message(role="user", content=instruction.instruction),
            Message(role="assistant", content=response.response),
        ],
        instruction=instruction.instruction,
        response=response.response,
        tests=response.tests,
        category=instruction.category,
        difficulty=instruction.difficulty,
        concepts=list(instruction.concepts),
        status=candidate.status,
        kept_because=f"{candidate.status}; {policy}",
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
