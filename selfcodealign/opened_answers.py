"""Answers that begin with an opened code block: how they begin and end, in generation, training and evaluation alike.

A model that is trained on answers which begin otherwise than those that are evaluated learns much that does not count:
most of a chat model's answer to a bare task is prose around the code.
"""

# What such an answer begins with. It is part of the prompt, and never learned.
OPENING = "Here is the whole code:\n\n```python\n"
# What starts at the left margin behind a solution and is no part of it: calls and checks that would only be cut away.
STOPS = ("\n```", "\nassert ", "\nprint(", "\nif __name__", "\n# Example", "\n# Test")


def code_end(text: str) -> int | None:
    """Where the code that goes on behind `OPENING` has ended: the place of the first of `STOPS`; None: not yet."""
    return min((place for stop in STOPS if (place := text.find(stop)) >= 0), default=None)


def whole_answer(code: str) -> str:
    """The answer in Markdown whose code goes on behind `OPENING`."""
    return f"{OPENING}{code.rstrip()}\n```"
