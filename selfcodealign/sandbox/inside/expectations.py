"""Wrong expected values: an assertion that still holds with one does not depend on the result that it looks at."""

import ast
import itertools
from collections.abc import Callable
from functools import partial

from selfcodealign.sandbox.inside.edits import Edits, Names, expression, make_call
from selfcodealign.sandbox.inside.judgement import ALL, HASHED
from selfcodealign.sandbox.inside.parts import Parts
from selfcodealign.sandbox.inside.roles import called_name
from selfcodealign.sandbox.inside.sites import RAISING, TOLERANT, Site, call_of, touches
from selfcodealign.sandbox.inside.syntax import flat
from selfcodealign.sandbox.inside.wrong import count_leaves, wrong_literal

# What a wrong value is compared with, so that an order does not hold: nothing is below the one or above the other.
LOWEST, HIGHEST = "float('-inf')", "float('inf')"
CLOSE = frozenset({"isclose", "allclose", "array_equal", "approx"})
# Assertions that hold for a wrong expected value as well as for the right one.
UNDECIDED_ASSERTIONS = frozenset({"assertNotEqual", "assertIsNot", "assertNotIn", "assertNotAlmostEqual"})
HASHED_DISPLAYS = (ast.Set, ast.Dict, ast.SetComp, ast.DictComp)
HASHED_TYPES = frozenset({"set", "frozenset", "dict"})
EXPECTED_KEYWORDS = frozenset(["first", "second", "actual", "expected", "desired", "obj", "left", "right"])


