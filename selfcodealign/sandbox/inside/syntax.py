"""A program's syntax tree, walked once: what looks at it afterwards looks only at the kinds of nodes it needs."""

import ast
from collections.abc import Iterator
from typing import Any, TypeAlias, TypeVar

Node = TypeVar("Node", bound=ast.AST)
Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
# Fields without nodes of interest: `ctx` alone would double the number of nodes.
SKIPPED_FIELDS = frozenset({"ctx", "op", "ops", "type_comment", "kind"})


class Syntax:
    """The nodes of a tree by their kind.

    Attributes:
        tree: the tree itself.
        functions: its functions.
        definitions: its functions and classes.
        imports: its import statements.
    """

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self._by_kind: dict[type[ast.AST], list[Any]] = {}
        for node in flat(tree):
            self._by_kind.setdefault(type(node), []).append(node)
        self.functions: list[Function] = [*self.of(ast.FunctionDef), *self.of(ast.AsyncFunctionDef)]
        self.definitions: list[Function | ast.ClassDef] = [*self.functions, *self.of(ast.ClassDef)]
        self.imports: list[ast.Import | ast.ImportFrom] = [*self.of(ast.Import), *self.of(ast.ImportFrom)]

    def of(self, kind: type[Node]) -> list[Node]:
        """The nodes of one kind."""
        return self._by_kind.get(kind, [])


def flat(*roots: ast.AST) -> Iterator[ast.AST]:
    """Every node under some roots, and the roots; as `ast.walk`, in another order and several times as fast."""
    stack = list(roots)
    while stack:
        node = stack.pop()
        yield node
        for name in node._fields:
            if name in SKIPPED_FIELDS:
                continue
            value = getattr(node, name, None)
            if value.__class__ is list:
                stack.extend(item for item in value if isinstance(item, ast.AST))
            elif isinstance(value, ast.AST):
                stack.append(value)
