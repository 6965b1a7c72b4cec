"""Selection: each rule drops what it should and keeps the twin; nothing is lost; the order of rows does not matter."""

import random
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcodealign.curation import Selection, SelectionSettings, select_examples
from selfcodealign.curation.policies import shared_out
from selfcodealign.errors import InputError
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


def test_passing_response_becomes_a_pair_with_its_lineage() -> None:
    owner = task(3)
    response = answer(owner)
    (example,) = select([owner], [response]).examples
    assert [(turn.role, turn.content) for turn in example.messages] == [
        ("user", owner.instruction),
        ("assistant", response.response),
    ]
    assert (example.response_id, example.instruction_id, example.seed_id) == (response.id, owner.id, owner.seed_id)
    assert (example.package, example.licence, example.status) == ("package3", "MIT", "passed")
    assert example.kept_because == "passed; drawn from the 1 responses of its task that survive the rules"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"code": "def g(x):\n    ...\n", "tests": "assert g(1) is None"}, "placeholder"),
        ({"response": "```python\n# Your code here\n```"}, "placeholder"),
        ({"tests": "def test_it():\n    assert True"}, "tests_without_assertion"),
        ({"tests": "assert 1 + 1 == 2"}, "tests_unrelated"),
        ({"tests": "assert f("}, "unparsable"),
    ],
)
def test_response_that_breaks_a_rule_is_dropped_for_it_and_its_twin_is_kept(
    changes: dict[str, str], reason: str
) -> None:
    tasks = [task(1), task(2)]
    broken, sound = answer(tasks[0], **changes), answer(tasks[1])
    selection = select(tasks, [broken, sound])
    assert reasons(selection) == {broken.id: reason}
    assert [example.response_id for example in selection.examples] == [sound.id]


@pytest.mark.parametrize(
    ("keep", "status", "reason"),
    [
        ("passing", "failed", "not_passed"),
        ("passing", "vacuous", "not_passed"),
        ("passing", "sandbox_error", "no_verdict"),
        ("failing", "passed", "not_failing"),
        ("failing", "sandbox_error", "no_verdict"),
        ("failing", "failed", None),
        ("failing", "timeout", None),
        ("all", "failed", None),
        ("all", "passed", None),
    ],
)
def test_verdict_decides_as_the_policy_says(keep: str, status: str, reason: str | None) -> None:
    owner = task(1)
    response = answer(owner)
    selection = select([owner], [response], {response.id: status}, keep=keep)
    assert reasons(selection).get(response.id) == reason
    assert [example.status for example in selection.examples] == ([] if reason else [status])


def test_response_without_a_verdict_is_dropped() -> None:
    owner = task(1)
    response = answer(owner)
    seeds = by_id([seed_row(1)])
    selection = select_examples([response], {}, by_id([owner]), seeds, [], SelectionSettings())
    assert reasons(selection) == {response.id: "no_verdict"}


def test_program_that_does_not_parse_is_a_failure_that_the_control_keeps() -> None:
    owner = task(1)
    response = answer(owner, code="def f(:\n", tests="assert f(1)")
    selection = select([owner], [response], {response.id: "syntax"}, keep="failing")
    assert [example.response_id for example in selection.examples] == [response.id]


def test_task_over_the_word_limit_is_dropped_and_one_at_the_limit_is_kept() -> None:
    tasks = [task(1, " ".join(f"a{n}" for n in range(31))), task(2, " ".join(f"b{n}" for n in range(30)))]
    long, short = answer(tasks[0]), answer(tasks[1])
    selection = select(tasks, [long, short], max_instruction_words=30)
    assert reasons(selection) == {long.id: "long_instruction"}
    assert [example.response_id for example in selection.examples] == [short.id]


def test_one_response_a_task_is_drawn() -> None:
    owner = task(1)
    responses = [answer(owner, sample) for sample in range(5)]
    selection = select([owner], responses)
    (example,) = selection.examples
    assert Counter(reasons(selection).values()) == {"not_drawn": 4}
    assert "drawn from the 5 responses" in example.kept_because
    assert all(example.response_id in row.detail for row in selection.dropped)


