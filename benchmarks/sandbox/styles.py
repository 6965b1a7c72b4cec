"""Tests made of assertions, rewritten in the styles of unittest, pytest, doctest, asyncio and hypothesis."""

import ast
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.sandbox.suites import Suite
from selfcodealign.generation import as_program

COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "assertEqual",
    ast.NotEq: "assertNotEqual",
    ast.Lt: "assertLess",
    ast.LtE: "assertLessEqual",
    ast.Gt: "assertGreater",
    ast.GtE: "assertGreaterEqual",
    ast.Is: "assertIs",
    ast.IsNot: "assertIsNot",
    ast.In: "assertIn",
    ast.NotIn: "assertNotIn",
}
IMPORTS = (ast.Import, ast.ImportFrom)
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
SCOPES = (*DEFINITIONS, ast.Lambda)


@dataclass(frozen=True, slots=True)
class _Tests:
    """Tests taken apart.

    Attributes:
        shared: imports, and definitions that the tests use.
        cases: statements of each test.
    """

    shared: list[ast.stmt]
    cases: list[list[ast.stmt]]

    @property
    def shared_text(self) -> str:
        """The shared statements as source."""
        return "\n".join(map(ast.unparse, self.shared))


def _taken_apart(tests: str) -> _Tests:
    """Split tests into cases: independent assertions each become a case, everything else becomes one case."""
    shared: list[ast.stmt] = []
    body: list[ast.stmt] = []
    for node in _without_check(ast.parse(tests)).body:
        (shared if isinstance(node, (*IMPORTS, *DEFINITIONS)) else body).append(node)
    if all(isinstance(node, ast.Assert) for node in body):
        return _Tests(shared, [[node] for node in body])
    return _Tests(shared, [body])


def _without_check(tree: ast.Module) -> ast.Module:
    """Tests without the function `check(candidate)` in which HumanEval has them: its body, about what it is given."""
    checks = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "check"]
    last = tree.body[-1] if tree.body else None
    call = last.value if isinstance(last, ast.Expr) and isinstance(last.value, ast.Call) else None
    if len(checks) != 1 or call is None or ast.unparse(call.func) != "check" or len(call.args) != 1:
        return tree
    parameter, argument = checks[0].args.args[0].arg, call.args[0]

    class Rename(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.expr:
            return argument if node.id == parameter else node

    body = [Rename().visit(node) for node in checks[0].body]
    before = [node for node in tree.body[:-1] if node is not checks[0] and not isinstance(node, ast.Assign)]
    return ast.Module(body=[*before, *body], type_ignores=[])


def _indented(lines: str, depth: int = 1) -> str:
    return "\n".join(f"{'    ' * depth}{line}" if line else "" for line in lines.split("\n"))


def _source(statements: Sequence[ast.stmt], depth: int) -> str:
    """Statements as source text; literals of several lines survive, because `unparse` writes them in one."""
    return _indented("\n".join(ast.unparse(node) for node in statements) or "pass", depth)


class _UnittestCalls(ast.NodeTransformer):
    """Replaces assertions by the methods of a test case."""

    def visit(self, node: ast.AST) -> Any:
        return node if isinstance(node, SCOPES) else super().visit(node)

    def visit_Assert(self, node: ast.Assert) -> ast.stmt:
        name, arguments = _unittest_call(node.test)
        function = ast.Attribute(ast.Name("self", ast.Load()), name, ast.Load())
        keywords = [ast.keyword("msg", node.msg)] if node.msg is not None else []
        return ast.fix_missing_locations(ast.Expr(ast.Call(function, arguments, keywords)))


def _with_methods(statement: ast.stmt) -> ast.stmt:
    """A statement with the methods of a test case in place of its assertions."""
    changed: ast.stmt = _UnittestCalls().visit(statement)
    return changed


def _unittest_call(test: ast.expr) -> tuple[str, list[ast.expr]]:
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        left, right = test.left, test.comparators[0]
        if isinstance(right, ast.Constant) and right.value is None and isinstance(test.ops[0], (ast.Is, ast.IsNot)):
            return ("assertIsNone" if isinstance(test.ops[0], ast.Is) else "assertIsNotNone"), [left]
        return COMPARISONS[type(test.ops[0])], [left, right]
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return "assertFalse", [test.operand]
    if isinstance(test, ast.Call) and ast.unparse(test.func) == "isinstance" and len(test.args) == 2:
        return "assertIsInstance", test.args
    return "assertTrue", [test]


def as_unittest(suite: Suite) -> str:
    """A `unittest.TestCase` with one method per case."""
    tests = _taken_apart(suite.tests)
    methods = [
        f"    def test_{number}(self):\n{_source([_with_methods(node) for node in case], 2)}"
        for number, case in enumerate(tests.cases, start=1)
    ]
    body = "\n\n".join(methods)
    text = f"{tests.shared_text}\n\nclass CodeTest(unittest.TestCase):\n{body}"
    return as_program(suite.code, f'import unittest\n{text}\n\n\nif __name__ == "__main__":\n    unittest.main()')


def as_pytest(suite: Suite) -> str:
    """Test functions that pytest collects from the program's own file."""
    tests = _taken_apart(suite.tests)
    functions = [f"def test_{number}():\n{_source(case, 1)}" for number, case in enumerate(tests.cases, start=1)]
    body = "\n\n\n".join([tests.shared_text, *functions])
    main = 'if __name__ == "__main__":\n    sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", __file__]))'
    return as_program(suite.code, f"import sys\n\nimport pytest\n{body}\n\n\n{main}")


def as_doctest(suite: Suite) -> str:
    """Examples in the docstring of the first definition that the tests use."""
    tests = _taken_apart(suite.tests)
    examples = "\n".join(_example(node) for node in [*tests.shared, *itertools.chain.from_iterable(tests.cases)])
    used = {node.id for node in ast.walk(ast.parse(suite.tests)) if isinstance(node, ast.Name)}
    tree = ast.parse(suite.code)
    tested = next((node for node in tree.body if isinstance(node, DEFINITIONS) and node.name in used), None)
    if tested is None:
        raise ValueError(f"{suite.id}: the tests use no definition of the code")
    first = tested.body[0]
    has_docstring = ast.get_docstring(tested, clean=False) is not None
    docstring = ast.Expr(ast.Constant(f"Do what the examples show.\n\n{_indented(examples)}\n    "))
    tested.body = [docstring, *(tested.body[1:] if has_docstring else [first, *tested.body[1:]])]
    main = 'if __name__ == "__main__":\n    if doctest.testmod().failed:\n        raise SystemExit(1)'
    return as_program(ast.unparse(ast.fix_missing_locations(tree)), f"import doctest\n\n{main}")


def _example(node: ast.stmt) -> str:
    if isinstance(node, ast.Assert):
        expression, output = f"bool({ast.unparse(node.test)})", "True"
        test = node.test
        if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq):
            literal = _literal_repr(test.comparators[0])
            if literal and literal.isprintable():
                expression, output = ast.unparse(test.left), literal
        return f"{_prompted(expression)}\n{output}"
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return _prompted(f"_ = {ast.unparse(node)}")
    return _prompted(ast.unparse(node))


