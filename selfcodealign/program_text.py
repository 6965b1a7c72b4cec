"""Programs as text: the code blocks of a Markdown answer, the layout of a program, the names and comments in it."""

import ast
import io
import re
import tokenize

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


def defined_names(code: str) -> set[str]:
    """The names that the code binds at its top level."""
    names: set[str] = set()
    for node in statements_of(code):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        else:
            stored = (part for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store))
            names |= {part.id for part in stored}
    return names


def used_names(code: str) -> set[str]:
    """All names that the code uses, except attributes."""
    return {part.id for node in statements_of(code) for part in ast.walk(node) if isinstance(part, ast.Name)}


def statements_of(code: str) -> list[ast.stmt]:
    """The top-level statements of the code; none if it does not parse."""
    try:
        return ast.parse(code).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def has_comment(code: str) -> bool:
    """Whether the code has a comment. Code that cannot be tokenized is read up to the fault."""
    try:
        return any(token.type == tokenize.COMMENT for token in tokenize.generate_tokens(io.StringIO(code).readline))
    except (tokenize.TokenError, SyntaxError):
        return False
