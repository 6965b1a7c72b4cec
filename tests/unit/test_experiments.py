"""Sets of experiments: what is refused, in which order arms run, what they start from, and what their tables say."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from selfcodealign.errors import InputError
from selfcodealign.experiments import (
    ArmResult,
    Interval,
    Pipeline,
    RunResult,
    apply_overrides,
    check_names,
    choose_arms,
    load_experiments,
    load_pipeline,
    over_seeds,
    plan_set,
    table_csv,
    table_page,
    table_text,
)
from selfcodealign.experiments.reuse import num_reusable, source_hashes
from selfcodealign.experiments.runner import log_tail

ROOT = Path(__file__).parents[2]
PARAMS: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text())
PIPELINE = load_pipeline(ROOT)

ARM = "{description: one, overrides: [select_examples.keep=failing]}"


def write(folder: Path, text: str) -> Path:
    path = folder / "experiments.yaml"
    path.write_text(text)
    return path


def plan(folder: Path, text: str) -> list[str]:
    ((name, chosen),) = load_experiments(write(folder, text)).items()
    return [run.name for run in plan_set(name, chosen, PARAMS, PIPELINE)]


def test_every_set_that_ships_fits_the_params_that_ship():
    sets = load_experiments(ROOT / "experiments.yaml")
    plans = {name: plan_set(name, chosen, PARAMS, PIPELINE) for name, chosen in sets.items()}
    check_names(plans)
    assert {"controls", "tasks", "answers", "tests", "training", "study"} <= set(sets)
    assert len(plans["study"]) == 3 * len(sets["study"].arms)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"a: {{description: x, arm: {{b: {ARM}}}}}", "a.arm is not a known key"),
        ("a: {description: x}", "a.arms is missing"),
        ("a: {description: x, arms: {}}", "a.arms"),
        (f"a: {{description: x, arms: {{B!: {ARM}}}}}", "a.arms.B!"),
        (f"a: {{description: x, seeds: [-1], arms: {{b: {ARM}}}}}", "a.seeds.0 = -1"),
        ("a: [", "is not valid YAML"),
        ("3", "the file = 3"),
    ],
)
def test_a_fault_in_the_file_is_one_line_that_names_the_key(tmp_path, text, message):
    with pytest.raises(InputError) as caught:
        load_experiments(write(tmp_path, text))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("select_examples.kept=failing", "'select_examples.kept=failing' sets a key that is not in params.yaml"),
        ("selection.keep=failing", "sets a key that is not in params.yaml"),
        ("select_examples.keep=falling", "a.arms.b: select_examples.keep = 'falling'"),
        ("evaluate_model.num_samples=10", "a.arms.b: evaluate_model: num_samples is 10 and temperature 0"),
        ("select_examples.keep", "is not an override"),
        ("select_examples.keep=passing,failing", "must set one existing key to one value"),
        ("+select_examples.new=1", "must set one existing key to one value"),
        ("~select_examples.keep", "must set one existing key to one value"),
    ],
)
def test_an_override_that_does_not_fit_the_params_names_set_arm_and_override(tmp_path, override, message):
    with pytest.raises(InputError) as caught:
        plan(
            tmp_path,
            yaml.safe_dump({"a": {"description": "x", "arms": {"b": {"description": "y", "overrides": [override]}}}}),
        )
    assert "a.arms.b" in str(caught.value)
    assert message in str(caught.value)


def test_overrides_are_applied_in_order_to_a_copy():
    changed = apply_overrides(
        PARAMS,
        [
            "evaluate_model.benchmarks=[mbpp_plus]",
            "select_examples.max_examples=3",
            "select_examples.max_examples=null",
        ],
        "here",
    )
    assert changed["evaluate_model"]["benchmarks"] == ["mbpp_plus"]
    assert changed["select_examples"]["max_examples"] is None
    assert apply_overrides(PARAMS, ["finetune_model.learning_rate=5e-6"], "")["finetune_model"]["learning_rate"] == 5e-6
    assert PARAMS["evaluate_model"]["benchmarks"] == ["humaneval_plus", "mbpp_plus"]


def test_arms_that_change_late_stages_run_first_and_others_keep_their_order(tmp_path):
    text = """
