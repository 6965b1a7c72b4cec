"""Inputs of the report: only files of this run are read, and damaged files are one-line errors."""

import json
from pathlib import Path

import pytest
import yaml
from report_rendering import read

import stages.write_report
from selfcodealign.errors import InputError
from selfcodealign.report import (
    read_evaluations,
    read_loss,
    read_stage_metrics,
)


def test_missing_files_are_left_out_and_broken_ones_are_one_clear_line(tmp_path: Path) -> None:
    assert read_stage_metrics(tmp_path, ["collect_seeds"]) == {}
    assert read_evaluations(tmp_path / "evaluate_model", tmp_path, models=["base"], benchmarks=["mbpp_plus"]) == []
    assert read_loss(tmp_path / "loss.csv") == []
    (tmp_path / "collect_seeds.json").write_text("[1")
    with pytest.raises(InputError, match=r"collect_seeds\.json is not readable"):
        read_stage_metrics(tmp_path, ["collect_seeds"])
    (tmp_path / "loss.csv").write_text("step,loss\n1,high\n")
    with pytest.raises(InputError, match=r"loss\.csv, line 2"):
        read_loss(tmp_path / "loss.csv")


def test_evaluations_are_found_with_their_results_in_the_order_of_the_params_base_first(tmp_path: Path) -> None:
    for name in ("aligned-mbpp_plus", "base-mbpp_plus", "aligned-humaneval_plus"):
        (tmp_path / f"{name}.json").write_text(json.dumps({"seconds": 1}))
    results = tmp_path / "base/mbpp_plus/results.json"
    results.parent.mkdir(parents=True)
    results.write_text(json.dumps({"tasks": {"Mbpp/2": {"base": "pass", "plus": "fail"}}}))
    base, aligned, other = read_evaluations(
        tmp_path, tmp_path, models=["aligned", "base"], benchmarks=["mbpp_plus", "humaneval_plus"]
    )
    assert (base.model, base.benchmark, list(base.results["tasks"])) == ("base", "mbpp_plus", ["Mbpp/2"])
    assert (aligned.model, aligned.benchmark, aligned.results) == ("aligned", "mbpp_plus", {})
    assert (other.model, other.benchmark) == ("aligned", "humaneval_plus")


def test_evaluations_of_another_run_stay_out_of_report_and_summary(tmp_path: Path) -> None:
    stages.write_report.main(**report_of(tmp_path, benchmarks=["mbpp_plus"], models=["base", "aligned"]))
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (summary["base_pass_at_1"], summary["aligned_pass_at_1"]) == (0.25, 0.5)
    shown = read((tmp_path / "out/report.html").read_text()).text
    assert "MBPP+" in shown
    assert "HumanEval+" not in shown
    assert "HumanEval" not in (tmp_path / "out/plots/pass_at_1.csv").read_text()
    assert "humaneval" not in (tmp_path / "out/plots/timings.csv").read_text()


def test_a_model_that_is_not_evaluated_in_this_run_is_not_shown_from_another(tmp_path: Path) -> None:
    stages.write_report.main(**report_of(tmp_path, benchmarks=["humaneval_plus"], models=["aligned"]))
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["aligned_pass_at_1"] == 1.0
    assert not {"base_pass_at_1", "delta", "p_value"} & set(summary)


def report_of(folder: Path, *, benchmarks: list[str], models: list[str]) -> dict[str, Path]:
    """Arguments of the report's stage for a folder that holds both models' evaluations of both benchmarks."""
    loaded = yaml.safe_load((Path(__file__).parents[2] / "params.yaml").read_text())
    loaded["evaluate_model"] |= {"benchmarks": benchmarks, "models": models}
    (folder / "params.yaml").write_text(yaml.safe_dump(loaded))
    (folder / "evaluate_model").mkdir()
    solved = {
        ("base", "humaneval_plus"): [True] * 4,
        ("aligned", "humaneval_plus"): [True] * 4,
        ("base", "mbpp_plus"): [True, False, False, False],
        ("aligned", "mbpp_plus"): [True, True, False, False],
    }
    for (model, benchmark), passes in solved.items():
        results = folder / "data" / model / benchmark / "results.json"
        results.parent.mkdir(parents=True)
        tasks = {f"Task/{n}": {"base": "pass", "plus": "pass" if one else "fail"} for n, one in enumerate(passes)}
        results.write_text(json.dumps({"tasks": tasks}))
        (folder / "evaluate_model" / f"{model}-{benchmark}.json").write_text(json.dumps({"seconds": 1}))
    absent = ("examples", "instructions", "responses", "verdicts", "loss", "benchmarks")
    return {
        **{name: folder / "absent" for name in absent},
        "params_path": folder / "params.yaml",
        "metrics_folder": folder,
        "evaluations": folder / "data",
        "out": folder / "out",
        "summary": folder / "summary.json",
    }
