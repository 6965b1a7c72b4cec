"""Changed tasks on the page: both solutions, statuses and first failing tests, and no text that can act."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from report_rendering import HOSTILE, evaluation, read, render

from selfcodealign.evaluation import BenchmarkText
from selfcodealign.report import (
    Evaluation,
)


def with_solutions(one: Evaluation, solution: str) -> Evaluation:
    """The same evaluation with one sample per task under `eval`."""
    verdicts = {
        task: [{"solution": solution, "base_status": row["base"], "plus_status": row["plus"]}]
        for task, row in one.results["tasks"].items()
    }
    return replace(one, results={**one.results, "eval": verdicts})


def changed_pair(before: str, after: str) -> list[Evaluation]:
    """Two evaluations of three tasks: HumanEval/0 is gained, HumanEval/1 is lost, HumanEval/2 is unchanged."""
    return [
        with_solutions(evaluation("base", [False, True, True]), before),
        with_solutions(evaluation("aligned", [True, False, True]), after),
    ]


def test_a_changed_task_is_linked_and_shows_both_solutions_with_their_statuses(tmp_path: Path) -> None:
    text = BenchmarkText(
        benchmark="humaneval_plus", task_id="HumanEval/0", prompt="def f():", solution="", docstring="Return one."
    )
    texts = {("humaneval_plus", "HumanEval/0"): text}
    page = render(tmp_path, evaluations=changed_pair("x = 1\ny = 2", "x = 1\ny = 3"), task_texts=texts)
    reader = read(page)
    entries = [attributes for tag, attributes in reader.tags if attributes.get("class") == "pair change"]
    assert [(one["id"], one["data-change"], "open" in one) for one in entries] == [
        ("task-HumanEval-0", "gained", False), ("task-HumanEval-1", "lost", False),
    ]  # fmt: skip
    links = [
        attributes["href"] for tag, attributes in reader.tags if (attributes.get("href") or "").startswith("#task")
    ]
    assert links == ["#task-HumanEval-0", "#task-HumanEval-1"]
    for part in ("Return one.", "def f():", "fails the extra tests", "passes the extra tests", "2 of 2 tasks"):
        assert part in reader.text
    assert [tag for tag, _ in reader.tags].count("mark") == 4
    assert "samples pass" not in reader.text


def failing(one: Evaluation, failures: list[dict[str, Any] | None]) -> Evaluation:
    """The same evaluation with these first failures, one per failing sample in the order of the tasks."""
    rows = [row for rows in one.results["eval"].values() for row in rows if row["plus_status"] != "pass"]
    for row, failure in zip(rows, failures, strict=True):
        row["first_failure"] = failure
    return one


def test_first_failing_tests_are_shown_and_counted_by_kind_and_never_act(tmp_path: Path) -> None:
    call = {"tests": "plus", "index": 2, "call": f"f('{HOSTILE}')"}
    wrong = {**call, "kind": "wrong_value", "outcome": HOSTILE, "expected": "1.5"}
    base = failing(with_solutions(evaluation("base", [False, True, True, False]), "x"), [wrong, {"kind": "odd"}])
    aligned = failing(
        with_solutions(evaluation("aligned", [True, False, True, True]), "y"), [{**call, "kind": "timeout"}]
    )
    page = render(tmp_path, evaluations=[base, aligned])
    reader = read(page)
    assert f"extra test 3: f('{HOSTILE}') -> {HOSTILE}, expected 1.5" in reader.text
    assert f"extra test 3: f('{HOSTILE}') timed out" in reader.text
    assert page.count('<p class="first-failure">') == 2
    assert [tag for tag, _ in reader.tags].count("script") == 1
    assert "img" not in [tag for tag, _ in reader.tags]
    for row in (
        "Exception0 (0.0%)0 (0.0%)",
        "Wrong value1 (25.0%)0 (0.0%)",
        "Timeout0 (0.0%)1 (25.0%)",
        "Not recorded1 (25.0%)0 (0.0%)",
        "All2 of 4 (50.0%)1 of 4 (25.0%)",
    ):
        assert row in reader.text
    assert "Process ended" not in reader.text


def test_results_without_first_failures_have_no_table_of_them(tmp_path: Path) -> None:
    assert "First failing tests" not in read(render(tmp_path, evaluations=changed_pair("x", "y"))).text


def test_without_the_script_the_filters_are_hidden_and_all_tasks_are_listed(tmp_path: Path) -> None:
    reader = read(render(tmp_path, evaluations=changed_pair("x", "y")))
    bar = next(attributes for _, attributes in reader.tags if attributes.get("id") == "change-filters")
    assert "hidden" in bar
    pressed = [attributes["aria-pressed"] for tag, attributes in reader.tags if tag == "button"]
    # One benchmark needs no button of its own.
    assert pressed == ["true", "false", "false"]
    assert not any("hidden" in attributes for tag, attributes in reader.tags if tag == "details")


def test_samples_of_a_changed_task_are_counted_for_each_side(tmp_path: Path) -> None:
    def several(model: str, statuses: list[str]) -> Evaluation:
        rows = [{"solution": status, "base_status": "pass", "plus_status": status} for status in statuses]
        tasks = {"HumanEval/0": {"base": ["pass"] * len(statuses), "plus": statuses}}
        results = {"tasks": tasks, "eval": {"HumanEval/0": rows}}
        return Evaluation(model=model, benchmark="humaneval_plus", metrics={}, results=results)

    pair = [several("base", ["fail", "pass", "fail"]), several("aligned", ["fail", "pass", "pass"])]
    shown = read(render(tmp_path, evaluations=pair)).text
    assert "1 of 3 samples pass; this is the first one that does not pass." in shown
    assert "2 of 3 samples pass; this is the first one that passes." in shown


def test_missing_task_texts_and_solutions_are_reported(tmp_path: Path) -> None:
    base, aligned = changed_pair("x", "y")
    shown = read(render(tmp_path, evaluations=[replace(base, results={"tasks": base.results["tasks"]}), aligned])).text
    assert "Without the imported benchmarks, the task texts are left out." in shown
    assert "The results hold no solution of this model." in shown
    bare = [evaluation("base", [False, True]), evaluation("aligned", [True, False])]
    reader = read(render(tmp_path, evaluations=bare))
    assert not any((attributes.get("href") or "").startswith("#task") for _, attributes in reader.tags)
    assert "Tasks gained and lost" not in reader.text


def test_hundreds_of_changed_tasks_are_shown_up_to_the_limit(tmp_path: Path) -> None:
    pair = [evaluation("base", [False] * 401), evaluation("aligned", [True] * 401)]
    page = render(tmp_path, evaluations=[with_solutions(one, "x") for one in pair])
    assert page.count('class="pair change"') == 400
    assert "1 more changed task is only in results.json." in read(page).text


def test_solutions_and_task_texts_are_shown_and_never_act(tmp_path: Path) -> None:
    hostile = f"{HOSTILE}\" onmouseover='alert(1)' \u2028</mark></details>"
    tasks = {hostile: {"base": "fail", "plus": "fail"}}
    rows = [{"solution": hostile, "base_status": hostile, "plus_status": hostile}]
    base = Evaluation(
        model="base",
        benchmark=hostile,
        metrics={},
        results={"tasks": tasks, "eval": {hostile: rows}, "variant": hostile},
    )
    solved = {hostile: {"base": "pass", "plus": "pass"}}
    aligned = replace(base, model="aligned", results={**base.results, "tasks": solved, "eval": {hostile: rows * 2}})
    text = BenchmarkText(benchmark=hostile, task_id=hostile, prompt=hostile, solution="", docstring=hostile)
    page = render(tmp_path, evaluations=[base, aligned], task_texts={(hostile, hostile): text})
    reader = read(page)
    tags = [tag for tag, _ in reader.tags]
    assert tags.count("script") == 1
    assert not {"img", "iframe", "object", "embed"} & set(tags)
    assert all(not name.startswith("on") for _, attributes in reader.tags for name in attributes)
    assert all((attributes.get("href") or "#").startswith(("#", "data:")) for _, attributes in reader.tags)
    (entry,) = [attributes for _, attributes in reader.tags if attributes.get("class") == "pair change"]
    assert entry["data-benchmark"] == hostile
    # Id, title, task text, both solutions and their statuses, the headings, the link: each is shown as text.
    assert reader.text.count("<script>alert(1)</script>") >= 10
