"""What of an answer is rewarded: its code is found as the pipeline finds it, its test suite split into assertions."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfcodealign.errors import InputError
from selfcodealign.opened_answers import OPENING, STOPS, code_end, whole_answer
from selfcodealign.sandbox import CodeReward
from selfcodealign.sandbox.reward import extracted_code, single_tests

CODE = "def f(x):\n    return x + 1"
CHAT = [{"role": "user", "content": "Add 1."}]


@pytest.mark.parametrize(
    ("prompt", "completion", "code"),
    [
        (f"<user>Add 1.<assistant>{OPENING}", f"{CODE}\n```\nDone.", CODE),
        (f"<user>Add 1.<assistant>{OPENING}", f"{CODE}\n\nprint(f(1))\n", CODE),
        (f"<user>Add 1.<assistant>{OPENING}", CODE, CODE),
        ([*CHAT, {"role": "assistant", "content": OPENING}], [{"role": "assistant", "content": f"{CODE}\n```"}], CODE),
        (CHAT, [{"role": "assistant", "content": whole_answer(CODE)}], CODE),
        (CHAT, whole_answer(f"{CODE}\n\nassert f(1) == 2"), CODE),
        (CHAT, f"First:\n```python\n{CODE}\n```\nThen:\n```\ng = f\n```", f"{CODE}\n\ng = f"),
        (CHAT, f"```bash\nls\n```\n```py\n{CODE}\n```", CODE),
        (CHAT, f"```python\n{CODE}", None),
        (CHAT, "Use the plus sign.", None),
        (CHAT, "", None),
        (CHAT, [], None),
        (f"<assistant>{OPENING}", "", None),
        (f"<assistant>{OPENING}", f"```python\n{CODE}\n```", None),
    ],
)
def test_the_code_of_an_answer_is_its_opened_block_or_its_python_blocks(prompt, completion, code):
    assert extracted_code(prompt, completion) == code


CODE_LINES = st.lists(st.sampled_from(["x = 1", "def f():", "    print(1)", "    assert x", "# one", ""]), min_size=1)


@given(CODE_LINES, st.sampled_from(STOPS), st.text(max_size=40))
def test_an_opened_answer_is_cut_at_its_first_stop_string(lines, stop, rest):
    code = "x = 0\n" + "\n".join(lines)
    assert code_end(code) is None
    assert extracted_code(OPENING, code + stop + rest) == code.strip("\n")


@given(st.text(max_size=200))
def test_the_code_of_an_opened_answer_never_has_a_stop_string(text):
    code = extracted_code(OPENING, text)
    assert code is None or code_end(code) is None


def test_a_suite_is_split_into_assertions_with_what_stands_before_them():
    suite = "import math\nassert f(1) == 2, 'one'\nx = 3\nassert f(x) == 4\nprint(x)\n"
    assert single_tests(suite) == [
        "import math\nassert f(1) == 2, 'one'",
        "import math\nx = 3\nassert f(x) == 4",
    ]
    assert single_tests("def test():\n    assert f(1) == 2\ntest()") == []
    assert single_tests("assert f(") == []


@given(st.lists(st.sampled_from(["assert f(1) == 2", "x = 1", "assert x", "y = [\n    1,\n]"])))
def test_every_assertion_is_in_one_test_and_every_test_parses(statements):
    tests = single_tests("\n".join(statements))
    assert len(tests) == sum(statement.startswith("assert") for statement in statements)
    assert all(isinstance(ast.parse(test).body[-1], ast.Assert) for test in tests)


@pytest.mark.parametrize("columns", [{}, {"tests": ["assert True", "assert True"]}])
def test_a_missing_column_of_tests_is_one_line(columns):
    with CodeReward() as reward, pytest.raises(InputError, match="column `tests`"):
        reward(["task"], ["answer"], **columns)


def test_answers_without_code_and_tasks_without_tests_need_no_sandbox():
    with CodeReward() as reward:
        found = reward([OPENING] * 3, ["", CODE, CODE], tests=["assert f(1) == 2", "", None])
    assert found == [0.0, None, None]
