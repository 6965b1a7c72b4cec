"""Which part of a program is the code under test, and which part tests it.

The judge breaks the code and leaves the tests as they are, so it has to tell them apart. Names decide nothing. Tests
are the statements at the top level, and definitions that only exercise others: they assert, or take the results of
the program's own code and return nothing of it. Everything else that the program defines is code under test. Where the
caller knows how much of the source is the code, that is taken instead.
"""

import ast
from collections.abc import Iterator, Sequence

from selfcodealign.sandbox.inside.syntax import Function, flat

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
DEFINITIONS = (*FUNCTIONS, ast.ClassDef)
SCOPES = (*DEFINITIONS, ast.Lambda)
BINDING = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.For, ast.AsyncFor, ast.With, ast.AsyncWith)
BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
# Methods that change the object they are called on: a function that calls one on its parameter does its work there.
MUTATORS = frozenset(
    [
        "add",
        "append",
        "appendleft",
        "clear",
        "discard",
        "extend",
        "insert",
        "pop",
        "popleft",
        "popitem",
        "push",
        "put",
        "remove",
        "reverse",
        "setdefault",
        "sort",
        "update",
        "write",
    ]
)
FIXTURES = frozenset({"setUp", "tearDown", "setUpClass", "tearDownClass", "asyncSetUp", "asyncTearDown"})
RUNNERS = frozenset({"main", "testmod", "runpytest"})
CHECKS = ("assert", "fail", "raises", "warns", "deprecated_call")


