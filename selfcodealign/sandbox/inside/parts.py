"""The two parts of a program: the code under test, and what tests it.

The judge breaks the code and leaves the tests as they are. Tests are the statements at the top level, and the
definitions that `roles` finds. Where the caller knows how much of the source is the code, that is taken instead.
"""

import ast

from selfcodealign.sandbox.inside.bindings import find_bindings
from selfcodealign.sandbox.inside.roles import DEFINITIONS, FUNCTIONS, calls_any, definitions, test_names
from selfcodealign.sandbox.inside.syntax import flat
from selfcodealign.sandbox.inside.taint import given_functions, library_names, tainted_names

BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
Assignment = ast.Assign | ast.AnnAssign


class Parts:
    """The two parts of a program.

    Args:
        tree: the program.
        num_code_lines: how many lines at its start are the code; 0 if that is not known.

    Attributes:
        code: definitions of the code under test, the outermost ones only; also lambdas that are given a name.
        assignments: of a program that defines no code: the top-level assignments of what its tests look at.
        blocks: every list of statements of the tests, in the order of the source.
        names: names of the code under test.
        test_names: names of the definitions that are tests.
        helpers: those of them that are given results of the code, and are not called by the code.
        tainted: names in the tests that may hold results of the code, the names of the code among them.
        results: those of them that are known to hold results: neither names of libraries, such as `sys` in
            `sys.getsizeof(f(1))`, nor parameters of callbacks.
        classes: names of the classes among the code.
        reads_tests: the code uses a name that the tests bind, so that it may know what they expect.
    """

    def __init__(self, tree: ast.Module, num_code_lines: int = 0) -> None:
        self._definitions = list(definitions(tree))
        self._num_code_lines = num_code_lines
        self.names = {node.name for node in self._definitions} | _named_lambdas(tree)
        self.test_names = set() if num_code_lines else test_names(tree, self._definitions, self.names)
        self.names -= self.test_names
        self.helpers = self._helpers(tree)
        self.code: list[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda] = []
        self.blocks: list[list[ast.stmt]] = []
        self.assignments: list[Assignment] = []
        self._top = tree.body
        self._outer = {node.name for node in tree.body if isinstance(node, DEFINITIONS)}
        self._collect(tree.body)
        if not self.code:
            self.assignments = _results(tree)
            self.names = _targets(self.assignments)
        given = given_functions(tree.body) & self.test_names
        self.tainted = tainted_names(self.blocks, self.names, self.helpers | given)
        known = tainted_names(self.blocks, self.names, self.helpers)
        self.results = known - (library_names(tree.body) - self.names)
        self.classes = {node.name for node in self.code if isinstance(node, ast.ClassDef)}
        self._bindings = find_bindings(self.blocks)
        used = {part.id for part in flat(*self.code) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)}
        self.reads_tests = bool(used & self._bindings.keys())

    def is_test(self, node: ast.AST) -> bool:
        """Whether a definition belongs to the tests."""
        if self._num_code_lines:
            return getattr(node, "lineno", 0) > self._num_code_lines
        return getattr(node, "name", "") in self.test_names

    def bindings(self, name: str) -> list[list[ast.expr]]:
        """What the tests bind a name to: a value, or the values of a loop; an empty list for what is not known."""
        return self._bindings.get(name, [])

    def is_code_line(self, statement: ast.stmt) -> bool:
        """Whether a statement stands in what the caller says is the code."""
        return statement.lineno <= self._num_code_lines

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

    def _collect(self, block: list[ast.stmt], *, is_class_body: bool = False) -> None:
        """Walk the tests' statements; definitions of the code are noted and not entered."""
        self.blocks.append(block)
        for statement in block:
            if isinstance(statement, DEFINITIONS):
                is_method = is_class_body and isinstance(statement, FUNCTIONS)
                if not is_method and not self.is_test(statement):
                    if block is self._top or statement.name not in self._outer:
                        self.code.append(statement)
                    continue  # a test that defines the name anew tests its own
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
                if any(calls_any(argument, self.names) for argument in arguments):
                    fed.add(call.func.id)
        for node in self._definitions:
            if node.name in self.names:
                fed -= {part.id for part in flat(*node.body) if isinstance(part, ast.Name)}
        return fed


def _named_lambda(statement: ast.stmt) -> ast.Lambda | None:
    """The function in `name = lambda: ...`. What is put into a module or an object is not code of its own."""
    if not isinstance(statement, (ast.Assign, ast.AnnAssign)) or not isinstance(statement.value, ast.Lambda):
        return None
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return statement.value if all(isinstance(target, ast.Name) for target in targets) else None


def _named_lambdas(tree: ast.Module) -> set[str]:
    return _targets([node for node in tree.body if isinstance(node, Assignment) and _named_lambda(node) is not None])


def _results(tree: ast.Module) -> list[Assignment]:
    """Assignments of names that assertions look at; if there are none, all assignments."""
    found = [node for node in tree.body if isinstance(node, Assignment) and node.value is not None]
    asserted = {
        part.id
        for node in flat(tree)
        if isinstance(node, ast.Assert)
        for part in flat(node.test)
        if isinstance(part, ast.Name)
    }
    return [node for node in found if _targets([node]) & asserted] or found


def _targets(assignments: list[Assignment]) -> set[str]:
    targets = [
        target for node in assignments for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    ]
    return {part.id for part in flat(*targets) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
