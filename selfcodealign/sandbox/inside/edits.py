"""Reversible edits of a syntax tree, and the names that edited programs use."""

import ast
import builtins
import os
from collections.abc import Callable
from typing import Any

from selfcodealign.sandbox.inside.wrong import (
    MAKERS,
    OtherError,
    Scrambler,
    each_unpacked,
    fresh,
    near_expected,
    new_instance,
    spoiled,
    twin,
    twins_inside,
    unequal,
    unpacked,
    wrong_expected,
)


class Names:
    """The names under which a copy finds what it needs, drawn for one process.

    Attributes:
        make: makes a wrong result.
        scramble: decorates classes; see `Scrambler`.
        fatal: called when an assertion fails in a hardened copy.
        expect: see `wrong_expected`; the others as the functions of the same name in `wrong`.
    """

    def __init__(self) -> None:
        nonce = os.urandom(8).hex()
        self._all = [f"__{nonce}{letter}__" for letter in "abcdefghijklmn"]
        self.make, self.scramble, self.fatal, *given = self._all
        self.expect, self.near, self.unequal, self.new, self.other, *given = given
        self.twin, self.twins_inside, self.spoiled, self.unpacked, self.each_unpacked, self.fresh = given

    def bind(self, breaking: str, on_failure: Callable[[], Any]) -> None:
        """Define the names in `builtins`.

        Args:
            breaking: key of `MAKERS`.
            on_failure: called when an assertion fails in a hardened copy.
        """
        make = MAKERS[breaking]
        vars(builtins).update(
            {
                self.make: make,
                self.scramble: Scrambler(make),
                self.fatal: on_failure,
                self.expect: wrong_expected,
                self.near: near_expected,
                self.unequal: unequal,
                self.new: new_instance,
                self.other: OtherError,
                self.twin: twin,
                self.twins_inside: twins_inside,
                self.spoiled: spoiled,
                self.unpacked: unpacked,
                self.each_unpacked: each_unpacked,
                self.fresh: fresh,
            }
        )

    def unbind(self) -> None:
        """Remove the names from `builtins`."""
        for name in self._all:
            vars(builtins).pop(name, None)


class Edits:
    """Edits the tree of a program in place.

    Attributes:
        texts: nodes that were replaced by literals, each with the text of its literal.
    """

    def __init__(self) -> None:
        self.texts: list[tuple[ast.expr, str]] = []
        self._undo: list[Callable[[], None]] = []

    def __len__(self) -> int:
        return len(self._undo)

    def undo(self) -> None:
        """Restore the tree."""
        while self._undo:
            self._undo.pop()()
        self.texts.clear()

    def set(self, node: ast.AST, field: str, value: object) -> None:
        """Set a field of a node."""
        before = getattr(node, field)
        self._undo.append(lambda: setattr(node, field, before))
        setattr(node, field, value)

    def put(self, values: list[Any], index: int, value: ast.AST) -> None:
        """Replace a node in a list of nodes."""
        before = values[index]
        self._undo.append(lambda: values.__setitem__(index, before))
        values[index] = value


def expression(text: str, where: ast.AST) -> ast.expr:
    """An expression with the source position of a node."""
    parsed: ast.expr = located(ast.parse(text, mode="eval").body, where)
    return parsed


def make_call(name: str, first: ast.expr, *others: str) -> ast.Call:
    """A call with the source position of its first argument.

    Args:
        name: of what is called.
        first: the first argument.
        others: the source of each further argument.
    """
    arguments = [first, *(expression(text, first) for text in others)]
    return ast.copy_location(ast.Call(expression(name, first), arguments, []), first)


def statement(text: str, where: ast.AST) -> Any:
    """A statement with the source position of a node."""
    return located(ast.parse(text).body[0], where)


def located(node: Any, where: ast.AST) -> Any:
    """A node that, with everything in it, takes the source position of another one."""
    for part in ast.walk(node):
        if "lineno" in part._attributes:
            ast.copy_location(part, where)
    return node