class Parts:
    """The two parts of a program.

    Args:
        tree: the program.
        num_code_lines: how many lines at its start are the code; 0 if that is not known.

    Attributes:
        code: definitions of the code under test, the outermost ones only; also lambdas that are given a name.
        assignments: top-level assignments of a program that defines no code, which are its code then.
        blocks: every list of statements of the tests, in the order of the source.
        names: names of the code under test.
        test_names: names of the definitions that are tests.
        helpers: those of them that are given results of the code, and are not called by the code.
        tainted: names in the tests that hold results of the code, the names of the code among them.
        classes: names of the classes among the code.
    """

    def __init__(self, tree: ast.Module, num_code_lines: int = 0) -> None:
        self._definitions = list(_definitions(tree))
        self.names = {node.name for node in self._definitions} | set(_named_lambdas(tree))
        self.test_names = set() if num_code_lines else self._test_names(tree)
        self.names -= self.test_names
        self.helpers = self._helpers(tree)
        self._num_code_lines = num_code_lines
        self.code: list[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda] = []
        self.blocks: list[list[ast.stmt]] = []
        self.assignments: list[ast.Assign | ast.AnnAssign] = []
        self._collect(tree.body)
        if not self.code:
            self.assignments = [
                node for node in tree.body if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None
            ]
            self.names = {part.id for part in _bound(self.assignments)}
        self.tainted = self._tainted()
        self.classes = {node.name for node in self.code if isinstance(node, ast.ClassDef)}

    def is_test(self, node: ast.AST) -> bool:
        """Whether a definition belongs to the tests."""
        if self._num_code_lines:
            return getattr(node, "lineno", 0) > self._num_code_lines
        return getattr(node, "name", "") in self.test_names

    def compared_parameters(self, helper: str) -> set[int | str]:
        """Places and names of the parameters of a helper that its conditions and assertions look at."""
        found: set[int | str] = set()
        for node in self._definitions:
            if node.name != helper or isinstance(node, ast.ClassDef):
                continue
            tests = [part.test for part in flat(*node.body) if isinstance(part, (ast.Assert, ast.If, ast.While))]
            used = {part.id for part in flat(*tests) if isinstance(part, ast.Name)}
            listed = [*node.args.posonlyargs, *node.args.args]
            found |= {place for place, argument in enumerate(listed) if argument.arg in used}
            found |= {argument.arg for argument in [*listed, *node.args.kwonlyargs] if argument.arg in used}
        return found

    def is_code_line(self, statement: ast.stmt) -> bool:
        """Whether a statement stands in what the caller says is the code."""
        return statement.lineno <= self._num_code_lines

    def _collect(self, block: list[ast.stmt], *, is_class_body: bool = False) -> None:
        """Walk the tests' statements; definitions of the code are noted and not entered."""
        self.blocks.append(block)
        for statement in block:
            if isinstance(statement, DEFINITIONS):
                is_method = is_class_body and isinstance(statement, FUNCTIONS)
                if not is_method and not self.is_test(statement):
                    self.code.append(statement)
                    continue
            elif (function := _named_lambda(statement)) is not None:
                self.code.append(function)
                continue
            for name in BLOCKS:
                self._collect_inner(getattr(statement, name, None), is_class_body=isinstance(statement, ast.ClassDef))

    def _collect_inner(self, inner: object, *, is_class_body: bool) -> None:
        if not isinstance(inner, list) or not inner:
            return
        if isinstance(inner[0], ast.stmt):
            self._collect(inner, is_class_body=is_class_body)
            return
        for holder in inner:  # handlers of `try`, cases of `match`
            self._collect(holder.body)

    def _helpers(self, tree: ast.Module) -> set[str]:
        fed = set()
        for call in flat(tree):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in self.test_names:
                arguments = [*call.args, *[keyword.value for keyword in call.keywords]]
                if any(_calls(argument, self.names) for argument in arguments):
                    fed.add(call.func.id)
        for node in self._definitions:
            if node.name in self.names:
                fed -= {part.id for part in flat(*node.body) if isinstance(part, ast.Name)}
        return fed

    def _tainted(self) -> set[str]:
        found = set(self.names)
        statements = [statement for block in self.blocks for statement in block]
        num_found = -1
        while num_found != len(found):
            num_found = len(found)
            for statement in statements:
                if isinstance(statement, FUNCTIONS):
                    found |= self._tainted_parameters(statement)
                elif isinstance(statement, BINDING) and _names_any(statement, found) and not _runs_tests(statement):
                    found |= _targets(statement)
        return found

    def _tainted_parameters(self, function: Function) -> set[str]:
        """A helper is given results; any other test may be given the code itself, and call it."""
        parameters = _parameters(function)
        if function.name in self.helpers:
            return parameters
        nodes = flat(*function.body)
        called = {node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
        return parameters & called

    def _test_names(self, tree: ast.Module) -> set[str]:
        """Names of the definitions that are tests: those that assert about others, and then those that call them."""
        own = set(self.names)
        consumers = _consumers(tree, own)
        referenced = {node.id for node in flat(tree) if isinstance(node, ast.Name)}
        nested = {inner.name for node in self._definitions for inner in _definitions(node)}
        facts = {node.name: _Facts(node, own, is_nested=node.name in nested) for node in self._definitions}
        found = {name for name, fact in facts.items() if fact.is_test or (name in consumers and fact.may_consume)}
        while True:
            callers = {
                name
                for name, fact in facts.items()
                if (fact.used & found and (fact.may_drive or name not in referenced))
                or fact.inner & found
                or name in _bases(tree, found)
            }
            if callers <= found:
                break
            found |= callers
        if own - found:
            return found
        # Nothing would be left to break: what returns something is the code.
        return {name for name in found if facts[name].returns_nothing and not facts[name].asserts_alone}


class _Facts:
    """What decides whether a definition is a test.

    Attributes:
        used: names of the program's other definitions that it uses.
        inner: names of the definitions in it.
        is_test: it is one whatever else there is.
        may_consume: it is one if it is only ever given results of the code.
        may_drive: it is one if it uses one.
        returns_nothing: it has no result.
        asserts_alone: it asserts, but about nothing of the program's.
    """

    def __init__(self, node: Function | ast.ClassDef, own: set[str], *, is_nested: bool) -> None:
        nodes = list(flat(*node.body))
        self.used = {part.id for part in nodes if isinstance(part, ast.Name)} & (own - {node.name})
        self.inner = {part.name for part in nodes if isinstance(part, DEFINITIONS)} & own
        self.may_consume = self.asserts_alone = False
        self.returns_nothing = True
        if isinstance(node, ast.ClassDef):
            self.is_test = self.may_drive = _is_test_class(node, own)
        else:
            self._look_into(node, nodes, is_nested=is_nested)

    def _look_into(self, node: Function, nodes: list[ast.AST], *, is_nested: bool) -> None:
        own_nodes = list(_without_inner_scopes(node.body))
        parameters = _parameters(node)
        called = {part.func.id for part in nodes if isinstance(part, ast.Call) and isinstance(part.func, ast.Name)}
        returned = [part.value for part in own_nodes if isinstance(part, ast.Return) and part.value is not None]
        yields = any(isinstance(part, (ast.Yield, ast.YieldFrom)) and part.value is not None for part in own_nodes)
        asserts = any(_is_assertion(part) for part in nodes)
        exercises = bool(self.used or called & parameters)
        works_in_place = _changes(own_nodes, parameters) or _stores_outside(own_nodes)
        says_little = not parameters or all(isinstance(value, ast.Constant) for value in returned)
        self.returns_nothing = not yields and not returned
        self.asserts_alone = asserts and not exercises
        self.may_consume = self.returns_nothing and not _changes(own_nodes, parameters)
        self.may_drive = not yields and says_little
        is_check = asserts and self.returns_nothing and (exercises or not _changes(own_nodes, parameters))
        is_verdict = asserts and exercises and not yields and says_little
        is_driver = bool(self.used) and self.returns_nothing and not is_nested and not works_in_place
        is_fixture = any("fixture" in ast.dump(decorator) for decorator in node.decorator_list)
        self.is_test = is_check or is_verdict or is_driver or is_fixture


def _names_any(node: ast.AST, names: set[str]) -> bool:
    return any(isinstance(part, ast.Name) and part.id in names for part in flat(node))


def _runs_tests(statement: ast.stmt) -> bool:
    """Whether a statement keeps what a test runner returns, which is no result of the code."""
    call = getattr(statement, "value", None)
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in RUNNERS


def _targets(statement: ast.stmt) -> set[str]:
    """Names that a statement itself binds."""
    roots: list[ast.AST] = []
    if isinstance(statement, ast.Assign):
        roots = [*statement.targets]
    elif isinstance(statement, (ast.With, ast.AsyncWith)):
        roots = [item.optional_vars for item in statement.items if item.optional_vars is not None]
    elif isinstance(statement, (ast.AnnAssign, ast.AugAssign, ast.For, ast.AsyncFor)):
        roots = [statement.target]
    return {node.id for node in flat(*roots) if isinstance(node, ast.Name)}


def _bases(tree: ast.Module, classes: set[str]) -> set[str]:
    """Base classes of test classes, as far as they assert themselves."""
    nodes = [node for node in flat(tree) if isinstance(node, ast.ClassDef)]
    named = {base.id for node in nodes if node.name in classes for base in node.bases if isinstance(base, ast.Name)}
    return {node.name for node in nodes if node.name in named and any(_is_assertion(part) for part in flat(*node.body))}


def _definitions(tree: ast.AST) -> Iterator[Function | ast.ClassDef]:
    """All functions and classes that are not methods."""
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, DEFINITIONS) and not isinstance(node, ast.ClassDef):
                yield child
            stack.append(child)


