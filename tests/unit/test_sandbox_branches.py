"""Markers: code with them does the same, and tells which of its arms were taken. Only texts of our own run here."""

import ast
import textwrap
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcodealign.generation.exemplar import load_exemplars
from selfcodealign.sandbox.branches import mark_branches
from selfcodealign.sandbox.source_edits import UnreadableCodeError

EXEMPLARS = load_exemplars()
Hits = Callable[[str, str], tuple[int, int]]


@pytest.fixture
def hits(capfd: pytest.CaptureFixture[str]) -> Hits:
    """Run code with markers and then tests, in this process; gives arms and arms taken."""

    def run(code: str, tests: str) -> tuple[int, int]:
        marked = mark_branches(textwrap.dedent(code))
        capfd.readouterr()
        exec(compile(f"{marked.code}\n\n\n{tests}", "marked", "exec"), {"__name__": "__main__"})  # noqa: S102 - texts of ours
        return marked.num_branches, marked.num_hit(capfd.readouterr().err)

    return run


IF = """
    def f(x):
        if x > 3:
            return "big"
        elif x < 0:
            return "negative"
        return "small"
"""
LOOP = """
    def f(xs):
        for x in xs:
            if x == 3:
                break
        else:
            return None
        return x
"""
WHILE = """
    def f(n):
        while n:
            n -= 1
        return n
"""
HANDLERS = """
    def f(x):
        try:
            return 1 / x
        except ZeroDivisionError: return 0
        except (TypeError, ValueError):
            if isinstance(x, str):
                return -1
            return -2
"""
MATCH = """
    def f(x):
        match x:
            case 0 | 1:
                return "bit"
            case [a, *_] if a:
                for b in (1, 2): return b
            case str(): y = "text"; return y
"""
TOTAL_MATCH = """
    def f(x):
        match x:
            case 0:
                return "none"
            case other:
                return other
"""
NESTED_MATCH = """
    def f(x, y):
        match x:
            case 1:
                return "one"
            case 2:
                match y:
                    case 3:
                        return "three"
"""
EXPRESSION = """
    def f(x):
        return "even" if x % 2 == 0 else "odd" if x > 0 else "minus"
"""
FILTER = """
    def f(xs):
        return [x for x in xs if x if x > 1]
"""


@pytest.mark.parametrize(
    ("code", "tests", "expected"),
    [
        (IF, "assert f(4) == 'big'", (4, 1)),
        (IF, "assert f(4) == 'big' and f(1) == 'small'", (4, 3)),
        (IF, "assert [f(4), f(1), f(-1)] == ['big', 'small', 'negative']", (4, 4)),
        (IF, "assert f", (4, 0)),
        (LOOP, "assert f([]) is None", (4, 1)),
        (LOOP, "assert f([1]) is None", (4, 3)),
        (LOOP, "assert f([1, 3]) == 3", (4, 3)),
        (LOOP, "assert f(iter([1, 2])) is None and f([3]) == 3", (4, 4)),
        (WHILE, "assert f(0) == 0", (2, 1)),
        (WHILE, "assert f(2) == 0", (2, 2)),
        (HANDLERS, "assert f(1) == 1", (4, 0)),
        (HANDLERS, "assert f(0) == 0", (4, 1)),
        (HANDLERS, "assert f('a') == -1", (4, 2)),
        (HANDLERS, "assert f([]) == -2 and f('a') == -1 and f(0) == 0", (4, 4)),
        (MATCH, "assert f(1) == 'bit'", (6, 1)),
        (MATCH, "assert f([7]) == 1", (6, 2)),
        (MATCH, "assert f('a') == 'text' and f(None) is None and f([0]) is None", (6, 2)),
        (TOTAL_MATCH, "assert f(2) == 2", (2, 1)),
        (NESTED_MATCH, "assert f(3, 3) is None", (5, 1)),
        (NESTED_MATCH, "assert f(2, 4) is None", (5, 2)),
        (NESTED_MATCH, "assert f(2, 3) == 'three'", (5, 2)),
        (EXPRESSION, "assert f(2) == 'even'", (4, 1)),
        (EXPRESSION, "assert f(2) == 'even' and f(1) == 'odd'", (4, 3)),
        (FILTER, "assert f([]) == []", (4, 0)),
        (FILTER, "assert f([0, 1, 2]) == [2]", (4, 4)),
        ("x = 1", "assert x == 1", (0, 0)),
        ("def f():\n    while True:\n        return 1", "assert f() == 1", (0, 0)),
        ("x = 1\nif __name__ == '__main__':\n    x = 2 if x else 3", "assert x == 2", (0, 0)),
    ],
)
def test_the_arms_of_every_construct_are_counted_and_those_that_were_taken_are_hit(
    hits: Hits, code: str, tests: str, expected: tuple[int, int]
) -> None:
    assert hits(code, tests) == expected


