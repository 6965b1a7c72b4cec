"""Prompts for benchmarks, and the programs that come out of answers."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from evaluation_tasks import benchmark
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcodealign.evaluation import generate_solutions
from selfcodealign.evaluation.solutions import as_solution, first_block, task_prompt
from selfcodealign.generation import Answer, Decoding, Generation, PromptFormat, Rejection, RejectReason, Request

FULL = "def add_1(value: int) -> int:\n    return value + 1"


class PlainTemplate:
    """Renders turns as a chat template does."""

    def apply_chat_template(self, turns: Sequence[dict[str, str]], **_: object) -> str:
        return "".join(f"<{turn['role']}>{turn['content']}</s>" for turn in turns) + "<assistant>"


COMPLETION = PromptFormat(is_chat=False, stop=(), begin="<s>", tokenizer=None)
CHAT = PromptFormat(is_chat=True, stop=(), begin="", tokenizer=PlainTemplate())
GREEDY: dict[str, Any] = {"num_samples": 1, "temperature": 0.0, "seed": 42}
TASK = benchmark().tasks["HumanEval/1"]


def test_a_base_model_sees_the_prompt_itself() -> None:
    assert task_prompt(TASK, "humaneval", COMPLETION, "stub") == f"<s>{TASK['prompt'].strip()}\n"


def test_a_chat_model_sees_the_task_in_a_turn_and_an_opened_code_block() -> None:
    prompt = task_prompt(TASK, "humaneval", CHAT, "block")
    assert prompt.startswith("<user>")
    assert f"```python\n{TASK['prompt'].strip()}\n```</s><assistant>" in prompt
    assert prompt.endswith("```python\n")


def test_an_answer_may_begin_with_the_stub_so_that_only_the_body_is_left_to_write() -> None:
    prompt = task_prompt(TASK, "humaneval", CHAT, "stub")
    assert prompt.endswith(f"```python\n{TASK['prompt'].strip()}\n")
    assert prompt.count(TASK["prompt"].strip()) == 1
    body = as_solution(TASK, "    return value + 1\n\ndef unused():\n    return 0\n", has_stub=True)
    assert body == f"{TASK['prompt'].strip()}\n    return value + 1"


def test_mbpp_has_no_stub_to_begin_with() -> None:
    assert task_prompt(TASK, "mbpp", CHAT, "stub") == task_prompt(TASK, "mbpp", CHAT, "block")


def test_a_begun_stub_is_part_of_the_solution() -> None:
    def ask(requests: Sequence[Request], _: Decoding) -> Generation:
        generation = Generation()
        generation.answers[requests[0].id] = Answer("    return value + 1", "stop", 10, 0, 9)
        return generation

    found = generate_solutions(
        benchmark(), ["HumanEval/1"], prompt_format=CHAT, opening="stub", max_new_tokens=64, **GREEDY, ask=ask
    )
    assert found.samples[0].solution == f"{TASK['prompt'].strip()}\n    return value + 1"
    assert found.opening == "stub"


def test_what_cannot_begin_with_the_stub_is_not_said_to() -> None:
    def ask(*_: object) -> Generation:
        return Generation()

    def opening(variant: str, form: PromptFormat) -> str:
        info = replace(benchmark().info, variant=variant)
        asked = replace(benchmark(), info=info)
        found = generate_solutions(asked, [], prompt_format=form, opening="stub", max_new_tokens=64, **GREEDY, ask=ask)
        return found.opening

    assert opening("humaneval_plus", CHAT) == "stub"
    assert opening("mbpp_plus", CHAT) == "block"
    assert opening("humaneval_plus", COMPLETION) == "block"


def test_the_quotation_marks_of_an_mbpp_prompt_are_not_shown_in_a_chat() -> None:
    task = {**TASK, "prompt": '"""\nDouble it.\nassert f(1) == 2\n"""\n'}
    assert "\n\nDouble it.\nassert f(1) == 2</s>" in task_prompt(task, "mbpp", CHAT, "stub")
    assert task_prompt(task, "mbpp", COMPLETION, "block") == '<s>"""\nDouble it.\nassert f(1) == 2\n"""\n'


@pytest.mark.parametrize(
    "answer",
    [
        FULL,
        f"{FULL}\n```\nThat is it.",
        f"```python\n{FULL}\n```\n```python\nprint(add_1(1))\n```",
        f"{FULL}\n\nprint(add_1(1))\n",
        f"{FULL}\n\ndef unused():\n    return 0\n",
    ],
)
def test_the_solution_of_a_chat_answer_is_the_asked_function(answer: str) -> None:
    assert as_solution(TASK, answer, has_stub=False) == FULL


def test_the_solution_of_a_completion_holds_the_prompt() -> None:
    found = as_solution(TASK, "    return value + 1\n\nSome prose follows", has_stub=True)
    assert found == f"{TASK['prompt'].strip()}\n    return value + 1"


def test_helpers_and_imports_that_the_function_uses_stay() -> None:
    code = (
        "import math\n\ndef half(x):\n    return math.floor(x / 2)\n\ndef add_1(value):\n    return half(value * 2) + 1"
    )
    found = as_solution(TASK, code, has_stub=False)
    assert all(part in found for part in ("import math", "def half", "def add_1"))


@settings(deadline=None)
@given(st.text(max_size=60), st.booleans())
def test_no_answer_is_too_odd_to_be_scored(answer: str, has_stub: bool) -> None:
    assert isinstance(as_solution(TASK, answer, has_stub=has_stub), str)


def test_what_comes_before_a_closed_fence_is_the_block() -> None:
    assert first_block("a = 1\n```\nprose\n```python\nb = 2\n```") == "a = 1\n"
    assert first_block("\n```python\na = 1\n```") == "\na = 1\n"


def test_every_task_gets_one_sample_and_unanswered_ones_an_empty_one() -> None:
    asked: list[tuple[list[str], Decoding]] = []

    def ask(requests: Sequence[Request], decoding: Decoding) -> Generation:
        asked.append(([request.id for request in requests], decoding))
        generation = Generation()
        generation.answers["HumanEval/1#0"] = Answer(FULL, "length", 10, 0, 9)
        generation.rejections["HumanEval/0#0"] = Rejection(RejectReason.PROMPT_TOO_LONG, "too long")
        return generation

    found = generate_solutions(
        benchmark(),
        ["HumanEval/0", "HumanEval/1"],
        prompt_format=CHAT,
        opening="block",
        max_new_tokens=64,
        **GREEDY,
        ask=ask,
    )
    ((ids, decoding),) = asked
    assert ids == ["HumanEval/0#0", "HumanEval/1#0"]
    assert (decoding.temperature, decoding.max_new_tokens) == (0.0, 64)
    assert [(sample.task_id, sample.solution) for sample in found.samples] == [
        ("HumanEval/0", ""),
        ("HumanEval/1", FULL),
    ]
    assert (found.num_cut_short, found.num_unanswered, found.mean_output_tokens) == (1, 1, 9.0)
    assert found.num_commented == 0


def sampled(task_ids: list[str], num_samples: int, temperature: float, seed: int = 42) -> tuple[list[Request], Any]:
    """The requests for samples of tasks, and the solutions where each answer returns the sample's number."""
    seen: list[Request] = []

    def ask(requests: Sequence[Request], _: Decoding) -> Generation:
        seen.extend(requests)
        generation = Generation()
        for request in requests:
            code = f"def add_1(value: int) -> int:\n    return value + {request.id.partition('#')[2]}"
            generation.answers[request.id] = Answer(code, "stop", 10, 0, 9)
        return generation

    found = generate_solutions(
        benchmark(), task_ids, prompt_format=CHAT, opening="block", max_new_tokens=64, num_samples=num_samples,
        temperature=temperature, seed=seed, ask=ask,
    )  # fmt: skip
    return seen, found


def test_several_samples_stay_with_their_task_in_the_order_of_their_numbers() -> None:
    _, found = sampled(["HumanEval/1"], num_samples=3, temperature=0.8)
    assert [sample.task_id for sample in found.samples] == ["HumanEval/1"] * 3
    assert [sample.solution[-1] for sample in found.samples] == ["0", "1", "2"]


def test_every_sample_has_a_seed_of_its_own_that_depends_on_run_task_and_number_alone() -> None:
    both, _ = sampled(["HumanEval/0", "HumanEval/1"], num_samples=4, temperature=0.8)
    assert len({request.seed for request in both}) == len({request.id for request in both}) == 8
    alone, _ = sampled(["HumanEval/1"], num_samples=2, temperature=0.8)
    assert [request.seed for request in alone] == [request.seed for request in both[4:6]]
    other, _ = sampled(["HumanEval/1"], num_samples=2, temperature=0.8, seed=43)
    assert not {request.seed for request in other} & {request.seed for request in both}
