"""Which definitions of a program are tests: told from what they do, not from their names.

A test asserts about other definitions of the program, or takes their results, and has no result of its own. Whatever
calls tests, collects them or builds them is a test, too. Everything else is code under test.
"""

import ast
from collections.abc import Iterator, Sequence

from selfcodealign.sandbox.inside.syntax import Function, flat

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
DEFINITIONS = (*FUNCTIONS, ast.ClassDef)
SCOPES = (*DEFINITIONS, ast.Lambda)
# Methods that change the object they are called on: a function that calls one on its parameter does its work there.
MUTATORS = frozenset(
    {
        *("add", "append", "appendleft", "clear", "discard", "extend", "insert", "pop", "popleft", "popitem", "push"),
        *("put", "remove", "reverse", "setdefault", "sort", "update", "write"),
    }
)
CHECKS = ("assert", "fail", "raises", "warns", "deprecated_call")
Definition = Function | ast.ClassDef


def definitions(tree: ast.AST) -> Iterator[Definition]:
    """All functions and classes that are not methods."""
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, DEFINITIONS) and not isinstance(node, ast.ClassDef):
                yield child
            stack.append(child)


def test_names(tree: ast.Module, listed: Sequence[Definition], own: set[str]) -> set[str]:
    """Names of the definitions that are tests.

    Args:
        tree: the program.
        listed: its definitions, as `definitions` gives them.
        own: names of all that could be code under test.
    """
    outer = {node.name for node in tree.body if isinstance(node, DEFINITIONS)}
    nested = {inner.name for node in listed for inner in definitions(node)} - outer
    # A definition at the top level counts, not one of the same name that is nested in another definition.
    counted = [node for node in listed if node in tree.body or node.name not in outer]
    facts = {node.name: _Facts(node, own, outer, is_nested=node.name in nested) for node in counted}
    fed, consumers = _fed(tree, own), _consumers(tree, own)
    variables = {
        part.id
        for node in tree.body
        if isinstance(node, (ast.Assign, ast.AnnAssign))
        for part in flat(node)
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
    }
    referenced = {node.id for node in flat(tree) if isinstance(node, ast.Name)}
    found = {
        name
        for name, fact in facts.items()
        if fact.is_test or (name in consumers and fact.may_consume) or (name in fed and fact.may_be_fed)
    }
    while True:
        collectors = _decorators(listed, found) & facts.keys()
        collected = {name for collector in collectors for name in facts[collector].mentioned & variables}
        drivers = {
            name
            for name, fact in facts.items()
            if (fact.used & found and (fact.may_drive or name not in referenced))
            or (fact.mentioned & collected and fact.may_drive and fact.returns_nothing)
            or fact.inner & found
            or fact.makes & found
        }
        more = (
            drivers | _bases(tree, found) | collectors | {inner for name in collectors for inner in facts[name].inner}
        )
        if more <= found:
            break
        found |= more
    if own - found:
        return found
    # Nothing would be left to break: what returns something is the code.
    return {name for name in found if facts[name].returns_nothing and not facts[name].asserts_alone}


class _Facts:
    """What decides whether a definition is a test.

    Attributes:
        mentioned: all names in it.
        used: names of the program's other definitions among them.
        inner: names of the definitions in it.
        makes: what it returns an instance of.
        is_test: it is one whatever else there is.
        may_consume: it is one if it is only ever given results of the code.
        may_be_fed: it is one if it is given results of the code at all.
        may_drive: it is one if it uses one.
        returns_nothing: it has no result.
        asserts_alone: it asserts, but about nothing of the program's.
    """

    def __init__(self, node: Definition, own: set[str], outer: set[str], *, is_nested: bool) -> None:
        nodes = list(flat(*node.body))
        inner = {part.name for part in nodes if isinstance(part, DEFINITIONS)}
        self.mentioned = {part.id for part in nodes if isinstance(part, ast.Name)} - (inner & outer)
        self.used = self.mentioned & (own - {node.name})
        self.inner = (inner - outer) & own
        self.makes: set[str] = set()
        self.may_consume = self.may_be_fed = self.asserts_alone = False
        self.returns_nothing = True
        if isinstance(node, ast.ClassDef):
            self._look_into_class(node)
        else:
            self._look_into(node, nodes, own, is_nested=is_nested)

    def _look_into_class(self, node: ast.ClassDef) -> None:
        methods = [item for item in node.body if isinstance(item, FUNCTIONS)]
        asserts = any(_is_assertion(part) for method in methods for part in flat(*method.body))
        returns = any(not isinstance(value, ast.Constant) for method in methods for value in _returned(method))
        self.may_be_fed = asserts and not returns
        is_case = any(_base_name(base).endswith("TestCase") for base in node.bases)
        self.is_test = self.may_drive = is_case or (asserts and not returns and bool(self.used))

    def _look_into(self, node: Function, nodes: list[ast.AST], own: set[str], *, is_nested: bool) -> None:
        own_nodes = list(_without_inner_scopes(node.body))
        parameters = parameters_of(node)
        called = {part.func.id for part in nodes if isinstance(part, ast.Call) and isinstance(part.func, ast.Name)}
        returned = _returned(node)
        yields = any(isinstance(part, (ast.Yield, ast.YieldFrom)) and part.value is not None for part in own_nodes)
        asserts = any(_is_assertion(part) for part in nodes)
        exercises = bool(self.used or called & parameters)
        works_in_place = _changes(own_nodes, parameters)
        says_little = not parameters or all(isinstance(value, ast.Constant) for value in returned)
        self.makes = {_called(value) for value in returned} & own
        self.returns_nothing = not yields and not returned
        self.asserts_alone = asserts and not exercises
        self.may_consume = self.returns_nothing and not works_in_place
        self.may_drive = not yields and says_little
        is_check = asserts and self.returns_nothing and (exercises or not works_in_place)
        is_verdict = asserts and exercises and not yields and says_little
        is_driver = self.returns_nothing and not is_nested and not parameters and not _stores_outside(own_nodes)
        is_fixture = any("fixture" in ast.dump(decorator) for decorator in node.decorator_list)
        calls_own = bool(_calls_outside_raise(node.body) & (own - {node.name}))
        self.is_test = is_check or is_verdict or is_fixture or (is_driver and calls_own)


