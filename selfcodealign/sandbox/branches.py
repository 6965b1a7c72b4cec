"""Branch coverage of a piece of code by its tests, measured by markers that are put into the code.

An arm is: a condition of `if`, `elif`, `while`, a conditional expression or a comprehension that was true, and that was
false (an `else` need not be written); a `for` whose body was entered, and that came to its end; an `except` or `case`
that was entered, and that no `case` was. Literal conditions (`while True`), the block below `if __name__ ==
"__main__"` and conditions inside f-strings are no arms. As with coverage.py, code without arms is wholly covered.

The code is parsed and edited here, never executed. In the sandbox each marker writes one short line to standard error
when it is hit for the first time, so that nothing depends on how the program ends. A program that wants to can write
such lines itself: coverage is advice about honest programs, never a verdict.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from selfcodealign.records import row_id
from selfcodealign.sandbox.source_edits import Edit, SourceText, UnreadableCodeError, is_constant, is_guard, parsed

COMPOUND = (
    ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.TryStar, ast.With, ast.AsyncWith, ast.Match,
    ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef,
)  # fmt: skip
# What marks, defined before the code's first statement. `loop` takes one item ahead: between `iter` and the first
# `next` of a loop nothing of the program runs, so that it sees no difference, and the rest is iterated natively.
PRELUDE = """
def _branches_NAME():
    import os
    from itertools import chain
    write, seen = os.write, set()
    def mark(number):
        if number not in seen:
            seen.add(number)
            try:
                write(2, b"[NAME:%d]\\n" % number)
            except OSError:
                pass
    def decide(number, value):
        if value:
            mark(number)
            return True
        mark(number + 1)
        return False
    class End:
        def __init__(self, number):
            self.number = number
        def __iter__(self):
            mark(self.number)
            return iter(())
    def loop(number, items):
        items = iter(items)
        for first in items:
            mark(number)
            return chain((first,), items, End(number + 1))
        mark(number + 1)
        return ()
    return mark, decide, loop
_mark_NAME, _decide_NAME, _loop_NAME = _branches_NAME()
del _branches_NAME
""".lstrip()


@dataclass(frozen=True, slots=True)
class Marked:
    """Code that tells which of its arms are taken.

    Attributes:
        code: the code, to be run in place of the original.
        num_branches: arms.
        name: what its markers call themselves; derived from the code.
    """

    code: str
    num_branches: int
    name: str

    def num_hit(self, stderr: str) -> int:
        """How many arms were taken, by what a run wrote to standard error."""
        numbers = {int(number) for number in re.findall(rf"\[{self.name}:(\d{{1,9}})\]", stderr)}
        return len(numbers & set(range(self.num_branches)))


def mark_branches(code: str) -> Marked:
    """Put a marker into every arm of some code.

    Args:
        code: Python source, without its tests.

    Returns:
        Code that does the same, and the number of its arms.

    Raises:
        UnreadableCodeError: the code cannot be parsed, is too deep for it, or is longer than 32 KiB; or the code
            with its markers cannot be parsed.
    """
    source = SourceText(code)
    name = row_id("branches", code)
    marking = _Marking(source, name)
    try:
        marking.mark()
    except RecursionError as error:
        raise UnreadableCodeError("RecursionError: too deep to be walked") from error
    if not marking.num_branches:
        return Marked(code, 0, name)
    line = _first_line(source.tree)
    prelude = Edit(source.line_start(line), source.line_start(line), PRELUDE.replace("NAME", name))
    marked = source.edited([prelude, *marking.edits])
    parsed(marked)
    return Marked(marked, marking.num_branches, name)


def _first_line(tree: ast.Module) -> int:
    """Line of the first statement that is neither the docstring nor from `__future__`."""
    for statement in tree.body:
        is_future = isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
        is_docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        if not is_future and not is_docstring:
            return _top_line(statement)
    return 1


def _top_line(statement: ast.stmt) -> int:
    """The line on which a statement begins, with its decorators."""
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(decorator.lineno for decorator in decorators)])


class _Marking:
    """Edits that put markers into a text."""

    def __init__(self, source: SourceText, name: str) -> None:
        self.edits: list[Edit] = []
        self.num_branches = 0
        self._source = source
        self._name = name

    def mark(self) -> None:
        """Collect the edits of all arms."""
        for node in _walk(self._source.tree):
            if isinstance(node, ast.If | ast.While | ast.IfExp):
                self._decide(node.test)
            elif isinstance(node, ast.comprehension):
                for test in node.ifs:
                    self._decide(test)
            elif isinstance(node, ast.For):
                self._wrap("loop", node.iter)
            elif isinstance(node, ast.ExceptHandler):
                self._enter(node.body)
            elif isinstance(node, ast.Match):
                self._match(node)

    def _decide(self, test: ast.expr) -> None:
        if not is_constant(test):
            self._wrap("decide", test)

    def _wrap(self, function: str, value: ast.expr) -> None:
        start, end = self._source.span(value)
        # Two pairs of parentheses: a tuple or a `yield` may stand without any.
        self.edits.append(Edit(start, start, f"_{function}_{self._name}({self.num_branches}, ("))
        self.edits.append(Edit(end, end, "))"))
        self.num_branches += 2

    def _enter(self, body: list[ast.stmt]) -> None:
        first = body[0]
        if isinstance(first, COMPOUND):
            line = _top_line(first)
            start = self._source.line_start(line)
            text = f"{self._source.indent(line)}{self._marker()}\n"
        else:
            start, _ = self._source.span(first)
            text = f"{self._marker()}; "
        self.edits.append(Edit(start, start, text))

    def _match(self, node: ast.Match) -> None:
        for case in node.cases:
            self._enter(case.body)
        last = node.cases[-1]
        if last.guard is not None or not _is_irrefutable(last.pattern):
            line = node.end_lineno or node.lineno
            break_before = "" if self._source.is_at_line_end(line) else "\n"
            start = self._source.line_start(line + 1)
            indent = self._source.indent(self._source.line_of("case", last.pattern.lineno))
            # In front of what is there: where two end on one line, the inner one, which comes later, stands first.
            self.edits.insert(0, Edit(start, start, f"{break_before}{indent}case _: {self._marker()}\n"))

    def _marker(self) -> str:
        self.num_branches += 1
        return f"_mark_{self._name}({self.num_branches - 1})"


def _is_irrefutable(pattern: ast.pattern) -> bool:
    if isinstance(pattern, ast.MatchOr):
        return _is_irrefutable(pattern.patterns[-1])
    return isinstance(pattern, ast.MatchAs) and (pattern.pattern is None or _is_irrefutable(pattern.pattern))


def _walk(tree: ast.Module) -> Iterator[ast.AST]:
    """All nodes from the top, but for f-strings, annotations and guarded blocks."""
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.JoinedStr) or is_guard(node):
            continue
        yield node
        children = [
            child
            for field, value in ast.iter_fields(node)
            if field not in {"annotation", "returns", "type_params"}
            for child in (value if isinstance(value, list) else [value])
            if isinstance(child, ast.AST)
        ]
        stack.extend(reversed(children))
