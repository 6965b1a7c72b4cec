"""Counterfactual copies of a program: its code broken, an expected value made wrong, or failures made fatal.

Each copy is made by editing the syntax tree in place; `undo` gives the program back. Names that the copies use are
drawn anew for each process and stand in `builtins`, so that a copy also runs from a file.
"""

import ast
import builtins
import itertools
import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from selfcodealign.sandbox.inside.parts import Parts
from selfcodealign.sandbox.inside.roles import FUNCTIONS, called_name
from selfcodealign.sandbox.inside.sites import RAISING, TOLERANT, Site, call_of, find_sites, is_weak, touches
from selfcodealign.sandbox.inside.syntax import flat
from selfcodealign.sandbox.inside.wrong import (
    MAKERS,
    OtherError,
    Scrambler,
    count_leaves,
    near_expected,
    new_instance,
    unequal,
    wrong_expected,
    wrong_literal,
)

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda
# Methods whose body stays: without them there is no object whose results could be wrong.
KEPT_METHODS = frozenset(
    {
        *("__init__", "__post_init__", "__set_name__", "__del__", "__class_getitem__", "__prepare__"),
        *("__getstate__", "__setstate__", "__reduce__", "__reduce_ex__", "__getattribute__"),
    }
)
# What the interpreter demands of some methods; the texts are expressions.
DEMANDED = {
    **dict.fromkeys(("__exit__", "__aexit__", "__init_subclass__"), "None"),
    **dict.fromkeys(("__str__", "__repr__", "__format__"), "str({make}())"),
    **dict.fromkeys(("__len__", "__length_hint__", "__index__", "__hash__"), "len(str({make}()))"),
    **dict.fromkeys(("__int__", "__trunc__"), "918273645"),
    **dict.fromkeys(("__float__", "__complex__"), "918273645.0"),
    "__bytes__": "b'wrong'",
    "__bool__": "bool({make}())",
    "__iter__": "iter(({make}(),))",
    "__await__": "iter(())",
}
ENDLESS = {"__next__": "StopIteration", "__anext__": "StopAsyncIteration"}
# What a wrong value is compared with, so that an order does not hold: nothing is below the one or above the other.
LOWEST, HIGHEST = "float('-inf')", "float('inf')"
BUILTINS = frozenset(dir(builtins))
CLOSE = frozenset({"isclose", "allclose", "array_equal", "approx"})
# Assertions that hold for a wrong expected value as well as for the right one.
UNDECIDED_ASSERTIONS = frozenset({"assertNotEqual", "assertIsNot", "assertNotIn", "assertNotAlmostEqual"})
EXPECTED_KEYWORDS = frozenset(["first", "second", "actual", "expected", "desired", "obj", "left", "right"])


class Names:
    """The names under which a copy finds what it needs, drawn for one process."""

    def __init__(self) -> None:
        nonce = os.urandom(8).hex()
        names = [f"__{nonce}{kind}__" for kind in "abcdefgh"]
        self.make, self.scramble, self.expect, self.fatal, self.unequal, self.new, self.other, self.near = names

    def bind(self, breaking: str, on_failure: Callable[[], Any]) -> None:
        """Put what the names stand for into `builtins`.

        Args:
            breaking: key of `MAKERS`.
            on_failure: called when an assertion fails in a hardened copy.
        """
        space = vars(builtins)
        make = MAKERS[breaking]
        space.update(
            {
                self.make: make,
                self.scramble: Scrambler(make),
                self.expect: wrong_expected,
                self.fatal: on_failure,
                self.unequal: unequal,
                self.new: new_instance,
                self.other: OtherError,
                self.near: near_expected,
            }
        )

    def unbind(self) -> None:
        """Take the names out of `builtins`."""
        for name in (self.make, self.scramble, self.expect, self.fatal, self.unequal, self.new, self.other, self.near):
            vars(builtins).pop(name, None)


