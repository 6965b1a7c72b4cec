"""Functions out of source files: parsed with tree-sitter, made whole with the imports that they need.

tree-sitter reads files of any Python version and with errors in them, so that one broken function does not cost the
rest of its file; the functions themselves must then satisfy Python's own compiler.
"""

import ast
import inspect
from collections.abc import Iterator
from functools import cache

import tree_sitter_python
from tree_sitter import Language, Node, Parser

from selfcodealign.records import Dropped, Seed, row_id
from selfcodealign.seeds.imports import Binding, file_imports, needed_imports
from selfcodealign.seeds.methods import NeedsClassError, as_function
from selfcodealign.seeds.names import COMPILER_ERRORS, ModuleStateError, needed_names, parse_function
from selfcodealign.seeds.reasons import CollectReason
from selfcodealign.seeds.sources.source import SourceFile

MAX_FUNCTION_BYTES = 64 * 1024
_FUNCTIONS = frozenset({"function_definition", "decorated_definition"})
_COMPOUND = frozenset(
    {
        "class_definition",
        "decorated_definition",
        "if_statement",
        "elif_clause",
        "else_clause",
        "try_statement",
        "except_clause",
        "finally_clause",
        "with_statement",
        "for_statement",
        "while_statement",
        "block",
    }
)


class _NotASeedError(Exception):
    def __init__(self, reason: CollectReason, detail: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


@cache
def _parser() -> Parser:
    return Parser(Language(tree_sitter_python.language()))


def extract_functions(source: SourceFile, *, methods: bool = False) -> list[Seed | Dropped]:
    """The functions of one file, in its order: seeds, and those that cannot be one.

    Functions inside functions are part of the outer one. Methods and functions inside `if` or `try` are dropped and
    counted: they need their class, or hold only under a condition.

    Args:
        source: the file; any text is allowed.
        methods: methods that need neither their class nor an instance are taken, as functions.

    Returns:
        For each function a `Seed`, or a `Dropped` with a `CollectReason`.
    """
    root = _parser().parse(source.text.encode("utf-8")).root_node
    imports = file_imports(root)
    lines = source.text.split("\n")
    found: list[Seed | Dropped] = []
    for node, reason in _functions(root):
        first, last = _line_span(node)
        code = "\n".join(lines[first - 1 : last])
        name = _name(node)
        try:
            plain, classes = code, tuple[str, ...]()
            if reason is CollectReason.METHOD and methods:
                plain, classes = _plain_method(node, code)
            elif reason is not None:
                raise _NotASeedError(reason, "")
            found.append(_seed(source, node, plain, (first, last), imports, classes))
        except _NotASeedError as refusal:
            found.append(_dropped(source, code, (first, last), name, refusal))
    return found


def _plain_method(node: Node, code: str) -> tuple[str, tuple[str, ...]]:
    """A method as a function, and the names of its classes, the outermost first."""
    try:
        return as_function(code), _classes(node)
    except NeedsClassError as error:
        raise _NotASeedError(CollectReason.METHOD, str(error)) from error


def _classes(node: Node) -> tuple[str, ...]:
    names: list[str] = []
    place = node.parent
    while place is not None and place.type != "module":
        if place.type not in {"block", "class_definition", "decorated_definition"}:
            raise NeedsClassError("defined under a condition")
        if place.type == "class_definition":
            names.insert(0, _name(place))
        place = place.parent
    return tuple(names)


def _functions(root: Node) -> Iterator[tuple[Node, CollectReason | None]]:
    """Every function that is not inside another one, with the reason if its place excludes it."""
    pending: list[tuple[Node, CollectReason | None]] = [(child, None) for child in reversed(root.children)]
    while pending:
        node, reason = pending.pop()
        definition = node.child_by_field_name("definition") if node.type == "decorated_definition" else node
        if definition is None:
            continue
        if definition.type == "function_definition":
            yield node, reason
        elif definition.type in _COMPOUND:
            inner = CollectReason.METHOD if definition.type == "class_definition" else reason
            pending.extend((child, inner or CollectReason.CONDITIONAL) for child in reversed(definition.children))


def _seed(
    source: SourceFile, node: Node, code: str, span: tuple[int, int], imports: list[Binding], classes: tuple[str, ...]
) -> Seed:
    if len(code) > MAX_FUNCTION_BYTES:
        raise _NotASeedError(CollectReason.FUNCTION_TOO_LARGE, f"{len(code)} characters")
    if node.has_error:
        raise _NotASeedError(CollectReason.SYNTAX_ERROR, "")
    try:
        module, function = parse_function(code)
        if len(module.body) > 1:
            raise _NotASeedError(CollectReason.SYNTAX_ERROR, "other code on its lines")
        names = needed_names(code, function)
    except ModuleStateError as error:
        raise _NotASeedError(CollectReason.NOT_SELF_CONTAINED, f"changes the global {error}") from error
    except COMPILER_ERRORS as error:
        raise _NotASeedError(CollectReason.SYNTAX_ERROR, " ".join(str(error).split())[:200]) from error
    statements, bound, _ = needed_imports(imports, names)
    missing = sorted(names - bound)
    if missing:
        raise _NotASeedError(CollectReason.NOT_SELF_CONTAINED, f"needs {', '.join(missing)}"[:200])
    whole = "\n".join(statements) + "\n\n\n" + code if statements else code
    origin = source.origin
    return Seed(
        # Without version and lines, so that a release with the same code keeps the id and all its answers.
        id=row_id("seed", origin.package, source.file, whole),
        source=origin.source,
        package=origin.package,
        version=origin.version,
        licence=origin.licence,
        file=source.file,
        path=source.path,
        first_line=span[0],
        last_line=span[1],
        name=qualified_name(source.file, ".".join((*classes, function.name))),
        docstring=_docstring(function),
        code=whole,
    )


def _dropped(source: SourceFile, code: str, span: tuple[int, int], name: str, refusal: _NotASeedError) -> Dropped:
    origin = source.origin
    place = f"{origin.package} {origin.version} {source.file}:{span[0]} {name}"
    # Methods are a third of all code and dropped by their place alone: their text would only swell the file.
    has_text = refusal.reason in {CollectReason.NOT_SELF_CONTAINED, CollectReason.SYNTAX_ERROR}
    return Dropped(
        id=row_id(origin.package, origin.version, source.file, *span, code),
        parent_id="",
        reason=refusal.reason,
        detail=f"{place}: {refusal.detail}" if refusal.detail else place,
        text=code if has_text else "",
    )


def qualified_name(file: str, name: str) -> str:
    """The dotted name of a function, from the path of its file inside the package: `a/b.py`, `f` -> `a.b.f`."""
    parts = file.removesuffix(".py").split("/")
    if parts[-1] == "__init__":
        parts.pop()
    if parts and parts[0] == "src":
        del parts[0]
    return ".".join([*parts, name]) if all(part.isidentifier() for part in parts) else name


def _line_span(node: Node) -> tuple[int, int]:
    """First and last line of a node, counted from 1, inclusive."""
    last = node.end_point[0]
    if node.end_point[1] == 0 and last > node.start_point[0]:
        last -= 1
    return node.start_point[0] + 1, last + 1


def _name(node: Node) -> str:
    definition = node.child_by_field_name("definition") or node
    name = definition.child_by_field_name("name")
    return "" if name is None or name.text is None else name.text.decode("utf-8", "replace")


def _docstring(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    text = ast.get_docstring(function, clean=False)
    if text is None:
        return ""
    # An escape such as "\ud800" is legal Python but no text that a file could hold.
    return inspect.cleandoc(text).encode("utf-8", "backslashreplace").decode("utf-8")
