"""The first failing test of each sample, found in the real sandbox: it is right, and changes no status."""

from pathlib import Path

import pytest
from evaluation_reference import evalplus_outside, imported_fallback, imported_from_params, mbpp_or_skip

from selfcodealign.evaluation import Benchmark, FailureKind, FirstFailure, SampleResult, SampleSet, evaluate_samples
from selfcodealign.evaluation.first_failure import MAX_CHARS
from selfcodealign.sandbox import SandboxSettings

pytestmark = pytest.mark.sandbox

SANDBOX = SandboxSettings(num_workers=2)
TASK = "HumanEval/2"
"""`truncate_number`, with the base tests 3.5, 1.33, and 123.456: its value is the fraction."""
NUM_PLUS_TESTS = 3

PLAIN = {
    "right": "def truncate_number(number):\n    return number % 1.0\n",
    "wrong value": "def truncate_number(number):\n    return number\n",
    "wrong from the second test on": "def truncate_number(number):\n    return 0.5\n",
    "wrong on the extra tests": "def truncate_number(number):\n"
    "    return {3.5: 0.5, 1.33: 1.33 % 1, 123.456: 123.456 % 1}.get(number)\n",
    "exception": "def truncate_number(number):\n    raise ValueError('no\\x1b[2J\\nfraction')\n",
    "missing function": "def truncate(number):\n    return number % 1.0\n",
    "syntax error": "def truncate_number(number):\n    return (number\n",
    "exception at import": "import nothing_of_this_name\n",
    "exit by exception": "def truncate_number(number):\n    raise SystemExit(0)\n",
    "endless loop": "def truncate_number(number):\n    while number:\n        pass\n",
    "ends its process": "import os\ndef truncate_number(number):\n    os._exit(7)\n",
    "ends its process at import": "import os\nos._exit(7)\n",
    "keeps state": "def truncate_number(number, seen=[]):\n    seen.append(number)\n    return sum(seen) % 1.0\n",
    "eats memory": "def truncate_number(number):\n    return [0] * (1 << 40)\n",
}
"""Programs that a model might write."""


# These programs know how the first failing test is found, and what their texts are written to.
FETCH = "import sys, os\nobserver = sys.modules.get('observed_solution')\n"
RECORD = f"{FETCH}record = observer.load.args[1] if observer else None\n"
HOSTILE = {
    "forges the text": RECORD + "def truncate_number(number):\n    if record:\n"
    "        record.write(3, '\\x1b[2J<b>' * 10**5)\n        os._exit(0)\n",
    "overwrites the record": RECORD
    + "def truncate_number(number):\n    if record:\n        record._memory[:] = b'\\xff' * len(record._memory)\n"
    "        os._exit(0)\n    return -1.0\n",
    "passes while it is observed": FETCH
    + "def truncate_number(number):\n    return number % 1.0 if observer else -1.0\n",
    "prints and has a long text": "class Text:\n    def __repr__(self):\n        return '\\x1b[2J' * 10**6\n"
    "def truncate_number(number):\n    print('x' * 10**6)\n    return Text()\n",
    "has a text without an end": "class Text:\n    def __repr__(self):\n        while True:\n            pass\n"
    "def truncate_number(number):\n    return Text()\n",
    "stays alive while it is observed": FETCH
    + "import threading\nif observer:\n    threading.Thread(target=threading.Event().wait).start()\n"
    + "def truncate_number(number):\n    return -1.0\n",
}
KILLS_WHILE_OBSERVED = FETCH + "import ctypes\nif observer:\n    ctypes.CDLL(None).kill(-1, 9)\n"

Found = dict[str, SampleResult]


def score(benchmark: Benchmark, programs: dict[str, str], journal: Path) -> Found:
    samples = SampleSet({TASK: list(programs.values())}, 0, [])
    result = evaluate_samples(benchmark, samples, sandbox=SANDBOX, journal_path=journal)
    return dict(zip(programs, result.results[TASK], strict=True))


def failure_of(sample: SampleResult) -> FirstFailure:
    assert sample.first_failure is not None
    return sample.first_failure


