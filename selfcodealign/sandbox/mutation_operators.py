"""Which small faults a syntax tree offers: the operators of `mutants`, and what they leave alone.

Source: the operators are those of Offutt et al., "An experimental determination of sufficient mutant operators" (1996)
for relations, arithmetic and logic, with constants, return values and deleted statements.
"""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from selfcodealign.sandbox.source_edits import cut_unreachable, is_constant, is_guard, is_text

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitOr,
    ast.MatMult: ast.Mult,
}
SKIPPED_FIELDS = frozenset({"annotation", "returns", "decorator_list", "type_params", "format_spec", "msg"})
SKIPPED_CALLS = frozenset({"TypeVar", "ParamSpec", "TypeVarTuple", "NewType", "getLogger"})
# Calls that only tell people something: by their name, or by the name of what they are called on.
TELLING_NAMES = frozenset({"print", "pprint", "warn"})
TELLING_OWNERS = frozenset(
    {"logging", "logger", "log", "_logger", "_log", "LOGGER", "LOG", "warnings", "stdout", "stderr"}
)
SEQUENCE_CALLS = frozenset({"str", "list", "tuple", "repr", "sorted", "chr", "bytes", "join", "format"})
DELETABLE = (
    ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.Delete, ast.Raise, ast.Assert, ast.Break, ast.Continue,
    ast.Return,
)  # fmt: skip


class MutantKind(StrEnum):
    """What is wrong with a mutant."""

    COMPARISON = "comparison"  # another relation: `<` for `<=`
    ARITHMETIC = "arithmetic"  # another operator, or a sign lost
    BOOLEAN = "boolean"  # `or` for `and`, a `not` lost
    CONDITION = "condition"  # a negated condition
    CONSTANT = "constant"  # another number, text or truth value
    RETURN_VALUE = "return_value"  # None is returned, or yielded
    STATEMENT = "statement"  # a statement is missing


@dataclass(frozen=True, slots=True)
class Change:
    """A field of a node that gets another value; for a missing statement no field.

    Attributes:
        kind: what is wrong then.
        node: the node.
        place: the smallest part with a text of its own that the change concerns.
        field: the field of `node`; empty for a missing statement.
        value: its other value.
        f_string: the outermost f-string around it, if there is one.
    """

    kind: MutantKind
    node: ast.AST
    place: ast.expr | ast.stmt
    field: str
    value: Any
    f_string: ast.JoinedStr | None = None


def changes(tree: ast.Module) -> Iterator[Change]:
    """Every change that the operators can make, in the order of a walk from the top."""
    stack: list[tuple[ast.AST, ast.JoinedStr | None]] = [(tree, None)]
    while stack:
        node, f_string = stack.pop()
        if f_string is None and isinstance(node, ast.JoinedStr):
            f_string = node
        for kind, place, field, value in _node_changes(node):
            yield Change(kind, node, place, field, value, f_string)
        stack.extend((child, f_string) for child in reversed(list(_children(node))))


# --- operators: each yields kind, place, field and other value

_Found = Iterator[tuple[MutantKind, ast.expr | ast.stmt, str, Any]]


def _node_changes(node: ast.AST) -> _Found:
    for types, operator in _OPERATORS:
        if isinstance(node, types):
            yield from operator(node)


def _comparison(node: ast.Compare) -> _Found:
    for index, operator in enumerate(node.ops):
        for other in COMPARISONS[type(operator)]:
            yield MutantKind.COMPARISON, node, "ops", [*node.ops[:index], other(), *node.ops[index + 1 :]]


def _binary(node: ast.BinOp) -> _Found:
    if not _is_sequence(node):
        yield MutantKind.ARITHMETIC, node, "op", OPERATORS[type(node.op)]()


def _augmented(node: ast.AugAssign) -> _Found:
    if not _is_sequence(node.value):
        yield MutantKind.ARITHMETIC, node, "op", OPERATORS[type(node.op)]()


def _unary(node: ast.UnaryOp) -> _Found:
    if isinstance(node.op, ast.Not):
        yield MutantKind.BOOLEAN, node, "operand", ast.UnaryOp(op=ast.Not(), operand=node.operand)
    elif not isinstance(node.op, ast.UAdd):
        yield MutantKind.ARITHMETIC, node, "op", ast.UAdd()


def _boolean(node: ast.BoolOp) -> _Found:
    yield MutantKind.BOOLEAN, node, "op", ast.Or() if isinstance(node.op, ast.And) else ast.And()


def _condition(node: ast.If | ast.While | ast.IfExp) -> _Found:
    if _is_negatable(node.test):
        yield MutantKind.CONDITION, node.test, "test", ast.UnaryOp(op=ast.Not(), operand=node.test)


def _filter(node: ast.comprehension) -> _Found:
    for index, test in enumerate(node.ifs):
        if _is_negatable(test):
            negated = ast.UnaryOp(op=ast.Not(), operand=test)
            yield MutantKind.CONDITION, test, "ifs", [*node.ifs[:index], negated, *node.ifs[index + 1 :]]


def _returned(node: ast.Return | ast.Yield) -> _Found:
    value = node.value
    # To `return False` a None is often as good, and `return True` is a change of the literal.
    is_covered = isinstance(value, ast.Constant) and (value.value is None or isinstance(value.value, bool))
    if value is not None and not is_covered:
        yield MutantKind.RETURN_VALUE, node, "value", ast.Constant(value=None)


