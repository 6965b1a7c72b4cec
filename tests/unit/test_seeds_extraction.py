"""Extraction: whole functions with exact lines, and no text that can break it."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfcodealign.records import Dropped, Seed
from selfcodealign.seeds import CollectReason, Origin, SourceFile, extract_functions

ORIGIN = Origin(source="folder", package="sample", version="1.0", licence="MIT")


def source(text: str, file: str = "sample/part.py") -> SourceFile:
    return SourceFile(origin=ORIGIN, file=file, path=f"/somewhere/{file}", text=text)


def seeds(text: str) -> list[Seed]:
    return [row for row in extract_functions(source(text)) if isinstance(row, Seed)]


def only_drop(text: str) -> Dropped:
    (row,) = extract_functions(source(text))
    assert isinstance(row, Dropped)
    return row


def test_a_function_keeps_its_origin_lines_name_and_docstring() -> None:
    (seed,) = seeds(
        'import math\n\n\n@staticmethod\ndef area(r):\n    """Area of a disc.\n\n    More.\n    """\n    return r\n'
    )
    assert (seed.package, seed.version, seed.licence, seed.file) == ("sample", "1.0", "MIT", "sample/part.py")
    assert (seed.first_line, seed.last_line) == (4, 10)
    assert seed.name == "sample.part.area"
    assert seed.docstring == "Area of a disc.\n\nMore."
    assert seed.code.startswith("@staticmethod\ndef area(r):")


def test_only_the_needed_imports_are_put_in_front_in_the_order_of_the_file() -> None:
    text = (
        "import os, re\nimport numpy as np\nfrom math import (pi,\n    sqrt as root)\nfrom typing import Any\n\n\n"
        "def f(x: Any):\n    import json\n    return re.sub('a', '', x), root(2), json\n"
    )
    (seed,) = seeds(text)
    assert seed.code.split("\n\n\n")[0] == "import re\nfrom math import sqrt as root\nfrom typing import Any"


def test_submodules_of_one_package_are_all_imported() -> None:
    (seed,) = seeds("import xml.dom\nimport xml.sax\n\ndef f(x):\n    return xml.dom.a(xml.sax.b(x))\n")
    assert seed.code.startswith("import xml.dom\nimport xml.sax\n\n\ndef f")


def test_the_first_of_several_ways_to_import_a_name_counts() -> None:
    text = "try:\n    import a as json\nexcept ImportError:\n    import json\n\ndef f(x):\n    return json.dumps(x)\n"
    (seed,) = seeds(text)
    assert seed.code.split("\n\n\n")[0] == "import a as json"


def test_imports_for_type_checkers_and_quoted_annotations_count() -> None:
    text = (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from decimal import Decimal\n\n"
        "def f(x: 'Decimal') -> 'list[Decimal]':\n    return [x]\n"
    )
    (seed,) = seeds(text)
    assert seed.code.startswith("from decimal import Decimal\n")


@pytest.mark.parametrize(
    "statement",
    [
        "    y: 'Decimal' = x",
        "    def g(a: 'Decimal'): return a",
        "    def g(a, /, *, b: 'list[Decimal]'): return a",
        "    async def g(*a: 'Decimal', **b): return a",
        "    if x:\n        pass\n    elif x:\n        z: 'Decimal' = x",
        "    for y in x:\n        pass\n    else:\n        z: 'Decimal' = x",
        "    try:\n        pass\n    except ValueError:\n        y: 'Decimal' = x\n    finally:\n        pass",
        "    try:\n        pass\n    finally:\n        y: 'Decimal' = x",
        "    match x:\n        case 1:\n            y: 'Decimal' = x",
        "    class C:\n        def g(self, **b: 'Decimal'): return b",
    ],
)
def test_quoted_annotations_count_wherever_a_statement_stands(statement: str) -> None:
    (seed,) = seeds(f"from decimal import Decimal\n\ndef f(x):\n{statement}\n    return x\n")
    assert seed.code.startswith("from decimal import Decimal\n")


@pytest.mark.parametrize(
    ("text", "needs"),
    [
        ("LIMIT = 3\ndef f(x):\n    return x + LIMIT\n", "LIMIT"),
        ("def g(): pass\n\ndef f(x):\n    return [g() for _ in x]\n", "g"),
        ("from .near import g\n\ndef f(x):\n    return g(x)\n", "g"),
        ("from far import *\n\ndef f(x):\n    return g(x)\n", "g"),
        ("def f(x=DEFAULT):\n    return x\n", "DEFAULT"),
        ("@decorate\ndef f(x):\n    return x\n", "decorate"),
        ("def f(x: Thing):\n    return x\n", "Thing"),
        ("def f(x):\n    return unicode(x)\n", "unicode"),
        ("def f(x):\n    global count\n    count = x\n", "count"),
    ],
)
def test_a_function_that_needs_its_module_is_not_self_contained(text: str, needs: str) -> None:
    last = extract_functions(source(text))[-1]
    assert isinstance(last, Dropped)
    assert last.reason == CollectReason.NOT_SELF_CONTAINED
    assert last.detail.endswith(needs)


def test_recursion_nested_functions_comprehensions_and_builtins_are_self_contained() -> None:
    text = (
        "def f(n, *rest, key=None):\n    def inner(a):\n        return a + n\n"
        "    total = sum(inner(i) for i in range(n) if i)\n    return total or f(n - 1, *rest, key=key)\n"
    )
    assert len(seeds(text)) == 1


def test_methods_and_conditional_functions_are_counted_and_not_taken() -> None:
    text = (
        "class A:\n    def m(self):\n        pass\n    class B:\n        def n(self): pass\nif 1:\n    def c(): pass\n"
    )
    rows = extract_functions(source(text))
    assert [row.reason for row in rows if isinstance(row, Dropped)] == ["method", "method", "conditional"]
    assert len(rows) == 3


def test_a_broken_function_does_not_cost_the_rest_of_its_file() -> None:
    rows = extract_functions(
        source("def good(x):\n    return x\n\ndef bad(x):\n    return x +* 2\n\ndef fine(x):\n    return x\n")
    )
    assert [row.name for row in rows if isinstance(row, Seed)] == ["sample.part.good", "sample.part.fine"]
    assert [row.reason for row in rows if isinstance(row, Dropped)] == ["syntax_error"]


def test_python_2_is_a_syntax_error() -> None:
    assert only_drop("def f(x):\n    print 'a'\n    return x\n").reason == CollectReason.SYNTAX_ERROR


def test_a_huge_function_is_dropped_before_it_is_compiled() -> None:
    assert only_drop(f"def f(x):\n    return [{'1, ' * 40_000}]\n").reason == CollectReason.FUNCTION_TOO_LARGE


@pytest.mark.parametrize(
    "deep", ["(" * 5000 + ")" * 5000, "-" * 30_000 + "1", "a" + ".b" * 20_000, "f" + "()" * 20_000]
)
def test_deep_nesting_is_a_syntax_error_and_not_a_crash(deep: str) -> None:
    assert only_drop(f"def f(a):\n    return {deep}\n").reason == CollectReason.SYNTAX_ERROR


def check_lines(text: str) -> None:
    lines = text.split("\n")
    for row in extract_functions(source(text)):
        if isinstance(row, Seed):
            assert 1 <= row.first_line <= row.last_line <= len(lines)
            assert row.code.endswith("\n".join(lines[row.first_line - 1 : row.last_line]))
            assert isinstance(ast.parse(row.code).body[-1], ast.FunctionDef | ast.AsyncFunctionDef)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r")))
def test_arbitrary_text_never_breaks_extraction(text: str) -> None:
    check_lines(text)


PIECES = [
    "import re, os.path as p\n",
    "from a.b import (c as d, e)\n",
    "from . import x\n",
    "@deco\n",
    "@staticmethod\n",
    "def f(x):\n",
    "async def g(y: 'T' = 1, *z):\n",
    "class K:\n",
    "if x:\n",
    "    return re.sub(x, '', d)\n",
    "        pass\n",
    "    '''doc\n",
    "    more'''\n",
    '    """one"""\n',
    "\tglobal q\n",
    "  ",
    "\f",
    "# \u00e9\u4e2d\U0001f600\n",
    "\\\n",
    "(",
    "]",
    "f'{x!r:>{y}}'\n",
    "lambda: (yield)\n",
    "\n",
    "; ",
]


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_lines_point_at_the_code_in_any_jumble_of_python(text: str) -> None:
    check_lines(text)


def test_the_jumble_does_reach_functions() -> None:
    text = (
        "import re, os.path as p\nfrom a.b import (c as d, e)\n@staticmethod\ndef f(x):\n    return re.sub(x, '', d)\n"
    )
    (seed,) = seeds(text)
    assert seed.code.startswith("import re\nfrom a.b import c as d\n\n\n@staticmethod\n")


def test_a_seed_keeps_its_id_in_a_release_with_the_same_code_and_gets_a_new_one_with_other_code() -> None:
    text = "import math\n\n\ndef area(r):\n    return math.pi * r * r\n"
    newer = Origin(source="folder", package="sample", version="1.1", licence="MIT")
    moved = SourceFile(origin=newer, file="sample/part.py", path="/elsewhere/part.py", text=f"# A comment.\n\n{text}")
    ((before,), (after,)) = (extract_functions(one) for one in (source(text), moved))
    assert (before.first_line, after.first_line) == (4, 6)
    assert before.id == after.id
    assert after.path == "/elsewhere/part.py"
    (changed,), (elsewhere,) = seeds(text.replace("r * r", "r ** 2")), extract_functions(source(text, "sample/b.py"))
    assert len({before.id, changed.id, elsewhere.id}) == 3
