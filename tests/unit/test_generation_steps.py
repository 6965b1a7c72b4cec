"""Rows become requests and answers become rows: the same for the same inputs, with nothing lost on the way."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from selfcodealign.generation import (
    Answer,
    Decoding,
    Exemplar,
    Generation,
    PromptFormat,
    Rejection,
    RejectReason,
    Request,
    TaskSource,
    concept_prompt,
    exemplar_sets,
    instruction_prompt,
    load_exemplars,
    make_concepts,
    make_instructions,
    make_responses,
    response_prompt,
    seed_instruction_prompt,
)
from selfcodealign.params import load_params
from selfcodealign.records import Instruction, Seed

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden"
PARAMS = load_params(ROOT / "params.yaml")
FEW_SHOT = PARAMS.generate_responses.model_copy(update={"layout": "few_shot"})
PLAIN = PromptFormat(is_chat=False, stop=("\n### Input",), begin="<s>", tokenizer=None)

SHOT = Exemplar(
    name="shot",
    category="function",
    difficulty="easy",
    concepts=("idea one", "idea two"),
    seed="def seed(x):\n    return x",
    instruction="Write `double(x)`.",
    response="Twice.\n\n```python\ndef double(x):\n    return 2 * x\n```",
    code="def double(x):\n    return 2 * x",
    tests="assert double(2) == 4",
)


def seed_row(number: int) -> Seed:
    code = f"def f{number}(x):\n    return x + {number}"
    texts = dict.fromkeys(("source", "package", "version", "licence", "file", "path", "docstring"), "t")
    return Seed(id=f"seed{number}", name=f"f{number}", code=code, first_line=1, last_line=2, **texts)


def task_row(number: int) -> Instruction:
    return Instruction(
        id=f"task{number}",
        parent_id=f"c{number}",
        seed_id=f"seed{number}",
        concepts=["a", "b"],
        category="function",
        difficulty="easy",
        language="Python",
        instruction=f"Write a function number {number}.",
        exemplar_set=0,
    )


class Scripted:
    """Answers every request with one text, and keeps the requests that it saw."""

    def __init__(self, text: str, refused: int = 0) -> None:
        self.text = text
        self.refused = refused
        self.requests: list[Request] = []
        self.follow_ups: list[Request] = []
        self.decoding: Decoding | None = None

    def __call__(
        self,
        requests: Sequence[Request],
        decoding: Decoding,
        follow_up: Callable[[Request, Answer], Request | None] | None = None,
    ) -> Generation:
        self.requests = list(requests)
        self.decoding = decoding
        answers = {request.id: Answer(self.text, "stop", 1, 0, 7) for request in requests[self.refused :]}
        for request in requests[self.refused :]:
            called_for = follow_up(request, answers[request.id]) if follow_up is not None else None
            if called_for is not None:
                self.follow_ups.append(called_for)
                answers[called_for.id] = Answer("assert x == 1\n```", "stop", 1, 1, 5)
        return Generation(
            answers=answers,
            rejections={
                request.id: Rejection(RejectReason.PROMPT_TOO_LONG, "9 > 8") for request in requests[: self.refused]
            },
        )


@pytest.mark.parametrize(
    ("name", "messages"),
    [
        ("concepts", concept_prompt([SHOT], "def g(y):\n    return y")),
        (
            "instructions",
            instruction_prompt([SHOT], ["a", "b"], category="class", difficulty="hard", language="Python"),
        ),
        (
            "instructions_from_seed",
            seed_instruction_prompt([SHOT], "def g(y): ...", category="class", difficulty="hard", language="Python"),
        ),
        ("responses", response_prompt([SHOT], "Write `half(x)`.")),
    ],
)
def test_prompts_are_laid_out_as_their_golden_files_say(name, messages):
    assert PLAIN.render(messages) == (GOLDEN / f"prompt_{name}.txt").read_text()


def test_requests_with_the_same_exemplar_set_share_everything_but_the_last_turn():
    ask = Scripted("one idea, another idea")
    make_concepts([seed_row(n) for n in range(40)], PARAMS.generate_concepts, seed=1, prompt_format=PLAIN, ask=ask)
    groups = {request.group for request in ask.requests}
    assert len(groups) == PARAMS.generate_concepts.num_exemplar_sets
    for group in groups:
        prompts = [request.prompt for request in ask.requests if request.group == group]
        heads = {prompt.rsplit("### Input\n", 1)[0] for prompt in prompts}
        assert len(heads) == 1


def test_a_row_gets_the_same_request_whatever_rows_are_beside_it():
    alone, together = Scripted("a, b"), Scripted("a, b")
    make_concepts([seed_row(5)], PARAMS.generate_concepts, seed=1, prompt_format=PLAIN, ask=alone)
    make_concepts([seed_row(n) for n in range(9)], PARAMS.generate_concepts, seed=1, prompt_format=PLAIN, ask=together)
    assert alone.requests[0] in together.requests


def test_another_run_seed_gives_other_sampling_seeds():
    first, second = Scripted("a, b"), Scripted("a, b")
    make_concepts([seed_row(1)], PARAMS.generate_concepts, seed=1, prompt_format=PLAIN, ask=first)
    make_concepts([seed_row(1)], PARAMS.generate_concepts, seed=2, prompt_format=PLAIN, ask=second)
    assert first.requests[0].seed != second.requests[0].seed


def test_categories_and_difficulties_follow_their_weights():
    sources = [TaskSource(f"c{n}", f"s{n}", ["a", "b"], "") for n in range(400)]
    ask = Scripted("Write something that is long enough to be taken as the task.")
    result = make_instructions(sources, PARAMS.generate_instructions, seed=1, prompt_format=PLAIN, ask=ask)
    share = sum(row.category == "function" for row in result.rows) / len(result.rows)
    weights = PARAMS.generate_instructions.categories
    assert share == pytest.approx(weights["function"] / sum(weights.values()), abs=0.08)
    assert {row.difficulty for row in result.rows} == {"easy", "medium", "hard"}
    assert all(row.difficulty in request.prompt for row, request in zip(result.rows, ask.requests, strict=True))


def test_samples_of_a_task_share_their_prompt_and_differ_in_their_seed():
    ask = Scripted("x")
    make_responses([task_row(1)], FEW_SHOT, seed=1, prompt_format=PLAIN, ask=ask)
    assert len(ask.requests) == PARAMS.generate_responses.num_samples
    assert len({request.prompt for request in ask.requests}) == 1
    assert len({request.seed for request in ask.requests}) == len(ask.requests)
    assert len({request.id for request in ask.requests}) == len(ask.requests)


def test_answers_and_rejections_are_all_accounted_for():
    ask = Scripted("Fine.\n```python\nx = 1\n```\n### Tests\n```python\nassert x == 1\n```", refused=3)
    tasks = [task_row(n) for n in range(2)]
    result = make_responses(tasks, FEW_SHOT, seed=1, prompt_format=PLAIN, ask=ask)
    assert len(result.dropped) == 3
    assert {row.reason for row in result.dropped} == {"prompt_too_long"}
    assert len(result.rows) + len(result.dropped) == len(ask.requests)
    assert result.rows[-1].program == "x = 1\n\n\nassert x == 1\n"
    assert result.rows[-1].seed_id == "seed1"


def test_an_answer_that_stopped_behind_its_solution_is_continued_with_tests():
    ask = Scripted("Fine.\n```python\nx = 1\n```\n")
    result = make_responses([task_row(1)], FEW_SHOT, seed=1, prompt_format=PLAIN, ask=ask)
    assert len(ask.follow_ups) == len(ask.requests) == len(result.rows)
    expected = ask.requests[0].prompt + "Fine.\n```python\nx = 1\n```\n\n### Tests\n```python\n"
    assert ask.follow_ups[0].prompt == expected
    assert (result.rows[0].response, result.rows[0].tests) == ("Fine.\n```python\nx = 1\n```", "assert x == 1")
    assert result.rows[0].output_tokens == 12


@pytest.mark.parametrize("text", ["No code.", "```python\nx = 1", "```python\nx = 1\n```\n### Tests\n"])
def test_other_answers_are_not_continued(text):
    ask = Scripted(text)
    make_responses([task_row(1)], FEW_SHOT, seed=1, prompt_format=PLAIN, ask=ask)
    assert ask.follow_ups == []


def test_the_stop_sequences_of_the_prompt_form_reach_the_engine():
    ask = Scripted("a, b")
    make_concepts([seed_row(1)], PARAMS.generate_concepts, seed=1, prompt_format=PLAIN, ask=ask)
    assert ask.decoding is not None
    assert ask.decoding.stop == PLAIN.stop


def test_the_default_exemplar_sets_of_every_step_differ_from_each_other():
    for section in (PARAMS.generate_concepts, PARAMS.generate_instructions, PARAMS.generate_responses):
        sets = exemplar_sets(
            load_exemplars(), num_sets=section.num_exemplar_sets, num_exemplars=section.num_exemplars, seed=PARAMS.seed
        )
        assert len({tuple(shot.name for shot in chosen) for chosen in sets}) == len(sets)