def _constant(node: ast.Constant) -> _Found:
    value = node.value
    other: object = None
    if isinstance(value, bool):
        other = not value
    elif isinstance(value, int | float):
        other = value + 1
    elif isinstance(value, str):
        other = "" if value else "mutant"
    elif isinstance(value, bytes):
        other = b"" if value else b"mutant"
    if other is not None:
        yield MutantKind.CONSTANT, node, "value", other


def _statement(node: ast.stmt) -> _Found:
    is_declaration = isinstance(node, ast.AnnAssign) and node.value is None
    has_value = isinstance(node, ast.Return) and node.value is not None  # that is another operator's
    if not is_declaration and not has_value:
        yield MutantKind.STATEMENT, node, "", None


_OPERATORS: tuple[tuple[tuple[type[ast.AST], ...], Callable[[Any], _Found]], ...] = (
    ((ast.Compare,), _comparison),
    ((ast.BinOp,), _binary),
    ((ast.AugAssign,), _augmented),
    ((ast.UnaryOp,), _unary),
    ((ast.BoolOp,), _boolean),
    ((ast.If, ast.While, ast.IfExp), _condition),
    ((ast.comprehension,), _filter),
    ((ast.Return, ast.Yield), _returned),
    ((ast.Constant,), _constant),
    (DELETABLE, _statement),
)


def _is_negatable(test: ast.expr) -> bool:
    """Whether a negated condition is a mutant that no change of a comparison, `not` or literal makes already."""
    is_comparison = isinstance(test, ast.Compare) and len(test.ops) == 1
    is_not = isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)
    return not (is_comparison or is_not or is_constant(test))


def _is_sequence(node: ast.expr) -> bool:
    """Whether an operand is a text or a list by its form: another operator is a TypeError there, and proves little."""
    if isinstance(node, ast.BinOp):
        is_left, is_right = _is_sequence(node.left), _is_sequence(node.right)
        is_joined = isinstance(node.op, ast.Add | ast.Mult) and (is_left or is_right)
        return is_joined or (isinstance(node.op, ast.Mod) and is_left)  # "%d" % number
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str | bytes)
    if isinstance(node, ast.Call):
        return _called(node) in SEQUENCE_CALLS
    if isinstance(node, ast.Subscript):
        return isinstance(node.slice, ast.Slice)
    return isinstance(node, ast.JoinedStr | ast.List | ast.Tuple | ast.ListComp)


# --- what is walked


def _children(node: ast.AST) -> Iterator[ast.AST]:
    """The parts of a node that decide what the code does."""
    if isinstance(node, ast.Raise) or (isinstance(node, ast.Call) and _called(node) in SKIPPED_CALLS):
        return
    for field, value in ast.iter_fields(node):
        if field in SKIPPED_FIELDS:
            continue
        if isinstance(value, ast.AST):
            yield value
        elif isinstance(value, list) and value and isinstance(value[0], ast.stmt):
            yield from _reached(node, field, value)
        elif isinstance(value, list):
            yield from _parts(node, value)


def _parts(owner: ast.AST, values: list[Any]) -> list[ast.AST]:
    """The nodes of a list; of an f-string one piece of text stands for all."""
    nodes = [value for value in values if isinstance(value, ast.AST)]
    if not isinstance(owner, ast.JoinedStr):
        return nodes
    texts = [node for node in nodes if isinstance(node, ast.Constant)]
    return [*texts[:1], *(node for node in nodes if not isinstance(node, ast.Constant))]


def _reached(owner: ast.AST, field: str, block: list[ast.stmt]) -> list[ast.stmt]:
    """The statements of a block that are reached and do something."""
    if isinstance(owner, ast.If | ast.While) and isinstance(owner.test, ast.Constant):
        is_taken = (field == "body") == bool(owner.test.value)
        block = block if is_taken else []
    block = cut_unreachable(block)
    if block and _is_idle_end(owner, block[-1]):
        block = block[:-1]
    return [statement for statement in block if not _is_left_alone(statement)]


def _is_idle_end(owner: ast.AST, last: ast.stmt) -> bool:
    """A `return` at the end of its function or a `continue` at the end of its loop: nothing is lost without it."""
    if isinstance(owner, ast.FunctionDef | ast.AsyncFunctionDef):
        return isinstance(last, ast.Return) and last.value is None
    return isinstance(owner, ast.For | ast.AsyncFor | ast.While) and isinstance(last, ast.Continue)


def _is_left_alone(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Import | ast.ImportFrom) or type(statement).__name__ == "TypeAlias":
        return True
    if isinstance(statement, ast.FunctionDef) and statement.name == "__repr__":
        return True
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        return all(isinstance(target, ast.Name) and _is_dunder(target.id) for target in targets)
    return is_text(statement) or is_guard(statement) or _is_telling(statement)


def _is_dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _is_telling(statement: ast.stmt) -> bool:
    """Whether this only prints, logs or warns: `print(x)`, `logger.info(x)`, `sys.stdout.write(x)`."""
    if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Call):
        return False
    called = statement.value.func
    if not isinstance(called, ast.Attribute):
        return _called(statement.value) in TELLING_NAMES
    owner = called.value
    name = owner.attr if isinstance(owner, ast.Attribute) else owner.id if isinstance(owner, ast.Name) else ""
    return name.lower() in TELLING_OWNERS


def _called(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""
