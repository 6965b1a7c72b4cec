"""Agreement: who is run with whose tests."""

from selfcodealign.records import Response, Verdict
from selfcodealign.sandbox.agreement import crossings


def response(name: str, code: str, tests: str, task: str = "task") -> Response:
    return Response(
        id=name, instruction_id=task, seed_id="seed", sample_index=0, response="", code=code, tests=tests,
        program=f"{code}\n{tests}", output_tokens=1,
    )  # fmt: skip


def verdict(name: str, status: str = "passed") -> Verdict:
    return Verdict(id=name, status=status, seconds=0.1, assertions=1, stdout="", stderr="", isolation="")


DOUBLE = response("double", "def f(x):\n    return 2 * x", "assert f(1) == 2")
ADDED = response("added", "def f(x):\n    return x + x\nLIMIT = 3", "assert f(LIMIT) == 6")
OTHER_NAME = response("other name", "def g(x):\n    return x + x", "assert g(1) == 2")
OTHER_TASK = response("other task", "def f(x):\n    return x", "assert f(1) == 1", task="another")
FAILED = response("failed", "def f(x):\n    return x", "assert f(1) == 2")


def test_passing_responses_of_a_task_meet_where_one_defines_what_the_tests_of_the_other_ask_for() -> None:
    rows = [DOUBLE, ADDED, OTHER_NAME, OTHER_TASK, FAILED]
    verdicts = [verdict(row.id, "failed" if row is FAILED else "passed") for row in rows]
    pairs = [(code.id, tests.id) for code, tests in crossings(rows, verdicts)]
    assert pairs == [("added", "double")]


def test_tests_that_ask_for_nothing_of_their_code_compare_nobody() -> None:
    idle = response("idle", "def f(x):\n    return x", "assert len('a') == 1")
    broken = response("broken", "def f(x):\n    return x", "assert f(")
    rows = [idle, broken, DOUBLE]
    pairs = crossings(rows, [verdict(row.id) for row in rows])
    assert {tests.id for _, tests in pairs} == {"double"}
    assert {code.id for code, _ in pairs} == {"idle", "broken"}
