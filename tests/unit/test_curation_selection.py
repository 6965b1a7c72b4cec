"""Selection: each rule drops what it should and keeps the twin; nothing is lost; the order of rows does not matter."""

import random
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selection_rows import WORDS, answer, distinct_code, reasons, seed_row, select, task

from selfcodealign.curation import SelectionSettings, select_examples
from selfcodealign.errors import InputError
from selfcodealign.evaluation import BenchmarkText
from selfcodealign.records import Instruction, Response, by_id


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
