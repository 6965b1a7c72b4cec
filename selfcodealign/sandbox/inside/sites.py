"""The assertions of the tests, and what each says about the code under test."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from selfcodealign.sandbox.inside.parts import Parts
from selfcodealign.sandbox.inside.roles import FUNCTIONS, called_name
from selfcodealign.sandbox.inside.syntax import flat

RAISING = frozenset({"raises", "assertRaises", "assertRaisesRegex", "warns", "assertWarns"})
CONDITIONS = (ast.If, ast.While, ast.Try, ast.TryStar, ast.Match)
TOLERANT = ("close", "approx", "lmost")


@dataclass(slots=True)
class Site:
    """An assertion of the tests: `assert`, a testing helper's call, or a condition under which they raise.

    Attributes:
        block: list of statements in which it stands.
        index: its place there.
        is_about_code: it names results of the code under test.
        is_certain: at the top level, under no condition: a program that ended has run it.
        is_delicate: it stands under a condition, allows a tolerance, or is the call of a helper of the tests: that it
            holds says less than its form.
    """

    block: list[ast.stmt]
    index: int
    is_about_code: bool
    is_certain: bool
    is_delicate: bool

    @property
    def statement(self) -> ast.stmt:
        """The assertion."""
        return self.block[self.index]


def find_sites(tree: ast.Module, parts: Parts) -> Iterator[Site]:
    """The assertions of a program's tests, in the order of the blocks in which they stand."""
    conditional = _conditional_blocks(tree)
    expected_to_fail = _blocks_that_may_fail(tree)
    for block in parts.blocks:
        if id(block) in expected_to_fail:
            continue
        for index, statement in enumerate(block):
            subject = None if parts.is_code_line(statement) else subject_of(statement, parts)
            if subject is None:
                continue
            yield Site(
                block,
                index,
                is_about_code=touches(subject, parts.tainted),
                is_certain=block is tree.body,
                is_delicate=id(block) in conditional or isinstance(statement, ast.If) or _is_delicate(subject, parts),
            )


def subject_of(statement: ast.stmt, parts: Parts) -> ast.expr | None:
    """What a statement asserts; None if it asserts nothing."""
    if is_weak(statement):
        return None
    if isinstance(statement, ast.Assert):
        return statement.test
    if isinstance(statement, ast.If) and not statement.orelse and _fails(statement.body[-1]):
        return statement.test
    if isinstance(statement, ast.With) and _is_raising(statement):
        names = [part for part in flat(*statement.body) if isinstance(part, ast.Name)]
        return ast.Tuple(elts=[*names], ctx=ast.Load())
    call = call_of(statement)
    if call is None or called_name(call) in parts.names:
        return None
    is_assertion = called_name(call).startswith("assert") or called_name(call) in parts.helpers
    return call if is_assertion else None


def _is_raising(statement: ast.With) -> bool:
    calls = [item.context_expr for item in statement.items]
    return any(isinstance(call, ast.Call) and called_name(call) in RAISING and call.args for call in calls)


def is_weak(statement: ast.stmt) -> bool:
    """Whether an assertion says less than was meant: `assert f(1), 3`, or `assertRaises(E)` without a call."""
    if isinstance(statement, ast.Assert):
        message: ast.expr | None = statement.msg
    else:
        call = call_of(statement)
        if call is None:
            return False
        if called_name(call) in RAISING and len(call.args) == 1 and isinstance(statement, ast.Expr):
            return True  # neither a call nor a block that could raise
        if called_name(call) not in {"assertTrue", "assertFalse"} or len(call.args) < 2:
            return False
        message = call.args[1]
    return isinstance(message, ast.Constant) and not isinstance(message.value, str)


def _fails(statement: ast.stmt) -> bool:
    call = call_of(statement)
    return isinstance(statement, ast.Raise) or (call is not None and called_name(call) in {"fail", "exit"})


def _is_delicate(subject: ast.expr, parts: Parts) -> bool:
    for node in flat(subject):
        if isinstance(node, ast.Call):
            name = called_name(node)
            if name in parts.helpers or any(part in name for part in TOLERANT):
                return True
        if isinstance(node, ast.Compare) and isinstance(node.ops[-1], (ast.Lt, ast.LtE)):
            return True
    return False


def _conditional_blocks(tree: ast.Module) -> set[int]:
    """Ids of the blocks that run only under a condition, apart from a main guard."""
    found: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, CONDITIONS) and not _is_main_guard(node):
            for inner in flat(node):
                for name in ("body", "orelse", "finalbody"):
                    found.add(id(getattr(inner, name, None)))
    return found


def _blocks_that_may_fail(tree: ast.Module) -> set[int]:
    """Ids of the blocks of tests that are marked as skipped or as expected to fail."""
    found: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)) and any(_is_mark(mark) for mark in node.decorator_list):
            for inner in flat(node):
                found |= {id(getattr(inner, name, None)) for name in ("body", "orelse", "finalbody")}
    return found


def _is_mark(decorator: ast.expr) -> bool:
    names = {part.attr for part in flat(decorator) if isinstance(part, ast.Attribute)}
    names |= {part.id for part in flat(decorator) if isinstance(part, ast.Name)}
    return any(name.startswith(("skip", "xfail", "expectedFailure")) for name in names)


def _is_main_guard(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and any(
        isinstance(part, ast.Name) and part.id == "__name__" for part in flat(node.test)
    )


def test_nodes(parts: Parts) -> Iterator[ast.AST]:
    """Every node of the tests: of the program without the code under test."""
    code = {id(node) for node in parts.code}
    stack: list[ast.AST] = list(parts.blocks[0])
    while stack:
        node = stack.pop()
        if id(node) not in code:
            yield node
            stack.extend(ast.iter_child_nodes(node))


def call_of(statement: ast.stmt) -> ast.Call | None:
    """The call that a statement consists of, awaited or returned: `self.assertEqual(...)`, `check(...)`."""
    value = getattr(statement, "value", None) if isinstance(statement, (ast.Expr, ast.Return)) else None
    if isinstance(value, ast.Await):
        value = value.value
    return value if isinstance(value, ast.Call) else None


def touches(node: ast.AST, names: set[str]) -> bool:
    """Whether a node holds one of these names."""
    return any(isinstance(part, ast.Name) and part.id in names for part in flat(node))
