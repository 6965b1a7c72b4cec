"""Chat templates: one for base models that have none, and the token that ends a turn."""

from typing import Any

from selfcodealign.errors import InputError

# Plain headings and the model's own end-of-text token: nothing has to be added to the vocabulary of a base model, so
# every embedding that the template uses is already trained. `bos` is put in front only where the tokenizer does so too.
BASE_CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'system' %}{{ message['content'] + '\\n\\n' }}"
    "{% elif message['role'] == 'user' %}{{ '### Task\\n' + message['content'] + '\\n\\n' }}"
    "{% else %}{{ '### Answer\\n' + message['content'] + eos_token + '\\n' }}"
    "{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '### Answer\\n' }}{% endif %}"
)

SENTINEL = "answer-sentinel"


def ensure_chat_template(tokenizer: Any) -> bool:
    """Give a tokenizer without a chat template `BASE_CHAT_TEMPLATE`.

    Args:
        tokenizer: a transformers tokenizer; changed in place.

    Returns:
        Whether the template was added.

    Raises:
        InputError: the tokenizer has no end-of-text token, so that no answer could end.
    """
    if tokenizer.chat_template:
        return False
    if not tokenizer.eos_token:
        raise InputError("the tokenizer has neither a chat template nor an end-of-text token; set its eos_token")
    adds_bos = tokenizer.bos_token_id is not None and tokenizer("a")["input_ids"][:1] == [tokenizer.bos_token_id]
    tokenizer.chat_template = ("{{ bos_token }}" if adds_bos else "") + BASE_CHAT_TEMPLATE
    return True


def end_of_turn_token(tokenizer: Any) -> int:
    """The token that the chat template puts behind an answer: what the model must learn in order to stop.

    Args:
        tokenizer: a transformers tokenizer with a chat template.

    Returns:
        The token's id.

    Raises:
        InputError: the template puts no special token behind an answer.
    """
    turns = [{"role": "user", "content": "question"}, {"role": "assistant", "content": SENTINEL}]
    rendered = str(tokenizer.apply_chat_template(turns, tokenize=False))
    _, _, suffix = rendered.rpartition(SENTINEL)
    ids = tokenizer(suffix, add_special_tokens=False)["input_ids"]
    special = {*tokenizer.all_special_ids, *tokenizer.added_tokens_decoder}
    if not ids or ids[0] not in special:
        raise InputError(
            f"the chat template puts no end-of-turn token behind an answer (but {suffix[:20]!r}): the model would never"
            " learn to stop; add the end token to the template"
        )
    return int(ids[0])