a:
  description: x
  overrides: [filter_seeds.max_seeds=8]
  arms:
    seeds: {description: x, overrides: [filter_seeds.min_lines=5]}
    tasks: {description: x, overrides: [generate_instructions.source=seeds]}
    full: {description: x, overrides: [finetune_model.method=full]}
    benchmarks: {description: x, overrides: ["evaluate_model.benchmarks=[mbpp_plus]"]}
    lora: {description: x}
    rank: {description: x, overrides: [finetune_model.lora_rank=8]}
"""
    assert plan(tmp_path, text) == [f"a-{arm}" for arm in ("lora", "benchmarks", "full", "rank", "tasks", "seeds")]


def test_each_arm_runs_once_per_seed_with_the_seed_as_its_last_override(tmp_path):
    text = f"a: {{description: x, seeds: [1, 2], arms: {{b: {ARM}}}}}"
    assert plan(tmp_path, text) == ["a-b-seed1", "a-b-seed2"]
    chosen = load_experiments(tmp_path / "experiments.yaml")["a"]
    assert plan_set("a", chosen, PARAMS, PIPELINE)[1].overrides[-1] == "finetune_model.seed=2"


def test_two_arms_with_the_same_params_are_refused(tmp_path):
    same = "{description: default, overrides: [finetune_model.method=lora]}"
    with pytest.raises(InputError, match="a-b and a-c have the same params"):
        plan(tmp_path, f"a: {{description: x, arms: {{b: {same}, c: {{description: nothing}}}}}}")


def test_two_sets_cannot_share_an_experiment(tmp_path):
    text = f"a: {{description: x, arms: {{b-c: {ARM}}}}}\na-b: {{description: x, arms: {{c: {ARM}}}}}"
    sets = load_experiments(write(tmp_path, text))
    with pytest.raises(InputError, match="both have a run a-b-c"):
        check_names({name: plan_set(name, chosen, PARAMS, PIPELINE) for name, chosen in sets.items()})


def test_an_unknown_arm_and_an_unknown_target_are_refused(tmp_path):
    chosen = load_experiments(write(tmp_path, f"a: {{description: x, arms: {{b: {ARM}}}}}"))["a"]
    with pytest.raises(InputError, match="no arm c; it has b"):
        choose_arms(plan_set("a", chosen, PARAMS, PIPELINE), ["c"])
    with pytest.raises(InputError, match="no stage train"):
        plan(tmp_path, f"a: {{description: x, targets: [train], arms: {{b: {ARM}}}}}")


def test_sources_are_what_stages_read_and_no_stage_writes():
    assert "selfcodealign/training" in PIPELINE.sources
    assert "constraints.txt" in PIPELINE.sources
    assert not [path for path in PIPELINE.sources if path.startswith(("data", "metrics", "models", "params"))]


def test_params_that_only_decide_speed_are_not_compared():
    assert {"finetune_model", "seed", "evaluate_model.benchmarks", "engine.dtype"} <= PIPELINE.params
    assert not {"engine.max_num_seqs", "workers", "write_report"} & PIPELINE.params


def test_metrics_of_stages_that_the_targets_leave_out_are_not_read():
    written = PIPELINE.metrics_of(["finetune_model"])
    assert {"metrics/finetune_model.json", "metrics/select_examples.json", "metrics/import_model.json"} <= written
    assert "metrics/summary.json" not in written
    assert "metrics/summary.json" in PIPELINE.metrics_of([])


def test_a_pipeline_with_another_description_is_equivalent_and_one_with_another_command_is_not():
    first = Pipeline({"train": {"cmd": "python train.py", "desc": "trains"}})
    assert first.is_equivalent(Pipeline({"train": {"cmd": "python train.py"}}))
    assert not first.is_equivalent(Pipeline({"train": {"cmd": "python -O train.py"}}))


def lock(keep: str, rate: object = None, code: str = "c1") -> dict[str, Any]:
    return {
        "select": {
            "deps": [{"path": "select.py", "md5": "s1"}],
            "params": {"params.yaml": {"select.keep": keep}},
            "outs": [{"path": "data/select", "md5": keep}],
        },
        "train": {
            "deps": [{"path": "train.py", "md5": code}, {"path": "data/select/pairs", "md5": keep}],
            "params": {"params.yaml": {"train": {"rate": rate}}},
            "outs": [{"path": "models/aligned", "md5": "m"}],
        },
    }


def test_a_stage_is_reusable_if_its_params_its_sources_and_all_before_it_are_the_same():
    params = {"select": {"keep": "passing"}, "train": {"rate": 5e-6}}
    assert num_reusable(lock("passing", 5e-6), params, {}) == 2
    assert num_reusable(lock("passing", "5e-06"), params, {}) == 2  # as PyYAML reads what DVC writes
    assert num_reusable(lock("passing", 1e-5), params, {}) == 1
    assert num_reusable(lock("failing", 5e-6), params, {}) == 0
    hashes = source_hashes([lock("failing", 1e-5, code="c2")])
    assert hashes == {"select.py": "s1", "train.py": "c2"}
    assert num_reusable(lock("passing", 5e-6), params, hashes) == 1


def test_the_tail_of_a_log_is_the_stages_own_error_in_one_line():
    log = "Running stage 'x'\nerror: too few pairs; take more seeds\nERROR: failed to reproduce 'x'\n"
    assert log_tail(log) == "error: too few pairs; take more seeds"
    assert log_tail("one\n\ntwo\nthree\nfour") == "two | three | four"
    assert log_tail("") == "no output"


def test_the_interval_over_seeds_covers_tasks_and_seeds():
    alike = over_seeds([Interval(0.02, -0.01, 0.05)] * 3, 542)
    assert (alike.value, alike.low, alike.high) == pytest.approx((0.02, -0.01, 0.05), abs=1e-3)
    apart = over_seeds([Interval(value, value - 0.03, value + 0.03) for value in (-0.02, 0.02, 0.06)], 542)
    assert apart.value == pytest.approx(0.02)
    assert apart.low < alike.low
    assert over_seeds([Interval(0.0, 0.0, 0.0)] * 2, 10) == Interval(0.0, 0.0, 0.0)


def result(difference: float, **changes: Any) -> RunResult:
    values: dict[str, Any] = {
        "pairs": 12,
        "scores": {"humaneval_plus": {"base": 0.5427, "aligned": 0.5427 + difference}},
        "pooled": Interval(difference, difference - 0.02, difference + 0.02),
        "num_tasks": 542,
        "kept": "step 7",
        "loss": 0.2125,
    }
    return RunResult(**{**values, **changes})


def arm(name: str, *results: RunResult, num_runs: int = 1, is_outdated: bool = False) -> ArmResult:
    return ArmResult(
        arm=name,
        description=name,
        num_runs=num_runs,
        num_done=0 if is_outdated else len(results),
        is_outdated=is_outdated,
        results=results,
    )


RESULTS = [
    arm("one", result(0.01)),
    arm("several", result(0.0), result(0.02, kept="base"), num_runs=3),
    arm("nothing", num_runs=3),
    arm("old", result(0.03, pooled=None), is_outdated=True),
]


def test_the_text_table_marks_what_is_missing_and_says_what_its_intervals_cover():
    text = table_text(RESULTS)
    header, one, several, nothing, old = text.splitlines()[:5]
    assert "HumanEval+ aligned" in header
    assert "+1.0 points" in one
    assert "-1.0 to +3.0".replace("-", "\u2212") in one
    assert "2 of 3 seeds" in several
    assert "55.3% (54.3% to 56.3%)" in several
    assert "step 7, base" in several
    assert "missing" in nothing
    assert not set("0123456789") & set(nothing)
    assert "outdated" in old
    assert "covers the draw of the tasks and that of the training seeds" in text


def test_the_csv_has_empty_cells_for_what_was_not_measured():
    lines = table_csv(RESULTS).splitlines()
    assert lines[3] == "nothing,missing,3,0" + "," * (lines[0].count(",") - 3)
    assert len({line.count(",") for line in lines} - {lines[2].count(",")}) <= 1


def test_the_page_is_self_contained_and_escapes_the_file(tmp_path):
    text = "a: {description: x <b>, arms: {b: {description: y, overrides: [select_examples.keep=failing]}}}"
    page = table_page("a", load_experiments(write(tmp_path, text))["a"], RESULTS)
    assert "x &lt;b&gt;" in page
    assert "select_examples.keep=failing" in page
    assert "selfcodealign experiments run a" in page
    assert "src=" not in page
    assert "http" not in page.replace("http-equiv", "")