class Copies:
    """Makes copies of one program.

    Args:
        source: its text.
        tree: the same, parsed; it is changed while a copy is in use.
        parts: its code and its tests.
        names: for what the copies call.

    Attributes:
        sites: the assertions of the tests.
        makes_object: those values make an object of the program; not each of them needs to decide how it compares.
        num_leaves: how many values the assertion whose expected value was made wrong last expects, in literals.
    """

    def __init__(self, source: str, tree: ast.Module, parts: Parts, names: Names) -> None:
        self._source = source
        self._tree = tree
        self._parts = parts
        self._names = names
        self._undo: list[Callable[[], None]] = []
        self._texts: list[tuple[ast.expr, str]] = []
        self._leaf = -1
        self._breaks_init = False
        self._bindings: set[str] = set()
        self._used_twice: set[str] = set()
        self._near = False
        self._results = parts.results
        self.num_leaves = 0
        self.makes_object = False
        self.sites = list(find_sites(tree, parts))

    def undo(self) -> None:
        """Give the program back as it was."""
        while self._undo:
            self._undo.pop()()
        self._texts.clear()

    @property
    def can_break(self) -> bool:
        """Whether there is code to break."""
        return bool(self._parts.code or self._parts.assignments)

    def text(self) -> str:
        """The source with the literals that the copy has; a program that reads its own source finds these."""
        lines = self._source.encode("utf-8", "surrogatepass").splitlines(keepends=True)
        for node, text in sorted(self._texts, key=lambda edit: (edit[0].lineno, edit[0].col_offset), reverse=True):
            first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
            before, after = lines[first][: node.col_offset], lines[last][node.end_col_offset :]
            lines[first : last + 1] = [before + text.encode() + after, *[b"\n"] * (last - first)]
        return b"".join(lines).decode("utf-8", "surrogatepass")

    @property
    def has_only_literals(self) -> bool:
        """Whether the copy differs from the program in literals alone, all of which `text` has."""
        return len(self._undo) == len(self._texts) > 0

    # --- the code broken

    @property
    def shadows(self) -> bool:
        """Whether the code defines, beside other code, what the tests take for builtins: `len`, `sorted`, `all`."""
        return bool(self._parts.names & BUILTINS) and bool(self._parts.names - BUILTINS)

    def break_code(self, *, with_init: bool = False, keep: frozenset[str] = frozenset()) -> None:
        """All code under test gives wrong results, and does nothing else.

        Args:
            with_init: objects are not initialized either; else they are, and then hold wrong values.
            keep: names of definitions that stay as they are.
        """
        self._breaks_init = with_init
        for block in self._parts.blocks:
            for index, statement in enumerate(block):
                if is_weak(statement):
                    self._put(block, index, ast.copy_location(ast.Pass(), statement))
        for definition in self._parts.code:
            if getattr(definition, "name", "") not in keep:
                self._break(definition)
        for assignment in self._parts.assignments:
            self._set(assignment, "value", self._expression(f"{self._names.make}()", assignment))

    def _break(self, definition: Definition) -> None:
        if isinstance(definition, ast.Lambda):
            self._set(definition, "body", self._expression(f"{self._names.make}()", definition))
        elif isinstance(definition, ast.ClassDef):
            self._break_class(definition)
        else:
            self._break_function(definition, is_sequence=False)

    def _break_class(self, definition: ast.ClassDef) -> None:
        methods = [item for item in definition.body if isinstance(item, FUNCTIONS)]
        is_sequence = "__iter__" not in {method.name for method in methods}
        for item in definition.body:
            if isinstance(item, ast.ClassDef):
                self._break_class(item)
            elif isinstance(item, FUNCTIONS) and (item.name not in KEPT_METHODS or self._is_broken_init(item)):
                self._break_function(item, is_sequence=is_sequence)
            elif isinstance(item, (ast.Assign, ast.AnnAssign)) and isinstance(item.value, ast.Lambda):
                self._break(item.value)
        fields = " ".join(sorted(_fields(definition)))
        decorator = self._expression(f"{self._names.scramble}({fields!r})", definition)
        self._set(definition, "decorator_list", [decorator, *definition.decorator_list])

    def _is_broken_init(self, method: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
        return self._breaks_init and method.name in {"__init__", "__post_init__"}

    def _break_function(self, function: ast.FunctionDef | ast.AsyncFunctionDef, *, is_sequence: bool) -> None:
        first = function.body[0]
        text = f"{self._names.make}()"
        is_generator = any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in _own_nodes(function))
        if function.name in ENDLESS:
            text = f"raise {ENDLESS[function.name]}"
        elif is_generator:
            text = f"yield {text}"
        elif function.name in {"__init__", "__post_init__"}:
            text = "return None"
        elif function.name == "__new__":
            text = f"return {self._names.new}({_first_parameter(function)})"
        elif function.name in DEMANDED:
            text = "return " + DEMANDED[function.name].format(make=self._names.make)
        elif function.name == "__getitem__" and is_sequence:
            text = f"return {text} if {_last_parameter(function)} != 3 else [][0]"  # old-style iteration has an end
        else:
            text = f"return {text}"
        body = [_located(ast.parse(text).body[0], first)]
        if ast.get_docstring(function, clean=False) is not None:
            body.insert(0, first)
        self._set(function, "body", body)

    # --- an expected value made wrong

    def expect_wrong(self, site: Site, leaf: int = -1) -> bool:
        """Make the expected value of an assertion wrong.

        Args:
            site: the assertion.
            leaf: which of the values in a literal is to be wrong; -1: all.

        Returns:
            Whether the assertion has a form that cannot hold then for an honest result.
        """
        statement = site.statement
        self._bindings.clear()
        self._leaf, self.num_leaves, self.makes_object, self._near = leaf, 0, False, False
        names = [part.id for part in flat(statement) if isinstance(part, ast.Name)]
        self._used_twice = {name for name in names if names.count(name) > 1}
        if isinstance(statement, ast.Assert):
            return self._expect_wrong_in(statement.test, holds=True)
        if isinstance(statement, ast.If):
            return self._expect_wrong_in(statement.test, holds=False)
        if isinstance(statement, (ast.With, ast.AsyncWith)):
            return self._expect_other_exception(statement)
        call = call_of(statement)
        return call is not None and self._expect_wrong_of_call(call)

    def _expect_wrong_of_call(self, call: ast.Call) -> bool:
        name = called_name(call)
        if name in {"assertTrue", "assert_", "assertFalse"} and call.args:
            return self._expect_wrong_in(call.args[0], holds=name != "assertFalse")
        if name in self._parts.test_names:
            return self._expect_wrong_of_helper(call, name)
        return self._expect_wrong_of_assertion(call, name)

    def _expect_other_exception(self, statement: ast.With | ast.AsyncWith) -> bool:
        for item in statement.items:
            call = item.context_expr
            if isinstance(call, ast.Call) and called_name(call) in RAISING and call.args:
                self._put(call.args, 0, self._expression(self._names.other, call))
        return True

    def _expect_wrong_of_helper(self, call: ast.Call, name: str) -> bool:
        """A helper of the tests is given what is expected: an argument that is not the code's, and that it compares."""
        self._compare_in(call)
        compared = self._parts.compared_parameters(name)
        is_decisive = False
        values = [*enumerate(call.args), *[(keyword.arg, keyword.value) for keyword in call.keywords]]
        if call.args and isinstance(call.args[0], (ast.Compare, ast.UnaryOp, ast.BoolOp)):
            return self._expect_wrong_in(call.args[0], holds=True)
        for place, value in values:
            if place in compared and not self._is_code(value):
                self._make_argument_wrong(call, place, value)
                is_decisive = True
        return is_decisive

    def _expect_wrong_of_assertion(self, call: ast.Call, name: str) -> bool:
        if name in UNDECIDED_ASSERTIONS:
            return False
        self._compare_in(call)
        values: list[tuple[int | str | None, ast.expr]] = [*enumerate(call.args[:2])]
        values += [(item.arg, item.value) for item in call.keywords if item.arg in EXPECTED_KEYWORDS]
        expected = [(place, value) for place, value in values if not self._is_code(value)]
        if len(values) < 2 or not expected:
            return False
        self._near = any(part in name for part in TOLERANT)
        self._make_argument_wrong(call, *expected[-1])
        return "qual" in name or "Is" in name or "close" in name

    def _make_argument_wrong(self, call: ast.Call, place: int | str | None, value: ast.expr) -> None:
        if isinstance(place, int):
            self._make_wrong(value, lambda node: self._put(call.args, place, node))
        else:
            keyword = next(item for item in call.keywords if item.arg == place)
            self._make_wrong(value, lambda node: self._set(keyword, "value", node))

    def _expect_wrong_in(self, test: ast.expr, *, holds: bool) -> bool:
        """Make a condition wrong.

        Args:
            test: the condition.
            holds: whether it must hold; else it must not.

        Returns:
            Whether it cannot be as it must be then.
        """
        while isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            test, holds = test.operand, not holds
        if isinstance(test, ast.BoolOp):
            # All of `and` must hold, none of `or` may hold: the other way round it takes every one of them.
            each = [self._expect_wrong_in(value, holds=holds) for value in test.values]
            return any(each) if isinstance(test.op, ast.And) == holds else all(each)
        if isinstance(test, ast.Compare):
            return self._expect_wrong_side(test, holds=holds)
        if isinstance(test, ast.Call):
            return self._expect_wrong_call(test, holds=holds)
        compares = [node for node in flat(test) if isinstance(node, ast.Compare)]
        each = [self._expect_wrong_side(compare, holds=holds) for compare in compares]
        return bool(each) and all(each)

    def _expect_wrong_call(self, call: ast.Call, *, holds: bool) -> bool:
        self._compare_in(call)
        name = called_name(call)
        if name in CLOSE and len(call.args) >= 2:
            self._near = True
            place = 0 if self._is_code(call.args[1]) and not self._is_code(call.args[0]) else 1
            self._make_argument_wrong(call, place, call.args[place])
            return holds
        if name == "isinstance" and len(call.args) == 2 and self._is_code(call.args[0]):
            self._put(call.args, 0, self._expression(f"{self._names.unequal}()", call))
            return holds
        compares = [node for node in flat(call) if isinstance(node, ast.Compare)]
        each = [self._expect_wrong_side(compare, holds=holds) for compare in compares]
        return bool(each) and all(each) and name != "any"

    def _expect_wrong_side(self, compare: ast.Compare, *, holds: bool) -> bool:
        self._compare_in(compare)
        operator = compare.ops[-1]
        left_is_expected = (
            len(compare.ops) == 1 and self._is_code(compare.comparators[0]) and not self._is_code(compare.left)
        )

        def put(node: ast.expr) -> None:
            if left_is_expected:
                self._set(compare, "left", node)
            else:
                self._put(compare.comparators, len(compare.comparators) - 1, node)

        expected, actual = compare.left, compare.comparators[-1]
        if not left_is_expected:
            expected, actual = actual, expected
        wrong = f"{self._names.unequal}()"
        if isinstance(operator, (ast.Eq, ast.Is) if holds else (ast.NotEq, ast.IsNot)):
            if self._makes_object(actual):
                put(self._expression(wrong, compare))  # its own equality is tested, which may hold for many values
            else:
                self._make_wrong(expected, put)
            return True
        if isinstance(operator, ast.In if holds else ast.NotIn):
            put(self._expression(wrong if left_is_expected else f"[{wrong}]", compare))
            # A container that is made on the spot may lawfully hold everything; one that the code returns may not.
            return not left_is_expected or (isinstance(actual, ast.Call) and not self._makes_object(actual))
        if isinstance(operator, (ast.Lt, ast.LtE, ast.Gt, ast.GtE)) and holds:
            if self._expect_other_distance(compare):
                return isinstance(operator, (ast.Lt, ast.LtE))
            goes_up = isinstance(operator, (ast.Gt, ast.GtE)) != left_is_expected
            put(self._expression(HIGHEST if goes_up else LOWEST, compare))
            return True
        return False

    def _expect_other_distance(self, compare: ast.Compare) -> bool:
        """`abs(result - expected) < 1e-9`: the expected value is in the difference."""
        for node in flat(compare):
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
                left_is_code, right_is_code = self._is_code(node.left), self._is_code(node.right)
                if left_is_code != right_is_code:
                    self._near = True
                    field = "right" if left_is_code else "left"
                    self._make_wrong(getattr(node, field), partial(self._set, node, field))
                    return True
        return False

    def _make_wrong(self, expected: ast.expr, put: Callable[[ast.expr], None]) -> None:
        """Replace an expected value: a literal by another one, an object of the program by one made of other values."""
        if isinstance(expected, ast.Starred):
            return
        try:
            value = ast.literal_eval(expected)
            first, self.num_leaves = self.num_leaves, self.num_leaves + count_leaves(value)
            leaves = (self._leaf in {-1, place} for place in itertools.count(first))
            text = repr(wrong_literal(value, leaves, near=self._near))
            ast.literal_eval(text)  # an infinite number has no literal
            node = self._expression(text, expected)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            pass
        else:
            self._texts.append((expected, text))
            put(node)
            return
        if isinstance(expected, ast.Name) and self._make_binding_wrong(expected.id):
            return
        self._near = self._near or (isinstance(expected, ast.Call) and called_name(expected) in CLOSE)
        makes_object = isinstance(expected, ast.Call) and (
            self._is_code(expected.func) or called_name(expected) in CLOSE
        )
        if isinstance(expected, ast.Call) and makes_object and expected.args:
            self.makes_object = True
            for place, value in enumerate(expected.args):
                self._make_wrong(value, partial(self._put, expected.args, place))
            return
        call = self._expression(f"{self._names.near if self._near else self._names.expect}(0)", expected)
        call.args[0] = expected  # type: ignore[attr-defined]
        put(call)

    def _make_binding_wrong(self, name: str) -> bool:
        """Make a value wrong where a name is bound to it: code under test might read the name.

        Returns:
            Whether all its bindings are literals, assigned or looped over.
        """
        if name in self._bindings:
            return True
        if name in self._used_twice:
            return False  # the code is given it as well: its result would follow
        found = self._parts.bindings(name)
        values = [value for binding in found for value in binding]
        if not all(found) or not values or not all(map(is_literal, values)):
            return False
        self._bindings.add(name)
        for value in values:
            self._make_wrong(value, partial(self._replace_node, value))
        return True

    def _replace_node(self, old: ast.expr, new: ast.expr) -> None:
        """Put a node into the place of another one, wherever that is."""
        for node in ast.walk(self._tree):
            for field, value in ast.iter_fields(node):
                if value is old:
                    self._set(node, field, new)
                    return
                if isinstance(value, list):
                    for place, item in enumerate(value):
                        if item is old:
                            self._put(value, place, new)
                            return

    def _makes_object(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Call) and getattr(node.func, "id", "") in self._parts.classes

    def _is_code(self, node: ast.AST) -> bool:
        return touches(node, self._results)

    def _compare_in(self, node: ast.AST) -> None:
        """What counts as the code's in a comparison: names of libraries only if there is nothing else of the code."""
        parts = self._parts
        self._results = parts.results if touches(node, parts.results) else parts.tainted

    def expect_other_output(self) -> None:
        """Make the expected output of every doctest wrong."""
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and ">>>" in node.value:
                self._set(node, "value", _other_output(node.value))

    # --- an assertion that fails, and failures that are fatal

    def fail(self, site: Site) -> None:
        """Make an assertion fail whatever it says."""
        self._put(site.block, site.index, _located(ast.parse("raise AssertionError").body[0], site.statement))

    def fail_all(self) -> None:
        """Make every assertion about the code fail."""
        for site in self.sites:
            if site.is_about_code:
                self.fail(site)

    def mute(self) -> None:
        """Leave out every assertion about the code."""
        for site in self.sites:
            if site.is_about_code:
                self._put(site.block, site.index, ast.copy_location(ast.Pass(), site.statement))

    def harden(self) -> None:
        """Make failures of the tests fatal where they could be caught."""
        by_block: dict[int, list[Site]] = {}
        for site in self.sites:
            if site.is_about_code:
                by_block.setdefault(id(site.block), []).append(site)
        for sites in by_block.values():
            for site in sites:
                text = f"try:\n    pass\nexcept BaseException:\n    {self._names.fatal}()\n    raise"
                guarded = _located(ast.parse(text).body[0], site.statement)
                guarded.body = [_without_message(site.statement)]
                self._put(site.block, site.index, guarded)

    # --- edits

    def _set(self, node: ast.AST, field: str, value: object) -> None:
        before = getattr(node, field)
        self._undo.append(lambda: setattr(node, field, before))
        setattr(node, field, value)

    def _put(self, values: list[Any], index: int, value: ast.AST) -> None:
        before = values[index]
        self._undo.append(lambda: values.__setitem__(index, before))
        values[index] = value

    def _replace(self, values: list[ast.expr], index: int, text: str) -> None:
        self._put(values, index, self._expression(text, values[index]))

    @staticmethod
    def _expression(text: str, where: ast.AST) -> ast.expr:
        parsed: ast.expr = _located(ast.parse(text, mode="eval").body, where)
        return parsed


