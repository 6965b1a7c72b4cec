"""Filters: each keeps good functions and drops bad ones with its own reason; the draw is the same every time."""

import random
from collections.abc import Callable, Sequence

import pytest

from selfcodealign.curation import Decontaminator
from selfcodealign.evaluation import BenchmarkText
from selfcodealign.evaluation.benchmarks import task_docstring
from selfcodealign.params import FilterSeeds
from selfcodealign.records import Seed
from selfcodealign.seeds import FilterReason, Origin, SourceFile, extract_functions, filter_seeds
from selfcodealign.seeds.smoke import smoke_program

ALL_OFF = {
    "docstring": False,
    "returns_value": False,
    "arguments": False,
    "bad_words": False,
    "system_imports": False,
    "test_code": False,
    "types": False,
    "benchmark_text": False,
    "near_duplicates": False,
    "judge": False,
    "min_lines": 1,
}


def settings(**on: object) -> FilterSeeds:
    return FilterSeeds.model_validate({**ALL_OFF, **on})


def seed_of(text: str, file: str = "part.py") -> Seed:
    origin = Origin(source="folder", package="sample", version="1", licence="MIT")
    row = extract_functions(SourceFile(origin=origin, file=file, path=file, text=text))[-1]
    assert isinstance(row, Seed), row
    return row


def reason_of(text: str, **on: object) -> str | None:
    result = filter_seeds([seed_of(text)], settings(**on), seed=1)
    assert len(result.seeds) + len(result.dropped) == 1
    return result.dropped[0].reason if result.dropped else None


GOOD = 'def f(x):\n    """Double x."""\n    return 2 * x\n'


@pytest.mark.parametrize(
    ("filter_name", "reason", "bad"),
    [
        ("docstring", "no_docstring", "def f(x):\n    return x\n"),
        ("docstring", "no_docstring", 'def f(x):\n    """ """\n    return x\n'),
        ("docstring", "no_docstring", "def f(x):\n    f'''{x}'''\n    return x\n"),
        ("arguments", "no_arguments", "def f():\n    return 1\n"),
        ("returns_value", "no_return_value", "def f(x):\n    x.append(1)\n"),
        ("returns_value", "no_return_value", "def f(x):\n    if x:\n        return\n    return None\n"),
        ("returns_value", "no_return_value", "def f(x):\n    def g():\n        return 1\n    x(g, lambda: 2)\n"),
        ("returns_value", "no_return_value", "def f(x):\n    yield x\n"),
        ("bad_words", "bad_words", "def f(x):\n    # todo: more\n    return x\n"),
        ("bad_words", "bad_words", "def f(x):\n    # XXX\n    return x\n"),
        ("bad_words", "bad_words", "def f(user_password):\n    return 1\n"),
        ("bad_words", "bad_words", "def f(x, api_key):\n    return 1\n"),
        ("bad_words", "bad_words", "def f(x):\n    raise NotImplementedError\n"),
        ("system_imports", "system_imports", "import os\ndef f(x):\n    return os.path.join(x)\n"),
        ("system_imports", "system_imports", "from os.path import join\ndef f(x):\n    return join(x)\n"),
        ("system_imports", "system_imports", "def f(x):\n    import subprocess as s\n    return s.run(x)\n"),
        (
            "system_imports",
            "system_imports",
            "import urllib.request\ndef f(x):\n    return urllib.request.urlopen(x)\n",
        ),
        ("system_imports", "system_imports", "from urllib import request\ndef f(x):\n    return request.urlopen(x)\n"),
        ("system_imports", "system_imports", "def f(x):\n    return open(x)\n"),
        ("system_imports", "system_imports", "def f(x):\n    return list(map(eval, x))\n"),
        ("test_code", "test_code", "def test_it(x):\n    return x\n"),
        ("test_code", "test_code", "import pytest\ndef f(x):\n    return pytest.approx(x)\n"),
    ],
)
def test_each_filter_drops_with_its_own_reason_and_only_where_it_is_on(filter_name: str, reason: str, bad: str) -> None:
    assert reason_of(bad, **{filter_name: True}) == reason
    assert reason_of(bad, **{filter_name: False}) is None


@pytest.mark.parametrize(
    "good",
    [
        GOOD,
        "def f(*args):\n    return args\n",
        "def f(*, key):\n    if key:\n        for k in key:\n            return k\n",
        "def f(debug, hacker, xxx, passworded_no):\n    return 'mastodon'\n",
        "from urllib.parse import quote\ndef f(x):\n    return quote(x)\n",
        "from io import StringIO\ndef f(x):\n    return StringIO(x)\n",
        "def f(x):\n    return x.open(x.eval)\n",
        "def testament(x, contest):\n    return contest(x)\n",
        "import re\ndef f(x):\n    return re.compile(x)\n",
    ],
)
def test_good_functions_pass_the_cheap_filters(good: str) -> None:
    names = ("arguments", "returns_value", "bad_words", "system_imports", "test_code")
    assert reason_of(good, **dict.fromkeys(names, True)) is None


