"""A prompt is what the model's chat template makes of the whole conversation, however it is put together."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import make_tokenizer

from selfcodealign.generation import PromptFormat
from selfcodealign.generation.prompt_format import BEGINNINGS_HELD
from selfcodealign.models.chat import BASE_CHAT_TEMPLATE


def template(content: str) -> str:
    """A chat template that shows a turn's content as this expression has it."""
    turns = "{% for m in messages %}<|{{ m['role'] }}|>{{ " + content + " }}<|end|>{% endfor %}"
    return turns + "{% if add_generation_prompt %}<|assistant|>{% endif %}"


TEMPLATES = {
    "plain": template("m['content']"),
    "stripped": template("m['content'] | trim"),
    "stripped on the left": template("m['content'].lstrip()"),
    "escaped": template("m['content'] | e"),
    "numbered": template("m['content'] ~ m['content'] | length"),
    "shortened": template("m['content'][:12]"),
    "said twice": template("m['content'] ~ m['content']"),
    "with rules": "{% if messages[0]['role'] != 'system' %}<|system|>Help.<|end|>{% endif %}"
    + template("m['content']"),
    "base": BASE_CHAT_TEMPLATE,
}
BEGINNINGS = (
    [],
    [{"role": "system", "content": "Rules."}],
    [
        {"role": "system", "content": " first\n\n\tprobe "},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "two"},
    ],
)


class Counting:
    """A tokenizer that counts how often its template was asked."""

    def __init__(self, template: str) -> None:
        self.asked = 0
        self._tokenizer = make_tokenizer()
        self._tokenizer.chat_template = template

    def apply_chat_template(self, messages: list[dict[str, str]], **options: bool) -> str:
        self.asked += 1
        return str(self._tokenizer.apply_chat_template(messages, **options))


@pytest.fixture(scope="module")
def formats() -> dict[str, PromptFormat]:
    return {name: PromptFormat(True, (), "", Counting(template)) for name, template in TEMPLATES.items()}


@settings(deadline=None)
@given(st.sampled_from(sorted(TEMPLATES)), st.sampled_from(BEGINNINGS), st.text(), st.sampled_from(["", "Sure:\n"]))
def test_a_prompt_is_what_the_template_makes_of_the_whole_conversation(formats, name, beginning, content, prefix):
    messages = [*beginning, {"role": "user", "content": content}]
    tokenizer = formats[name].tokenizer
    whole = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert formats[name].render(messages, assistant_prefix=prefix) == whole + prefix


@pytest.mark.parametrize("name", ["plain", "stripped", "with rules", "base"])
def test_the_template_is_asked_once_for_all_conversations_that_begin_alike(name):
    tokenizer = Counting(TEMPLATES[name])
    chat = PromptFormat(True, (), "", tokenizer)
    for beginning in BEGINNINGS:
        for number in range(20):
            chat.render([*beginning, {"role": "user", "content": f"turn {number}"}])
    assert tokenizer.asked == 2 * len(BEGINNINGS)


def test_beginnings_without_end_are_not_all_held():
    tokenizer = Counting(TEMPLATES["plain"])
    chat = PromptFormat(True, (), "", tokenizer)
    for number in range(BEGINNINGS_HELD + 10):
        chat.render([{"role": "system", "content": f"Rules {number}."}, {"role": "user", "content": "turn"}])
    assert len(chat._known) == 10
    again = tokenizer.asked
    chat.render([{"role": "system", "content": f"Rules {BEGINNINGS_HELD}."}, {"role": "user", "content": "turn"}])
    assert tokenizer.asked == again


def test_a_conversation_that_ends_with_another_turn_is_the_template_s_alone():
    chat = PromptFormat(True, (), "", Counting(TEMPLATES["plain"]))
    assert chat.render([{"role": "system", "content": "Rules."}]) == "<|system|>Rules.<|end|><|assistant|>"
