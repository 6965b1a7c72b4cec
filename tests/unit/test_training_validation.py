"""Executed validation: which tasks are asked, how answers are sampled, and that their pass rate chooses the weights."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import make_example, make_model_folder, make_preferences, make_settings, make_tokenizer

from selfcodealign.errors import InputError, SandboxError
from selfcodealign.models import end_of_turn_token, read_card
from selfcodealign.opened_answers import OPENING, STOPS, code_end, whole_answer
from selfcodealign.params import Params, parse_params
from selfcodealign.records import Example
from selfcodealign.training import (
    MIN_VALIDATION_TASKS,
    TrainingResult,
    checkpoint_folder,
    finetune_model,
    pass_rate_scorer,
    suites_by_task,
)
from selfcodealign.training.validation import validation_tasks

CODE = "f = abs"
TASK = "<|im_start|>user\nMake 1.<|im_end|>\n<|im_start|>assistant\n" + OPENING


def alike_examples(count: int) -> list[Example]:
    """Tasks with one right answer, which a model of two layers learns by heart."""
    return [
        replace(make_example(f"Make {n}.", whole_answer(CODE)), tests="assert f(-1) == 1\nassert f(4) == 4")
        for n in range(count)
    ]


def equals_code(prompts: Any, completions: Any, **columns: Any) -> list[float | None]:
    """A judge without a sandbox."""
    assert all(prompt.endswith(f"<|im_start|>assistant\n{OPENING}") for prompt in prompts)
    assert set(columns["tests"]) == {"assert f(-1) == 1\nassert f(4) == 4"}
    return [float(text.rstrip("`\n") == CODE) for text in completions]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model_folder(tmp_path_factory.mktemp("models") / "base")


def learn(base: Path, folder: Path, **changes: Any) -> TrainingResult:
    examples = alike_examples(40)
    chosen = make_settings(
        **{
            "learning_rate": 1e-2, "batch_size": 4, "micro_batch_size": 4, "epochs": 10.0, "holdout_share": 0.25,
            "eval_steps": 20, "validation": "executed", "validation_samples": 2, "validation_max_new_tokens": 20,
            "optimizer": "adamw_torch", "save_steps": 100, **changes,
        }
    )  # fmt: skip
    return finetune_model(
        base,
        examples,
        chosen,
        seed=1,
        destination=folder / "aligned",
        checkpoints=folder / "checkpoints",
        validation=lambda held_out: pass_rate_scorer(held_out, suites_by_task(examples), equals_code, chosen, 1),
    )


@pytest.fixture(scope="module")
def learned(base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainingResult, Path]:
    folder = tmp_path_factory.mktemp("learned")
    return learn(base, folder), folder / "aligned"


def load(folder: Path) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    return AutoModelForCausalLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)


def sample(folder: Path, prompts: list[str], **changes: Any) -> Any:
    from selfcodealign.training.sampling import sample_answers

    model, tokenizer = load(folder)
    chosen = {"max_new_tokens": 20, "temperature": 0.7, "seed": 3, **changes}
    return sample_answers(model, tokenizer, prompts, end_token=end_of_turn_token(tokenizer), **chosen)


def test_the_pass_rate_rises_as_answers_are_learned_and_chooses_the_weights(
    learned: tuple[TrainingResult, Path],
) -> None:
    result, _ = learned
    assert result.score_name == "pass_rate"
    assert result.score_counts == {"tasks": 10, "tasks_without_tests": 0, "samples_per_task": 2}
    assert result.score_at(0) == 0.0
    best = max(point.score for point in result.scores)
    assert best >= 0.8
    assert result.kept_step == next(point.step for point in result.scores if point.score == best)


def test_an_opened_answer_ends_at_a_stop_string(learned: tuple[TrainingResult, Path]) -> None:
    answers = sample(learned[1], [TASK] * 40, temperature=0.3)
    texts = [answer.text for answer in answers]
    assert f"{CODE}\n```" in texts
    for answer in answers:
        place = code_end(answer.text)
        assert answer.is_cut == (place is None and answer.token_ids[-1] != 2)
        if place is not None:  # one token is one byte here: nothing can follow the stop string
            assert answer.text[place:] in STOPS


def test_a_whole_answer_ends_with_its_turn(learned: tuple[TrainingResult, Path]) -> None:
    prompt = TASK.removesuffix(OPENING)
    _, tokenizer = load(learned[1])
    for answer in sample(learned[1], [prompt] * 10, max_new_tokens=80):
        ends = [place for place, token in enumerate(answer.token_ids) if token == end_of_turn_token(tokenizer)]
        assert ends in ([], [len(answer.token_ids) - 1])
        assert answer.is_cut == (not ends)
        assert "<|im_end|>" not in answer.text


def test_draws_depend_on_seed_and_prompts_and_leave_the_random_state_alone(base: Path) -> None:
    import torch

    prompts = [TASK, TASK.replace("Make 1", "Subtract one from the number")] * 20
    torch.manual_seed(9)
    before = torch.get_rng_state()
    first = sample(base, prompts)
    torch.manual_seed(5)
    assert sample(base, prompts) == first
    torch.manual_seed(9)
    assert torch.equal(torch.get_rng_state(), before)
    assert sample(base, prompts, seed=4) != first
    assert len({answer.text for answer in first}) > 30
    model, _ = load(base)
    assert model.generation_config.max_new_tokens is None


def test_padding_does_not_change_what_a_prompt_is_answered(learned: tuple[TrainingResult, Path]) -> None:
    longer = TASK.replace("Make 1.", "Add one to each number that the caller hands over to the function, 7.")
    (alone,) = sample(learned[1], [TASK], temperature=1e-3)
    beside = sample(learned[1], [longer, TASK], temperature=1e-3)[1]
    assert beside.text == alone.text


PIECES = st.sampled_from([*STOPS, "x", "\n", "    ", "`", "a", "\nassert", "é", "print("])


@settings(deadline=None)
@given(st.lists(PIECES, max_size=12).map("".join), st.booleans())
def test_an_answer_ends_with_the_token_that_completes_its_first_stop_string(text: str, is_opened: bool) -> None:
    import torch

    from selfcodealign.training.sampling import AnswerEnd

    tokenizer = make_tokenizer()
    tokens = tokenizer(text, add_special_tokens=False)["input_ids"]
    end = AnswerEnd(tokenizer, [is_opened, False], 2)
    prompt = tokenizer("\n`", add_special_tokens=False)["input_ids"]
    ended = None
    for length in range(1, len(tokens) + 1):
        row = prompt + tokens[:length]
        has_ended = end(torch.tensor([row, row]), None).tolist()
        assert not has_ended[1]
        if has_ended[0] and ended is None:
            ended = length
    place = code_end(text) if is_opened else None
    if place is None:
        assert ended is None
    else:
        assert ended is not None
        assert code_end(tokenizer.decode(tokens[:ended])) == place
        assert code_end(tokenizer.decode(tokens[: ended - 1])) is None


def test_preferences_are_run_with_the_tests_of_their_tasks_example() -> None:
    pairs = make_preferences(4)
    pairs.append(replace(pairs[0], id="another", rejected="other"))
    examples = [
        replace(make_example(pair.instruction, "x"), tests=f"assert f() == {n}") for n, pair in enumerate(pairs)
    ]
    examples[1] = replace(examples[1], status="failed")
    examples[2] = replace(examples[2], tests=" ")
    suites = suites_by_task(examples[:4])
    tasks, num_without = validation_tasks(pairs, suites)
    assert {(task.instruction, task.answer, task.tests) for task in tasks} == {
        (pairs[0].instruction, pairs[0].chosen, "assert f() == 0"),
        (pairs[3].instruction, pairs[3].chosen, "assert f() == 3"),
    }
    assert num_without == 2
    assert validation_tasks([], suites) == ([], 0)


def test_too_few_held_out_tasks_stop_before_the_training(base: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"4 held-out tasks have tests .0 more.* fewer than {MIN_VALIDATION_TASKS}"):
        learn(base, tmp_path, holdout_share=0.1)
    assert not (tmp_path / "aligned").exists()


def test_what_the_sandbox_cannot_judge_does_not_count(base: Path) -> None:
    def judge(prompts: Any, completions: Any, **columns: Any) -> list[float | None]:
        return [None, 1.0, 0.0, 0.9] * (len(prompts) // 4)

    def none_judged(prompts: Any, completions: Any, **columns: Any) -> list[float | None]:
        return [None] * len(prompts)

    examples = alike_examples(8)
    chosen = make_settings(validation="executed", validation_samples=1, validation_max_new_tokens=2)
    model, tokenizer = load(base)
    scorer = pass_rate_scorer(examples, suites_by_task(examples), judge, chosen, 1)
    assert scorer.score(model, tokenizer) == pytest.approx(1 / 3)
    lost = pass_rate_scorer(examples, suites_by_task(examples), none_judged, chosen, 1)
    with pytest.raises(SandboxError, match="judged none of the 8 answers"):
        lost.score(model, tokenizer)


def test_settings_of_executed_validation_make_other_checkpoints_only_where_it_is_used(
    tmp_path: Path, base: Path
) -> None:
    def folder(**changes: Any) -> Path:
        return checkpoint_folder(tmp_path, read_card(base), alike_examples(3), make_settings(**changes), 1)

    assert folder() == folder(validation_samples=9, validation_max_new_tokens=3)
    assert len({folder(), folder(validation="executed"), folder(validation="executed", validation_samples=9)}) == 3


def test_executed_validation_without_held_out_tasks_is_refused() -> None:
    import yaml

    loaded = yaml.safe_load((Path(__file__).parents[2] / "params.yaml").read_text())
    loaded["finetune_model"] |= {"validation": "executed", "holdout_share": 0.0}
    with pytest.raises(InputError, match="validation executed needs held-out tasks"):
        parse_params(loaded, "params.yaml")
    loaded["finetune_model"]["holdout_share"] = 0.1
    assert isinstance(parse_params(loaded, "params.yaml"), Params)
