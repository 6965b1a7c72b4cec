"""Training pairs as tokens: what the model reads, and which of it the loss sees."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from selfcodealign.errors import InputError
from selfcodealign.opened_answers import OPENING
from selfcodealign.records import Dropped, Example, Preference

IGNORED = -100  # the label that torch's and TRL's losses leave out


class DropReason(StrEnum):
    """Why a pair is not trained on."""

    TOO_LONG = "too_long"
    EMPTY_RESPONSE = "empty_response"
    NOT_A_CHAT = "not_a_chat"
    SPECIAL_TOKEN_IN_TEXT = "special_token_in_text"  # noqa: S105 - a reason, no password
    NO_TESTS = "no_tests"
    SAME_TASK = "same_task"


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One pair as tokens.

    Attributes:
        id: id of the example.
        input_ids: prompt and answer; the last token is the end of the answer's turn.
        labels: as long as `input_ids`; `IGNORED` on the prompt, the token itself on the answer and its end.
    """

    id: str
    input_ids: list[int]
    labels: list[int]

    @property
    def num_supervised(self) -> int:
        """Tokens that the loss sees."""
        return sum(label != IGNORED for label in self.labels)

    @property
    def answer_ids(self) -> list[int]:
        """The tokens of the answer, its end included."""
        return self.input_ids[len(self.input_ids) - self.num_supervised :]


@dataclass(frozen=True, slots=True)
class PreferenceRow:
    """One preference pair as tokens.

    Attributes:
        id: id of the preference.
        chosen: prompt and chosen answer.
        rejected: the same prompt and the rejected answer.
    """

    id: str
    chosen: TokenRow
    rejected: TokenRow

    @property
    def prompt_ids(self) -> list[int]:
        """The tokens of the prompt."""
        return self.chosen.input_ids[: len(self.chosen.input_ids) - self.chosen.num_supervised]

    @property
    def num_supervised(self) -> int:
        """Tokens of both answers."""
        return self.chosen.num_supervised + self.rejected.num_supervised


def tokenise_examples(
    examples: Sequence[Example], tokenizer: Any, *, max_length: int, end_token: int
) -> tuple[list[TokenRow], list[Dropped]]:
    """Turn pairs into tokens with the loss on the answer and its end token only.

    Prompt and answer are tokenised apart, for that is what the model meets when it answers: no token ever spans the
    border. A prefilled opening of the answer is part of the prompt. What the template puts after the end token (usually
    a line break) is left out.

    Args:
        examples: the pairs; the last message of each is the assistant's.
        tokenizer: a transformers tokenizer with a chat template.
        max_length: tokens of a pair at most. A longer one is dropped, never cut: a cut answer has no end.
        end_token: id of the token that ends a turn (`models.end_of_turn_token`).

    Returns:
        The rows in the order of the examples, and the dropped pairs with their reasons.

    Raises:
        InputError: the chat template renders a prompt otherwise when an answer follows, or does not end the answer.
    """
    rows: list[TokenRow] = []
    dropped: list[Dropped] = []
    special = set(tokenizer.all_special_ids) | {end_token}
    for example in examples:
        messages = [{"role": message.role, "content": message.content} for message in example.messages]
        reason, detail, row = _tokenise(example.id, messages, tokenizer, max_length, end_token, special)
        if row is not None:
            rows.append(row)
        else:
            text = example.instruction + "\n\n" + example.response
            dropped.append(
                Dropped(id=example.id, parent_id=example.response_id, reason=reason, detail=detail, text=text)
            )
    return rows, dropped


