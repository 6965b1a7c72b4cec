"""Methods as functions: what needs neither class nor instance is taken, with its meaning; all else is refused."""

from collections.abc import Callable

import pytest

from selfcodealign.records import Dropped, Seed
from selfcodealign.seeds import Origin, SourceFile, extract_functions
from selfcodealign.seeds.methods import NeedsClassError, as_function

ORIGIN = Origin(source="folder", package="sample", version="1", licence="MIT")


def rows(text: str) -> list[Seed | Dropped]:
    file = SourceFile(origin=ORIGIN, file="pack/shapes.py", path="/pack/shapes.py", text=text)
    return extract_functions(file, methods=True)


@pytest.mark.parametrize(
    ("method", "function"),
    [
        ("    @staticmethod\n    def f(x):\n        return x\n", "def f(x):\n    return x\n"),
        ("    def f(self, x):\n        return x\n", "def f(x):\n    return x\n"),
        ("    def f(self):\n        return 1\n", "def f():\n    return 1\n"),
        ("    @classmethod\n    def f(cls, *, x=1):\n        return x\n", "def f(*, x=1):\n    return x\n"),
        ("    async def f(self , x, *y):\n        return y\n", "async def f(x, *y):\n    return y\n"),
        ("    def f(\n        self,\n        x: int,\n    ) -> int:\n        return x\n",
         "def f(\n    x: int,\n) -> int:\n    return x\n"),
        ("    def f(é, x):\n        return 'é' + x\n", "def f(x):\n    return 'é' + x\n"),
        ("\tdef f(self, x):\n\t\treturn x\n", "def f(x):\n\treturn x\n"),
        ('    def f(self, x):\n        """Say.\n\n        More.\n        """\n        return x\n',
         'def f(x):\n    """Say.\n\n    More.\n    """\n    return x\n'),
    ],
)  # fmt: skip
def test_the_function_that_a_method_is(method: str, function: str) -> None:
    assert as_function(method) == function


@pytest.mark.parametrize(
    ("method", "why"),
    [
        ("    def f(self, x):\n        return self.x\n", "uses self"),
        ("    def f(self, x):\n        return [self for _ in x]\n", "uses self"),
        ("    def f(self, x):\n        def g(self):\n            return self\n        return g\n", "uses self"),
        ("    @classmethod\n    def f(cls, x):\n        return cls(x)\n", "uses cls"),
        ("    @staticmethod\n    def f(x):\n        return super().f(x)\n", "uses super"),
        ("    def f(self, x):\n        return __class__\n", "uses __class__"),
        ("    def f(self, x):\n        return x.__secret\n", "mangles"),
        ("    def f(self, x):\n        return __secret(x)\n", "mangles"),
        ("    def f(self, x):\n        return f(x)\n", "another f"),
        ("    def __eq__(self, other):\n        return True\n", "belongs to classes"),
        ("    def __hidden(self, other):\n        return True\n", "belongs to classes"),
        ("    @property\n    def f(self):\n        return 1\n", "decorated with property"),
        ("    @staticmethod\n    @cache\n    def f(x):\n        return x\n", "decorated with staticmethod"),
        ("    def f():\n        return 1\n", "no plain instance"),
        ("    def f(*args):\n        return 1\n", "no plain instance"),
        ("    def f(self: int, x):\n        return 1\n", "no plain instance"),
        ("    def f(self, /, x):\n        return 1\n", "no plain instance"),
        ("    def f(self=None):\n        return 1\n", "no plain instance"),
        ('    def f(self, x):\n        return """a\n        b"""\n', "would change"),
        ("    def f(self, x):\n        return (\n", "no function by itself"),
        ("    def f(self): return 1\n    x = 2\n", "no function by itself"),
        ("    x = 2\n", "no function by itself"),
        ("", "no function by itself"),
    ],
)
def test_what_needs_its_class_is_refused(method: str, why: str) -> None:
    with pytest.raises(NeedsClassError, match=why):
        as_function(method)


def test_methods_are_taken_with_their_imports_under_the_names_of_their_classes() -> None:
    text = (
        "import math\n\nclass A:\n    LIMIT = 3\n    def area(self, r):\n        return math.pi * r\n"
        "    @staticmethod\n    def own(x): return LIMIT\n    def far(self): return self.x\n"
        "    class B:\n        @staticmethod\n        def twice(x): return 2 * x\n"
        "    if LIMIT:\n        def m(self): return 1\n"
    )
    found = rows(text)
    seeds = [row for row in found if isinstance(row, Seed)]
    assert [(row.name, row.first_line, row.last_line) for row in seeds] == [
        ("pack.shapes.A.area", 5, 6),
        ("pack.shapes.A.B.twice", 11, 12),
    ]
    assert seeds[0].code == "import math\n\n\ndef area(r):\n    return math.pi * r"
    lost = {row.detail.split(":", 1)[1]: row.reason for row in found if isinstance(row, Dropped)}
    assert lost == {
        "7 own: needs LIMIT": "not_self_contained",
        "9 far: uses self": "method",
        "14 m: defined under a condition": "method",
    }


def test_the_function_does_what_the_method_does() -> None:
    text = "class A:\n    @staticmethod\n    def f(a, b=2, *c, d, **e):\n        return a, b, c, d, e\n"
    (seed,) = (row for row in rows(text) if isinstance(row, Seed))
    of_class: dict[str, type] = {}
    exec(text, of_class)  # noqa: S102 - the text above
    of_module: dict[str, Callable[..., object]] = {}
    exec(seed.code, of_module)  # noqa: S102 - the text above
    assert of_module["f"](1, 3, 4, d=5, g=6) == of_class["A"].f(1, 3, 4, d=5, g=6)
