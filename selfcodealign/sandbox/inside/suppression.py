"""Blocks of the tests whose exception a context manager of the code has to suppress: `with ignore(KeyError): {}["x"]`.

A program that ends in spite of such a block has tested that the exception is suppressed, although no assertion says so.
"""

import ast
import builtins
from collections.abc import Iterator

from selfcodealign.sandbox.inside.parts import Parts
from selfcodealign.sandbox.inside.purity import FORBIDDEN_BUILTINS
from selfcodealign.sandbox.inside.roles import DEFINITIONS, root_name
from selfcodealign.sandbox.inside.syntax import flat

# By these a block might reach the code after all.
REACHING = (ast.Import, ast.ImportFrom, ast.Await, ast.Yield, ast.YieldFrom)


def suppressed_blocks(parts: Parts) -> Iterator[ast.With]:
    """The `with` statements of the tests that call a context manager of the code around a block without code.

    Such a block names nothing except builtins. So nothing in it depends on a result of the code, and what it raises is
    the tests' own.
    """
    plain = PLAIN_BUILTINS - _bound_names(parts.blocks[0])
    for statement in [statement for block in parts.blocks for statement in block]:
        if isinstance(statement, ast.With) and len(statement.items) == 1:
            call = statement.items[0].context_expr
            is_code = isinstance(call, ast.Call) and root_name(call.func) in parts.names
            if is_code and not any(_may_reach_code(node, plain) for node in flat(*statement.body)):
                yield statement


def _may_reach_code(node: ast.AST, plain: frozenset[str]) -> bool:
    if isinstance(node, ast.Name):
        return isinstance(node.ctx, ast.Load) and node.id not in plain
    return isinstance(node, REACHING) or (isinstance(node, ast.Attribute) and node.attr.startswith("_"))


def _bound_names(program: list[ast.stmt]) -> set[str]:
    """Names that a program assigns, imports, defines or has as parameters, at any depth."""
    found: set[str] = set()
    for node in flat(*program):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.alias):
            found.add(node.asname or node.name)
        elif isinstance(node, DEFINITIONS):
            found.add(node.name)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
    return found


def suppressed_kinds(statement: ast.With) -> str:
    """What is suppressed, as an expression: the builtin exceptions that the context manager is given, else all."""
    call = statement.items[0].context_expr
    arguments = call.args if isinstance(call, ast.Call) else []
    kinds = [argument.id for argument in arguments if isinstance(argument, ast.Name) and argument.id in EXCEPTIONS]
    return f"({', '.join(kinds)},)" if kinds else "Exception"


EXCEPTIONS = frozenset(
    name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, BaseException)
)
PLAIN_BUILTINS = frozenset(name for name in dir(builtins) if not name.startswith("_")) - FORBIDDEN_BUILTINS
