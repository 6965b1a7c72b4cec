"""Which names in the tests hold results of the code under test."""

import ast
from collections.abc import Iterable, Sequence

from selfcodealign.sandbox.inside.roles import FUNCTIONS, MUTATORS, parameters_of, root_name
from selfcodealign.sandbox.inside.syntax import Function, flat

RUNNERS = frozenset({"main", "testmod", "runpytest"})
COMPOUND = (ast.For, ast.AsyncFor, ast.While, ast.If, ast.With, ast.AsyncWith, ast.Try, ast.TryStar)


def tainted_names(blocks: Sequence[list[ast.stmt]], code: set[str], helpers: set[str]) -> set[str]:
    """Names that hold results of the code, the names of the code among them.

    Args:
        blocks: every list of statements of the tests.
        code: names of the code under test.
        helpers: functions of the tests that are given results.
    """
    found = set(code)
    statements = [statement for block in blocks for statement in block]
    num_found = -1
    while num_found != len(found):
        num_found = len(found)
        for statement in statements:
            if isinstance(statement, FUNCTIONS):
                found |= _tainted_parameters(statement, helpers)
            elif not _runs_tests(statement):
                found |= _reached(statement, found)
    return found


def given_functions(program: Sequence[ast.stmt]) -> set[str]:
    """Functions that may be given results although no call shows it.

    A callback is handed on as a value, and a lambda or function hands on what it is given itself.
    """
    found: set[str] = set()
    called: set[int] = set()
    names: list[ast.Name] = []
    for node in flat(*program):
        if isinstance(node, ast.Name):
            names.append(node)
        elif isinstance(node, ast.Call):
            called.add(id(node.func))
        elif isinstance(node, (*FUNCTIONS, ast.Lambda)):
            found |= _fed_with(parameters_of(node), node)
    return found | {name.id for name in names if id(name) not in called and isinstance(name.ctx, ast.Load)}


def _fed_with(parameters: set[str], function: ast.AST) -> set[str]:
    calls = [node for node in flat(function) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    return {
        call.func.id
        for call in calls
        if isinstance(call.func, ast.Name)
        and any(isinstance(part, ast.Name) and part.id in parameters for part in flat(*call.args, *call.keywords))
    }


def library_names(program: Sequence[ast.stmt]) -> set[str]:
    """Imported names that only ever stand for what a library has: a result of the code is not in them.

    Each occurrence calls the name or reads an attribute of it. A name that a result could be put into is left out: one
    that is bound anew, handed around (`setattr(module, ...)`), or has an attribute or item set or a container changed.
    """
    imported: set[str] = set()
    other_uses: set[str] = set()
    harmless: set[int] = set()
    names: list[ast.Name] = []
    for node in flat(*program):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            imported |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.Name):
            names.append(node)
        elif isinstance(node, ast.Call):
            harmless.add(id(node.func))
            if isinstance(node.func, ast.Attribute) and node.func.attr in MUTATORS:
                other_uses.add(root_name(node.func))
        elif isinstance(node, (ast.Attribute, ast.Subscript)):
            harmless.add(id(node.value))
            if not isinstance(node.ctx, ast.Load):
                other_uses.add(root_name(node))
    other_uses |= {name.id for name in names if id(name) not in harmless or not isinstance(name.ctx, ast.Load)}
    return imported - other_uses


def _tainted_parameters(function: Function, helpers: set[str]) -> set[str]:
    """A helper is given results; any other test may be given the code itself, and call it."""
    parameters = parameters_of(function)
    if function.name in helpers:
        return parameters
    nodes = flat(*function.body)
    called = {node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    return parameters & called


def _reached(statement: ast.stmt, names: set[str]) -> set[str]:
    """Names that a statement binds or changes if results of the code have a part in it."""
    if isinstance(statement, ast.ClassDef):
        return set()
    if isinstance(statement, COMPOUND):
        head = _head(statement)
        if not any(isinstance(part, ast.Name) and part.id in names for part in flat(*head)):
            return set()
        return _bound(flat(statement))
    nodes = list(flat(statement))
    if not any(isinstance(part, ast.Name) and part.id in names for part in nodes):
        return set()
    return _bound(nodes) | _arguments(statement, names)


def _head(statement: ast.stmt) -> list[ast.AST]:
    """What decides how often a compound statement runs, and what it binds; of `try` all that may raise."""
    if isinstance(statement, (ast.For, ast.AsyncFor)):
        return [statement.iter]
    if isinstance(statement, (ast.With, ast.AsyncWith)):
        return [item.context_expr for item in statement.items]
    if isinstance(statement, (ast.While, ast.If)):
        return [statement.test]
    return [*statement.body] if isinstance(statement, (ast.Try, ast.TryStar)) else []


def _bound(nodes: Iterable[ast.AST]) -> set[str]:
    """Names that are assigned, or whose object a method is called on or an item of which is set."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            found.add(node.name)
        elif isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.ctx, ast.Store):
            found.add(root_name(node))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            found.add(root_name(node.func))
    return found - {""}


def _arguments(statement: ast.stmt, names: set[str]) -> set[str]:
    """Names that are given to the code in a statement of its own: it may change what they hold."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    if isinstance(call, ast.Await):
        call = call.value
    if not isinstance(call, ast.Call) or root_name(call.func) not in names:
        return set()
    return {argument.id for argument in call.args if isinstance(argument, ast.Name)}


def _runs_tests(statement: ast.stmt) -> bool:
    """Whether a statement keeps what a test runner returns, which is no result of the code."""
    call = getattr(statement, "value", None)
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in RUNNERS