def is_literal(node: ast.expr) -> bool:
    """Whether a node is a literal."""
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def _located(node: Any, where: ast.AST) -> Any:
    for part in ast.walk(node):
        if "lineno" in part._attributes:
            ast.copy_location(part, where)
    return node


def _without_message(statement: ast.stmt) -> ast.stmt:
    """An assertion's message may raise, or wait for ever, before the failure is known."""
    if not isinstance(statement, ast.Assert):
        return statement
    return ast.copy_location(ast.Assert(test=statement.test, msg=None), statement)


def _first_parameter(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    listed = [*function.args.posonlyargs, *function.args.args]
    return listed[0].arg if listed else "object"


def _last_parameter(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    listed = [*function.args.posonlyargs, *function.args.args]
    return listed[-1].arg if listed else "0"


def _own_nodes(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.AST]:
    """The nodes of a function's body without those of inner functions, classes and lambdas."""
    stack: list[ast.AST] = list(function.body)
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, (*FUNCTIONS, ast.ClassDef, ast.Lambda)):
            stack.extend(ast.iter_child_nodes(node))


def _fields(definition: ast.ClassDef) -> set[str]:
    """Names that a class gives to fields: `self.name = ...`, and annotations in its body."""
    annotated = [item.target for item in definition.body if isinstance(item, ast.AnnAssign)]
    found = {target.id for target in annotated if isinstance(target, ast.Name)}
    for method in definition.body:
        if not isinstance(method, FUNCTIONS) or not method.args.args:
            continue
        this = method.args.args[0].arg
        for node in flat(*method.body):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and _is_named(node.value, this):
                found.add(_mangled(node.attr, definition.name))
    return found


def _is_named(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _mangled(name: str, owner: str) -> str:
    is_private = name.startswith("__") and not name.endswith("__")
    return f"_{owner.lstrip('_')}{name}" if is_private else name


def _other_output(docstring: str) -> str:
    lines, is_output = [], False
    for line in docstring.split("\n"):
        is_source = line.lstrip().startswith((">>>", "..."))
        is_output = bool(line.strip()) and (is_output or is_source)
        lines.append(line if is_source or not is_output else f"{line} wrong")
    return "\n".join(lines)
