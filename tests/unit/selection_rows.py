"""Rows to select from, and their selection."""

import random
from dataclasses import replace

from selfcodealign.curation import Selection, SelectionSettings, select_examples
from selfcodealign.evaluation import BenchmarkText
from selfcodealign.records import Agreement, Instruction, Response, Seed, Strength, Verdict, by_id, row_id

WORDS = tuple(f"word{number}" for number in range(30))


def seed_row(number: int) -> Seed:
    return Seed(
        id=row_id("seed", number), source="folder", package=f"package{number}", version="1.0", licence="MIT",
        file="a.py", path="/nowhere/a.py", first_line=1, last_line=2, name="f", docstring="", code="def f():\n    pass",
    )  # fmt: skip


def task(number: int, text: str | None = None) -> Instruction:
    draw = random.Random(number)
    return Instruction(
        id=row_id("task", number), parent_id=row_id("concepts", number), seed_id=row_id("seed", number),
        concepts=["loops"], category="function", difficulty="easy", language="Python", exemplar_set=0,
        instruction=text or " ".join(draw.choices(WORDS, k=30)),
    )  # fmt: skip


def distinct_code(name: str) -> str:
    """Code that resembles no other name's: enough own words that 5-grams differ."""
    draw = random.Random(name)
    lines = [f"    {draw.choice(WORDS)}_{number} = {draw.randint(0, 999)} * value" for number in range(8)]
    return f"def {name}(value):\n" + "\n".join(lines) + "\n    return value\n"


def answer(
    owner: Instruction, sample: int = 0, *, name: str | None = None, code: str | None = None, **changes: str
) -> Response:
    name = name or f"solve_{owner.id[:8]}_{sample}"
    code = code or distinct_code(name)
    prose = " ".join(random.Random(f"{owner.id}{sample}").choices(WORDS, k=40))
    values = {"response": f"{prose}\n\n```python\n{code}```\n", "code": code, "tests": f"assert {name}(3) == 3\n"}
    values.update(changes)
    return Response(
        id=row_id(owner.id, sample, *values.values()), instruction_id=owner.id, seed_id=owner.seed_id,
        sample_index=sample, program=values["code"] + values["tests"], output_tokens=50, **values,
    )  # fmt: skip


def verdict(response: Response, status: str = "passed") -> Verdict:
    return Verdict(
        id=response.id, status=status, seconds=0.1, assertions=1, stdout="", stderr="", isolation="docker/runsc-ptrace"
    )


def select(
    tasks: list[Instruction],
    responses: list[Response],
    statuses: dict[str, str] | None = None,
    benchmarks: list[BenchmarkText] | None = None,
    strengths: list[Strength] | None = None,
    agreements: list[Agreement] | None = None,
    **changes: object,
) -> Selection:
    verdicts = [verdict(response, (statuses or {}).get(response.id, "passed")) for response in responses]
    chosen = replace(SelectionSettings(), **changes)
    seeds = by_id([seed_row(number) for number in range(100)])
    measured = None if strengths is None else by_id(strengths)
    agreed = None if agreements is None else by_id(agreements)
    return select_examples(responses, by_id(verdicts), by_id(tasks), seeds, benchmarks or [], chosen, measured, agreed)


def strength(response: Response, score: float | None, coverage: float | None = 1.0) -> Strength:
    """Of ten mutants and ten branches."""
    return Strength(
        id=response.id, num_mutants=10, num_killed=round(10 * (score or 0)), mutation_score=score, num_branches=10,
        num_hit=round(10 * (coverage or 0)), branch_coverage=coverage, survivors=[],
        score_unknown="" if score is not None else "no_mutants",
        coverage_unknown="" if coverage is not None else "output_cut",
    )  # fmt: skip


def reasons(selection: Selection) -> dict[str, str]:
    return {row.id: row.reason for row in selection.dropped}
