"""Code-only answers: the request, the opening and the stop strings that generation, training and evaluation share.

If training answers began differently from evaluated ones, the model would also learn the prose around the code, which
is half of a chat model's answer to a bare task.
"""

# Asks for the rest of a function whose imports, signature and docstring follow in a code block.
COMPLETION_REQUEST = (
    "Complete this Python function as its docstring says. Reply with one Python code block that holds the whole"
    " function and every import that it needs, without tests."
)
# Prefilled start of an answer. It belongs to the prompt and is not a training target.
OPENING = "Here is the whole code:\n\n```python\n"
# Text at the left margin that ends a solution: the closing fence, and calls and checks, which scoring would cut anyway.
STOPS = ("\n```", "\nassert ", "\nprint(", "\nif __name__", "\n# Example", "\n# Test")


def code_end(text: str) -> int | None:
    """Offset of the first stop string in the text after `OPENING`, or None if there is none yet."""
    return min((place for stop in STOPS if (place := text.find(stop)) >= 0), default=None)


def whole_answer(code: str) -> str:
    """Complete Markdown answer: `OPENING`, the code, and the closing fence."""
    return f"{OPENING}{code.rstrip()}\n```"
