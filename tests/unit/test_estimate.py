"""What a run will cost follows from its params and from what a finished run measured."""

import json
from pathlib import Path

import pytest

from selfcodealign.errors import InputError
from selfcodealign.estimate import estimate_run, format_estimate
from selfcodealign.params import Params, load_params

ROOT = Path(__file__).parents[2]
PARAMS = load_params(ROOT / "params.yaml")


def write_metrics(folder: Path, name: str, **values: object) -> None:
    path = folder / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))


def usage(asked: int, output_tokens: int, rate: float) -> dict[str, float]:
    return {"asked": asked, "output_tokens": output_tokens, "output_tokens_per_second": rate, "start_seconds": 0.0}


def changed(section: str, **values: object) -> Params:
    return PARAMS.model_copy(update={section: getattr(PARAMS, section).model_copy(update=values)})


def test_without_a_finished_run_counts_are_upper_bounds_and_no_hours_are_claimed(tmp_path):
    steps = {step.step: step for step in estimate_run(PARAMS, tmp_path)}
    seeds, samples = PARAMS.filter_seeds.max_seeds, PARAMS.generate_responses.num_samples
    responses = steps["generate_responses"]
    assert responses.requests == seeds * samples
    assert responses.output_tokens == seeds * samples * PARAMS.generate_responses.max_new_tokens
    assert all(step.hours is None and not step.is_measured for step in steps.values())
    assert "no finished run has measured" in format_estimate(list(steps.values()))


def test_yields_tokens_and_rates_of_a_finished_run_carry_over(tmp_path):
    write_metrics(tmp_path, "generate_concepts", rows_in=10, rows_out=5, usage=usage(10, 100, 10.0))
    write_metrics(tmp_path, "generate_instructions", rows_in=5, rows_out=4, usage=usage(5, 500, 50.0))
    write_metrics(tmp_path, "generate_responses", rows_in=8, rows_out=6, usage=usage(8, 1600, 100.0))
    write_metrics(tmp_path, "validate_responses", programs_per_second=20.0)
    params = changed("generate_responses", num_samples=10)
    steps = {step.step: step for step in estimate_run(params, tmp_path, num_seeds=1000)}
    assert steps["generate_concepts"].output_tokens == 10_000
    assert steps["generate_instructions"].requests == 500
    assert steps["generate_responses"].requests == 4000
    assert steps["generate_responses"].hours == pytest.approx(4000 * 200 / 100 / 3600)
    assert steps["validate_responses"].requests == 3000
    assert steps["validate_responses"].hours == pytest.approx(150 / 3600)


def test_the_ablation_without_concepts_asks_for_none(tmp_path):
    steps = [step.step for step in estimate_run(changed("generate_instructions", source="seeds"), tmp_path)]
    assert "generate_concepts" not in steps


def test_an_unknown_number_of_seeds_is_one_line_with_the_way_out(tmp_path):
    with pytest.raises(InputError, match="--seeds"):
        estimate_run(changed("filter_seeds", max_seeds=None), tmp_path)


def test_damaged_metrics_are_one_line_that_names_the_file(tmp_path):
    (tmp_path / "generate_concepts.json").write_text("{")
    with pytest.raises(InputError, match=r"generate_concepts\.json"):
        estimate_run(PARAMS, tmp_path)


def test_test_strength_counts_each_mutant_of_the_responses_that_will_pass_and_one_marked_program(tmp_path):
    params = changed("validate_responses", test_strength=True, max_mutants=9)
    bound = {step.step: step for step in estimate_run(params, tmp_path)}["validate_responses test_strength"]
    assert bound.requests == 10 * PARAMS.filter_seeds.max_seeds * PARAMS.generate_responses.num_samples
    assert bound.hours is None
    found = {"responses": 5, "mutants": 20, "programs_per_second": 10.0}
    write_metrics(tmp_path, "validate_responses", statuses={"passed": 5, "failed": 15}, test_strength=found)
    steps = {step.step: step for step in estimate_run(params, tmp_path, num_seeds=100)}
    step = steps["validate_responses test_strength"]
    assert step.requests == 5 * steps["validate_responses"].requests / 4
    assert step.hours == pytest.approx(step.requests / 10 / 3600)
