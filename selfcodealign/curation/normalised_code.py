"""Python code in a form in which names, layout, comments, docstrings and annotations do not count."""

import ast
import re
import textwrap
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from selfcodealign.curation.shingles import words_of

FENCED = re.compile(r"^[ \t]*(```+|~~~+)[^\n]*\n(.*?)^[ \t]*\1[ \t]*$", re.DOTALL | re.MULTILINE)
DEFINITION = re.compile(r"([ \t]*)(?:async[ \t]+def|def|class)\b")
BRACKETS = {"[", "]", "(", ")"}
IGNORED_FIELDS = {
    "annotation",
    "returns",
    "decorator_list",
    "type_comment",
    "type_params",
    "kind",
    "ctx",
    "type_ignores",
}


@dataclass(frozen=True, slots=True)
class NormalisedFunction:
    """One function of a piece of code.

    Attributes:
        name: its name as written.
        key: its body in normal form; equal keys mean a renamed or reformatted copy.
        num_nodes: syntax nodes in it (docstring, annotations and contexts aside): how much an equal key proves.
    """

    name: str
    key: str
    num_nodes: int


def parse_python(code: str) -> ast.Module | None:
    """The syntax tree of dedented code, or None if it is no Python (or too deep for the parser)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(textwrap.dedent(code))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def normalised_functions(code: str) -> list[NormalisedFunction]:
    """All functions of a piece of code, nested ones and methods too, in normal form.

    Every name that the code binds itself (arguments, variables, functions, classes; not what it imports) is replaced by
    the order of its first occurrence in the function. Code that does not parse gives no functions.
    """
    module = parse_python(code)
    if module is None:
        return []
    try:
        bound = _bound_names(module)
        nodes = [node for node in ast.walk(module) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        return [_normalised(node, bound) for node in nodes]
    except RecursionError:
        return []


def normalised_words(code: str) -> list[str]:
    """The words of a piece of code in normal form, for its n-grams: one a syntax node, name or constant.

    Imports, comments, docstrings, annotations and decorators are left out. All names that the code binds itself are the
    same word, so that an inserted line does not change those after it. Code that does not parse keeps its own words.
    """
    module = parse_python(code)
    if module is None:
        return words_of(code)
    try:
        writer = _Writer(_bound_names(module), is_ordered=False)
        writer.write([node for node in module.body if not isinstance(node, ast.Import | ast.ImportFrom)])
    except RecursionError:
        return words_of(code)
    return [part for part in writer.parts if part not in BRACKETS] or words_of(code)


def python_blocks(text: str) -> list[str]:
    """The pieces of a text that may be Python: its fenced blocks, else the whole text, else its definitions.

    A piece that does not parse as a whole is cut into its functions and classes by indentation, so that one broken
    line does not hide a copied function beside it.
    """
    fenced = [match.group(2) for match in FENCED.finditer(text)]
    pieces: list[str] = []
    for block in fenced or [text]:
        pieces += [block] if parse_python(block) is not None else _definitions(block)
    return pieces


def _definitions(text: str) -> Iterator[str]:
    lines = text.splitlines()
    for number, line in enumerate(lines):
        match = DEFINITION.match(line)
        if match is None:
            continue
        indent = len(match.group(1).expandtabs())
        end = number + 1
        while end < len(lines) and (not lines[end].strip() or _indentation(lines[end]) > indent):
            end += 1
        yield "\n".join(lines[number:end])


def _indentation(line: str) -> int:
    expanded = line.expandtabs()
    return len(expanded) - len(expanded.lstrip())


def _bound_names(module: ast.Module) -> set[str]:
    """Names that the code gives to things itself: those may be renamed without changing what it does."""
    bound: set[str] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            bound.add(node.id)
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            bound.add(node.name)
    return bound


def _normalised(function: ast.FunctionDef | ast.AsyncFunctionDef, bound: set[str]) -> NormalisedFunction:
    writer = _Writer(bound)
    writer.write(function)
    return NormalisedFunction(function.name, "".join(writer.parts), writer.num_nodes)


class _Writer:
    """Serialises a syntax tree without what does not count."""

    def __init__(self, bound: set[str], *, is_ordered: bool = True) -> None:
        self.parts: list[str] = []
        self.num_nodes = 0
        self._bound = bound
        self._is_ordered = is_ordered
        self._order: dict[str, int] = {}

    def write(self, value: Any) -> None:
        if isinstance(value, ast.AST):
            self._write_node(value)
        elif isinstance(value, list):
            self.parts.append("[")
            for item in value:
                if not _is_text_statement(item):
                    self.write(item)
            self.parts.append("]")
        elif isinstance(value, str):
            self.parts.append(f"{self._name(value)},")
        else:
            self.parts.append(f"{value!r},")

    def _write_node(self, node: ast.AST) -> None:
        self.num_nodes += 1
        if isinstance(node, ast.Constant):
            self.parts.append(f"{node.value!r},")
            return
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            # `total: int = 0` and `total = 0` are the same but for the annotation.
            self.parts.append("Assign([")
            self.write(node.target)
            self.parts.append("]")
            self.write(node.value)
            self.parts.append(")")
            return
        self.parts.append(f"{type(node).__name__}(")
        for field, value in ast.iter_fields(node):
            if field in IGNORED_FIELDS:
                continue
            if isinstance(value, str) and isinstance(node, ast.Attribute | ast.keyword | ast.alias | ast.ImportFrom):
                self.parts.append(f"{value},")
            else:
                self.write(value)
        self.parts.append(")")

    def _name(self, name: str) -> str:
        if name not in self._bound:
            return name
        if not self._is_ordered:
            return "$"
        return f"${self._order.setdefault(name, len(self._order))}"


def _is_text_statement(node: Any) -> bool:
    """A docstring, or a string that stands for a comment."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
