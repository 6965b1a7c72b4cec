"""Python code in a form in which names, layout, comments, docstrings and annotations do not count."""

import ast
import re
import textwrap
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from selfcodealign.curation.shingles import words_of

FENCED = re.compile(r"^[ \t]*(```+|~~~+)[^\n]*\n(.*?)^[ \t]*\1[ \t]*$", re.DOTALL | re.MULTILINE)
DEFINITION = re.compile(r"([ \t]*)(?:async[ \t]+def|def|class)\b")
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
BINDERS: dict[type[ast.AST], str] = {
    ast.FunctionDef: "name",
    ast.AsyncFunctionDef: "name",
    ast.ClassDef: "name",
    ast.arg: "arg",
    ast.ExceptHandler: "name",
    ast.MatchAs: "name",
    ast.MatchStar: "name",
}
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
        is_nested: it stands inside a function or class.
    """

    name: str
    key: str
    num_nodes: int
    is_nested: bool


def parse_python(code: str) -> ast.Module | None:
    """The syntax tree of dedented code, or None if it is no Python (or too deep for the parser)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(textwrap.dedent(code))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def normalised_functions(code: str) -> list[NormalisedFunction]:
    """All functions and classes of a piece of code, nested ones and methods too, in normal form.

    Every name that the code binds itself (arguments, variables, functions, classes; not what it imports) is replaced by
    the order of its first occurrence in the function. Code that does not parse gives no functions.
    """
    module = parse_python(code)
    return [] if module is None else functions_of(module)


def functions_of(module: ast.Module) -> list[NormalisedFunction]:
    """All functions and classes of a module in normal form; none if it is nested too deeply."""
    try:
        bound = _bound_names(module)
        return [_normalised(node, bound, is_nested=is_nested) for node, is_nested in _definitions_in(module.body)]
    except RecursionError:
        return []


def _definitions_in(body: Iterable[ast.AST], *, is_nested: bool = False) -> Iterator[tuple[Definition, bool]]:
    for node in body:
        if isinstance(node, Definition):
            yield node, is_nested
            yield from _definitions_in(node.body, is_nested=True)
        elif isinstance(node, ast.stmt | ast.ExceptHandler | ast.match_case) and not isinstance(node, ast.Expr):
            yield from _definitions_in(ast.iter_child_nodes(node), is_nested=is_nested)


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
        writer.write(module.body)
    except RecursionError:
        return words_of(code)
    return [part for part in writer.parts if part not in BRACKETS] or words_of(code)


def python_modules(text: str) -> list[ast.Module]:
    """The pieces of a text that are Python: its fenced blocks, else the whole text, else its definitions.

    A piece that does not parse as a whole is cut into its functions and classes by indentation, so that one broken
    line does not hide a copied function beside it.
    """
    fenced = [match.group(2) for match in FENCED.finditer(text)]
    modules: list[ast.Module | None] = []
    for block in fenced or [text]:
        whole = parse_python(block)
        modules += [whole] if whole is not None else map(parse_python, _definitions(block))
    return [module for module in modules if module is not None]


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
        name = BINDERS.get(type(node))
        if name is not None:
            bound.add(getattr(node, name) or "")
        elif type(node) is ast.Name and type(node.ctx) is not ast.Load:
            bound.add(node.id)
    return bound


def _normalised(node: Definition, bound: set[str], *, is_nested: bool) -> NormalisedFunction:
    writer = _Writer(bound)
    writer.write(node)
    return NormalisedFunction(node.name, "".join(writer.parts), writer.num_nodes, is_nested)


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
                if not _is_left_out(item):
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


def _is_left_out(node: Any) -> bool:
    """A docstring, a string that stands for a comment, or an import, which may stand anywhere."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return True
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