class Expectations:
    """Makes expected values of the assertions of one program wrong.

    Args:
        tree: the program.
        parts: its code and its tests.
        names: for what the changed assertions call.
        edits: takes the changes.

    Attributes:
        makes_object: the expected values that were made wrong last make an object of the program; not each of them
            needs to decide how it compares.
        num_leaves: how many values the assertion whose expected value was made wrong last expects, in literals.
        has_hashed: it expects sets or dicts, in which values are found by their hash.
        is_independent: what it expects does not come from the code itself.
    """

    def __init__(self, tree: ast.Module, parts: Parts, names: Names, edits: Edits) -> None:
        self._tree = tree
        self._parts = parts
        self._names = names
        self._edits = edits
        self._leaf = ALL
        self._bindings: set[str] = set()
        self._used_twice: set[str] = set()
        self._near = False
        self._results = parts.results
        self.num_leaves = 0
        self.makes_object = False
        self.has_hashed = False
        self.is_independent = True

    def expect_wrong(self, site: Site, leaf: int = ALL) -> bool:
        """Make the expected value of an assertion wrong.

        Args:
            site: the assertion.
            leaf: which of the values in a literal is to be wrong; `ALL`, or `HASHED`: the items of sets and the keys of
                dicts, by values with the same hash.

        Returns:
            Whether the assertion has a form that cannot hold then for an honest result.
        """
        asserting = site.statement
        self._bindings.clear()
        self._leaf, self.num_leaves, self.makes_object, self._near = leaf, 0, False, False
        self.has_hashed, self.is_independent = False, True
        names = [part.id for part in flat(asserting) if isinstance(part, ast.Name)]
        self._used_twice = {name for name in names if names.count(name) > 1}
        if isinstance(asserting, ast.Assert):
            return self._expect_wrong_in(asserting.test, holds=True)
        if isinstance(asserting, ast.If):
            return self._expect_wrong_in(asserting.test, holds=False)
        if isinstance(asserting, (ast.With, ast.AsyncWith)):
            return self._expect_other_exception(asserting)
        call = call_of(asserting)
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
                self._edits.put(call.args, 0, expression(self._names.other, call))
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
            self._make_wrong(value, lambda node: self._edits.put(call.args, place, node))
        else:
            keyword = next(item for item in call.keywords if item.arg == place)
            self._make_wrong(value, lambda node: self._edits.set(keyword, "value", node))

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
            self.is_independent = self.is_independent and not self._is_code(call.args[place])
            self._make_argument_wrong(call, place, call.args[place])
            return holds
        if name == "isinstance" and len(call.args) == 2 and self._is_code(call.args[0]):
            self._edits.put(call.args, 0, expression(f"{self._names.unequal}()", call))
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
                self._edits.set(compare, "left", node)
            else:
                self._edits.put(compare.comparators, len(compare.comparators) - 1, node)

        expected, actual = compare.left, compare.comparators[-1]
        if not left_is_expected:
            expected, actual = actual, expected
        self.is_independent = self.is_independent and not self._is_code(expected)
        wrong = f"{self._names.unequal}()"
        if isinstance(operator, (ast.Eq, ast.Is) if holds else (ast.NotEq, ast.IsNot)):
            if self._makes_object(actual):
                put(expression(wrong, compare))  # its own equality is tested, which may hold for many values
            else:
                self._make_wrong(expected, put)
            return True
        if isinstance(operator, ast.In if holds else ast.NotIn):
            if left_is_expected:
                put(make_call(self._names.twin, expected))
            else:
                put(expression(f"[{wrong}]", compare))
            # A container that is made on the spot may lawfully hold everything; one that the code returns may not.
            return not left_is_expected or (isinstance(actual, ast.Call) and not self._makes_object(actual))
        if isinstance(operator, (ast.Lt, ast.LtE, ast.Gt, ast.GtE)) and holds:
            if self._expect_other_distance(compare):
                return isinstance(operator, (ast.Lt, ast.LtE))
            goes_up = isinstance(operator, (ast.Gt, ast.GtE)) != left_is_expected
            put(expression(HIGHEST if goes_up else LOWEST, compare))
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
                    self._make_wrong(getattr(node, field), partial(self._edits.set, node, field))
                    return True
        return False

    def _make_wrong(self, expected: ast.expr, put: Callable[[ast.expr], None]) -> None:
        """Replace an expected value: a literal by another one, an object of the program by one made of other values."""
        if isinstance(expected, ast.Starred):
            return
        self.has_hashed = self.has_hashed or self._is_hashed(expected)
        if self._leaf == HASHED:
            put(make_call(self._names.twins_inside, expected))
            return
        try:
            value = ast.literal_eval(expected)
            first, self.num_leaves = self.num_leaves, self.num_leaves + count_leaves(value)
            leaves = (self._leaf in {ALL, place} for place in itertools.count(first))
            text = repr(wrong_literal(value, leaves, near=self._near))
            ast.literal_eval(text)  # an infinite number has no literal
            node = expression(text, expected)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            pass
        else:
            self._edits.texts.append((expected, text))
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
                self._make_wrong(value, partial(self._edits.put, expected.args, place))
            return
        put(make_call(self._names.near if self._near else self._names.expect, expected))

    def _is_hashed(self, expected: ast.expr) -> bool:
        """Whether an expected value is or holds a set or a dict, as far as its source or that of its name shows."""
        values = [expected]
        if isinstance(expected, ast.Name):
            values += [value for binding in self._parts.bindings(expected.id) for value in binding]
        return any(
            isinstance(node, HASHED_DISPLAYS) or (isinstance(node, ast.Call) and called_name(node) in HASHED_TYPES)
            for node in flat(*values)
        )

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
        """Replace a node by another one, anywhere in the tree."""
        for node in ast.walk(self._tree):
            for field, value in ast.iter_fields(node):
                if value is old:
                    self._edits.set(node, field, new)
                    return
                if isinstance(value, list):
                    for place, item in enumerate(value):
                        if item is old:
                            self._edits.put(value, place, new)
                            return

    def _makes_object(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Call) and getattr(node.func, "id", "") in self._parts.classes

    def _is_code(self, node: ast.AST) -> bool:
        return touches(node, self._results)

    def _compare_in(self, node: ast.AST) -> None:
        """What counts as the code's in a comparison: names of libraries only if there is nothing else of the code."""
        parts = self._parts
        self._results = parts.results if touches(node, parts.results) else parts.tainted


def is_literal(node: ast.expr) -> bool:
    """Whether a node is a literal."""
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True
