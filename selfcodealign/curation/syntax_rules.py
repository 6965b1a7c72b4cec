"""What can be seen of a single response without running it: placeholders, idle tests, unrelated tests."""

import ast
import re
from collections.abc import Iterable, Iterator

PLACEHOLDER_TEXT = re.compile(
    r"""
      \b(?:your|put\s+your|add\s+your|write\s+your|insert\s+your)\s+(?:own\s+)?(?:code|implementation|logic|solution)
          (?:\s+goes)?\s+here\b
    | \b(?:code|implementation|logic)\s+goes\s+here\b
    | \#\s*(?:implement|complete|fill\s+in)\s+(?:this|the|me|it|your|here)\b
    | \#\s*(?:TODO|FIXME|XXX)\b
    | \#\s*(?:placeholder|not\s+implemented|\.\.\.\s*$|\.\.\.\s*\(?(?:rest|existing|same|other|previous|more)\b)
    | \#\s*(?:the\s+)?rest\s+of\s+(?:the|your)\s+(?:code|class|function|implementation|program)\b
    | \bpass\s*\#\s*(?:replace|implement|fill|add|write|your|to\s+be)\b
    """,
    re.IGNORECASE | re.VERBOSE | re.MULTILINE,
)
GENERIC_NAMES = frozenset({"main"})
"""Names that say nothing about what a pair does: every program has a `main`."""
UNITTEST_RUNNERS = frozenset({"main", "TextTestRunner"})

Function = ast.FunctionDef | ast.AsyncFunctionDef


def placeholder(text: str, module: ast.Module | None) -> str | None:
    """The first placeholder of a response: code that somebody else is to write.

    A body of `...`, of `raise NotImplementedError`, or of `pass` alone is one, unless the method is abstract, an
    overload, part of a Protocol, overridden in the same code, or a dunder method.

    Args:
        text: response and tests as written.
        module: the response's code; None if it does not parse (its bodies are then not looked at).

    Returns:
        What was found, one line, or None.
    """
    match = PLACEHOLDER_TEXT.search(text)
    if match is not None:
        return " ".join(match.group().split())
    return next(_empty_bodies(module), None) if module is not None else None


def _empty_bodies(module: ast.Module) -> Iterator[str]:
    methods: dict[str, int] = {}
    declared: set[ast.AST] = set()
    for owner in (node for node in ast.walk(module) if isinstance(node, ast.ClassDef)):
        for method in (node for node in owner.body if isinstance(node, Function)):
            methods[method.name] = methods.get(method.name, 0) + 1
            if any(_last_name(base) == "Protocol" for base in owner.bases):
                declared.add(method)
    for node in (node for node in ast.walk(module) if isinstance(node, Function)):
        if node in declared or _is_dunder(node.name):
            continue
        is_abstract = any(_last_name(decorator) in {"abstractmethod", "overload"} for decorator in node.decorator_list)
        if _is_empty(node) and not is_abstract and methods.get(node.name, 0) < 2:
            yield f"{node.name} has no body"


def _is_empty(function: Function) -> bool:
    statements = [node for node in function.body if not _is_constant(node, str)]
    return all(
        isinstance(node, ast.Pass) or _is_constant(node, type(...)) or _raises_not_implemented(node)
        for node in statements
    )


def _is_constant(node: ast.stmt, kind: type) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, kind)


def _raises_not_implemented(node: ast.stmt) -> bool:
    if not isinstance(node, ast.Raise) or node.exc is None:
        return False
    raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
    return _last_name(raised) in {"NotImplementedError", "NotImplemented"}


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Subscript | ast.Call):
        return _last_name(node.value if isinstance(node, ast.Subscript) else node.func)
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _is_dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def has_live_assertion(module: ast.Module) -> bool:
    """Whether running the tests as a program can reach an assertion.

    An assertion is an `assert`, or a call of something named `assert...` (unittest, numpy.testing). It counts at the
    top level (blocks included), and in functions and methods that the top level mentions, directly or through others.
    Test methods of a unittest class count if the top level runs unittest.
    """
    functions: dict[str, list[Function]] = {}
    for node in ast.walk(module):
        if isinstance(node, Function):
            functions.setdefault(node.name, []).append(node)
    reached: set[str] = set()
    waiting: list[ast.AST] = list(module.body)
    while waiting:
        for node in _running(waiting.pop()):
            if _is_assertion(node):
                return True
            if isinstance(node, ast.ClassDef):
                waiting += node.body
            name = _last_name(node) if isinstance(node, ast.Name | ast.Attribute) else ""
            is_runner = name in UNITTEST_RUNNERS and name not in functions
            for called in {name, *(_unittest_methods(module) if is_runner else ())} - reached:
                reached.add(called)
                waiting += [statement for found in functions.get(called, ()) for statement in found.body]
    return False


def _running(statement: ast.AST) -> Iterator[ast.AST]:
    """A statement and all inside it that runs with it: not the bodies of functions and classes."""
    waiting = [statement]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Function):
            continue
        yield node
        if not isinstance(node, ast.ClassDef):
            waiting.extend(ast.iter_child_nodes(node))


def _is_assertion(node: ast.AST) -> bool:
    return isinstance(node, ast.Assert) or (
        isinstance(node, ast.Call) and _last_name(node.func).lower().startswith("assert")
    )


def _unittest_methods(module: ast.Module) -> list[str]:
    """Methods that a unittest runner calls."""
    owners = (node for node in ast.walk(module) if isinstance(node, ast.ClassDef))
    cases = (owner for owner in owners if any(_last_name(base).endswith("TestCase") for base in owner.bases))
    return [node.name for case in cases for node in case.body if isinstance(node, Function) and _is_test(node.name)]


def _is_test(name: str) -> bool:
    return name.startswith("test") or name in {"setUp", "tearDown"}


def is_code_tested(tests: ast.Module, code: ast.Module) -> bool:
    """Whether the tests use a name that the response's code defines at its top level, and not a copy of their own."""
    own = set(_defined(tests.body))
    used = {node.id for node in ast.walk(tests) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    return any(name in used and name not in own for name in _defined(code.body))


def _defined(body: Iterable[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, Function | ast.ClassDef):
            yield node.name
        else:
            yield from (
                part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
            )


def defined_names(module: ast.Module) -> frozenset[str]:
    """Names of all functions, methods and classes of a response; `main` and dunder methods aside."""
    names = {node.name for node in ast.walk(module) if isinstance(node, Function | ast.ClassDef)}
    return frozenset(name for name in names - GENERIC_NAMES if not _is_dunder(name))
