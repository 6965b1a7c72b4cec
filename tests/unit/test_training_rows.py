"""Pairs as tokens: what the loss sees, what is dropped and why; and the checks before training."""

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_models import CHATML, make_example, make_tokenizer

from selfcodealign.errors import InputError
from selfcodealign.models import end_of_turn_token, ensure_chat_template
from selfcodealign.opened_answers import OPENING, whole_answer
from selfcodealign.records import Message
from selfcodealign.training import DropReason, TokenRow, tokenise_examples
from selfcodealign.training.preflight import check_prepared_rows
from selfcodealign.training.rows import IGNORED

TOKENIZER = make_tokenizer()
END = end_of_turn_token(TOKENIZER)
# surrogates cannot be in a Parquet string, and so never in an example
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


def tokenise(*examples: Any, max_length: int = 512) -> tuple[list[TokenRow], list[Any]]:
    return tokenise_examples(examples, TOKENIZER, max_length=max_length, end_token=END)


@given(TEXT, TEXT)
def test_the_loss_sees_the_answer_and_its_end_token_and_nothing_else(task: str, answer: str) -> None:
    rows, dropped = tokenise(make_example(task, answer), max_length=10_000)
    if not rows:
        assert dropped[0].reason in {DropReason.EMPTY_RESPONSE, DropReason.SPECIAL_TOKEN_IN_TEXT}
        return
    learned = [label for label in rows[0].labels if label != IGNORED]
    assert TOKENIZER.decode(learned) == answer + "<|im_end|>"
    assert rows[0].input_ids[-len(learned) :] == learned
    prompt = TOKENIZER.decode(rows[0].input_ids[: -len(learned)])
    assert prompt == f"<|im_start|>user\n{task}<|im_end|>\n<|im_start|>assistant\n"


def test_an_opened_code_block_is_part_of_the_prompt() -> None:
    code = "def f():\n    return 1"
    rows, _ = tokenise(make_example("Write f.", whole_answer(code)))
    learned = [label for label in rows[0].labels if label != IGNORED]
    assert TOKENIZER.decode(learned) == f"{code}\n```<|im_end|>"
    assert TOKENIZER.decode(rows[0].input_ids[: -len(learned)]).endswith(f"<|im_start|>assistant\n{OPENING}")


def test_a_pair_that_is_too_long_is_dropped_with_its_length_and_never_cut() -> None:
    short, long = make_example("a", "b"), make_example("a", "b" * 300)
    rows, dropped = tokenise(short, long, max_length=200)
    assert [row.id for row in rows] == [short.id]
    assert [(row.id, row.reason) for row in dropped] == [(long.id, "too_long")]
    assert "over 200" in dropped[0].detail


def test_a_pair_of_exactly_the_length_limit_is_kept() -> None:
    (row,), _ = tokenise(make_example("a", "bbb"))
    assert len(tokenise(make_example("a", "bbb"), max_length=len(row.input_ids))[0]) == 1
    assert len(tokenise(make_example("a", "bbb"), max_length=len(row.input_ids) - 1)[0]) == 0


@pytest.mark.parametrize(
    ("task", "answer", "reason"),
    [
        ("a", " \n", "empty_response"),
        ("a", "stop<|im_end|> go on", "special_token_in_text"),
        ("<|im_start|>system", "b", "special_token_in_text"),
    ],
)
def test_a_pair_that_would_teach_wrong_turns_is_dropped(task: str, answer: str, reason: str) -> None:
    rows, dropped = tokenise(make_example(task, answer))
    assert not rows
    assert dropped[0].reason == reason


def test_a_pair_that_does_not_end_with_the_assistant_is_dropped() -> None:
    example = dataclasses.replace(make_example("a", "b"), messages=[Message(role="user", content="a")])
    assert tokenise(example)[1][0].reason == "not_a_chat"


def test_a_template_without_an_end_token_is_refused() -> None:
    tokenizer = make_tokenizer("{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\n' }}{% endfor %}")
    with pytest.raises(InputError, match="no end-of-turn token"):
        end_of_turn_token(tokenizer)


def test_a_template_whose_prompt_changes_when_an_answer_follows_is_refused() -> None:
    tokenizer = make_tokenizer("{{ messages | length }}" + CHATML)
    with pytest.raises(InputError, match="renders a prompt otherwise"):
        tokenise_examples([make_example("a", "b")], tokenizer, max_length=500, end_token=END)


def test_a_base_model_gets_a_template_that_ends_with_its_own_end_token() -> None:
    tokenizer = make_tokenizer(template=None)
    assert ensure_chat_template(tokenizer)
    assert end_of_turn_token(tokenizer) == tokenizer.convert_tokens_to_ids("<|endoftext|>")
    (row,), _ = tokenise_examples(
        [make_example("Sort.", "Done.")], tokenizer, max_length=500, end_token=tokenizer.eos_token_id
    )
    assert tokenizer.decode(row.input_ids) == "### Task\nSort.\n\n### Answer\nDone.<|endoftext|>"


def test_a_template_that_is_there_already_stays() -> None:
    tokenizer = make_tokenizer()
    assert not ensure_chat_template(tokenizer)
    assert tokenizer.chat_template == CHATML


def prepared(row: TokenRow) -> dict[str, Any]:
    return {"input_ids": list(row.input_ids), "labels": list(row.labels)}


def test_the_checked_row_is_shown_with_what_the_loss_sees_between_marks() -> None:
    rows, _ = tokenise(make_example("a", "b"))
    shown = check_prepared_rows([prepared(rows[0])], rows, TOKENIZER, end_token=END)
    assert shown == "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n<<b<|im_end|>>>"


def test_packed_rows_are_checked_sequence_by_sequence() -> None:
    rows, _ = tokenise(make_example("a", "b"), make_example("c", "dd"))
    packed = {
        "input_ids": rows[0].input_ids + rows[1].input_ids,
        "labels": rows[0].labels + rows[1].labels,
        "seq_lengths": [len(row.input_ids) for row in rows],
    }
    check_prepared_rows([packed], rows, TOKENIZER, end_token=END)
    packed["labels"][len(rows[0].input_ids) - 1] = IGNORED
    with pytest.raises(InputError, match="end-of-turn token"):
        check_prepared_rows([packed], rows, TOKENIZER, end_token=END)


def test_an_end_token_that_is_not_learned_stops_the_training() -> None:
    rows, _ = tokenise(make_example("a", "b"))
    broken = prepared(rows[0])
    broken["labels"][-1] = IGNORED
    with pytest.raises(InputError, match="not among the learned labels"):
        check_prepared_rows([broken], rows, TOKENIZER, end_token=END)


@pytest.mark.parametrize("position", [0, 5, -4])
def test_prompt_tokens_in_the_loss_stop_the_training(position: int) -> None:
    rows, _ = tokenise(make_example("a", "b"))
    broken = prepared(rows[0])
    broken["labels"][position] = broken["input_ids"][position]
    with pytest.raises(InputError, match="prompt tokens are in the loss"):
        check_prepared_rows([broken], rows, TOKENIZER, end_token=END)


def test_lost_rows_and_lost_tokens_stop_the_training() -> None:
    rows, _ = tokenise(make_example("a", "b"), make_example("c", "d"))
    with pytest.raises(InputError, match="given 4 supervised tokens and is about to learn 2"):
        check_prepared_rows([prepared(rows[0])], rows, TOKENIZER, end_token=END)
