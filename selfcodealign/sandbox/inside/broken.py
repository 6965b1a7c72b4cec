"""Broken code: all code under test returns wrong results and has no other effect."""

import ast
from collections.abc import Iterator

from selfcodealign.sandbox.inside.edits import Edits, Names, expression, make_call, statement
from selfcodealign.sandbox.inside.parts import Parts
from selfcodealign.sandbox.inside.roles import FUNCTIONS
from selfcodealign.sandbox.inside.sites import is_weak, test_nodes, touches
from selfcodealign.sandbox.inside.syntax import Function, flat

Definition = Function | ast.ClassDef | ast.Lambda
# Methods that keep their body: objects are still made, copied and pickled, so that they can have wrong results.
KEPT_METHODS = frozenset(
    {
        *("__init__", "__post_init__", "__set_name__", "__del__", "__class_getitem__", "__prepare__"),
        *("__getstate__", "__setstate__", "__reduce__", "__reduce_ex__", "__getattribute__"),
    }
)
# Results of the types that the interpreter requires of some methods, as expressions.
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


class CodeBreaker:
    """Breaks the code under test of one program.

    Args:
        parts: its code and its tests.
        names: for what the broken code calls.
        edits: takes the changes.
    """

    def __init__(self, parts: Parts, names: Names, edits: Edits) -> None:
        self._parts = parts
        self._names = names
        self._edits = edits
        self._breaks_init = False
        self._spoils = False

    def break_code(self, *, with_init: bool = False, keep: frozenset[str] = frozenset(), spoils: bool = False) -> None:
        """Make all code under test return wrong results, without any other effect.

        Args:
            with_init: objects are not initialized either; else they are, and then hold wrong values.
            keep: names of definitions that stay as they are.
            spoils: functions fill their first argument with wrong values and return it, if it can be changed in place.
        """
        self._breaks_init = with_init
        self._spoils = spoils
        for node in test_nodes(self._parts):
            self._unpack(node)
        for block in self._parts.blocks:
            for index, node in enumerate(block):
                if is_weak(node):
                    self._edits.put(block, index, ast.copy_location(ast.Pass(), node))
        for definition in self._parts.code:
            if getattr(definition, "name", "") not in keep:
                self._break(definition)
        for assignment in self._parts.assignments:
            self._edits.set(assignment, "value", expression(f"{self._names.make}()", assignment))

    def _unpack(self, node: ast.AST) -> None:
        """Let the tests unpack a wrong result: otherwise they stop before they assert anything about its parts."""
        parts, names = self._parts, self._names
        if isinstance(node, ast.Assign):
            targets, field, unpack = node.targets, "value", names.unpacked
        elif isinstance(node, (ast.For, ast.comprehension)):
            targets, field, unpack = [node.target], "iter", names.each_unpacked
        else:
            return
        value = getattr(node, field)
        count = next((len(target.elts) for target in targets if isinstance(target, (ast.Tuple, ast.List))), 0)
        if count and touches(value, parts.tainted):
            self._edits.set(node, field, make_call(unpack, value, str(count)))

    def _break(self, definition: Definition) -> None:
        if isinstance(definition, ast.Lambda):
            self._edits.set(definition, "body", expression(self._wrong(definition), definition))
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
        decorator = expression(f"{self._names.scramble}({fields!r})", definition)
        self._edits.set(definition, "decorator_list", [decorator, *definition.decorator_list])

    def _is_broken_init(self, method: Function) -> bool:
        return self._breaks_init and method.name in {"__init__", "__post_init__"}

    def _wrong(self, function: Function | ast.Lambda) -> str:
        """What a broken function returns, as an expression."""
        if not self._spoils:
            return f"{self._names.make}()"
        listed = [argument.arg for argument in [*function.args.posonlyargs, *function.args.args]]
        return f"{self._names.spoiled}({', '.join(listed)})"

    def _break_function(self, function: Function, *, is_sequence: bool) -> None:
        first = function.body[0]
        text = self._wrong(function)
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
        body = [statement(text, first)]
        if ast.get_docstring(function, clean=False) is not None:
            body.insert(0, first)
        self._edits.set(function, "body", body)


def _first_parameter(function: Function) -> str:
    listed = [*function.args.posonlyargs, *function.args.args]
    return listed[0].arg if listed else "object"


def _last_parameter(function: Function) -> str:
    listed = [*function.args.posonlyargs, *function.args.args]
    return listed[-1].arg if listed else "0"


def _own_nodes(function: Function) -> Iterator[ast.AST]:
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