def _prompted(text: str) -> str:
    first, *others = text.split("\n")
    return "\n".join([f">>> {first}", *[f"... {line}" for line in others]])


def _literal_repr(node: ast.expr) -> str:
    """How the interpreter shows a literal; empty for what is none, for `None`, which it does not show, and for sets."""
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return ""
    return "" if value is None or isinstance(value, (set, float)) else repr(value)


def as_asyncio(suite: Suite) -> str:
    """Coroutines, gathered in one event loop."""
    tests = _taken_apart(suite.tests)
    functions = [
        f"async def test_{number}():\n    await asyncio.sleep(0)\n{_source(case, 1)}"
        for number, case in enumerate(tests.cases, start=1)
    ]
    calls = ", ".join(f"test_{number}()" for number in range(1, len(tests.cases) + 1))
    gather = f"async def run_all():\n    await asyncio.gather({calls})"
    body = "\n\n\n".join([tests.shared_text, *functions, gather])
    return as_program(suite.code, f"import asyncio\n{body}\n\n\nasyncio.run(run_all())")


def as_hypothesis(suite: Suite) -> str:
    """Properties whose strategies give the arguments and the expected value of each assertion."""
    tests = _taken_apart(suite.tests)
    functions = [_property(number, case) for number, case in enumerate(tests.cases, start=1)]
    calls = "\n".join(f"test_{number}()" for number in range(1, len(tests.cases) + 1))
    body = "\n\n\n".join([tests.shared_text, *functions])
    imports = "from hypothesis import given, settings\nfrom hypothesis import strategies as st"
    return as_program(suite.code, f"{imports}\n{body}\n\n\n{calls}")


def _property(number: int, case: list[ast.stmt]) -> str:
    test = case[0].test if len(case) == 1 and isinstance(case[0], ast.Assert) else None
    head = "@settings(deadline=None, database=None)\n@given"
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq):
        call, expected = test.left, test.comparators[0]
        if isinstance(call, ast.Call) and call.args and not call.keywords:
            given = [*call.args, expected]
            if isinstance(call.func, ast.Name) and all(map(_literal_repr, given)):
                values = ", ".join(f"st.just({ast.unparse(node)})" for node in given)
                names = [f"argument_{place}" for place in range(len(call.args))]
                check = f"    assert {call.func.id}({', '.join(names)}) == expected"
                return f"{head}({values})\ndef test_{number}({', '.join([*names, 'expected'])}):\n{check}"
    return f"{head}(st.none())\ndef test_{number}(_):\n{_source(case, 1)}"


STYLES: dict[str, Callable[[Suite], str]] = {
    "unittest": as_unittest,
    "pytest": as_pytest,
    "doctest": as_doctest,
    "asyncio": as_asyncio,
    "hypothesis": as_hypothesis,
}
