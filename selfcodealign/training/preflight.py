"""Checks of the rows that TRL is about to train on, after it has prepared and packed them.

A wrong mask does not show in a loss curve: the model just never stops, or learns to ask questions. These checks look
at the labels themselves, and stop the stage before any time is spent.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from selfcodealign.errors import InputError
from selfcodealign.training.rows import IGNORED, TokenRow


def check_prepared_rows(
    prepared: Iterable[dict[str, Any]], rows: Sequence[TokenRow], tokenizer: Any, *, end_token: int
) -> str:
    """Check what the loss will see, and show it for one row.

    Args:
        prepared: the rows of the trainer's data set: `input_ids`, `labels` and, if packed, `seq_lengths`.
        rows: what was given to the trainer.
        tokenizer: decodes the row that is shown.
        end_token: id of the token that ends a turn.

    Returns:
        The first row as text, with the part that the loss sees between `<<` and `>>`.

    Raises:
        InputError: supervised tokens were lost or added, an answer's end token is not learned, or prompt tokens are.
    """
    supervised_in = sum(row.num_supervised for row in rows)
    supervised_out = 0
    prompts = {tuple(row.input_ids): len(row.input_ids) - row.num_supervised for row in rows}
    shown: str | None = None
    for prepared_row in prepared:
        for input_ids, labels in _sequences(prepared_row):
            supervised_out += sum(label != IGNORED for label in labels)
            _check_sequence(input_ids, labels, prompts.get(tuple(input_ids)), end_token)
            shown = shown or masked_text(input_ids, labels, tokenizer)
    if supervised_in != supervised_out:
        raise InputError(
            f"the trainer was given {supervised_in} supervised tokens and is about to learn {supervised_out}:"
            " packing or truncation lost some; set finetune_model.packing to false or raise max_length"
        )
    return shown or ""


def _sequences(prepared_row: dict[str, Any]) -> Iterable[tuple[list[int], list[int]]]:
    input_ids, labels = list(prepared_row["input_ids"]), list(prepared_row["labels"])
    start = 0
    for length in prepared_row.get("seq_lengths") or [len(input_ids)]:
        yield input_ids[start : start + length], labels[start : start + length]
        start += length


def _check_sequence(input_ids: list[int], labels: list[int], prompt_length: int | None, end_token: int) -> None:
    first = next((index for index, label in enumerate(labels) if label != IGNORED), len(labels))
    learned = [label for label in labels if label != IGNORED]
    if not learned or learned[-1] != end_token:
        raise InputError(
            f"the end-of-turn token ({end_token}) is not among the learned labels of a row: the model would never learn"
            " to stop; check the chat template and finetune_model.max_length"
        )
    if first == 0 or (prompt_length is not None and first < prompt_length):
        raise InputError(
            "prompt tokens are in the loss: the model would learn to ask, not to answer; check the chat template"
        )
    if labels[first:] != input_ids[first:]:
        raise InputError("the labels of a row are not its answer's tokens; check the chat template")


def masked_text(input_ids: Sequence[int], labels: Sequence[int], tokenizer: Any) -> str:
    """A row as text, with the parts that the loss sees between `<<` and `>>`."""
    parts: list[str] = []
    start = 0
    for index in range(1, len(labels) + 1):
        if index == len(labels) or (labels[index] == IGNORED) != (labels[start] == IGNORED):
            text = str(tokenizer.decode(list(input_ids[start:index]), skip_special_tokens=False))
            parts.append(text if labels[start] == IGNORED else f"<<{text}>>")
            start = index
    return "".join(parts)