def test_the_draw_depends_on_the_seed_and_favours_no_sample() -> None:
    owner = task(1)
    responses = [answer(owner, sample) for sample in range(4)]
    drawn = Counter(select([owner], responses, seed=number).examples[0].response_id for number in range(80))
    assert len(drawn) == 4
    assert min(drawn.values()) > 8


def test_all_surviving_responses_are_kept_when_one_per_task_is_off() -> None:
    owner = task(1)
    responses = [answer(owner, sample, name=f"solve_{sample}") for sample in range(3)]
    assert len(select([owner], responses, one_per_task=False).examples) == 3


def test_same_names_within_a_task_are_kept_when_one_per_task_is_off() -> None:
    owner = task(1)
    codes = [distinct_code(f"draft_{n}").replace(f"draft_{n}", "solve") for n in range(2)]
    responses = [answer(owner, n, name="solve", code=code) for n, code in enumerate(codes)]
    assert len(select([owner], responses, one_per_task=False).examples) == 2


def test_reformatted_copy_of_another_tasks_response_is_an_exact_duplicate() -> None:
    tasks = [task(1), task(2)]
    first = answer(tasks[0])
    second = answer(tasks[1], code=first.code, tests=first.tests, response=first.response.replace("\n", "\n \n"))
    selection = select(tasks, [first, second])
    assert len(selection.examples) == 1
    assert list(reasons(selection).values()) == ["exact_duplicate"]


def test_one_pair_for_a_set_of_names() -> None:
    tasks = [task(1), task(2), task(3)]
    codes = [distinct_code(f"draft_{n}").replace(f"draft_{n}", "solve") for n in range(2)]
    namesakes = [answer(tasks[n], name="solve", code=code) for n, code in enumerate(codes)]
    other = answer(tasks[2], name="other")
    selection = select(tasks, [*namesakes, other])
    assert list(reasons(selection).values()) == ["same_names"]
    assert other.id in {example.response_id for example in selection.examples}


def test_task_whose_drawn_response_has_taken_names_gets_a_second_chance() -> None:
    tasks = [task(1), task(2)]
    codes = [distinct_code(f"draft_{n}").replace(f"draft_{n}", "solve") for n in range(2)]
    lonely = answer(tasks[0], name="solve", code=codes[0])
    taken = answer(tasks[1], 0, name="solve", code=codes[1])
    spare = answer(tasks[1], 1, name="spare")
    for number in range(12):
        selection = select(tasks, [lonely, taken, spare], seed=number)
        # Whichever is drawn first: the second task still has a pair, unless the first gave way to `taken`.
        kept = {example.response_id for example in selection.examples}
        assert kept in ({lonely.id, spare.id}, {taken.id})
    everything = [
        {example.response_id for example in select(tasks, [lonely, taken, spare], seed=number).examples}
        for number in range(12)
    ]
    assert {lonely.id, spare.id} in everything


def nearly(text: str) -> str:
    words = text.split(" ")
    return " ".join([*words[:-1], "changed"])


def test_nearly_the_same_task_gives_one_pair() -> None:
    base = " ".join(random.Random(5).choices(WORDS, k=60))
    tasks = [task(1, base), task(2, nearly(base)), task(3)]
    responses = [answer(owner) for owner in tasks]
    selection = select(tasks, responses)
    assert list(reasons(selection).values()) == ["near_duplicate_task"]
    assert len(selection.examples) == 2


def test_nearly_the_same_response_or_code_gives_one_pair() -> None:
    tasks = [task(number) for number in range(1, 5)]
    first, second = answer(tasks[0], name="alpha"), answer(tasks[1], name="beta")
    renamed = answer(tasks[2], name="gamma", code=first.code.replace("alpha", "gamma"))
    reworded = answer(tasks[3], name="omega", response=second.response + " One word more.")
    selection = select(tasks, [first, second, renamed, reworded])
    assert sorted(reasons(selection).values()) == ["near_duplicate_code", "near_duplicate_response"]
    assert len(selection.examples) == 2