@pytest.mark.parametrize(
    "code",
    [
        '"""Doc."""\nfrom __future__ import annotations\nimport __future__\nx = 1 if (y := 2) else 0\n'
        'assert __doc__ == "Doc." and y == 2',
        "def g():\n    if (got := (yield 1)): yield got\n    if (yield 2): pass\nassert list(g()) == [1, 2]",
        "xs = [*range(3)]\nfor x in *xs, 4:\n    if x == 1: xs.append(9)\nassert xs[-1] == 9 and x == 4",
        "xs = [1, 2]\nfor x in xs:\n    if len(xs) < 5: xs.append(x)\nassert xs == [1, 2, 1, 2, 1]",
        "it = iter('abc')\nfor x in it: break\nassert list(it) == ['b', 'c']",
        "class A:\n    b = 1 if True or c else 2\n    for d in (1, 2): pass\nassert (A.b, A.d) == (1, 2)",
        "@(lambda f: f if f else None)\ndef f(): return 1\nassert f() == 1",
        "try:\n    1 / 0\nexcept ZeroDivisionError:\n    @staticmethod\n    def f(): return 3\nassert f() == 3",
        "try:\n\t1 / 0\nexcept ZeroDivisionError as e:\n\tfor x in 'a':\n\t\ty = x\nassert y == 'a'",
        "def g(xs):\n    for x in xs: yield x\n    else: yield 'end'\nassert ''.join(g('ab')) == 'abend'",
        "n = 3\nwhile (\n    n  # left\n):\n    n -= 1\nelse:\n    m = 'end'\nassert (n, m) == (0, 'end')",
        "x = [a if a else b for a, b in [(0, 'ü'), (1, 2)] if b if not a or b]; assert x == ['ü', 1]",
        "f = lambda n: n * f(n - 1) if n else 1\nassert f(5) == 120",
        "x = 5\nmatch x:\n    case 1: y = 1\n    case (\n        2\n    ): y = 2\nassert x == 5",
        "match [1, 2]:\n    case [a, b] if a < b: x = a if a else b\nassert x == 1",
        "def f(x):\n    if x: 'text'; return 1\n    if not x: return {'a': 2 if x else 3}['a']\n"
        "assert f(0) == 3 and f(1) == 1",
        "try:\n    raise ExceptionGroup('g', [ValueError()])\nexcept* ValueError: x = 1\nassert x == 1 if x else 0",
        "x = f'{1 if y else 2}' if (y := 3) else ''\nassert x == '1'",
        "async def f(xs):\n    if xs: return [x async for x in xs if x]\n    return 2\n"
        "try: f([]).send(None)\nexcept StopIteration as e: x = e.value\nassert x == 2",
        "if 1 < 2:\r\n    x = 'a\\\r\nb'\r\nelse:\r\n    x = 2\r\nassert x == 'ab'",
        "class Odd:\n    n = 0\n    def __bool__(self): self.n += 1; return True\n"
        "odd = Odd()\nif odd: pass\nassert odd.n == 1",
    ],
)  # fmt: skip
def test_code_with_markers_does_what_it_did(hits: Hits, code: str) -> None:
    num_branches, num_hit = hits(code, "")
    assert 0 < num_hit <= num_branches


