"""The model as a judge of seeds: prompt, strict parsing of the answer, and the wiring to whatever generates."""

import re
from collections.abc import Callable, Sequence
from typing import Protocol

from selfcodealign.records import Seed

JUDGE_MAX_NEW_TOKENS = 8

_QUESTION = """\
Below is a Python function. Decide whether it is a good example for teaching programming.

It is good if all of these hold:
1. The docstring says clearly what the function does, and the code does what the docstring says.
2. The function makes sense by itself: a reader needs no other part of its project to understand it.
3. It shows a useful idea, such as an algorithm, a data transformation or careful handling of special cases.
4. The code is clean and correct.

```python
{code}
```

Is it a good example? Answer with one word, Yes or No."""

# One clear example of each answer, so that a base model sees the form.
_GOOD = '''\
def run_lengths(items: list[str]) -> list[tuple[str, int]]:
    """Group equal neighbours of a list and count each group.

    `["a", "a", "b"]` becomes `[("a", 2), ("b", 1)]`.
    """
    groups: list[tuple[str, int]] = []
    for item in items:
        if groups and groups[-1][0] == item:
            groups[-1] = (item, groups[-1][1] + 1)
        else:
            groups.append((item, 1))
    return groups'''
_BAD = '''\
def handle(obj, flag=True):
    """Process it."""
    if flag:
        return obj.backend.process_v2(obj.ctx)
    return obj'''

_ANSWER = re.compile(r"\W*(yes|no)\b(?![^\n]*\b(?:yes|no)\b)", re.IGNORECASE)


class Judge(Protocol):
    """Says of each seed whether it is good."""

    def __call__(self, seeds: Sequence[Seed]) -> list[bool | None]:
        """Judge seeds.

        Returns:
            For each seed True (good), False (not), or None where no verdict could be had.
        """
        ...


def judge_messages(seed: Seed) -> list[dict[str, str]]:
    """The conversation that asks the model for its verdict on a seed, with one good and one bad example.

    Only the last turn differs between seeds, so that the prefix cache serves the rest.

    Args:
        seed: the seed to judge.

    Returns:
        Turns with `role` and `content`, a user turn last.
    """
    return [
        {"role": "user", "content": _QUESTION.format(code=_GOOD)},
        {"role": "assistant", "content": "Yes"},
        {"role": "user", "content": _QUESTION.format(code=_BAD)},
        {"role": "assistant", "content": "No"},
        {"role": "user", "content": _QUESTION.format(code=seed.code)},
    ]


def parse_judgement(text: str) -> bool | None:
    """The verdict in a model's answer.

    Args:
        text: the answer; it must begin with yes or no, and not name both on its first line.

    Returns:
        True for yes, False for no, None for anything else.
    """
    found = _ANSWER.match(text)
    return None if found is None else found.group(1).lower() == "yes"


def model_judge(ask: Callable[[Sequence[tuple[str, list[dict[str, str]]]]], dict[str, str]]) -> Judge:
    """A judge that asks a model.

    Args:
        ask: takes (seed id, conversation) pairs and returns answers by seed id; an id may be missing where the model
            gave none.
    """

    def judge(seeds: Sequence[Seed]) -> list[bool | None]:
        answers = ask([(seed.id, judge_messages(seed)) for seed in seeds])
        return [parse_judgement(answers[seed.id]) if seed.id in answers else None for seed in seeds]

    return judge
