"""Changed tasks: which are shown, with which samples, and which lines of their solutions are marked."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfcodealign.evaluation import BenchmarkInfo, BenchmarkText
from selfcodealign.evaluation.benchmarks import write_manifest
from selfcodealign.params import load_params
from selfcodealign.report import Evaluation, ReportInputs, read_task_texts
from selfcodealign.report.changes import ChangedTask, ChangedTasks, changed_tasks, diff_lines
from selfcodealign.report.markdown import marked_code_html
from selfcodealign.report.scores import Change, read_paired

PARAMS = load_params(Path(__file__).parents[2] / "params.yaml")
SMALL_CODE = st.lists(st.sampled_from(["", "x = 1", "    y = 2", "return x"]), max_size=12).map("\n".join)
ANY_CODE = st.text() | SMALL_CODE

Sample = tuple[str, str, str | None]
"""Solution, status on the base tests, status on the extra tests."""


def evaluation(model: str, tasks: Mapping[str, Sequence[Sample]], benchmark: str = "humaneval_plus") -> Evaluation:
    """An evaluation with these samples, in the layout of `results.json`."""

    def outcomes(samples: Sequence[Sample], tests: str) -> str | list[str]:
        found = [base if tests == "base" or base != "pass" else str(plus) for _, base, plus in samples]
        return found[0] if len(found) == 1 else found

    kinds = [tests for tests in ("base", "plus") if tests == "base" or all(s[2] for t in tasks.values() for s in t)]
    results = {
        "tasks": {task: {tests: outcomes(samples, tests) for tests in kinds} for task, samples in tasks.items()},
        "eval": {
            task: [dict(zip(("solution", "base_status", "plus_status"), sample, strict=True)) for sample in samples]
            for task, samples in tasks.items()
        },
    }
    return Evaluation(model=model, benchmark=benchmark, metrics={}, results=results)


def changes_of(*evaluations: Evaluation, most: int = 400, **parts: Any) -> ChangedTasks:
    inputs = ReportInputs(params=PARAMS, evaluations=evaluations, **parts)
    return changed_tasks(inputs, read_paired(inputs), most)


def only_change(base: Sequence[Sample], aligned: Sequence[Sample]) -> ChangedTask:
    found = changes_of(evaluation("base", {"HumanEval/32": base}), evaluation("aligned", {"HumanEval/32": aligned}))
    (task,) = found.shown
    return task


def code_of(task: ChangedTask) -> list[str]:
    return ["\n".join(line.text for line in side.lines) for side in task.sides]


def words_of(task: ChangedTask) -> list[list[str]]:
    return [[verdict.words for verdict in side.verdicts] for side in task.sides]


@given(ANY_CODE, ANY_CODE)
def test_the_lines_of_a_diff_joined_are_the_solutions(before: str, after: str) -> None:
    found = diff_lines(before, after)
    assert ["\n".join(line.text for line in lines) for lines in found] == [before, after]


@given(SMALL_CODE, SMALL_CODE)
def test_exactly_the_lines_that_difflib_calls_changed_are_flagged(before: str, after: str) -> None:
    opcodes = SequenceMatcher(None, before.split("\n"), after.split("\n")).get_opcodes()
    old = [i for tag, start, end, *_ in opcodes for i in range(start, end) if tag != "equal"]
    new = [i for tag, _, _, start, end in opcodes for i in range(start, end) if tag != "equal"]
    flagged = [[i for i, line in enumerate(lines) if line.differs] for lines in diff_lines(before, after)]
    assert flagged == [old, new]


@given(ANY_CODE, ANY_CODE)
def test_the_lines_that_are_not_flagged_are_the_same_on_both_sides(before: str, after: str) -> None:
    kept = [[line.text for line in lines if not line.differs] for lines in diff_lines(before, after)]
    assert kept[0] == kept[1]
    assert before != after or len(kept[0]) == len(before.split("\n"))


@given(st.lists(st.tuples(st.text(st.characters(exclude_characters="\n\r\ufeff", codec="utf-8")), st.booleans())))
def test_marked_code_keeps_its_text_and_marks_whole_lines(lines: list[tuple[str, bool]]) -> None:
    html = marked_code_html(lines)
    assert text_of(html) == "".join(f"{text}\n" for text, _ in lines)
    assert tags_in(html) <= {"pre", "code", "span", "mark"}
    marked = [text_of(part) for part in re.findall(r"<mark>(.*?)\n</mark>", html)]
    assert marked == [text for text, is_marked in lines if is_marked]


def text_of(html: str) -> str:
    return unescape(re.sub(r"<[^>]*>", "", html))


def tags_in(html: str) -> set[str]:
    return set(re.findall(r"</?([^\s>]*)", html))


@pytest.mark.parametrize("code", ["a = '<b>'\r\nb = 1\r", "\ufeffx = 1", "'''open\n", "\x00<script>", ""])
def test_code_that_pygments_cannot_split_is_shown_as_text(code: str) -> None:
    html = marked_code_html([(line, False) for line in code.split("\n")])
    assert tags_in(html) <= {"pre", "code", "span"}


def test_a_gained_task_shows_the_failing_and_the_passing_solution() -> None:
    task = only_change([("x = 1\ny = 2\n", "pass", "fail")], [("x = 1\ny = 3\n", "pass", "pass")])
    assert (task.task_id, task.anchor, task.change) == ("HumanEval/32", "task-HumanEval-32", Change.GAINED)
    assert (task.benchmark, task.heading) == ("humaneval_plus", "HumanEval+")
    assert code_of(task) == ["x = 1\ny = 2", "x = 1\ny = 3"]
    assert [[line.differs for line in side.lines] for side in task.sides] == [[False, True], [False, True]]
    assert words_of(task) == [
        ["passes the base tests", "fails the extra tests"],
        ["passes the base tests", "passes the extra tests"],
    ]


@pytest.mark.parametrize(
    ("statuses", "words"),
    [
        (("fail", "fail"), ["fails the base tests", "fails the extra tests"]),
        (("timeout", "pass"), ["timeout in the base tests", "passes the extra tests"]),
        (("odd", "timeout"), ["odd on the base tests", "timeout in the extra tests"]),
    ],
)
def test_each_status_has_its_words(statuses: tuple[str, str], words: list[str]) -> None:
    task = only_change([("x", "pass", "pass")], [("y", *statuses)])
    assert task.change is Change.LOST
    assert words_of(task)[1] == words


def test_the_first_sample_with_the_outcome_of_its_side_is_shown() -> None:
    base = [("b0", "pass", "pass"), ("b1", "pass", "fail"), ("b2", "fail", "fail")]
    aligned = [("a0", "fail", "fail"), ("a1", "pass", "pass"), ("a2", "pass", "pass")]
    gained, lost = only_change(base, aligned), only_change(aligned, base)
    assert code_of(gained) == ["b1", "a1"]
    assert code_of(lost) == ["a1", "b1"]
    assert [(side.num_passing, side.num_samples) for side in gained.sides] == [(1, 3), (2, 3)]
    assert [side.passes for side in gained.sides] == [False, True]


def test_the_failing_side_names_its_first_failing_test() -> None:
    base = evaluation("base", {"T/0": [("x", "pass", "fail")]})
    failure = {"kind": "wrong_value", "tests": "plus", "index": 2, "call": "f(1)", "expected": "3", "outcome": "2"}
    base.results["eval"]["T/0"][0]["first_failure"] = failure
    (task,) = changes_of(base, evaluation("aligned", {"T/0": [("y", "pass", "pass")]})).shown
    assert [side.first_failure for side in task.sides] == ["extra test 3: f(1) -> 2, expected 3", ""]


def test_a_task_that_changed_on_the_base_tests_only_is_listed_for_these() -> None:
    task = only_change([("x", "fail", "fail")], [("y", "pass", "fail")])
    assert (task.heading, task.change) == ("HumanEval, base tests only", Change.GAINED)


def test_a_benchmark_without_extra_tests_has_one_verdict_for_each_side() -> None:
    task = only_change([("x", "fail", None)], [("y", "pass", None)])
    assert words_of(task) == [["fails the base tests"], ["passes the base tests"]]


def test_unchanged_tasks_are_not_listed_and_changed_ones_keep_the_order_of_the_benchmark() -> None:
    good, bad, late = ("x", "pass", "pass"), ("y", "fail", "fail"), ("z", "pass", "fail")
    base = {"T/0": [late], "T/1": [good], "T/2": [bad], "T/3": [bad]}
    aligned = {"T/0": [good], "T/1": [good], "T/2": [bad], "T/3": [good]}
    found = changes_of(evaluation("base", base), evaluation("aligned", aligned))
    assert [task.task_id for task in found.shown] == ["T/0", "T/3"]
    assert found.benchmarks == {"humaneval_plus": "HumanEval+"}


def test_beyond_the_limit_tasks_are_counted_and_not_shown() -> None:
    base = {f"T/{n}": [("x", "fail", "fail")] for n in range(7)}
    aligned = {f"T/{n}": [("y", "pass", "pass")] for n in range(7)}
    found = changes_of(evaluation("base", base), evaluation("aligned", aligned), most=5)
    assert (len(found.shown), found.num_left_out, found.count(Change.GAINED)) == (5, 2, 5)
    assert ("humaneval_plus", "T/5") not in found.anchors


def test_results_without_solutions_list_no_task() -> None:
    pair = [
        evaluation(model, {"T/0": [("x", status, status)]}) for model, status in (("base", "fail"), ("aligned", "pass"))
    ]
    bare = [
        Evaluation(model=one.model, benchmark=one.benchmark, metrics={}, results={"tasks": one.results["tasks"]})
        for one in pair
    ]
    assert changes_of(*bare) == ChangedTasks(shown=[], num_left_out=0, benchmarks={})
    (task,) = changes_of(bare[0], pair[1]).shown
    assert [side.num_samples for side in task.sides] == [0, 1]
    assert not any(line.differs for side in task.sides for line in side.lines)


@pytest.mark.parametrize("rows", [None, "text", [], [None], [{}], [{"solution": 1, "base_status": "pass"}], {"a": 1}])
def test_rows_that_are_not_samples_are_skipped(rows: object) -> None:
    base, aligned = (
        evaluation(model, {"T/0": [("x", status, status)]}) for model, status in (("base", "fail"), ("aligned", "pass"))
    )
    odd = Evaluation(
        model="base", benchmark=base.benchmark, metrics={}, results={**base.results, "eval": {"T/0": rows}}
    )
    (task,) = changes_of(odd, aligned).shown
    assert task.sides[0].num_samples == 0


def test_the_same_id_in_two_benchmarks_and_odd_ids_have_their_own_anchors() -> None:
    tasks: dict[str, dict[str, list[Sample]]] = {
        "base": {name: [("x", "fail", "fail")] for name in ("T/0", "T 0", '"><b>')},
        "aligned": {name: [("y", "pass", "pass")] for name in ("T/0", "T 0", '"><b>')},
    }
    benchmarks = ("humaneval_plus", "mbpp_plus")
    found = changes_of(*(evaluation(model, tasks[model], name) for name in benchmarks for model in tasks))
    anchors = [task.anchor for task in found.shown]
    assert len(set(anchors)) == 6
    assert all(re.fullmatch(r"task-[A-Za-z0-9_-]+", anchor) for anchor in anchors)
    assert found.anchors["mbpp_plus", "T/0"] == "task-T-0-3"


def test_task_texts_are_read_from_the_imported_benchmarks(tmp_path: Path) -> None:
    prompt = 'def f():\n    """Return one.\n\n    Always."""\n'
    row = {"task_id": "HumanEval/32", "prompt": prompt, "entry_point": "f", "canonical_solution": "    return 1\n",
           "base_input": [], "plus_input": [], "atol": 0}  # fmt: skip
    data = json.dumps(row).encode()
    (tmp_path / "humaneval_plus.jsonl").write_bytes(data)
    digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
    info = BenchmarkInfo(name="humaneval_plus", variant="humaneval_plus", version="v1", source="folder", records=1,
                         md5=digest, licence="MIT")  # fmt: skip
    write_manifest(tmp_path, [info])
    texts = read_task_texts(tmp_path)
    pair = [evaluation("base", {"HumanEval/32": [("x", "fail", "fail")]}),
            evaluation("aligned", {"HumanEval/32": [("y", "pass", "pass")]})]  # fmt: skip
    (task,) = changes_of(*pair, task_texts=texts).shown
    assert (task.title, task.text) == ("Return one.", prompt.strip())
    (tmp_path / "humaneval_plus.jsonl").write_bytes(b"changed")
    assert read_task_texts(tmp_path) == {}
    assert read_task_texts(tmp_path / "absent") == {}


def test_a_task_text_without_a_description_has_no_title() -> None:
    text = BenchmarkText(benchmark="humaneval_plus", task_id="T/0", prompt="def f():", solution="", docstring="")
    pair = [
        evaluation("base", {"T/0": [("x", "fail", "fail")]}),
        evaluation("aligned", {"T/0": [("x", "pass", "pass")]}),
    ]
    (task,) = changes_of(*pair, task_texts={("humaneval_plus", "T/0"): text}).shown
    assert (task.title, task.text, task.is_same_code) == ("", "def f():", True)