def _base_name(base: ast.expr) -> str:
    return base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")


def _called(value: ast.expr) -> str:
    return value.func.id if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) else ""


def _returned(node: Function) -> list[ast.expr]:
    nodes = _without_inner_scopes(node.body)
    return [part.value for part in nodes if isinstance(part, ast.Return) and part.value is not None]


def _bases(tree: ast.Module, classes: set[str]) -> set[str]:
    """Base classes of test classes, as far as they assert themselves."""
    nodes = [node for node in flat(tree) if isinstance(node, ast.ClassDef)]
    named = {base.id for node in nodes if node.name in classes for base in node.bases if isinstance(base, ast.Name)}
    return {node.name for node in nodes if node.name in named and any(_is_assertion(part) for part in flat(*node.body))}


def _decorators(listed: Sequence[Definition], tests: set[str]) -> set[str]:
    """Names in the decorators of tests: what collects or times them belongs to them."""
    nodes = [decorator for node in listed if node.name in tests for decorator in node.decorator_list]
    return {part.id for part in flat(*nodes) if isinstance(part, ast.Name)}


def _fed(tree: ast.Module, own: set[str]) -> set[str]:
    """Definitions that are called with results of the program's own code."""
    found = set()
    for node in flat(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in own:
            arguments = [*node.args, *[keyword.value for keyword in node.keywords]]
            if any(calls_any(argument, own - {node.func.id}) for argument in arguments):
                found.add(node.func.id)
    makers = {
        _called(value) for node in flat(tree) if isinstance(node, FUNCTIONS) and node.name in found
        for value in _returned(node)
    }  # fmt: skip
    return found | makers


def _consumers(tree: ast.Module, own: set[str]) -> set[str]:
    """Functions that only ever stand alone in a statement, at least once with a result of the program's own code."""
    alone: set[str] = set()
    in_place = set()
    for value in [node.value for node in flat(tree) if isinstance(node, ast.Expr)]:
        call = value.value if isinstance(value, ast.Await) else value
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in own:
            in_place.add(id(call.func))
            arguments = [*call.args, *[keyword.value for keyword in call.keywords]]
            if any(calls_any(argument, own) for argument in arguments):
                alone.add(call.func.id)
    used = {node.id for node in flat(tree) if isinstance(node, ast.Name) and id(node) not in in_place}
    return alone - used


def calls_any(node: ast.AST, names: set[str]) -> bool:
    """Whether a node holds a call of one of these names."""
    return any(
        isinstance(part, ast.Call) and isinstance(part.func, ast.Name) and part.func.id in names for part in flat(node)
    )


def parameters_of(node: Definition | ast.Lambda) -> set[str]:
    """Names of a function's parameters."""
    if isinstance(node, ast.ClassDef):
        return set()
    arguments = node.args
    listed = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    listed += [extra for extra in (arguments.vararg, arguments.kwarg) if extra is not None]
    return {argument.arg for argument in listed}


def _is_assertion(node: ast.AST) -> bool:
    """Whether a node fails on purpose: an assertion, a testing helper, or a raised AssertionError."""
    if isinstance(node, ast.Assert):
        return True
    if isinstance(node, ast.Call):
        name = called_name(node)
        return name.startswith(CHECKS) or name == "exit"
    if isinstance(node, ast.Raise) and node.exc is not None:
        raised = {"AssertionError", "SystemExit"}
        return any(isinstance(part, ast.Name) and part.id in raised for part in flat(node.exc))
    return False


def _calls_outside_raise(body: Sequence[ast.stmt]) -> set[str]:
    """Names that are called, but not to make an exception."""
    nodes = list(flat(*body))
    raised = {id(node.exc) for node in nodes if isinstance(node, ast.Raise)}
    return {_called(node) for node in nodes if isinstance(node, ast.Call) and id(node) not in raised}


def _without_inner_scopes(body: Sequence[ast.stmt]) -> Iterator[ast.AST]:
    stack: list[ast.AST] = list(body)
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, SCOPES):
            stack.extend(ast.iter_child_nodes(node))


def _changes(nodes: list[ast.AST], parameters: set[str]) -> bool:
    """Whether a function changes what it is given: its work may be there, and not in what it returns."""
    for node in nodes:
        target: ast.AST | None = None
        if isinstance(node, (ast.Subscript, ast.Attribute)) and not isinstance(node.ctx, ast.Load):
            target = node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MUTATORS:
            target = node.func.value
        if target is not None and root_name(target) in parameters:
            return True
    return False


def root_name(node: ast.AST) -> str:
    """The name that a path of attributes and items starts with."""
    while isinstance(node, (ast.Subscript, ast.Attribute)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _stores_outside(nodes: list[ast.AST]) -> bool:
    return any(isinstance(node, (ast.Global, ast.Nonlocal)) for node in nodes)


def called_name(call: ast.Call) -> str:
    """The last part of the name of what is called."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""
