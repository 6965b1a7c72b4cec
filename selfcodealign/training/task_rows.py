"""Tasks as prompts, for a training on rewards: the model answers them itself, and tests judge the answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from selfcodealign.records import Dropped, Example
from selfcodealign.training.rows import DropReason, prompt_text, special_token_in


@dataclass(frozen=True, slots=True)
class TaskRow:
    """One task.

    Attributes:
        id: id of its example.
        prompt: whole prompt as text: the chat template's, and the opening where the example's answer begins with it.
        tests: the test suite that answers must pass.
    """

    id: str
    prompt: str
    tests: str

    @property
    def num_supervised(self) -> int:
        """Tokens that the loss sees: none before the training, which samples the answers itself."""
        return 0


def tasks_of_examples(
    examples: Sequence[Example], tokenizer: Any, *, max_length: int, end_token: int
) -> tuple[list[TaskRow], list[Dropped]]:
    """Turn examples into tasks, one for each instruction; their answers only say how an answer begins.

    Args:
        examples: the selected pairs.
        tokenizer: a transformers tokenizer with a chat template.
        max_length: tokens of a prompt at most; a task with a longer one is dropped.
        end_token: id of the token that ends a turn.

    Returns:
        The tasks in the order of the examples, and the dropped examples with their reasons.
    """
    rows: list[TaskRow] = []
    dropped: list[Dropped] = []
    seen: set[str] = set()
    special = set(tokenizer.all_special_ids) | {end_token}
    for example in examples:
        prompt = prompt_text([{"role": "user", "content": example.instruction}], example.response, tokenizer)
        reason, detail = _fault(example, prompt, tokenizer, max_length, special, seen)
        if not reason:
            seen.add(example.instruction_id)
            rows.append(TaskRow(example.id, prompt, example.tests))
        else:
            dropped.append(
                Dropped(
                    id=example.id,
                    parent_id=example.response_id,
                    reason=reason,
                    detail=detail,
                    text=example.instruction,
                )
            )
    return rows, dropped


def _fault(
    example: Example, prompt: str, tokenizer: Any, max_length: int, special: set[int], seen: set[str]
) -> tuple[str, str]:
    """Why an example is not a task, and what exactly is wrong; empty for one that is."""
    if example.instruction_id in seen:
        return DropReason.SAME_TASK, ""
    if example.status != "passed" or not example.tests.strip():
        return DropReason.NO_TESTS, f"verdict of its answer: {example.status}"
    token = special_token_in(example.instruction, tokenizer, special)
    if token:
        return DropReason.SPECIAL_TOKEN_IN_TEXT, f"{token} in the user's text"
    length = len(tokenizer(prompt, add_special_tokens=False)["input_ids"])
    if length > max_length:
        return DropReason.TOO_LONG, f"a prompt of {length} tokens, over {max_length}"
    return "", ""