def statuses(sample: SampleResult) -> tuple[str, str]:
    return sample.base_status, str(sample.plus_status)


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory: pytest.TempPathFactory) -> Benchmark:
    found = imported_from_params("humaneval_plus", tmp_path_factory.mktemp("humaneval"))
    if not found.has_plus_tests:
        pytest.skip("HumanEval+ is neither in the folders of params.yaml nor can it be downloaded")
    task = found.tasks[TASK]
    few = {**task, "plus_input": task["plus_input"][:NUM_PLUS_TESTS]}
    return Benchmark(found.info, {TASK: few, "HumanEval/32": found.tasks["HumanEval/32"]})


@pytest.fixture(scope="module")
def mbpp(tmp_path_factory: pytest.TempPathFactory) -> Benchmark:
    return mbpp_or_skip(tmp_path_factory.mktemp("mbpp"))


@pytest.fixture(scope="module")
def plain(benchmark: Benchmark, tmp_path_factory: pytest.TempPathFactory) -> Found:
    return score(benchmark, PLAIN, tmp_path_factory.mktemp("plain") / "verdicts.sqlite")


@pytest.fixture(scope="module")
def hostile(benchmark: Benchmark, tmp_path_factory: pytest.TempPathFactory) -> Found:
    return score(benchmark, HOSTILE, tmp_path_factory.mktemp("hostile") / "verdicts.sqlite")


def test_statuses_stay_those_of_evalplus(benchmark: Benchmark, plain: Found, tmp_path: Path) -> None:
    outside = evalplus_outside(benchmark, {TASK: list(PLAIN.values())}, tmp_path)
    assert [statuses(sample) for sample in plain.values()] == outside[TASK]


def test_a_passing_sample_has_no_failing_test(plain: Found) -> None:
    assert statuses(plain["right"]) == ("pass", "pass")
    assert plain["right"].first_failure is None


@pytest.mark.parametrize(
    ("name", "kind", "index", "call", "outcome"),
    [
        ("wrong value", FailureKind.WRONG_VALUE, 0, "truncate_number(3.5)", "3.5"),
        ("wrong from the second test on", FailureKind.WRONG_VALUE, 1, "truncate_number(1.33)", "0.5"),
        ("exception", FailureKind.EXCEPTION, 0, "truncate_number(3.5)", r"ValueError: no\x1b[2J\nfraction"),
        ("missing function", FailureKind.BEFORE_TESTS, None, None, "truncate_number is not defined"),
        ("syntax error", FailureKind.BEFORE_TESTS, None, None,
         "SyntaxError: '(' was never closed (<solution>, line 2)"),
        ("exception at import", FailureKind.BEFORE_TESTS, None, None,
         "ModuleNotFoundError: No module named 'nothing_of_this_name'"),
        ("exit by exception", FailureKind.EXCEPTION, 0, "truncate_number(3.5)", "SystemExit: 0"),
        ("endless loop", FailureKind.TIMEOUT, 0, "truncate_number(3.5)", None),
        ("ends its process", FailureKind.EXIT, 0, "truncate_number(3.5)", "exit code 7"),
        ("ends its process at import", FailureKind.EXIT, None, None, "exit code 7"),
        ("eats memory", FailureKind.EXCEPTION, 0, "truncate_number(3.5)", "MemoryError at `return [0] * (1 << 40)`"),
    ],
)  # fmt: skip
def test_the_first_failing_base_test_is_named(
    plain: Found, name: str, kind: FailureKind, index: int | None, call: str | None, outcome: str | None
) -> None:
    found = failure_of(plain[name])
    assert (found.kind, found.tests, found.index) == (kind, "base", index)
    assert (found.call, found.outcome, found.after_earlier) == (call, outcome, False)


def test_the_expected_value_is_that_of_the_reference_solution(benchmark: Benchmark, plain: Found) -> None:
    assert failure_of(plain["wrong value"]).expected == "0.5"
    extra = failure_of(plain["wrong on the extra tests"])
    ((argument,), *_) = benchmark.tasks[TASK]["plus_input"]
    assert (extra.kind, extra.tests, extra.index) == (FailureKind.WRONG_VALUE, "plus", 0)
    assert (extra.call, extra.outcome) == (f"truncate_number({argument})", "None")
    assert extra.expected == repr(argument % 1.0)


def test_a_program_that_keeps_state_fails_after_the_tests_before(plain: Found) -> None:
    found = failure_of(plain["keeps state"])
    assert (found.kind, found.index, found.call) == (FailureKind.WRONG_VALUE, 1, "truncate_number(1.33)")
    assert found.after_earlier


