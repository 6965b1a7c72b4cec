"""The first failing test of a sample: its texts are short and harmless, whatever a program does."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfcodealign import evaluation
from selfcodealign.evaluation import FailureKind, FirstFailure, evidence, read_first_failure
from selfcodealign.evaluation.diagnosis import FailedTests, Phase, Record, Seen, expected_text, explained
from selfcodealign.evaluation.first_failure import MAX_CHARS, cut, cut_to_difference, one_line
from selfcodealign.evaluation.harness_script import MODULES, PACKAGE, harness_script

SHORT = st.none() | st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), max_size=MAX_CHARS)
FAILURES = st.builds(
    FirstFailure,
    kind=st.sampled_from(FailureKind),
    tests=st.sampled_from(["base", "plus"]),
    index=st.none() | st.integers(0, 10**6),
    call=SHORT,
    expected=SHORT,
    outcome=SHORT,
    after_earlier=st.booleans(),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
ROWS = st.fixed_dictionaries(
    {"kind": st.sampled_from([*FailureKind, "odd"]) | JSON, "tests": st.sampled_from(["base", "plus"]) | JSON},
    optional=dict.fromkeys(("index", "call", "expected", "outcome", "after_earlier"), JSON),
)


def failed(
    *, entry_point: str = "f", dataset: str = "humaneval", index: int = 1, inputs: Any = None, expected: Any = None
) -> FailedTests:
    return FailedTests(
        dataset=dataset, solution="", entry_point=entry_point, called=None, tests="base", index=index, timed_out=False,
        inputs=inputs or [[1], [[2, "x"]]], expected=expected or [1, 2], time_limits=[1.0, 1.0], atol=0,
    )  # fmt: skip


def seen(phase: Phase, *, text: str = "", num_calls: int = 1, exit_code: int | None = 0) -> Seen:
    return Seen(phase=phase, num_calls=num_calls, text=text, has_passed=False, exit_code=exit_code)


@given(FAILURES)
def test_a_failure_is_read_back_as_it_was_written(failure: FirstFailure) -> None:
    assert read_first_failure(json.loads(json.dumps(failure.as_row()))) == failure


@given(ROWS | JSON)
def test_whatever_a_file_holds_gives_a_failure_of_short_lines_or_none(row: object) -> None:
    found = read_first_failure(row)
    if found is not None:
        texts = [text for text in (found.call, found.expected, found.outcome) if text is not None]
        assert all(len(text) <= MAX_CHARS and text.isprintable() for text in texts)
        assert found.index is None or found.index >= 0


@given(st.text(max_size=500) | st.text(max_size=20).map(lambda text: text * 40), st.integers(0, 900))
def test_a_cut_text_is_short_and_shows_the_place(text: str, place: int) -> None:
    shown = cut(text, place)
    assert len(shown) <= MAX_CHARS
    assert cut(shown) == shown
    assert shown == text if len(text) <= MAX_CHARS else "..." in shown
    if place < len(text):
        assert text[place] in shown


@given(st.text(min_size=1, max_size=2000), st.characters(), st.characters(), st.text(max_size=2000))
def test_long_values_are_cut_to_where_they_differ(start: str, one: str, other: str, end: str) -> None:
    cut_one, cut_other = cut_to_difference(start + one + end, start + other + end)
    assert (cut_one == cut_other) == (one == other)


@given(st.text())
def test_a_line_has_no_control_characters_and_keeps_printable_text(text: str) -> None:
    line = one_line(text)
    assert line.isprintable()
    assert line == text or not text.isprintable()


def test_line_breaks_escapes_and_text_that_runs_backwards_are_escaped() -> None:
    assert one_line("a\nb\x1b[2J\u202ec\x00") == r"a\nb\x1b[2J\u202ec\x00"


@given(st.binary(max_size=200))
def test_a_record_that_a_program_overwrites_is_still_read(data: bytes) -> None:
    record = Record()
    record.write(Phase.CALL)
    record._memory[: len(data)] = data
    phase, num_calls, text = record.read()
    assert phase in Phase
    assert num_calls >= 0
    assert len(text) <= evidence.MAX_SEEN_CHARS
    again = explained(failed(), 0, seen(phase, text=text, num_calls=num_calls))
    assert read_first_failure(json.loads(json.dumps(again.as_row()))) == again


@given(st.text(max_size=40_000))
def test_a_record_keeps_the_text_and_counts_the_calls(text: str) -> None:
    record = Record()
    record.write(Phase.CALL)
    record.write(Phase.CALL)
    record.write(Phase.RETURNED, text)
    assert record.read() == (Phase.RETURNED, 2, text[: evidence.MAX_SEEN_CHARS])


@pytest.mark.parametrize(
    ("phase", "more", "kind", "outcome"),
    [
        (Phase.IMPORT, {"exit_code": 3}, FailureKind.EXIT, "exit code 3"),
        (Phase.IMPORT, {"exit_code": None}, FailureKind.TIMEOUT, None),
        (Phase.IMPORT_FAILED, {"text": "f is not defined"}, FailureKind.BEFORE_TESTS, "f is not defined"),
        (Phase.CALL, {"exit_code": -11}, FailureKind.EXIT, "signal 11"),
        (Phase.CALL, {"exit_code": None}, FailureKind.TIMEOUT, None),
        (Phase.TIMED_OUT, {}, FailureKind.TIMEOUT, None),
        (Phase.RAISED, {"text": "ValueError: a\nb"}, FailureKind.EXCEPTION, r"ValueError: a\nb"),
        (Phase.RETURNED, {"text": "7"}, FailureKind.WRONG_VALUE, "7"),
        (Phase.ASSERTION_FAILED, {"text": "AssertionError"}, FailureKind.WRONG_VALUE, "AssertionError"),
    ],
)
def test_each_end_of_a_run_has_its_kind(phase: Phase, more: dict[str, Any], kind: FailureKind, outcome: str) -> None:
    found = explained(failed(), 1, seen(phase, **more))
    assert (found.kind, found.outcome) == (kind, outcome)
    is_before = phase in {Phase.IMPORT, Phase.IMPORT_FAILED}
    assert (found.index, found.call) == ((None, None) if is_before else (1, "f([2, 'x'])"))
    assert found.expected == ("2" if phase is Phase.RETURNED else None)


def test_after_earlier_tests_the_last_call_is_the_one_that_failed() -> None:
    first = explained(failed(), 0, seen(Phase.RETURNED, text="0", num_calls=1))
    second = explained(failed(), 0, seen(Phase.RETURNED, text="0", num_calls=2))
    assert [(one.index, one.call, one.after_earlier) for one in (first, second)] == [
        (0, "f(1)", True), (1, "f([2, 'x'])", True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("dataset", "entry_point", "value", "text"),
    [
        ("humaneval", "f", [1], "[1]"),
        ("humaneval", "find_zero", -0.5, "a zero such as -0.5"),
        ("mbpp", "similar_elements", (4, 5), "(4, 5) in any order"),
        ("mbpp", "check_str", True, "anything but None"),
        ("mbpp", "check_str", False, "None"),
        ("humaneval", "check_str", True, "True"),
    ],
)
def test_what_evalplus_accepts_besides_equal_values_is_said(
    dataset: str, entry_point: str, value: object, text: str
) -> None:
    tests = failed(dataset=dataset, entry_point=entry_point, inputs=[[1]], expected=[value], index=0)
    assert expected_text(tests, 0) == text


class Odd:
    """A value whose text cannot be had."""

    def __repr__(self) -> str:
        raise KeyboardInterrupt


class OddError(Exception):
    """An exception whose text cannot be had."""

    def __str__(self) -> str:
        raise SystemExit(3)


def test_the_text_of_a_value_is_the_same_in_each_run_and_always_there() -> None:
    assert evidence.value_text({"b", "a"}) == "{'a', 'b'}"
    assert evidence.value_text(frozenset({2, 1})) == "frozenset({1, 2})"
    assert evidence.value_text([set(), frozenset()]) == "[set(), frozenset()]"
    assert evidence.value_text(object()) == "<object object>"
    assert evidence.value_text(Odd()) == "a value whose repr raises KeyboardInterrupt"
    assert evidence.exception_text(OddError(), "") == "an exception whose text raises SystemExit"


def raised_by(source: str, function: str = "f") -> BaseException:
    namespace: dict[str, Any] = {}
    exec(compile(source, evidence.SOURCE_NAME, "exec"), namespace)  # noqa: S102 - a program of this test
    with pytest.raises(AssertionError) as caught:
        namespace[function]()
    return caught.value


def test_an_exception_without_a_message_shows_the_line_that_raised_it() -> None:
    source = "def f():\n    x = 1\n    assert x == 2\n"
    assert evidence.exception_text(raised_by(source), source) == "AssertionError at `assert x == 2`"
    told = "def f():\n    assert False, 'told'\n"
    assert evidence.exception_text(raised_by(told), told) == "AssertionError: told"
    assert evidence.exception_text(raised_by(source), "") == "AssertionError"


@pytest.mark.parametrize(
    ("body", "is_own"), [("assert candidate() == 2", True), ("g()", False), ("raise AssertionError", True)]
)
def test_a_failed_assertion_of_the_tests_is_told_from_one_of_the_program(body: str, is_own: bool) -> None:
    source = f"def g():\n    assert False\ndef check(candidate):\n    {body}\ndef f():\n    check(lambda: 1)\n"
    assert evidence.is_raised_by_check(raised_by(source)) is is_own


def test_the_script_brings_every_module_of_the_package_that_it_imports_and_can_be_compiled() -> None:
    def imports(source: str) -> set[str]:
        nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)]
        return {str(node.module) for node in nodes if str(node.module).startswith("selfcodealign")}

    script = harness_script()
    compile(script, "<harness>", "exec")
    assert imports(script) <= {f"{PACKAGE}.{name}" for name in MODULES}
    known: set[str] = set()
    for name in MODULES:
        assert imports(Path(evaluation.__file__).with_name(f"{name}.py").read_text(encoding="utf-8")) <= known
        known.add(f"{PACKAGE}.{name}")
