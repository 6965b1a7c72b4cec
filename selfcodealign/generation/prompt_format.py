"""How a conversation becomes the text that a model reads: its chat template, or a plain-text completion prompt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from selfcodealign.errors import InputError

# Headings of the turns in a completion prompt. A base model goes on with the next heading when it has answered, so
# the headings are also the stop sequences.
COMPLETION_HEADINGS = {"system": "", "user": "### Input\n", "assistant": "### Output\n"}
COMPLETION_STOPS = ("\n### Input", "\n### Output")


@dataclass(frozen=True, slots=True)
class PromptFormat:
    """Renders conversations for one model.

    Attributes:
        is_chat: True: the model's chat template; False: plain text with headings, for base models.
        stop: stop sequences that end the model's turn (the chat template's end token ends it by itself).
        begin: the begin-of-text token, for completion prompts of models that expect one.
        tokenizer: the model's tokenizer.
    """

    is_chat: bool
    stop: tuple[str, ...]
    begin: str
    tokenizer: Any

    def render(self, messages: Sequence[Mapping[str, str]], assistant_prefix: str = "") -> str:
        """The prompt for the next assistant turn.

        Args:
            messages: the conversation so far as `role` (system, user, assistant) and `content`, a user turn last.
            assistant_prefix: text with which the answer is to begin; it is part of the prompt, not of the answer.
        """
        if self.is_chat:
            text = self.tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True)
            return f"{text}{assistant_prefix}"
        blocks = [f"{COMPLETION_HEADINGS[turn['role']]}{turn['content'].strip()}\n\n" for turn in messages]
        return f"{self.begin}{''.join(blocks)}{COMPLETION_HEADINGS['assistant']}{assistant_prefix}"


def load_prompt_format(model_folder: Path, prompt_form: Literal["chat", "completion"]) -> PromptFormat:
    """The prompt format of a model.

    Args:
        model_folder: the model's files, its tokenizer among them.
        prompt_form: as the model's card has it.

    Raises:
        InputError: no tokenizer, or chat was asked for and the model has no chat template.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(str(model_folder))
    except (OSError, ValueError) as error:
        raise InputError(f"{model_folder} has no readable tokenizer; run `dvc repro import_model`") from error
    if prompt_form == "chat":
        if not tokenizer.chat_template:
            raise InputError(f"{model_folder} has no chat template; set import_model.prompt_form to completion")
        return PromptFormat(is_chat=True, stop=(), begin="", tokenizer=tokenizer)
    first = tokenizer("x")["input_ids"][0]
    begin = tokenizer.bos_token if tokenizer.bos_token is not None and first == tokenizer.bos_token_id else ""
    return PromptFormat(is_chat=False, stop=COMPLETION_STOPS, begin=begin, tokenizer=tokenizer)
