"""What the metrics of a run say: the funnel, the drops, yields, timings and headline figures, as plain values.

Metrics come from files, so nothing here trusts a key to be there.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from selfcodealign.report.funnel import Step
from selfcodealign.report.inputs import Attempts, ReportInputs
from selfcodealign.report.wording import STAGES, duration, is_number, percent, plural, whole
from selfcodealign.sandbox import STATUS_MEANINGS

RESAMPLED = "resample_responses"
CATEGORIES = ("function", "class", "program")
DIFFICULTIES = ("easy", "medium", "hard")

_LEVELS = (
    ("collect_seeds", "functions collected"),
    ("filter_seeds", "seeds"),
    ("generate_concepts", "concept lists"),
    ("generate_instructions", "tasks"),
    ("generate_responses", "well-formed answers"),
    ("validate_responses", "passed in sandbox"),
    ("select_examples", "training pairs"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """What one stage took; figures that a stage does not have are None.

    Time and tokens of model answers are those of their generation, also where this run took them from the journal.

    Attributes:
        stage: name of the stage, for an evaluation with its model and benchmark.
        seconds: wall time.
        generation_seconds: the part of it in which answers were generated.
        journal_seconds: the part of that which earlier runs spent, on answers that this run took from the journal.
        without_cost: answers from the journal whose time is unknown, and not in the figures.
        rows: rows that came in.
        asked: model answers or programs that were computed in this run.
        from_journal: those that were taken from the journal instead.
        output_tokens: tokens generated.
        tokens_per_second: generated (or, in training, learned) tokens a second.
        prefix_hit_rate: share of prompt tokens that the prefix cache had.
    """

    stage: str
    seconds: float
    generation_seconds: float | None
    journal_seconds: float | None
    without_cost: float | None
    rows: float | None
    asked: float | None
    from_journal: float | None
    output_tokens: float | None
    tokens_per_second: float | None
    prefix_hit_rate: float | None


def figure(values: Mapping[str, Any], *path: str) -> float | None:
    """A finite number in nested metrics, or None."""
    found: Any = values
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if is_number(found) else None


def counts(values: Mapping[str, Any], *path: str) -> dict[str, int]:
    """A mapping of names to counts in nested metrics; empty if it is not there."""
    found: Any = values
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping):
        return {}
    return {str(name): int(count) for name, count in found.items() if is_number(count)}


def statuses(inputs: ReportInputs) -> dict[str, int]:
    """Verdicts of the sandbox by status, in the page's order, without those that did not occur."""
    stage, again = inputs.stages.get("validate_responses", {}), inputs.stages.get(RESAMPLED, {})
    found = Counter(counts(stage, "statuses")) + Counter(counts(stage, "dropped")) + Counter(counts(again, "statuses"))
    ordered = [*STATUS_MEANINGS, *sorted(set(found) - set(STATUS_MEANINGS))]
    return {name: found[name] for name in ordered if found.get(name)}


def scores_by_tenth(inputs: ReportInputs) -> list[int]:
    """Passing responses by mutation score, in ten steps from 0 to 1; empty if that was not measured."""
    strength = inputs.stages.get("validate_responses", {}).get("test_strength")
    found = strength.get("scores_by_tenth") if isinstance(strength, Mapping) else None
    is_whole = isinstance(found, list) and len(found) == 10 and all(is_number(count) for count in found)
    return [int(count) for count in found] if is_whole and isinstance(found, list) else []


def flow(inputs: ReportInputs, stage: str) -> tuple[int, int, dict[str, int]] | None:
    """Rows in, rows out and drops by reason of one stage; None if it has not recorded them.

    The responses of `resample_responses` and their verdicts are added to those of the first round. Two stages are shown
    as the method means them: validation lets the passing answers through (its rows are verdicts,
    which it keeps all), and selection starts from those (the answers that did not pass were dropped before).
    """
    values = inputs.stages.get(stage, {})
    rows_in, rows_out = figure(values, "rows_in"), figure(values, "rows_out")
    if rows_in is None or rows_out is None:
        return None
    dropped = counts(values, "dropped")
    if stage == "generate_responses":
        again = inputs.stages.get(RESAMPLED, {})
        rows_in, rows_out = rows_in + (figure(again, "rows_in") or 0), rows_out + (figure(again, "rows_out") or 0)
        dropped = dict(Counter(dropped) + Counter(counts(again, "dropped")))
    if stage == "validate_responses" and (seen := statuses(inputs)):
        return sum(seen.values()), seen.get("passed", 0), {name: n for name, n in seen.items() if name != "passed"}
    if stage == "select_examples" and inputs.params.select_examples.keep == "passing":
        before = sum(dropped.pop(reason, 0) for reason in ("not_passed", "no_verdict"))
        return int(rows_in) - before, int(rows_out), dropped
    return int(rows_in), int(rows_out), dropped


