"""What a run will cost follows from its params and from what a finished run measured."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfcodealign.errors import InputError
from selfcodealign.estimate import Assumed, Rates, estimate_run, expected_samples, format_estimate, measured_rates
from selfcodealign.params import Params, load_params

ROOT = Path(__file__).parents[2]
PARAMS = load_params(ROOT / "params.yaml")
METRICS = ROOT / "metrics"


def write_metrics(folder: Path, name: str, **values: object) -> None:
    path = folder / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))


def usage(asked: int, output_tokens: int, seconds: float, **values: float) -> dict[str, float]:
    kept = {"requests": asked, "asked": asked, "output_tokens": output_tokens, "seconds": seconds}
    return {"prompt_tokens": 100 * asked, "prefix_hit_rate": 0.5, **kept, **values}


def cost(requests: int, output_tokens: int, seconds: float, without_cost: int = 0) -> dict[str, float]:
    counts = {"requests": requests, "without_cost": without_cost, "output_tokens": output_tokens, "seconds": seconds}
    return {"prompt_tokens": 100 * requests, "prefix_hit_rate": 0.5, **counts}


def changed(section: str, **values: object) -> Params:
    return PARAMS.model_copy(update={section: getattr(PARAMS, section).model_copy(update=values)})


def test_without_a_finished_run_counts_are_upper_bounds_and_no_hours_are_claimed(tmp_path):
    steps = {step.step: step for step in estimate_run(PARAMS, tmp_path)}
    seeds, samples = PARAMS.filter_seeds.max_seeds, PARAMS.generate_responses.num_samples
    responses = steps["generate_responses"]
    assert responses.requests == 2 * seeds * samples  # each may be taken up again
    assert responses.output_tokens == responses.requests * PARAMS.generate_responses.max_new_tokens
    assert responses.prompt_tokens + responses.output_tokens == responses.requests * PARAMS.engine.max_model_len
    assert all(step.hours is None and not step.is_measured for step in steps.values())
    assert "no finished run has measured" in format_estimate(list(steps.values()))


def test_tasks_of_seeds_cost_no_generation_and_two_programs_per_response_at_most(tmp_path):
    instructions = PARAMS.generate_instructions.model_copy(update={"source": "functions"})
    validation = PARAMS.validate_responses.model_copy(update={"tests": "seed"})
    params = PARAMS.model_copy(update={"generate_instructions": instructions, "validate_responses": validation})
    steps = {step.step: step for step in estimate_run(params, tmp_path)}
    assert not {"generate_concepts", "generate_instructions"} & set(steps)
    responses = steps["generate_responses"].rows
    assert responses == PARAMS.filter_seeds.max_seeds * PARAMS.generate_responses.num_samples
    assert steps["validate_responses"].requests == 3 * responses


def test_yields_tokens_and_rates_of_a_finished_run_carry_over(tmp_path):
    write_metrics(tmp_path, "generate_concepts", rows_in=10, rows_out=5, seconds=30.0, usage=usage(10, 100, 10.0))
    write_metrics(tmp_path, "generate_instructions", rows_in=5, rows_out=4, seconds=10.0, usage=usage(5, 500, 10.0))
    write_metrics(tmp_path, "generate_responses", rows_in=8, rows_out=6, seconds=16.0, usage=usage(12, 1600, 16.0))
    statuses = {"passed": 2, "failed": 4}
    consensus = {"programs": 12}
    write_metrics(
        tmp_path, "validate_responses", rows_in=6, programs_per_second=20.0, statuses=statuses, consensus=consensus
    )
    params = changed("generate_responses", num_samples=10)
    steps = {step.step: step for step in estimate_run(params, tmp_path, Assumed(num_seeds=1000))}
    assert steps["generate_concepts"].output_tokens == 10_000
    assert steps["generate_concepts"].hours == pytest.approx((1000 + 20) / 3600)  # a start does not grow with the rows
    assert steps["generate_instructions"].requests == 500
    responses = steps["generate_responses"]
    assert responses.requests == 6000  # each second answer was taken up again
    assert (responses.prompt_tokens, responses.output_tokens) == (600_000, 800_000)
    assert responses.hours == pytest.approx(8000 / 3600)
    assert steps["validate_responses"].requests == 3000 * (1 + 2)  # two of a task's assertions beside its own tests
    assert steps["validate_responses"].rows == 1000
    assert steps["validate_responses"].hours == pytest.approx(450 / 3600)


def test_answers_that_came_from_the_journal_are_counted_at_the_cost_of_the_others(tmp_path):
    found = usage(4, 100, 10.0, requests=8)
    write_metrics(tmp_path, "generate_concepts", rows_in=8, rows_out=8, seconds=10.0, usage=found)
    step = estimate_run(PARAMS, tmp_path, Assumed(num_seeds=80))[0]
    assert (step.requests, step.prompt_tokens, step.output_tokens) == (80, 8000, 2000)
    assert step.hours == pytest.approx(200 / 3600)


def test_a_rerun_from_the_journal_is_measured_by_what_its_answers_cost(tmp_path):
    replay = {"usage": usage(0, 0, 0.0, requests=10, prefix_hit_rate=0.0), "cost": cost(10, 500, 20.0)}
    write_metrics(tmp_path, "generate_concepts", rows_in=10, rows_out=10, seconds=1.0, **replay)
    step = estimate_run(PARAMS, tmp_path, Assumed(num_seeds=100))[0]
    assert (step.requests, step.prompt_tokens, step.output_tokens, step.is_measured) == (100, 10_000, 5000, True)
    assert step.hours == pytest.approx((200 + 1) / 3600)


def test_rates_are_those_of_the_cost_also_where_the_run_asked_for_half_of_the_answers(tmp_path):
    for name, tokens, seconds in (("concepts", 1000, 10.0), ("instructions", 9000, 50.0)):
        values = {"usage": usage(5, tokens, 999.0, requests=10), "cost": cost(10, tokens, seconds)}
        write_metrics(tmp_path, f"generate_{name}", rows_in=10, rows_out=10, seconds=1.0, **values)
    rates = measured_rates(tmp_path)
    assert rates is not None
    assert rates.seconds(500, 1000) == pytest.approx(10.0)
    assert rates.seconds(500, 9000) == pytest.approx(50.0)


def test_answers_of_unknown_time_count_as_much_as_the_others_and_the_table_says_so(tmp_path):
    found = {"usage": usage(6, 300, 12.0, requests=10), "cost": cost(10, 500, 12.0, without_cost=4)}
    write_metrics(tmp_path, "generate_concepts", rows_in=10, rows_out=10, seconds=12.0, **found)
    write_metrics(tmp_path, "generate_instructions", rows_in=10, rows_out=10, seconds=12.0, **found)
    steps = estimate_run(PARAMS, tmp_path, Assumed(num_seeds=100))
    assert (steps[0].output_tokens, steps[0].num_without_cost) == (5000, 4), "tokens are known of all"
    assert steps[0].hours == pytest.approx(100 * 12.0 / 6 / 3600)
    assert "time is unknown: generate_concepts 4, generate_instructions 4" in format_estimate(steps)
    assert measured_rates(tmp_path) is None, "tokens and seconds are not of the same answers"


def test_where_no_time_is_known_counts_are_measured_and_no_hours_are_claimed(tmp_path):
    found = {"usage": usage(0, 0, 0.0, requests=10), "cost": cost(10, 500, 0.0, without_cost=10)}
    write_metrics(tmp_path, "generate_concepts", rows_in=10, rows_out=10, seconds=1.0, **found)
    step = estimate_run(PARAMS, tmp_path, Assumed(num_seeds=100))[0]
    assert (step.requests, step.output_tokens, step.is_measured, step.hours) == (100, 5000, True, None)
    other_hardware = estimate_run(PARAMS, tmp_path, Assumed(num_seeds=100, rates=Rates(500.0, 100.0)))[0]
    assert other_hardware.hours == pytest.approx((5000 / 500 + 5000 / 100 + 1) / 3600)
    assert other_hardware.num_without_cost == 0, "rates need no measured time"


def test_given_rates_judge_other_hardware_and_each_server_or_replica_has_them(tmp_path):
    write_metrics(tmp_path, "generate_concepts", rows_in=10, rows_out=5, seconds=10.0, usage=usage(10, 100, 10.0))
    assumed = Assumed(num_seeds=1000, rates=Rates(500.0, 100.0))
    assert estimate_run(PARAMS, tmp_path, assumed)[0].hours == pytest.approx((50_000 / 500 + 10_000 / 100) / 3600)
    served = changed("engine", kind="openai", servers=["http://a", "http://b"], served_model="m")
    steps = estimate_run(served, tmp_path, assumed)
    assert steps[0].hours == pytest.approx((50_000 / 500 + 10_000 / 100) / 2 / 3600)
    replicas = changed("engine", kind="ray", num_replicas=4)
    assert estimate_run(replicas, tmp_path, assumed)[0].hours == pytest.approx((50_000 / 500 + 10_000 / 100) / 4 / 3600)
    evaluations = [step for step in steps if step.step.startswith("evaluate_model")]
    alone = [step for step in estimate_run(PARAMS, tmp_path, assumed) if step.step.startswith("evaluate_model")]
    assert evaluations == alone, "evaluation is in process whatever the engine"


@given(
    pass_rate=st.floats(0.0, 1.0), stop_after=st.integers(1, 4), wave_size=st.integers(1, 5), samples=st.integers(1, 12)
)
def test_adaptive_sampling_asks_for_whole_waves_and_for_fewer_the_more_pass(pass_rate, stop_after, wave_size, samples):
    values = {"num_samples": samples, "stop_after": stop_after, "wave_size": wave_size}
    settings = PARAMS.generate_responses.model_copy(update=values)
    found = expected_samples(settings, pass_rate)
    first = min(samples, -(-stop_after // wave_size) * wave_size)
    assert first - 1e-9 <= found <= samples + 1e-9
    assert found >= expected_samples(settings, min(1.0, pass_rate + 0.1)) - 1e-9
    assert expected_samples(settings, 1.0) == pytest.approx(first)
    assert expected_samples(settings, 0.0) == pytest.approx(samples)


def test_the_expected_number_of_samples_is_the_mean_of_what_waves_ask_for():
    values = {"num_samples": 10, "stop_after": 2, "wave_size": 3}
    settings = PARAMS.generate_responses.model_copy(update=values)
    draw = random.Random(1)

    def asked() -> int:
        passed = num_asked = 0
        while num_asked < 10 and passed < 2:
            wave = min(3, 10 - num_asked)
            num_asked += wave
            passed += sum(draw.random() < 0.3 for _ in range(wave))
        return num_asked

    mean = sum(asked() for _ in range(20_000)) / 20_000
    assert expected_samples(settings, 0.3) == pytest.approx(mean, rel=0.02)


def test_a_given_pass_rate_decides_how_many_samples_a_task_gets(tmp_path):
    params = changed("generate_responses", num_samples=10, stop_after=1, wave_size=1)
    by_rate = [
        {step.step: step for step in estimate_run(params, tmp_path, Assumed(num_seeds=100, pass_rate=rate))}
        for rate in (0.0, 0.5, 1.0)
    ]
    assert [steps["generate_responses"].rows for steps in by_rate] == [1000, 200, 100]
    assert [steps["select_examples"].rows for steps in by_rate] == [0, 100, 100]


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
    steps = {step.step: step for step in estimate_run(params, tmp_path, Assumed(num_seeds=100))}
    step = steps["validate_responses test_strength"]
    assert step.requests == 5 * steps["generate_responses"].rows / 4
    assert step.hours == pytest.approx(step.requests / 10 / 3600)


def test_every_sample_of_an_evaluation_counts(tmp_path):
    name = "evaluate_model base humaneval_plus"
    measured = {"num_samples": 328, "seconds": 360.0, "usage": usage(328, 65_600, 328.0), "scoring": {"seconds": 32.0}}
    write_metrics(tmp_path, "evaluate_model/base-humaneval_plus", **measured)
    params = changed("evaluate_model", num_samples=10, temperature=0.2)
    step = {step.step: step for step in estimate_run(params, tmp_path, Assumed(num_seeds=1))}[name]
    assert (step.requests, step.output_tokens) == (1640, 328_000)
    # 5 times as many solutions as were measured, each with a second of generation and a share of the scoring.
    assert step.hours == pytest.approx((5 * (328.0 + 32.0)) / 3600)


def finished_run() -> dict[str, dict[str, Any]]:
    """The metrics of the repository's own run of `params.yaml`, by the step's name in an estimate."""
    stages = [path for path in METRICS.glob("*.json") if path.stem != "summary"]
    found = {path.stem: json.loads(path.read_text()) for path in stages}
    for path in METRICS.glob("evaluate_model/*.json"):
        values = json.loads(path.read_text())
        found[f"evaluate_model {values['model']} {values['benchmark']}"] = values
    return found


def seconds_of(metrics: dict[str, Any]) -> float:
    """The wall time of a step without its journal; metrics without a cost are scaled up to all requests."""
    usage = metrics.get("usage", {"from_journal": 0, "asked": 1, "seconds": 0.0})
    if "cost" in metrics:
        return float(metrics["seconds"] - usage["seconds"] + metrics["cost"]["seconds"])
    return float(metrics["seconds"] + usage["seconds"] * usage["from_journal"] / usage["asked"])


def tokens_of(metrics: dict[str, Any], name: str) -> float:
    """Tokens of all answers of a step; of metrics without a cost, scaled up to all requests."""
    usage = metrics["usage"]
    return float(metrics["cost"][name] if "cost" in metrics else usage[name] / usage["asked"] * usage["requests"])


def test_the_finished_run_of_the_repository_is_estimated_within_30_per_cent():
    run = finished_run()
    steps = estimate_run(PARAMS, METRICS)
    assert all(step.is_measured for step in steps)
    for step in steps:
        metrics = run[step.step]
        assert step.hours == pytest.approx(seconds_of(metrics) / 3600, rel=0.3, abs=2 / 3600), step.step
        if "usage" in metrics:
            usage = metrics["usage"]
            assert step.requests == pytest.approx(usage["requests"], rel=0.3), step.step
            for name in ("prompt_tokens", "output_tokens"):
                assert getattr(step, name) == pytest.approx(tokens_of(metrics, name), rel=0.3), (step.step, name)
        rows = (
            metrics["statuses"]["passed"] if step.step == "validate_responses" else metrics.get("rows_out", step.rows)
        )
        assert step.rows == pytest.approx(rows, rel=0.3), step.step
    total = sum(step.hours for step in steps) * 3600
    assert total == pytest.approx(sum(seconds_of(run[step.step]) for step in steps), rel=0.1)


def test_two_rates_of_the_finished_run_give_each_of_its_steps_within_30_per_cent():
    rates = measured_rates(METRICS)
    assert rates is not None
    run = finished_run()
    for step in estimate_run(PARAMS, METRICS, Assumed(rates=rates)):
        if "usage" in run[step.step]:
            assert step.hours == pytest.approx(seconds_of(run[step.step]) / 3600, rel=0.3), step.step
