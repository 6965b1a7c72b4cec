"""Programs as text: the code blocks of a Markdown answer, and the layout of a program."""

import re

FENCE = re.compile(r"^[ \t]*```[ \t]*([A-Za-z0-9_+-]*)[ \t]*$", re.MULTILINE)
PYTHON_LABELS = frozenset({"python", "py", "python3", ""})


def closed_blocks(markdown: str) -> list[str] | None:
    """The contents of the fenced Python blocks (label python, py or none), in order; None if a block is not closed."""
    fences = list(FENCE.finditer(markdown))
    if len(fences) % 2:
        return None
    pairs = zip(fences[::2], fences[1::2], strict=True)
    blocks = [
        markdown[opening.end() : closing.start()].strip("\n")
        for opening, closing in pairs
        if opening.group(1).lower() in PYTHON_LABELS
    ]
    return [block for block in blocks if block.strip()]


def as_program(code: str, tests: str) -> str:
    """Code and tests as one program, as the sandbox runs it."""
    return f"{code.rstrip()}\n\n\n{tests.rstrip()}\n"
