"""What a report says first: the pooled difference of all benchmarks of the run decides, and nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcodealign.evaluation import paired_difference
from selfcodealign.params import load_params
from selfcodealign.report import Evaluation, ReportInputs, summary_metrics
from selfcodealign.report.conclusion import Outcome, benchmark_rows, conclusion, pool
from selfcodealign.report.page import render_page

PARAMS = load_params(Path(__file__).parents[2] / "params.yaml")


def evaluation(model: str, benchmark: str, passes: list[bool | list[bool]], **metrics: Any) -> Evaluation:
    """An evaluation whose tasks pass the base tests, and the plus tests as listed: one sample per task, or several."""

    def status(passed: bool | list[bool]) -> Any:
        if isinstance(passed, list):
            return [status(one) for one in passed]
        return "pass" if passed else "fail"

    tasks = {f"Task/{number}": {"base": "pass", "plus": status(one)} for number, one in enumerate(passes)}
    return Evaluation(model=model, benchmark=benchmark, metrics=metrics, results={"tasks": tasks})


def run(**benchmarks: tuple[list[Any], list[Any]]) -> ReportInputs:
    """A run with both models on each benchmark, whose passes are given base first."""
    evaluations = [
        evaluation(model, name, passes)
        for name, both in benchmarks.items()
        for model, passes in zip(("base", "aligned"), both, strict=True)
    ]
    return ReportInputs(params=PARAMS, evaluations=evaluations)


def said(inputs: ReportInputs) -> str:
    return conclusion(benchmark_rows(inputs))


def test_a_gain_is_said_to_be_one() -> None:
    inputs = run(humaneval_plus=([False] * 60 + [True] * 40, [True] * 70 + [False] * 30))
    assert said(inputs).startswith("The aligned model is better than its base: +30.0 points on 100 tasks of HumanEval+")


def test_a_harm_is_said_to_be_one() -> None:
    inputs = run(mbpp_plus=([True] * 70 + [False] * 30, [False] * 60 + [True] * 40))
    assert said(inputs).startswith("The aligned model is worse than its base: \u221230.0 points on 100 tasks of MBPP+")


def test_no_difference_comes_with_what_could_have_been_found() -> None:
    # 16 of 100 tasks differ, half of them each way: (2.8016 * sqrt(17 / 102) / sqrt(100)) = 11.4 points.
    base, aligned = [True] * 8 + [False] * 92, [False] * 8 + [True] * 8 + [False] * 84
    sentence = said(run(humaneval_plus=(base, aligned)))
    assert sentence.startswith("No difference could be shown: \u00b10.0 points on 100 tasks of HumanEval+ (95%")
    assert sentence.endswith("; this run could detect 11.4 points.")


def test_without_two_models_on_one_benchmark_nothing_is_concluded() -> None:
    base, aligned = evaluation("base", "humaneval_plus", [True]), evaluation("aligned", "mbpp_plus", [True])
    for evaluations, sentence in (
        ([], "No model has been evaluated, so there is no comparison."),
        ([base], "Only the base model has been evaluated, so there is no comparison."),
        ([base, aligned], "The models have been evaluated on different benchmarks, so there is no comparison."),
    ):
        inputs = ReportInputs(params=PARAMS, evaluations=evaluations)
        assert said(inputs) == sentence
        assert "pooled" not in summary_metrics(inputs)


PASSES = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=30)


@settings(deadline=None)
@given(PASSES, PASSES)
def test_every_task_of_every_benchmark_counts_once_in_the_pooled_difference(
    first: list[tuple[bool, bool]], second: list[tuple[bool, bool]]
) -> None:
    columns = [tuple(list(column) for column in zip(*pairs, strict=True)) for pairs in (first, second)]
    summary = summary_metrics(run(humaneval_plus=columns[0], mbpp_plus=columns[1]))  # type: ignore[arg-type]
    everything = dict(enumerate([*first, *second]))
    expected = paired_difference(
        {str(n): float(before) for n, (before, _) in everything.items()},
        {str(n): float(after) for n, (_, after) in everything.items()},
    )
    assert summary["pooled"]["num_tasks"] == len(first) + len(second)
    assert summary["pooled"]["difference"] == pytest.approx(expected.value, abs=1e-4)
    assert summary["pooled"]["interval_95"] == pytest.approx([expected.low, expected.high], abs=1e-4)
    outcome = Outcome(summary["pooled"]["outcome"])
    assert (outcome is Outcome.GAIN) == (expected.low > 0)
    assert (outcome is Outcome.HARM) == (expected.high < 0)


def test_the_summary_has_every_benchmark_beside_the_headline_of_the_first() -> None:
    inputs = run(
        humaneval_plus=([True, False, False, False], [True, True, False, False]),
        mbpp_plus=([True, True], [True, False]),
    )
    summary = json.loads(json.dumps(summary_metrics(inputs)))
    assert (summary["base_pass_at_1"], summary["aligned_pass_at_1"], summary["delta"]) == (0.25, 0.5, 0.25)
    assert (summary["pooled"]["difference"], summary["pooled"]["num_tasks"], summary["pooled"]["seeds"]) == (0.0, 6, 1)
    first, second = summary["benchmarks"]["humaneval_plus"], summary["benchmarks"]["mbpp_plus"]
    assert (first["base"], first["aligned"], first["difference"]) == (0.25, 0.5, 0.25)
    assert (second["base"], second["aligned"], second["difference"]) == (1.0, 0.5, -0.5)
    assert first["interval_95"][0] < 0.25 < first["interval_95"][1]


def test_several_samples_per_task_count_as_shares_of_their_task() -> None:
    inputs = run(humaneval_plus=([[True, False], [False, False]], [[True, True], [False, False]]))
    (row,) = benchmark_rows(inputs)
    assert row.base is not None and row.aligned is not None  # noqa: PT018 - for the type checker
    assert (row.base.value, row.aligned.value, row.num_tasks) == (0.25, 0.5, 2)
    pooled = pool([row])
    assert pooled is not None
    assert (pooled.difference.value, pooled.difference.num_tasks) == (0.25, 2)


def test_the_first_line_of_the_page_is_the_conclusion_and_every_benchmark_has_its_row() -> None:
    base = {"cut_short": 21, "mean_output_tokens": 151.64, "with_comment": 40}
    aligned = {"cut_short": 3, "mean_output_tokens": 80.0, "with_comment": 7}
    evaluations = [
        evaluation("base", "humaneval_plus", [True, False], **base),
        evaluation("aligned", "humaneval_plus", [True, True], **aligned),
        evaluation("base", "mbpp_plus", [True, True]),
        evaluation("aligned", "mbpp_plus", [True, False]),
    ]
    page = render_page(ReportInputs(params=PARAMS, evaluations=evaluations))
    assert page.index("No difference could be shown") < page.index("No training pairs have been selected yet")
    for cell in ("21 \u2192 3", "151.6 \u2192 80.0", "40 \u2192 7", "\u2013 \u2192 \u2013", "<td>+50.0 points</td>"):
        assert cell in page
    for heading in ("pass@1, HumanEval+", "pass@1, MBPP+"):
        assert heading in page


def test_a_benchmark_that_could_not_be_imported_is_named_with_the_reason() -> None:
    evaluations = [
        Evaluation(model=model, benchmark="mbpp_plus", metrics={"missing": "no network"}, results={"tasks": {}})
        for model in ("base", "aligned")
    ]
    page = render_page(ReportInputs(params=PARAMS, evaluations=evaluations))
    assert "MBPP+ was not evaluated: its data could not be imported (no network)." in page


def test_pass_at_10_is_shown_beside_pass_at_1_where_there_are_ten_samples_per_task() -> None:
    metrics: dict[str, Any] = {"samples_per_task": 10, "temperature": 0.8}
    evaluations = [
        evaluation("base", "humaneval_plus", [[True] + [False] * 9], **metrics, plus={"pass@10": 0.625}),
        evaluation("aligned", "humaneval_plus", [[True] * 2 + [False] * 8], **metrics, plus={"pass@10": 0.75}),
    ]
    inputs = ReportInputs(params=PARAMS, evaluations=evaluations)
    page = render_page(inputs)
    assert "62.5% &rarr; 75.0%" in page
    assert "10 samples per task at temperature 0.8" in page
    found = summary_metrics(inputs)["benchmarks"]["humaneval_plus"]
    assert (found["base_pass_at_10"], found["aligned_pass_at_10"]) == (0.625, 0.75)
    assert (found["base"], found["aligned"]) == (0.1, 0.2)


def test_without_ten_samples_per_task_there_is_no_pass_at_10() -> None:
    inputs = run(humaneval_plus=([True], [True]))
    assert "pass@10<" not in render_page(inputs)
    assert "base_pass_at_10" not in summary_metrics(inputs)["benchmarks"]["humaneval_plus"]