def test_length_counts_the_lines_of_the_function_and_not_of_its_imports() -> None:
    text = "import re\nimport math\n\ndef f(x):\n    return re, math\n"
    assert reason_of(text, min_lines=2, max_lines=2) is None
    assert reason_of(text, min_lines=3) == "too_short"
    assert reason_of(text, max_lines=1) == "too_long"


def task(benchmark: str, task_id: str, prompt: str, solution: str) -> BenchmarkText:
    return BenchmarkText(
        benchmark=benchmark,
        task_id=task_id,
        prompt=prompt,
        solution=solution,
        docstring=task_docstring(prompt, "has_close"),
    )


TASKS = [
    task(
        "humaneval_plus",
        "HumanEval/0",
        'from typing import List\n\n\ndef has_close(numbers: List[float], limit: float) -> bool:\n    """ Check if in'
        " given list of numbers, are any two numbers closer to each other than\n    given threshold.\n"
        '    >>> has_close([1.0], 0.5)\n    False\n    """\n',
        "    for idx, elem in enumerate(numbers):\n        for idx2, elem2 in enumerate(numbers):\n"
        "            if idx != idx2 and abs(elem - elem2) < limit:\n                return True\n    return False\n",
    ),
    task(
        "mbpp_plus",
        "Mbpp/2",
        '"""\nWrite a function to find the shared elements from the given two lists.\nassert f([1], [1]) == [1]\n"""\n',
        "def f(a, b):\n    return tuple(set(a) & set(b))\n",
    ),
]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            'def other(xs):\n    """Check if, in given list of numbers, are any two numbers closer to each other than '
            'given threshold."""\n    return bool(xs)\n',
            "humaneval_plus HumanEval/0: ",
        ),
        (
            'def other(xs):\n    """Note. Write a function to find the shared elements from the given two lists!\n\n'
            '    Args: none.\n    """\n    return xs\n',
            "mbpp_plus Mbpp/2: ",
        ),
        (
            'def other(numbers, limit):\n  """My own words about it."""\n  for idx, elem in enumerate(numbers):\n'
            "    for idx2, elem2 in enumerate(numbers):\n"
            "      if idx != idx2 and abs(elem - elem2) < limit:\n        return True\n  return False\n",
            "humaneval_plus HumanEval/0: ",
        ),
        (
            'def shared(a, b):\n    """Elements of both lists."""\n    return tuple(set(a) & set(b))\n',
            "mbpp_plus Mbpp/2: solution_ast: ",
        ),
        ('def shared(a, b):\n    """Elements of both lists."""\n    return tuple(set(a) | set(b))\n', None),
        (GOOD, None),
    ],
)
def test_benchmark_text_is_found_as_description_prompt_or_solution(text: str, found: str | None) -> None:
    benchmarks = Decontaminator(TASKS)
    result = filter_seeds([seed_of(text)], settings(benchmark_text=True), seed=1, benchmarks=benchmarks)
    assert {hit.id for hit in result.hits} == {row.id for row in result.dropped}
    if found is None:
        assert len(result.seeds) == 1
    else:
        assert result.dropped[0].reason == FilterReason.BENCHMARK_TEXT
        assert found in result.dropped[0].detail


def test_filters_that_lack_what_they_need_are_a_defect_of_the_caller() -> None:
    with pytest.raises(ValueError, match="no benchmark texts"):
        filter_seeds([], settings(benchmark_text=True), seed=1)
    with pytest.raises(ValueError, match="no judge"):
        filter_seeds([], settings(judge=True), seed=1)
    with pytest.raises(ValueError, match="smoke is on"):
        filter_seeds([], settings(smoke=True), seed=1)


def many(count: int) -> list[Seed]:
    return [
        seed_of(f"def f{index}(x):\n    return x * {index} + {index % 7}\n", f"m{index}.py") for index in range(count)
    ]


def even_types(programs: Sequence[str]) -> list[str | None]:
    return [None if int(program.split("* ")[1].split(" ")[0]) % 2 == 0 else "odd" for program in programs]


def counted(calls: list[int], check: Callable[[Sequence[str]], list[str | None]]) -> Callable[..., list[str | None]]:
    def call(programs: Sequence[str]) -> list[str | None]:
        calls.append(len(programs))
        return check(programs)

    return call