def test_pair_that_holds_benchmark_text_is_dropped_and_listed() -> None:
    solution = (
        "    total = 0\n    for number in numbers:\n        if number % 3 == 1:\n            total += number * 7\n"
    )
    text = BenchmarkText(
        benchmark="invented",
        task_id="I/1",
        prompt="def f(numbers):\n",
        docstring="",
        solution=solution + "    return total",
    )
    code = "def g(xs):\n    t = 0\n    for x in xs:\n        if x % 3 == 1:\n            t += x * 7\n    return t\n"
    tasks = [task(1), task(2)]
    copied, clean = answer(tasks[0], name="g", code=code), answer(tasks[1])
    selection = select(tasks, [copied, clean], benchmarks=[text])
    assert reasons(selection) == {copied.id: "benchmark_text"}
    assert [(hit.id, hit.task_id, hit.how) for hit in selection.hits] == [(copied.id, "I/1", "solution_ast")]


def test_contaminated_response_does_not_take_the_place_of_a_clean_one() -> None:
    owner = task(1)
    text = BenchmarkText(
        benchmark="invented",
        task_id="I/1",
        prompt="",
        docstring="One two three four five six seven eight nine.",
        solution="",
    )
    clean = answer(owner, 0)
    bad = [answer(owner, n, response="One two three four five six seven eight nine.") for n in range(1, 5)]
    for number in range(5):
        selection = select([owner], [clean, *bad], benchmarks=[text], seed=number)
        assert [example.response_id for example in selection.examples] == [clean.id]


def test_pairs_beyond_the_maximum_are_dropped() -> None:
    tasks = [task(number) for number in range(6)]
    selection = select(tasks, [answer(owner) for owner in tasks], max_examples=4)
    assert len(selection.examples) == 4
    assert list(reasons(selection).values()) == ["beyond_max_examples"] * 2


def test_response_whose_task_or_seed_is_missing_is_one_clear_line() -> None:
    owner = task(1)
    with pytest.raises(InputError, match=r"instruction .* is missing"):
        select([], [answer(owner)])
    with pytest.raises(InputError, match=r"seed .* is missing"):
        select([replace(owner, id="x")], [replace(answer(owner), instruction_id="x", seed_id="none")])


def test_two_responses_with_one_id_are_refused() -> None:
    owner = task(1)
    with pytest.raises(InputError, match="same id"):
        select([owner], [answer(owner), answer(owner)])


@st.composite
def populations(draw: st.DrawFn) -> tuple[list[Instruction], list[Response], dict[str, str]]:
    """Tasks with responses that collide in text, code, names and verdicts."""
    tasks = [
        task(number, draw(st.sampled_from([None, "sort a list of pairs"]))) for number in range(draw(st.integers(1, 5)))
    ]
    responses: dict[str, Response] = {}
    statuses: dict[str, str] = {}
    for owner in tasks:
        for sample in range(draw(st.integers(0, 4))):
            name = draw(st.sampled_from(["alpha", "beta", "gamma"]))
            code = distinct_code(draw(st.sampled_from(["one", "two", name])))
            code += f"\n\ndef {name}(value):\n    return value\n"
            tests = draw(st.sampled_from([f"assert {name}(1) == 1", "assert True", "print(1)"]))
            response = answer(owner, sample, name=name, code=code, tests=tests)
            responses[response.id] = response
            statuses[response.id] = draw(st.sampled_from(["passed", "passed", "failed", "sandbox_error"]))
    return tasks, list(responses.values()), statuses


@settings(max_examples=40, deadline=None)
@given(populations(), st.randoms(use_true_random=False), st.booleans(), st.sampled_from([None, 1, 3]))
def test_every_response_is_kept_or_dropped_once_in_any_order_of_rows(
    population: tuple[list[Instruction], list[Response], dict[str, str]],
    order: random.Random,
    one_per_task: bool,
    max_examples: int | None,
) -> None:
    tasks, responses, statuses = population
    chosen = {"one_per_task": one_per_task, "max_examples": max_examples, "seed": 3}
    selection = select(tasks, responses, statuses, **chosen)
    ends = [example.response_id for example in selection.examples] + [row.id for row in selection.dropped]
    assert sorted(ends) == sorted(response.id for response in responses)
    shuffled = list(responses)
    order.shuffle(shuffled)
    assert select(tasks, shuffled, statuses, **chosen) == selection
    if one_per_task:
        assert max(Counter(example.instruction_id for example in selection.examples).values(), default=0) <= 1


