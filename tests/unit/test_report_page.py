"""The page, the plots and the summary: what was measured is shown, what is missing is said, model text is harmless."""

import csv
import re
from pathlib import Path
from typing import Any

import pytest
from report_rendering import HOSTILE, PARAMS, evaluation, example, read, render

from selfcodealign.params import ImportGenerator
from selfcodealign.report import (
    Attempts,
    Evaluation,
    LossPoint,
    ReportInputs,
    summary_metrics,
    write_plots,
    write_report,
)


@pytest.mark.parametrize(
    ("objective", "shipped", "sentence"),
    [
        ("sft", 0, "40 pairs."),
        ("dpo", 0, "40 pairs of a passing and a failing answer. Kept"),
        ("dpo", 30, "40 pairs of a passing and a failing answer. Of all 44 such pairs, 30 come from earlier runs."),
    ],
)
def test_the_curve_says_what_was_trained_on(tmp_path: Path, objective: str, shipped: int, sentence: str) -> None:
    metrics = {"objective": objective, "num_train": 40, "rows_in": 44, "kept": "step 5"}
    stages = {
        "finetune_model": {**metrics, "score_base": 0.7, "score_kept": 0.6, "kl_from_base": 0.0123},
        "select_examples": {"shipped_pairs": {"pairs": shipped}},
    }
    curve = [LossPoint(step=1, loss=0.7, tokens=10)]
    shown = read(render(tmp_path, stages=stages, loss=curve, examples=[example(1)])).text
    assert sentence in shown
    contrast = "Training contrasts 44 pairs of a passing and a failing answer"
    assert (contrast in shown) == (objective == "dpo")
    assert (f"{contrast}, 30 of them from earlier runs." in shown) == (shipped == 30)
    assert "KL divergence of the base model from it: 0.012 nats per token of held-out answers." in shown


def test_a_run_without_anything_says_so_instead_of_failing(tmp_path: Path) -> None:
    shown = read(render(tmp_path)).text
    for sentence in (
        "No training pairs have been selected yet",
        "No stage that makes rows has run yet.",
        "No tasks and no training pairs yet.",
        "There are no training pairs to measure.",
        "No model has been fine-tuned.",
        "No model has been evaluated on a benchmark.",
        "No answers have been run in the sandbox.",
        "No stage has recorded its time.",
    ):
        assert sentence in shown


def test_one_evaluated_model_is_shown_without_a_comparison(tmp_path: Path) -> None:
    shown = read(render(tmp_path, evaluations=[evaluation("base", [True, False])])).text
    assert "Only the base model has been evaluated" in shown
    assert "50.0%" in shown
    assert "tasks gained and lost cannot be told" in shown


def test_both_models_are_compared_task_by_task(tmp_path: Path) -> None:
    pair = [evaluation("base", [True] * 4 + [False] * 16), evaluation("aligned", [False] + [True] * 13 + [False] * 6)]
    shown = read(render(tmp_path, evaluations=pair)).text
    assert "+45.0 points (95% interval +13.0 to +68.8): 10 tasks gained, 1 lost." in shown
    # Exact McNemar: 2 * (C(11, 0) + C(11, 1)) / 2**11.
    assert "p = 0.012 (two-sided, exact)" in shown


def test_the_fallback_benchmark_is_named_as_such(tmp_path: Path) -> None:
    tasks = {"HumanEval/0": {"base": "pass"}}
    found = Evaluation(
        model="base", benchmark="humaneval_plus", metrics={}, results={"variant": "humaneval", "tasks": tasks}
    )
    shown = read(render(tmp_path, evaluations=[found])).text
    assert "could be neither found nor downloaded" in shown
    assert "HumanEval, its own tests" in shown


