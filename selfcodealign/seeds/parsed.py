"""A seed with its syntax tree: parsed once, read by every cheap filter."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from selfcodealign.records import Seed
from selfcodealign.seeds.names import parse_function

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class ParsedSeed:
    """A seed, its module (imports and the function) and its function."""

    seed: Seed
    module: ast.Module
    function: FunctionNode


def parse_seed(seed: Seed) -> ParsedSeed:
    """Parse a seed's code.

    Raises:
        SyntaxError: the code is not what `extract_functions` makes; hostile code may raise the other `COMPILER_ERRORS`.
    """
    module, function = parse_function(seed.code)
    return ParsedSeed(seed, module, function)


def own_nodes(function: FunctionNode) -> Iterator[ast.AST]:
    """The nodes of a function's body that belong to it and not to a function, lambda or class inside it."""
    pending: list[ast.AST] = list(function.body)
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            pending.extend(ast.iter_child_nodes(node))