def test_a_hostile_program_has_harmless_text_and_its_own_status(hostile: Found) -> None:
    for name, sample in hostile.items():
        assert sample.base_status != "pass", name
        found = failure_of(sample)
        texts = [text for text in (found.call, found.expected, found.outcome) if text is not None]
        assert all(len(text) <= MAX_CHARS and text.isprintable() for text in texts), name
    kinds = {name: failure_of(sample).kind for name, sample in hostile.items()}
    assert kinds["passes while it is observed"] is FailureKind.UNREPEATED
    assert kinds["prints and has a long text"] is FailureKind.WRONG_VALUE
    assert kinds["has a text without an end"] is FailureKind.WRONG_VALUE
    assert failure_of(hostile["stays alive while it is observed"]).outcome == "-1.0"
    assert (failure_of(hostile["forges the text"]).outcome or "").startswith(r"\x1b[2J<b>")


def test_a_program_that_brings_the_sandbox_down_only_while_it_is_observed_keeps_its_statuses(
    benchmark: Benchmark, tmp_path: Path
) -> None:
    programs = {"kills": KILLS_WHILE_OBSERVED + PLAIN["wrong on the extra tests"], "wrong": PLAIN["wrong value"]}
    found = score(benchmark, programs, tmp_path / "verdicts.sqlite")
    assert statuses(found["kills"]) == ("pass", "fail")
    assert found["kills"].first_failure == FirstFailure(kind=FailureKind.SANDBOX, tests="plus")
    assert failure_of(found["wrong"]).outcome == "3.5"


def test_the_oracle_of_a_task_with_several_right_answers_is_described(benchmark: Benchmark, tmp_path: Path) -> None:
    samples = SampleSet({"HumanEval/32": ["def find_zero(xs):\n    return 100.0\n"]}, 0, [])
    result = evaluate_samples(benchmark, samples, sandbox=SANDBOX, journal_path=tmp_path / "verdicts.sqlite")
    ((sample,),) = result.results.values()
    found = failure_of(sample)
    ((coefficients,), *_) = benchmark.tasks["HumanEval/32"]["base_input"]
    assert (found.kind, found.index, found.call) == (FailureKind.WRONG_VALUE, 0, f"find_zero({coefficients})")
    assert (found.outcome, (found.expected or "")[:15]) == ("100.0", "a zero such as ")


def test_a_task_of_mbpp_shows_its_arguments_and_what_its_oracle_accepts(mbpp: Benchmark, tmp_path: Path) -> None:
    programs = ["def similar_elements(first, second):\n    return first\n"]
    programs.append("def similar_elements(first, second):\n    return list(set(first) & set(second))\n")
    samples = SampleSet({"Mbpp/2": programs}, 0, [])
    result = evaluate_samples(mbpp, samples, sandbox=SANDBOX, journal_path=tmp_path / "verdicts.sqlite")
    wrong, in_any_order = result.results["Mbpp/2"]
    assert statuses(in_any_order) == ("pass", "pass")
    found = failure_of(wrong)
    assert (found.kind, found.index) == (FailureKind.WRONG_VALUE, 0)
    assert found.call == "similar_elements((3, 4, 5, 6), (5, 7, 4, 10))"
    assert (found.outcome, found.expected) == ("(3, 4, 5, 6)", "(4, 5) in any order")


def test_the_failing_assertion_of_openai_s_tests_is_named(tmp_path: Path) -> None:
    fallback = imported_fallback(tmp_path / "fallback")
    found = score(fallback, {"wrong": PLAIN["wrong value"]}, tmp_path / "verdicts.sqlite")["wrong"]
    assert (found.base_status, found.plus_status) == ("fail", None)
    assert failure_of(found) == FirstFailure(
        kind=FailureKind.WRONG_VALUE, tests="base", index=0, call="check(truncate_number)",
        outcome="AssertionError at `assert candidate(3.5) == 0.5`",
    )  # fmt: skip


def test_a_known_verdict_keeps_its_first_failing_test(benchmark: Benchmark, tmp_path: Path) -> None:
    programs = {"wrong": PLAIN["wrong value"]}
    first, again = (score(benchmark, programs, tmp_path / "verdicts.sqlite") for _ in range(2))
    assert first == again
    assert failure_of(again["wrong"]).outcome == "3.5"