def tokenise_preferences(
    preferences: Sequence[Preference], tokenizer: Any, *, max_length: int, end_token: int
) -> tuple[list[PreferenceRow], list[Dropped]]:
    """Turn preference pairs into tokens, each side as `tokenise_examples` does it.

    Args:
        preferences: the pairs.
        tokenizer: a transformers tokenizer with a chat template.
        max_length: tokens of a prompt with one answer at most; a pair with a longer side is dropped.
        end_token: id of the token that ends a turn.

    Returns:
        The rows in the order of the pairs, and the dropped pairs with their reasons.

    Raises:
        InputError: as `tokenise_examples`.
    """
    rows: list[PreferenceRow] = []
    dropped: list[Dropped] = []
    special = set(tokenizer.all_special_ids) | {end_token}
    for pair in preferences:
        sides: list[TokenRow] = []
        for side, answer in (("chosen", pair.chosen), ("rejected", pair.rejected)):
            messages = [{"role": "user", "content": pair.instruction}, {"role": "assistant", "content": answer}]
            reason, detail, row = _tokenise(pair.id, messages, tokenizer, max_length, end_token, special)
            if row is None:
                text = f"{pair.instruction}\n\n{answer}"
                detail = f"{side} answer: {detail}" if detail else f"{side} answer"
                dropped.append(Dropped(id=pair.id, parent_id=pair.chosen_id, reason=reason, detail=detail, text=text))
                break
            sides.append(row)
        else:
            rows.append(PreferenceRow(pair.id, *sides))
    return rows, dropped


def _tokenise(
    row_id: str, messages: list[dict[str, str]], tokenizer: Any, max_length: int, end_token: int, special: set[int]
) -> tuple[str, str, TokenRow | None]:
    if len(messages) < 2 or messages[-1]["role"] != "assistant":
        return DropReason.NOT_A_CHAT, f"{len(messages)} messages, the last not the assistant's", None
    if not messages[-1]["content"].strip():
        return DropReason.EMPTY_RESPONSE, "", None
    for message in messages:
        token = special_token_in(message["content"], tokenizer, special)
        if token:
            return DropReason.SPECIAL_TOKEN_IN_TEXT, f"{token} in the {message['role']}'s text", None
    prompt_ids, answer_ids = _prompt_and_answer(messages, tokenizer, end_token)
    length = len(prompt_ids) + len(answer_ids)
    if length > max_length:
        return DropReason.TOO_LONG, f"{length} tokens, over {max_length}", None
    row = TokenRow(row_id, prompt_ids + answer_ids, [IGNORED] * len(prompt_ids) + answer_ids)
    return "", "", row


def special_token_in(text: str, tokenizer: Any, special: set[int]) -> str:
    """A special token in a text, which would end the turn in the middle or start another one; empty if there is none.

    Args:
        text: of one turn.
        tokenizer: a transformers tokenizer.
        special: ids of special tokens.
    """
    found = special.intersection(tokenizer(text, add_special_tokens=False)["input_ids"])
    return str(tokenizer.convert_ids_to_tokens(min(found))) if found else ""


def prompt_text(messages: list[dict[str, str]], answer: str, tokenizer: Any) -> str:
    """The prompt of an answer: the chat template's, with the opening where the answer begins with it.

    Generation and evaluation prefill the opening too, so it is never a target.

    Args:
        messages: the conversation before the answer.
        answer: the answer that is trained on, or one of the same form.
        tokenizer: a transformers tokenizer with a chat template.
    """
    prompt = str(tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False))
    return prompt + OPENING if answer.startswith(OPENING) else prompt


def _prompt_and_answer(messages: list[dict[str, str]], tokenizer: Any, end_token: int) -> tuple[list[int], list[int]]:
    prompt = prompt_text(messages[:-1], messages[-1]["content"], tokenizer)
    whole = str(tokenizer.apply_chat_template(messages, tokenize=False))
    if not whole.startswith(prompt):
        raise InputError(
            "the chat template renders a prompt otherwise when an answer follows it, so that training and generation"
            " would differ; use a template whose generation prompt is how an answer begins"
        )
    prompt_ids: list[int] = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    answer_ids: list[int] = tokenizer(whole[len(prompt) :], add_special_tokens=False)["input_ids"]
    if end_token not in answer_ids:
        raise InputError("the chat template does not end an answer with its end-of-turn token; mend the template")
    last = len(answer_ids) - 1 - answer_ids[::-1].index(end_token)
    return prompt_ids, answer_ids[: last + 1]