@pytest.mark.parametrize(
    ("metrics", "is_said"), [({"opening": "stub"}, True), ({"opening": "block"}, False), ({}, False)]
)
def test_an_answer_that_was_begun_for_the_model_is_said_to_be(
    tmp_path: Path, metrics: dict[str, str], is_said: bool
) -> None:
    tasks = {"HumanEval/0": {"base": "pass", "plus": "pass"}}
    found = Evaluation(model="base", benchmark="humaneval_plus", metrics=metrics, results={"tasks": tasks})
    shown = read(render(tmp_path, evaluations=[found])).text
    assert ("begin with the task's signature" in shown) == is_said


@pytest.mark.parametrize(
    ("generator", "is_said"),
    [(ImportGenerator(), False), (ImportGenerator(source="packaged", name="smollm2-135m-instruct"), True)],
)
def test_a_generator_that_is_not_the_base_model_is_named(
    tmp_path: Path, generator: ImportGenerator, is_said: bool
) -> None:
    params = PARAMS.model_copy(update={"import_generator": generator})
    write_report(ReportInputs(params=params), tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert ("data of smollm2-135m-instruct" in read(page).text) == is_said


def test_text_of_the_model_is_shown_and_never_acts(tmp_path: Path) -> None:
    fields = ("instruction", "tests", "package", "version", "licence", "file", "kept_because", "category", "difficulty")
    response = f"{HOSTILE}\n\n```{HOSTILE}\n{HOSTILE}\n```\n[x](javascript:alert(1)) ![y](http://outside.invalid/y)"
    rows = [example(response=response, concepts=[HOSTILE], **dict.fromkeys(fields, HOSTILE))]
    metrics = {
        "filter_seeds": {"rows_in": 2, "rows_out": 1, "dropped": {HOSTILE: 1}},
        "import_model": {"name": HOSTILE},
    }
    attempts = {(HOSTILE, HOSTILE): Attempts(tasks=1, answers=1, passed=1)}
    page = render(tmp_path, examples=rows, stages=metrics, attempts=attempts, versions={HOSTILE: HOSTILE})
    reader = read(page)
    tags = [tag for tag, _ in reader.tags]
    assert tags.count("script") == 1
    assert not {"img", "iframe", "object", "embed"} & set(tags)
    assert all(not name.startswith("on") for _, attributes in reader.tags for name in attributes)
    assert all((attributes.get("href") or "#").startswith(("#", "data:")) for _, attributes in reader.tags)
    assert "alert(1)" in reader.text


def test_the_policy_of_the_page_allows_its_own_script_only(tmp_path: Path) -> None:
    policy = next(a["content"] or "" for tag, a in read(render(tmp_path)).tags if a.get("http-equiv"))
    assert "default-src 'none'" in policy
    assert re.search(r"script-src 'sha256-[A-Za-z0-9+/=]+'", policy)


def test_the_lineage_of_a_shown_pair_is_complete(tmp_path: Path) -> None:
    shown = read(render(tmp_path, examples=[example()])).text
    for part in ("requests 2.32.3", "Apache-2.0", "requests/utils.py, lines 10 to 21", "pair0"):
        assert part in shown


def test_sample_pairs_show_every_kind_before_any_kind_twice(tmp_path: Path) -> None:
    rows = [example(n, id=f"easy{n}") for n in range(20)] + [example(99, id="hard0", difficulty="hard")]
    reader = read(render(tmp_path, examples=rows))
    shown = [tag for tag, attributes in reader.tags if tag == "details" and attributes.get("class") == "pair"]
    assert len(shown) == PARAMS.write_report.num_sample_pairs
    assert "hard0" in reader.text


def test_every_setting_is_listed_with_its_value_and_meaning(tmp_path: Path) -> None:
    shown = read(render(tmp_path)).text
    assert "python.standard_library" in shown
    assert "passes over the pairs" in shown
    assert f"{PARAMS.finetune_model.warmup_share}" in shown


def test_funnel_levels_and_drops_follow_the_metrics(tmp_path: Path) -> None:
    stages = {
        "collect_seeds": {"rows_in": 1000, "rows_out": 100, "dropped": {"method": 900}},
        "generate_responses": {"rows_in": 80, "rows_out": 60, "dropped": {"truncated": 20}},
        "validate_responses": {"rows_in": 60, "rows_out": 59, "dropped": {"sandbox_error": 1},
                               "statuses": {"passed": 40, "failed": 19, "timeout": 0}},
        "select_examples": {"rows_in": 59, "rows_out": 15, "dropped": {"not_passed": 19, "one_per_task": 25}},
    }  # fmt: skip
    write_plots(ReportInputs(params=PARAMS, stages=stages), tmp_path)
    funnel = list(csv.DictReader((tmp_path / "funnel.csv").open()))
    assert [(row["step"][3:], int(row["rows"])) for row in funnel] == [
        ("functions read", 1000), ("functions collected", 100), ("answers requested", 80),
        ("well-formed answers", 60), ("passed in sandbox", 40), ("training pairs", 15),
    ]  # fmt: skip
    drops = {row["reason"]: int(row["rows"]) for row in csv.DictReader((tmp_path / "drops.csv").open())}
    assert drops == {
        "collect_seeds: method": 900, "generate_responses: truncated": 20, "validate_responses: failed": 19,
        "validate_responses: sandbox_error": 1, "select_examples: one_per_task": 25,
    }  # fmt: skip


def test_plots_of_nothing_have_their_headers(tmp_path: Path) -> None:
    write_plots(ReportInputs(params=PARAMS), tmp_path)
    assert (tmp_path / "pass_at_1.csv").read_text() == "score,model,benchmark,tests,value,low,high\n"
    assert {path.name for path in tmp_path.iterdir()} == {
        "funnel.csv", "drops.csv", "yields.csv", "pass_at_1.csv", "timings.csv",
    }  # fmt: skip


def test_the_summary_holds_the_headline_numbers() -> None:
    inputs = ReportInputs(
        params=PARAMS,
        stages={
            "validate_responses": {"seconds": 4.0, "rows_in": 4, "rows_out": 4, "statuses": {"passed": 1, "failed": 3}}
        },
        evaluations=[
            evaluation("base", [True, False, False, False]),
            evaluation("aligned", [True, True, False, False]),
        ],
        examples=[example()],
    )
    found = summary_metrics(inputs)
    assert found["pass_rate"] == 0.25
    assert (found["base_pass_at_1"], found["aligned_pass_at_1"], found["delta"]) == (0.25, 0.5, 0.25)
    assert found["base_pass_at_1_base_tests"] == 1.0
    assert (found["pairs"], found["seconds_total"], found["p_value"]) == (1, 14.0, 1.0)


def test_a_summary_of_nothing_claims_nothing() -> None:
    assert summary_metrics(ReportInputs(params=PARAMS)) == {"seconds_total": 0}


def test_the_same_inputs_give_the_same_page(tmp_path: Path) -> None:
    parts = {"examples": [example()], "loss": [LossPoint(step=1, loss=1.5, tokens=100)]}
    assert render(tmp_path, **parts) == render(tmp_path, **parts)


@pytest.mark.parametrize("value", [None, "many", [], float("nan"), True])
def test_odd_metrics_do_not_break_the_page(tmp_path: Path, value: object) -> None:
    keys = ("seconds", "rows_in", "rows_out", "dropped", "statuses", "usage", "cost", "isolation", "benchmarks",
            "parameters", "test_strength")  # fmt: skip
    stages = {name: dict.fromkeys(keys, value) for name in ("import_model", "import_benchmarks", "validate_responses")}
    odd = Evaluation(model="base", benchmark="humaneval_plus", metrics={"seconds": value}, results={"tasks": value})
    assert "</html>" in render(tmp_path, stages=stages, evaluations=[odd])


def generated(seconds: float, *, spent: float, share: float, without_cost: int = 0) -> dict[str, Any]:
    """Metrics of a generation step whose answers cost 90 s, of which this run spent some."""
    known = {"requests": 40, "output_tokens": 4500, "output_tokens_per_second": 50.0, "prefix_hit_rate": 0.8}
    usage = {"requests": 40, "asked": 40, "from_journal": 0, "seconds": spent, "output_tokens": 0}
    return {
        "seconds": seconds,
        "rows_in": 40,
        "usage": {**usage, "journal_share": {"answers": share, "seconds": share}},
        "cost": {**known, "seconds": 90.0, "without_cost": without_cost},
    }


def test_a_rerun_is_shown_with_the_time_and_tokens_of_its_answers_and_how_much_earlier_runs_spent(
    tmp_path: Path,
) -> None:
    stages = {
        "generate_concepts": generated(100.0, spent=90.0, share=0.0),
        "generate_instructions": generated(4.0, spent=0.0, share=1.0),
        "generate_responses": generated(50.0, spent=45.0, share=0.5),
    }
    text = read(render(tmp_path, stages=stages)).text
    for row in (
        "Name concepts1 min 40 s\u201340",
        "Write tasks1 min 34 s1 min 30 s40",
        "Answer tasks1 min 35 s45 s40",
    ):
        assert row in text
    assert text.count("4,50050.080.0%") == 3
    assert "Of 4 min 30 s of generation, earlier runs spent 2 min 15 s (50.0%): their answers came from" in text
    write_plots(ReportInputs(params=PARAMS, stages=stages), tmp_path)
    times = {row["stage"]: float(row["seconds"]) for row in csv.DictReader((tmp_path / "timings.csv").open())}
    assert times == {"generate_concepts": 100.0, "generate_instructions": 94.0, "generate_responses": 95.0}
    assert summary_metrics(ReportInputs(params=PARAMS, stages=stages)) == {"seeds": 40, "seconds_total": 289.0}


def test_a_run_that_generated_everything_says_so(tmp_path: Path) -> None:
    text = read(render(tmp_path, stages={"generate_concepts": generated(100.0, spent=90.0, share=0.0)})).text
    assert "This run generated all answers itself." in text


def test_answers_of_unknown_time_are_counted_and_times_without_them_are_lower_bounds(tmp_path: Path) -> None:
    stages = {"generate_concepts": generated(4.0, spent=0.0, share=1.0, without_cost=1200)}
    text = read(render(tmp_path, stages=stages)).text
    assert "Name concepts\u2265 1 min 34 s" in text
    assert "The time of 1,200 answers is unknown" in text
    assert "all stages together, 1,200 answers of unknown time left out" in text
    assert summary_metrics(ReportInputs(params=PARAMS, stages=stages))["answers_without_cost"] == 1200


def test_metrics_of_an_older_version_are_shown_as_they_are(tmp_path: Path) -> None:
    usage = {"asked": 0, "from_journal": 40, "seconds": 0.0, "output_tokens": 0, "output_tokens_per_second": 0.0}
    text = read(render(tmp_path, stages={"generate_concepts": {"seconds": 4.0, "rows_in": 40, "usage": usage}})).text
    assert "Name concepts4.0 s\u201340040" in text
    assert "of generation" not in text


def test_the_strength_of_tests_is_shown_where_it_was_measured(tmp_path: Path) -> None:
    found = {"scores_by_tenth": [1, 0, 0, 0, 2, 0, 0, 0, 4, 5], "mean_mutation_score": 0.789,
             "share_below_half": 0.25, "mean_branch_coverage": 0.9}  # fmt: skip
    text = read(render(tmp_path, stages={"validate_responses": {"test_strength": found}})).text
    assert "Mutants that the tests kill" in text
    assert "78.9% on average; those of 25.0% notice less than half" in text
    for absent in ({}, {"test_strength": {"scores_by_tenth": [0] * 10}}, {"test_strength": {"scores_by_tenth": [1]}}):
        assert "Mutants" not in render(tmp_path, stages={"validate_responses": absent})