@settings(max_examples=25, deadline=None)
@given(populations())
def test_no_task_is_left_without_a_pair_that_a_greedy_choice_could_add(
    population: tuple[list[Instruction], list[Response], dict[str, str]],
) -> None:
    tasks, responses, statuses = population
    selection = select(tasks, responses, statuses)
    kept_tasks = {example.instruction_id for example in selection.examples}
    assert not {row.parent_id for row in selection.dropped if row.reason == "not_drawn"} - kept_tasks


def test_weak_tests_are_dropped_below_the_minimum_and_kept_at_it() -> None:
    tasks = [task(number) for number in range(4)]
    responses = [answer(owner) for owner in tasks]
    measured = [
        strength(responses[0], 0.6),
        strength(responses[1], 0.5),
        strength(responses[2], 0.9, 0.7),
        strength(responses[3], 0.9, 0.8),
    ]
    selection = select(tasks, responses, strengths=measured, min_mutation_score=0.6, min_branch_coverage=0.8)
    assert {row.id: (row.reason, row.detail) for row in selection.dropped} == {
        responses[1].id: ("weak_tests", "mutation score 0.50, at least 0.60 is asked for"),
        responses[2].id: ("weak_tests", "branch coverage 0.70, at least 0.80 is asked for"),
    }
    assert {example.response_id for example in selection.examples} == {responses[0].id, responses[3].id}


@pytest.mark.parametrize(("score", "coverage", "why"), [(None, 1.0, "no_mutants"), (1.0, None, "output_cut")])
def test_a_strength_that_is_not_known_does_not_reach_a_minimum(
    score: float | None, coverage: float | None, why: str
) -> None:
    owner = task(1)
    response = answer(owner)
    measured = [strength(response, score, coverage)]
    (row,) = select([owner], [response], strengths=measured, min_mutation_score=0.0, min_branch_coverage=0.0).dropped
    assert (row.reason, row.detail.split(": ")[1]) == ("weak_tests", why)


@pytest.mark.parametrize("number", range(5))
def test_the_strongest_response_of_a_task_is_taken_whatever_is_drawn(number: int) -> None:
    owner = task(1)
    responses = [answer(owner, sample) for sample in range(5)]
    values = [(0.5, 1.0), (None, None), (0.8, 0.5), (0.8, 0.9), (0.7, 1.0)]
    measured = [strength(response, *found) for response, found in zip(responses, values, strict=True)]
    (example,) = select([owner], responses, strengths=measured, choice="strongest", seed=number).examples
    assert example.response_id == responses[3].id
    assert example.kept_because == (
        "passed; the strongest tests of the 5 responses of its task that survive the rules;"
        " its tests kill 8 of 10 mutants and take 9 of 10 branches"
    )


def test_among_equally_strong_responses_the_draw_decides() -> None:
    owner = task(1)
    responses = [answer(owner, sample) for sample in range(3)]
    measured = [strength(response, 0.8) for response in responses]
    drawn = {
        select([owner], responses, strengths=measured, choice="strongest", seed=number).examples[0].response_id
        for number in range(30)
    }
    assert len(drawn) == 3


@pytest.mark.parametrize(
    "changes", [{"choice": "strongest"}, {"min_mutation_score": 0.1}, {"min_branch_coverage": 0.0}], ids=str
)
def test_a_strength_that_was_not_measured_is_one_line_with_the_way_out(changes: dict[str, object]) -> None:
    owner = task(1)
    responses = [answer(owner, sample) for sample in range(2)]
    with pytest.raises(InputError, match=r"1 passing responses lack.*validate_responses\.test_strength") as caught:
        select([owner], responses, strengths=[strength(responses[0], 1.0)], **changes)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="keep = failing"):
        select([owner], responses, strengths=[], keep="failing", **changes)


def test_a_strength_that_nothing_asks_for_changes_nothing() -> None:
    owner = task(1)
    responses = [answer(owner, sample) for sample in range(4)]
    measured = [strength(response, 0.1, 0.1) for response in responses]
    assert select([owner], responses, strengths=measured) == select([owner], responses)


