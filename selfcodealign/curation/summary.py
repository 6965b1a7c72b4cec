"""Figures of a selection: yields by kind of task, lengths, licences, packages, benchmark hits."""

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from selfcodealign.curation.selection import Selection
from selfcodealign.records import Instruction, Response, Verdict


def summarise(
    selection: Selection,
    responses: Sequence[Response],
    verdicts: Mapping[str, Verdict],
    instructions: Mapping[str, Instruction],
) -> dict[str, Any]:
    """The figures of a selection, ready for a metrics file.

    Args:
        selection: the outcome.
        responses: all responses that went in.
        verdicts: what the sandbox saw, by response id.
        instructions: the tasks, by id.

    Returns:
        `yields` by `category/difficulty` (tasks, tasks with a pass, responses, passed, pass rate, pairs), `lengths`
        (quantiles over the pairs: words of the task, words of the response, lines of its code), `licences`, `packages`
        and `concepts` (pairs by each), `decontamination` (rows flagged; hits by benchmark and by way).
    """
    codes = {response.id: response.code for response in responses}
    examples = selection.examples
    return {
        "yields": _yields(selection, responses, verdicts, instructions),
        "lengths": {
            "instruction_words": quantiles(len(example.instruction.split()) for example in examples),
            "response_words": quantiles(len(example.response.split()) for example in examples),
            "code_lines": quantiles(_code_lines(codes[example.response_id]) for example in examples),
        },
        "licences": most_frequent(example.licence for example in examples),
        "packages": most_frequent(example.package for example in examples),
        "concepts": dict(list(most_frequent(name for row in examples for name in row.concepts).items())[:50]),
        "decontamination": {
            "rows": len({hit.id for hit in selection.hits}),
            "hits_by_benchmark": most_frequent(hit.benchmark for hit in selection.hits),
            "hits_by_way": most_frequent(hit.how.value for hit in selection.hits),
        },
    }


def most_frequent(names: Iterable[str]) -> dict[str, int]:
    """How often each name occurs, the most frequent first, then by name."""
    return dict(sorted(Counter(names).items(), key=lambda item: (-item[1], item[0])))


def quantiles(lengths: Iterable[int]) -> dict[str, float]:
    """Least, quartiles, 95th percentile and greatest of some lengths; empty if there are none."""
    ordered = sorted(lengths)
    if not ordered:
        return {}
    cuts = statistics.quantiles(ordered, n=100, method="inclusive") if len(ordered) > 1 else [ordered[0]] * 99
    named = {"min": ordered[0], "p25": cuts[24], "median": cuts[49], "p75": cuts[74], "p95": cuts[94]}
    return {name: round(float(value), 1) for name, value in {**named, "max": ordered[-1]}.items()}


def _yields(
    selection: Selection,
    responses: Sequence[Response],
    verdicts: Mapping[str, Verdict],
    instructions: Mapping[str, Instruction],
) -> dict[str, dict[str, float]]:
    counts: dict[str, Counter[str]] = {}
    tasks_with_pass: dict[str, set[str]] = {}

    def kind(instruction_id: str) -> str:
        task = instructions[instruction_id]
        return f"{task.category}/{task.difficulty}"

    for instruction in instructions.values():
        counts.setdefault(kind(instruction.id), Counter())["tasks"] += 1
    for response in responses:
        name = kind(response.instruction_id)
        verdict = verdicts.get(response.id)
        passed = verdict is not None and verdict.status == "passed"
        counts[name].update(responses=1, passed=int(passed))
        if passed:
            tasks_with_pass.setdefault(name, set()).add(response.instruction_id)
    for example in selection.examples:
        counts[f"{example.category}/{example.difficulty}"]["pairs"] += 1
    return {
        name: {
            "tasks": found["tasks"],
            "tasks_with_pass": len(tasks_with_pass.get(name, ())),
            "responses": found["responses"],
            "passed": found["passed"],
            "pass_rate": round(found["passed"] / found["responses"], 4) if found["responses"] else 0.0,
            "pairs": found["pairs"],
        }
        for name, found in sorted(counts.items())
    }


def _code_lines(code: str) -> int:
    return sum(1 for line in code.splitlines() if line.strip())