def funnel_steps(inputs: ReportInputs) -> list[Step]:
    """The levels of the funnel, from the functions read to the training pairs, for the stages that have run."""
    steps: list[Step] = []
    for stage, name in _LEVELS:
        found = flow(inputs, stage)
        # The paper's controls keep failing answers too: there, passing is no level on the way to a pair.
        if found is None or (stage == "validate_responses" and inputs.params.select_examples.keep != "passing"):
            continue
        rows_in, rows_out, dropped = found
        if stage == "collect_seeds" and rows_in > rows_out:
            steps.append(Step(name="functions read", stage=stage, rows=rows_in))
        if stage == "generate_responses":
            rows_in = int(figure(inputs.stages[stage], "rows_in") or 0)
            again = int(figure(inputs.stages.get(RESAMPLED, {}), "rows_in") or 0)
            tasks = figure(inputs.stages[stage], "tasks")
            per_task = round(rows_in / tasks) if tasks else inputs.params.generate_responses.num_samples
            note = f"{plural(per_task, 'answer')} per task" + (f", then {whole(again)} more" if again else "")
            steps.append(Step(name="answers requested", stage=stage, rows=rows_in + again, note=note))
        steps.append(Step(name=name, stage=stage, rows=rows_out, dropped=dropped))
    return steps


def drops(inputs: ReportInputs) -> dict[str, dict[str, int]]:
    """Dropped rows by stage and reason, most frequent first, for stages that dropped any."""
    found: dict[str, dict[str, int]] = {}
    for stage in STAGES:
        _, _, dropped = flow(inputs, stage) or (0, 0, {})
        known = [(name, count) for name, count in dropped.items() if count]
        if known:
            found[stage] = dict(sorted(known, key=lambda item: (-item[1], item[0])))
    return found


def pass_rate(inputs: ReportInputs) -> float | None:
    """Share of the well-formed answers that passed in the sandbox."""
    seen = statuses(inputs)
    total = sum(seen.values())
    return seen.get("passed", 0) / total if total else None


def num_pairs(inputs: ReportInputs) -> int | None:
    """Selected training pairs."""
    if inputs.examples:
        return len(inputs.examples)
    rows = figure(inputs.stages.get("select_examples", {}), "rows_out")
    return None if rows is None else int(rows)


def num_seeds(inputs: ReportInputs) -> int | None:
    """Seeds that went into generation."""
    rows = figure(inputs.stages.get("filter_seeds", {}), "rows_out")
    rows = figure(inputs.stages.get("generate_concepts", {}), "rows_in") if rows is None else rows
    return None if rows is None else int(rows)


def isolation(inputs: ReportInputs) -> str | None:
    """Runtime and platform that ran the programs, such as `docker/runsc-ptrace`."""
    found = inputs.stages.get("validate_responses", {}).get("isolation")
    if isinstance(found, Mapping):
        found = ", ".join(str(name) for name in found)
    if isinstance(found, list | tuple):
        found = ", ".join(str(name) for name in found)
    return str(found) if found else None


def pairs_by_kind(inputs: ReportInputs) -> Counter[tuple[str, str]]:
    """Training pairs by `(category, difficulty)`."""
    return Counter((example.category, example.difficulty) for example in inputs.examples)


def yields(inputs: ReportInputs) -> list[tuple[str, str, Attempts, int]]:
    """Attempts and pairs for every category and difficulty that occurs, in the order of the method."""
    pairs = pairs_by_kind(inputs)
    kinds = {*inputs.attempts, *pairs}
    rows = sorted({kind[0] for kind in kinds}, key=lambda name: (_place(name, CATEGORIES), name))
    columns = sorted({kind[1] for kind in kinds}, key=lambda name: (_place(name, DIFFICULTIES), name))
    return [
        (row, column, inputs.attempts.get((row, column), Attempts()), pairs[row, column])
        for row in rows
        for column in columns
    ]


def licences(inputs: ReportInputs) -> list[tuple[str, int]]:
    """Training pairs by licence of their seed, most frequent first."""
    found = Counter(example.licence for example in inputs.examples)
    return sorted(found.items(), key=lambda item: (-item[1], item[0]))