def test_shortest_response_of_a_task_is_kept_if_asked_for() -> None:
    owner = task(1)
    responses = [answer(owner, sample) for sample in range(4)]
    short = answer(owner, 4, response="Short.\n\n```python\nx = 1\n```")
    for criterion in ("shortest", ["shortest"], ["random", "shortest"]):
        (example,) = select([owner], [*responses, short], choice=criterion).examples
        assert example.response_id == short.id
        assert example.kept_because == "passed; the shortest of the 5 responses of its task that survive the rules"


def test_response_that_passes_most_tests_of_the_others_is_kept_and_length_decides_between_equals() -> None:
    owner = task(1)
    responses = [answer(owner, sample) for sample in range(3)]
    short = answer(owner, 3, response="Short.\n\n```python\nx = 1\n```")
    compared = {responses[0]: (0, 0), responses[1]: (3, 2), responses[2]: (3, 3), short: (3, 3)}
    rows = [Agreement(id=row.id, num_compared=most, num_passed=passed) for row, (most, passed) in compared.items()]
    (example,) = select([owner], list(compared), agreements=rows, choice=["agreed", "shortest"]).examples
    assert example.response_id == short.id
    assert example.kept_because.endswith("it passes the tests of 3 of 3 other responses")
    (example,) = select([owner], list(compared)[:2], agreements=rows, choice="agreed").examples
    assert example.response_id == responses[1].id


def test_agreement_that_was_not_measured_is_one_clear_line() -> None:
    owner = task(1)
    with pytest.raises(InputError, match=r"1 passing ones lack; set validate_responses\.agreement to true"):
        select([owner], [answer(owner)], choice="agreed")


def test_balanced_cap_takes_as_many_of_each_part_as_can_be() -> None:
    tasks = [replace(task(number), category="class" if number % 10 == 0 else "function") for number in range(40)]
    responses = [answer(owner) for owner in tasks]
    selection = select(tasks, responses, max_examples=12, balance="category")
    assert Counter(example.category for example in selection.examples) == {"class": 4, "function": 8}
    selection = select(tasks, responses, max_examples=6, balance="category")
    assert Counter(example.category for example in selection.examples) == {"class": 3, "function": 3}
    assert all("among 6 pairs in equal parts by category" in row.kept_because for row in selection.examples)
    details = {row.detail for row in selection.dropped if row.reason == "beyond_max_examples"}
    assert details == {"its category has its part of 6 pairs"}
    assert len(selection.examples) + len(selection.dropped) == len(responses)


@given(st.lists(st.sampled_from("abc"), max_size=30), st.integers(0, 20))
def test_shared_out_parts_differ_by_one_at_most_unless_kept_whole(parts: list[str], limit: int) -> None:
    items = list(enumerate(parts))
    kept = shared_out(items, limit, lambda item: item[1])
    assert len(kept) == min(limit, len(items))
    assert kept == [item for item in items if item in set(kept)]
    sizes, whole = Counter(part for _, part in kept), Counter(parts)
    for part in whole:
        firsts = [item for item in items if item[1] == part][: sizes[part]]
        assert [item for item in kept if item[1] == part] == firsts
        assert sizes[part] == whole[part] or all(sizes[other] <= sizes[part] + 1 for other in sizes)


def test_renamed_copy_of_another_pair_is_dropped_if_the_normal_form_is_compared() -> None:
    tasks = [task(1), task(2)]
    code = "def first(values, limit):\n" + "".join(f"    part_{n} = values[{n}] * limit\n" for n in range(8))
    code += "    return part_0 + part_7\n"
    other = code.replace("first", "second").replace("part", "piece").replace("values", "rows").replace("limit", "k")
    responses = [answer(tasks[0], name="first", code=code), answer(tasks[1], name="second", code=other)]
    assert len(select(tasks, responses).examples) == 2
    selection = select(tasks, responses, normalised_jaccard=0.9)
    assert len(selection.examples) == 1
    assert list(reasons(selection).values()) == ["near_duplicate_structure"]