def _bound(assignments: Sequence[ast.Assign | ast.AnnAssign]) -> list[ast.Name]:
    nodes = flat(*assignments)
    return [node for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]


def _named_lambda(statement: ast.stmt) -> ast.Lambda | None:
    """The function in `name = lambda: ...`. What is put into a module or an object is not code of its own."""
    if not isinstance(statement, (ast.Assign, ast.AnnAssign)) or not isinstance(statement.value, ast.Lambda):
        return None
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return statement.value if all(isinstance(target, ast.Name) for target in targets) else None


def _named_lambdas(tree: ast.Module) -> Iterator[str]:
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Lambda):
            yield from (target.id for target in statement.targets if isinstance(target, ast.Name))


def _consumers(tree: ast.Module, own: set[str]) -> set[str]:
    """Functions that only ever stand alone in a statement, at least once with a result of the program's own code."""
    alone: set[str] = set()
    statements = [node.value for node in flat(tree) if isinstance(node, ast.Expr)]
    in_place = set()
    for value in statements:
        call = value.value if isinstance(value, ast.Await) else value
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in own:
            in_place.add(id(call.func))
            arguments = [*call.args, *[keyword.value for keyword in call.keywords]]
            if any(_calls(argument, own) for argument in arguments):
                alone.add(call.func.id)
    used = {node.id for node in flat(tree) if isinstance(node, ast.Name) and id(node) not in in_place}
    return alone - used


def _calls(node: ast.AST, own: set[str]) -> bool:
    return any(
        isinstance(part, ast.Call) and isinstance(part.func, ast.Name) and part.func.id in own for part in flat(node)
    )


def _parameters(node: Function | ast.ClassDef) -> set[str]:
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


def _is_test_class(node: ast.ClassDef, own: set[str]) -> bool:
    for base in node.bases:
        name = base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")
        if name.endswith("TestCase"):
            return True
    methods = [item for item in node.body if isinstance(item, FUNCTIONS) and not item.name.startswith("_")]
    tests = [item for item in methods if item.name not in FIXTURES and not item.name.startswith(("setup", "teardown"))]
    others = own - {node.name}
    return bool(tests) and all(
        any(_is_assertion(part) for part in flat(*item.body))
        and any(isinstance(part, ast.Name) and part.id in others for part in flat(*item.body))
        for item in tests
    )


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
        while isinstance(target, (ast.Subscript, ast.Attribute)):
            target = target.value
        if isinstance(target, ast.Name) and target.id in parameters:
            return True
    return False


def _stores_outside(nodes: list[ast.AST]) -> bool:
    return any(isinstance(node, (ast.Global, ast.Nonlocal)) for node in nodes)


def called_name(call: ast.Call) -> str:
    """The last part of the name of what is called."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""