def packages(inputs: ReportInputs) -> list[tuple[str, int]]:
    """Training pairs by package and version of their seed, most frequent first."""
    found = Counter(f"{example.package} {example.version}" for example in inputs.examples)
    return sorted(found.items(), key=lambda item: (-item[1], item[0]))


def timings(inputs: ReportInputs) -> list[Timing]:
    """What each stage took, in the order of the data; every evaluation by itself."""
    found = [_timing(stage, inputs.stages[stage]) for stage in STAGES if stage in inputs.stages]
    return [
        *found,
        *(_timing(f"evaluate_model {one.model} {one.benchmark}", one.metrics) for one in inputs.evaluations),
    ]


def trained_preferences(inputs: ReportInputs) -> tuple[float, float] | None:
    """Preference pairs that the model was trained on and held out, and how many come from earlier runs.

    None for other objectives than dpo, and before the training.
    """
    values = inputs.stages.get("finetune_model", {})
    num_pairs = figure(values, "rows_in") if values.get("objective") == "dpo" else None
    if num_pairs is None:
        return None
    return num_pairs, figure(inputs.stages.get("select_examples", {}), "shipped_pairs", "pairs") or 0


def seconds_total(inputs: ReportInputs) -> float:
    """Time of all stages together, seconds: wall time, with model answers at the time of their generation."""
    return sum(timing.seconds for timing in timings(inputs))


def num_without_cost(inputs: ReportInputs) -> int:
    """Answers from the journal whose time is unknown, and in no time of the report."""
    return int(sum(timing.without_cost or 0.0 for timing in timings(inputs)))


def has_journaled(inputs: ReportInputs) -> bool:
    """Whether a stage took answers or verdicts from the journal."""
    return any(timing.from_journal for timing in timings(inputs))


def journal_note(inputs: ReportInputs) -> str:
    """How much of the generation comes from the journal, as sentences; empty if no stage has recorded its cost."""
    found = timings(inputs)
    total = sum(timing.generation_seconds or 0.0 for timing in found)
    earlier = sum(timing.journal_seconds or 0.0 for timing in found)
    num_unknown = num_without_cost(inputs)
    sentences = []
    if earlier:
        sentences.append(
            f"Of {duration(total)} of generation, earlier runs spent {duration(earlier)} ({percent(earlier / total)}):"
            " their answers came from the journal."
        )
    elif total and not num_unknown:
        sentences.append("This run generated all answers itself.")
    if num_unknown:
        sentences.append(
            f"The time of {plural(num_unknown, 'answer')} is unknown, because an older version wrote them to the"
            " journal: times leave them out."
        )
    return " ".join(sentences)


def _timing(stage: str, values: Mapping[str, Any]) -> Timing:
    def first(*paths: tuple[str, ...]) -> float | None:
        return next((value for path in paths if (value := figure(values, *path)) is not None), None)

    usage, cost = ("judge_usage", "judge_cost") if "judge_usage" in values else ("usage", "cost")
    asked = first((usage, "asked"), ("asked",))
    seconds, generated = figure(values, "seconds") or 0.0, figure(values, cost, "seconds")
    if generated is not None:
        # What this run spent on generation is replaced by what all runs have spent on these answers.
        seconds = max(0.0, seconds - (figure(values, usage, "seconds") or 0.0)) + generated
    # Without its cost, a run that asked for nothing has no rate: zero would read as slow.
    is_idle = asked == 0 if generated is None else generated == 0
    return Timing(
        stage=stage,
        seconds=seconds,
        generation_seconds=generated,
        journal_seconds=None if generated is None else generated * (first((usage, "journal_share", "seconds")) or 0.0),
        without_cost=figure(values, cost, "without_cost"),
        rows=first(("rows_in",), (usage, "requests")),
        asked=asked,
        from_journal=first((usage, "from_journal"), ("from_journal",)),
        output_tokens=first((cost, "output_tokens"), (usage, "output_tokens"), ("output_tokens",)),
        tokens_per_second=None
        if is_idle
        else first((cost, "output_tokens_per_second"), (usage, "output_tokens_per_second"), ("tokens_per_second",)),
        prefix_hit_rate=None
        if is_idle
        else first((cost, "prefix_hit_rate"), (usage, "prefix_hit_rate"), ("prefix_hit_rate",)),
    )


def _place(name: str, order: tuple[str, ...]) -> int:
    return order.index(name) if name in order else len(order)
