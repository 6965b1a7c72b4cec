"""How a conversation becomes the text that a model reads: its chat template, or a plain-text completion prompt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from selfcodealign.errors import InputError

# Headings of the turns in a completion prompt. A base model goes on with the next heading when it has answered, so
# the headings are also the stop sequences.
COMPLETION_HEADINGS = {"system": "", "user": "### Input\n", "assistant": "### Output\n"}
COMPLETION_STOPS = ("\n### Input", "\n### Output")
# What stands for a user's turn while it is found out what a chat template puts around it: one that would show if
# characters at its ends, or lines of it, were changed.
PROBES = (" first\n\n\tprobe ", "\n<second> 'probe' & {{ more }}\n")
# Beginnings of conversations that are held: each exemplar set is one.
BEGINNINGS_HELD = 1024

Beginning = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """What a chat template puts around the last user turn of a conversation with a certain beginning."""

    before: str
    after: str
    is_trimmed: bool

    def around(self, content: str) -> str:
        return f"{self.before}{content.strip() if self.is_trimmed else content}{self.after}"


@dataclass(frozen=True, slots=True)
class PromptFormat:
    """Renders conversations for one model.

    Requests share the beginning of their conversation, rules and exemplars. A chat template is asked once what it makes
    of a beginning, and the last turn is put into that, in less than a tenth of the time: a run renders hundreds of
    thousands of prompts before its first request. A template that does more with the last turn than to strip it is
    asked each time.

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
    _known: dict[Beginning, _Surroundings | None] = field(default_factory=dict, init=False, repr=False, compare=False)

    def render(self, messages: Sequence[Mapping[str, str]], assistant_prefix: str = "") -> str:
        """The prompt for the next assistant turn.

        Args:
            messages: the conversation so far as `role` (system, user, assistant) and `content`, a user turn last.
            assistant_prefix: text with which the answer is to begin; it is part of the prompt, not of the answer.
        """
        if self.is_chat:
            return f"{self._chat(messages)}{assistant_prefix}"
        blocks = [f"{COMPLETION_HEADINGS[turn['role']]}{turn['content'].strip()}\n\n" for turn in messages]
        return f"{self.begin}{''.join(blocks)}{COMPLETION_HEADINGS['assistant']}{assistant_prefix}"

    def _chat(self, messages: Sequence[Mapping[str, str]]) -> str:
        last = messages[-1]
        if last["role"] != "user":
            return self._templated(messages)
        beginning = tuple((turn["role"], turn["content"]) for turn in messages[:-1])
        if beginning not in self._known:
            if len(self._known) == BEGINNINGS_HELD:
                self._known.clear()
            self._known[beginning] = self._surroundings(messages[:-1])
        surroundings = self._known[beginning]
        return self._templated(messages) if surroundings is None else surroundings.around(last["content"])

    def _surroundings(self, beginning: Sequence[Mapping[str, str]]) -> _Surroundings | None:
        """What the template puts around a last user turn; None: that depends on the turn."""
        shown = [self._templated([*beginning, {"role": "user", "content": probe}]) for probe in PROBES]
        for content, is_trimmed in ((PROBES[0], False), (PROBES[0].strip(), True)):
            before, _, after = shown[0].rpartition(content)
            surroundings = _Surroundings(before, after, is_trimmed)
            if [surroundings.around(probe) for probe in PROBES] == shown:
                return surroundings
        return None

    def _templated(self, messages: Sequence[Mapping[str, str]]) -> str:
        return str(self.tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True))


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
