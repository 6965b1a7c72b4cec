"""The stages of the evaluation where a benchmark could not be imported."""

import json
from pathlib import Path

import pytest
import yaml
from evaluation_tasks import jsonl, write

import selfcodealign.evaluation
import stages.evaluate_model
import stages.import_benchmarks
from selfcodealign.errors import PrerequisiteError
from selfcodealign.evaluation.command import BenchmarkChoice

ROOT = Path(__file__).parents[2]


def write_params(folder: Path, **evaluated: object) -> Path:
    """The shipped params, with the benchmarks' folder inside the test's and other settings of the evaluation."""
    loaded = yaml.safe_load((ROOT / "params.yaml").read_text())
    loaded["import_benchmarks"]["folders"] = [str(folder / "here")]
    loaded["evaluate_model"] |= evaluated
    return write(folder / "params.yaml", yaml.safe_dump(loaded))


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("selfcodealign.evaluation.sources._download", lambda *_: "no network")
    monkeypatch.setattr("appdirs.user_cache_dir", lambda _: str(tmp_path / "evalplus"))
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    for variable in selfcodealign.evaluation.OVERRIDE_VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)


@pytest.mark.usefixtures("no_network")
def test_a_run_without_mbpp_plus_says_so_at_the_import_and_in_the_outputs_of_its_evaluation(tmp_path: Path) -> None:
    write(tmp_path / "here" / "HumanEvalPlus-v0.1.10.jsonl", jsonl(3))
    params, data, metrics = write_params(tmp_path), tmp_path / "data", tmp_path / "metrics.json"
    stages.import_benchmarks.main(params, data, metrics)
    imported = json.loads(metrics.read_text())
    assert (list(imported["benchmarks"]), list(imported["missing"])) == (["humaneval_plus"], ["mbpp_plus"])
    stages.evaluate_model.main(
        "base", BenchmarkChoice.MBPP_PLUS, params, tmp_path / "no model", data, tmp_path / "out", metrics
    )
    evaluated = json.loads(metrics.read_text())
    assert (evaluated["missing"], evaluated["num_tasks"]) == ("cannot be downloaded: no network", 0)
    assert json.loads((tmp_path / "out/results.json").read_text())["tasks"] == {}
    assert (tmp_path / "out/samples.jsonl").read_text() == ""


@pytest.mark.usefixtures("no_network")
def test_a_run_that_evaluates_only_what_is_missing_ends_at_the_import(tmp_path: Path) -> None:
    write(tmp_path / "here" / "HumanEvalPlus-v0.1.10.jsonl", jsonl(3))
    params = write_params(tmp_path, benchmarks=["mbpp_plus"])
    with pytest.raises(PrerequisiteError, match="there is no benchmark to evaluate") as raised:
        stages.import_benchmarks.main(params, tmp_path / "data", tmp_path / "metrics.json")
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "data").exists()
