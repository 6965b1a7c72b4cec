"""Changes to a piece of source text at the places that its syntax tree names; the rest of the text stays as it is.

Text is edited, not printed anew from the tree: comments, layout and line numbers survive, and no construct that
`ast.unparse` cannot print (f-strings with backslashes, before Python 3.12) is in the way. Nothing is executed here.
"""

import ast
import bisect
import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass

# Longer code is not looked at: each mutant is a copy of it. Answers of a model have a few thousand bytes.
MAX_CODE_BYTES = 32 << 10
NEWLINE = re.compile(rb"\r\n|\r|\n")


class UnreadableCodeError(ValueError):
    """The code has no syntax tree that could be worked on: no Python, too deep, or too long."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A piece of text that is replaced.

    Attributes:
        start: first byte of the piece in the UTF-8 text.
        end: the byte after its last; `start` for an insertion.
        text: what stands there afterwards.
    """

    start: int
    end: int
    text: str


class SourceText:
    """Source text with its syntax tree.

    Attributes:
        tree: the syntax tree. May be changed for a moment, but the positions are of the text.
    """

    def __init__(self, code: str) -> None:
        """Parse.

        Raises:
            UnreadableCodeError: the code cannot be parsed, or is longer than 32 KiB.
        """
        try:
            self._bytes = code.encode()
        except UnicodeEncodeError as error:
            raise UnreadableCodeError(str(error)) from error
        if len(self._bytes) > MAX_CODE_BYTES:
            raise UnreadableCodeError(f"{len(self._bytes)} bytes")
        self.tree = parsed(code)
        self._line_starts = [0, *(match.end() for match in NEWLINE.finditer(self._bytes))]
        self._tops = [self.span(statement) for statement in self.tree.body]

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """First byte of a node and the byte after its last. Parentheses around an expression are not part of it."""
        end_line, end_column = node.end_lineno or node.lineno, node.end_col_offset or 0  # the parser gives both
        return self._offset(node.lineno, node.col_offset), self._offset(end_line, end_column)

    def text(self, node: ast.expr | ast.stmt) -> str:
        """The text of a node."""
        start, end = self.span(node)
        return self._bytes[start:end].decode()

    def top_statement(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """First byte and the byte after the last of the top-level statement that a node lies in."""
        start, _ = self.span(node)
        return self._tops[bisect.bisect_right(self._tops, start, key=lambda span: span[0]) - 1]

    def line_start(self, line: int) -> int:
        """The first byte of a line, which is counted from 1. The line after the last is the end of the text."""
        return self._line_starts[line - 1] if line <= len(self._line_starts) else len(self._bytes)

    def indent(self, line: int) -> str:
        """The white space at the start of a line."""
        text = self._line(line)
        return text[: len(text) - len(text.lstrip(" \t\f"))]

    def line_of(self, word: str, line: int) -> int:
        """The nearest line that begins with a word, from a line upwards; that line itself if there is none."""
        return next((number for number in range(line, 0, -1) if self._line(number).lstrip().startswith(word)), line)

    def is_at_line_end(self, line: int) -> bool:
        """Whether a line ends with a line break: whether something can be put behind it as a new line."""
        return line < len(self._line_starts)

    def edited(self, edits: Iterable[Edit], start: int = 0, end: int | None = None) -> str:
        """The text with some edits, which must not overlap. Of insertions at one place the first stands first.

        Args:
            edits: changes inside the piece.
            start: the first byte of the piece to give.
            end: the byte after its last; None: that of the text.
        """
        parts: list[bytes] = []
        for edit in sorted(edits, key=lambda edit: edit.start):
            parts += [self._bytes[start : edit.start], edit.text.encode()]
            start = edit.end
        return b"".join([*parts, self._bytes[start:end]]).decode()

    def _line(self, line: int) -> str:
        return self._bytes[self.line_start(line) : self.line_start(line + 1)].decode()

    def _offset(self, line: int, column: int) -> int:
        return self._line_starts[line - 1] + column


def parsed(code: str) -> ast.Module:
    """The syntax tree of some code.

    Raises:
        UnreadableCodeError: it cannot be parsed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of invalid escapes and the like
            return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UnreadableCodeError(f"{type(error).__name__}: {error}") from error


def as_text(tree: ast.Module) -> str:
    """A syntax tree as text: equal for two texts if they are the same program.

    Raises:
        UnreadableCodeError: it is too deep, or has a number of thousands of digits.
    """
    try:
        return ast.dump(tree)
    except (ValueError, RecursionError) as error:
        raise UnreadableCodeError(f"{type(error).__name__}: {error}") from error


# --- statements that neither mutants nor branches are about


def is_text(statement: ast.AST) -> bool:
    """Whether this is a docstring, or a string that stands for a comment."""
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def is_guard(statement: ast.AST) -> bool:
    """Whether this is a block that tests do not reach: `if __name__ == "__main__":` or `if TYPE_CHECKING:`."""
    if not isinstance(statement, ast.If):
        return False
    parts = list(ast.walk(statement.test))
    names = {part.id for part in parts if isinstance(part, ast.Name)}
    attributes = {part.attr for part in parts if isinstance(part, ast.Attribute)}
    return "__name__" in names or "TYPE_CHECKING" in names | attributes


def is_constant(test: ast.expr) -> bool:
    """Whether a condition is a literal, as in `while True`: only one arm can ever be taken."""
    return isinstance(test, ast.Constant)


def cut_unreachable(block: list[ast.stmt]) -> list[ast.stmt]:
    """A block up to its first `return`, `raise`, `break` or `continue`: nothing behind that is reached."""
    for index, statement in enumerate(block):
        if isinstance(statement, ast.Return | ast.Raise | ast.Break | ast.Continue):
            return block[: index + 1]
    return block