@pytest.mark.parametrize("exemplar", EXEMPLARS, ids=lambda exemplar: exemplar.name)
def test_every_exemplar_passes_its_tests_with_markers_and_its_tests_take_most_arms(
    hits: Hits, exemplar: object
) -> None:
    num_branches, num_hit = hits(exemplar.code, exemplar.tests)
    assert num_hit >= 0.6 * num_branches


def test_errors_come_out_of_the_marked_places_as_they_came_before(hits: Hits) -> None:
    broken = "def g():\n    yield 1\n    raise KeyError('g')\nfor x in g():\n    if x: pass\n"
    with pytest.raises(KeyError, match="g"):
        hits(broken, "")
    with pytest.raises(TypeError, match="'int' object is not iterable"):
        hits("for x in 3: pass", "")


def test_lines_of_the_program_itself_among_the_markers_do_not_matter() -> None:
    marked = mark_branches("if a: b()")
    noise = f"Traceback\nhalf a line[{marked.name}:0]\nmore [{marked.name}:7] [other:1]\n[{marked.name}:0]"
    assert (marked.num_branches, marked.num_hit(noise)) == (2, 1)
    assert marked.num_hit("") == 0


@pytest.mark.parametrize("code", ["def f(:", "a\x00", "x = " + "-" * 100_000 + "1"])
def test_code_without_a_syntax_tree_is_refused(code: str) -> None:
    with pytest.raises(UnreadableCodeError):
        mark_branches(code)


conditions = st.sampled_from(["x", "not x", "x > 1", "(x, y)", "x if y else z", "[a for a in y if a]", "lambda: x"])
bodies = st.recursive(
    st.sampled_from(["pass", "f(x)", "return x", "x = y; z = x"]).map(lambda text: [text]),
    lambda inner: st.one_of(
        st.tuples(conditions, inner, inner).map(
            lambda found: [f"if {found[0]}:", *indented(found[1]), "else:", *indented(found[2])]
        ),
        st.tuples(conditions, inner).map(lambda found: [f"for i in {found[0]}:", *indented(found[1])]),
        st.tuples(conditions, inner).map(lambda found: [f"while {found[0]}:", *indented(found[1])]),
        st.tuples(inner, inner).map(lambda found: ["try:", *indented(found[0]), "except E as e:", *indented(found[1])]),
        st.tuples(conditions, inner, inner).map(
            lambda found: [
                f"match {found[0]}:",
                "    case 1:",
                *indented(indented(found[1])),
                "    case [_]:",
                *indented(indented(found[2])),
            ]
        ),
        st.tuples(inner, inner).map(lambda found: found[0] + found[1]),
    ),
    max_leaves=8,
)


def indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]


@settings(max_examples=80, deadline=None)
@given(bodies)
def test_whatever_the_nesting_the_marked_code_parses_and_differs_by_its_markers_alone(lines: list[str]) -> None:
    code = "\n".join(["def f(x, y, z):", *indented(lines)])
    marked = mark_branches(code)
    tree = ast.parse(marked.code)
    numbers = sorted(
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id.endswith(marked.name)
        and node.args
    )
    assert len(numbers) == len(set(numbers))
    assert ast.dump(WithoutMarkers(marked.name).visit(tree)) == ast.dump(ast.parse(code))


class WithoutMarkers(ast.NodeTransformer):
    """Takes the markers out again."""

    def __init__(self, name: str) -> None:
        self.name = name

    def visit_Module(self, node: ast.Module) -> ast.Module:
        node.body = [self.visit(one) for one in node.body if self.name not in ast.dump(one) or is_own(one)]
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        return None if self.name in ast.dump(node) and "_mark_" in ast.dump(node) else self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        is_marker = isinstance(node.func, ast.Name) and node.func.id.endswith(self.name)
        return node.args[1] if is_marker else node

    def visit_Match(self, node: ast.Match) -> ast.Match:
        node.cases = [case for case in node.cases if not is_added(case)]
        return self.generic_visit(node)


def is_own(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.FunctionDef) and statement.name == "f"


def is_added(case: ast.match_case) -> bool:
    return isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None and case.pattern.name is None