def test_expensive_filters_stop_at_max_seeds_and_every_row_is_counted() -> None:
    rows, calls = many(1000), []
    result = filter_seeds(rows, settings(types=True, max_seeds=20), seed=3, type_check=counted(calls, even_types))
    assert len(result.seeds) == 20
    assert sum(calls) < 200
    assert len(result.dropped) == 980
    assert len({row.id for row in (*result.seeds, *result.dropped)}) == 1000
    assert result.counts["beyond_max_seeds"] + result.counts["types"] == 980
    assert result.checked["types"] == sum(calls)


def test_the_draw_depends_on_the_seed_and_not_on_the_order_of_the_rows() -> None:
    rows = many(300)
    shuffled = random.Random(0).sample(rows, len(rows))
    drawn = [
        filter_seeds(some, settings(types=True, max_seeds=20), seed=seed, type_check=even_types).seeds
        for some, seed in ((rows, 1), (shuffled, 1), (rows, 2))
    ]
    assert drawn[0] == drawn[1] != drawn[2]


def test_fewer_good_rows_than_max_seeds_gives_all_of_them() -> None:
    result = filter_seeds(many(30), settings(types=True, max_seeds=20), seed=1, type_check=even_types)
    assert len(result.seeds) == 15
    assert "beyond_max_seeds" not in result.counts


def test_a_smaller_draw_is_the_beginning_of_a_larger_one() -> None:
    rows = many(400)
    small, large = (
        filter_seeds(rows, settings(types=True, max_seeds=size), seed=1, type_check=even_types).seeds
        for size in (10, 50)
    )
    assert large[:10] == small


def test_near_duplicates_leave_the_first_of_the_draw() -> None:
    body = "".join(f"    total = total + {index} * x\n" for index in range(30))
    rows = [seed_of(f"def {name}(x):\n    total = 0\n{body}    return total\n", f"{name}.py") for name in "abc"]
    result = filter_seeds([*rows, seed_of(GOOD)], settings(near_duplicates=True), seed=1)
    assert len(result.seeds) == 2
    assert result.counts["near_duplicates"] == 2
    kept = next(row for row in result.seeds if row.id in {one.id for one in rows})
    assert all(kept.id in row.detail for row in result.dropped)


def judged(rows: Sequence[Seed]) -> list[bool | None]:
    return [(True, False, None)[int(row.name.rsplit("f", 1)[1]) % 3] for row in rows]


def test_the_judge_sees_only_what_is_left_and_unparsed_verdicts_have_their_own_reason() -> None:
    asked: list[str] = []

    def judge(rows: Sequence[Seed]) -> list[bool | None]:
        asked.extend(row.name for row in rows)
        return judged(rows)

    result = filter_seeds(many(60), settings(types=True, judge=True), seed=1, judge=judge, type_check=even_types)
    assert len(asked) == len(set(asked)) == 30
    assert (len(result.seeds), result.counts["judge_no"], result.counts["judge_unparsed"]) == (10, 10, 10)
    assert all(judged([row]) == [True] for row in result.seeds)


def test_only_seeds_without_type_errors_are_run_and_those_that_fail_have_their_own_reason() -> None:
    ran: list[str] = []

    def smoke(rows: Sequence[Seed]) -> list[str | None]:
        ran.extend(row.id for row in rows)
        return [None if row.name < "m3" else "error: NameError" for row in rows]

    result = filter_seeds(many(60), settings(types=True, smoke=True), seed=1, type_check=even_types, smoke=smoke)
    assert len(ran) == len(set(ran)) == result.checked["does_not_run"] == 30
    assert {row.name < "m3" for row in result.seeds} == {True}
    assert len(result.seeds) + result.counts["does_not_run"] == 30
    assert all("error: NameError" in str(row.detail) for row in result.dropped if row.reason == "does_not_run")


@pytest.mark.parametrize(
    ("head", "is_called"),
    [
        ("def f():", True),
        ("def f(x=1, /, y=2, *rest, z=3, **more):", True),
        ("def f(x, y=2):", False),
        ("def f(x, /):", False),
        ("def f(*, z):", False),
        ("async def f():", False),
    ],
)
def test_smoke_calls_only_what_needs_no_argument(head: str, is_called: bool) -> None:
    program = smoke_program(seed_of(f"import math\n\n\n{head}\n    return math.pi\n"))
    assert program.startswith("import math\n")
    assert program.endswith("\nf()\n") == is_called
    compile(program, "smoke", "exec")


def test_filters_that_dropped_nothing_are_counted_with_zero() -> None:
    result = filter_seeds([seed_of(GOOD)], settings(docstring=True, bad_words=True), seed=1)
    assert result.counts["no_docstring"] == result.counts["bad_words"] == 0
    assert {"no_docstring", "bad_words"} <= set(result.counts)


def test_no_rows_are_no_trouble() -> None:
    result = filter_seeds([], settings(types=True, near_duplicates=True), seed=1, type_check=even_types)
    assert (result.seeds, result.dropped) == ([], [])
