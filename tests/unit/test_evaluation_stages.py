"""The stages of the evaluation: what they write is what the report reads, with a benchmark and without it."""

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from evaluation_tasks import jsonl, write

import stages.evaluate_model
import stages.import_benchmarks
import stages.write_report
from selfcodealign.errors import PrerequisiteError
from selfcodealign.evaluation import Benchmark, EvaluationResult, SampleResult, SampleSet
from selfcodealign.evaluation.command import BenchmarkChoice
from selfcodealign.generation import Answer, Decoding, Generation, PromptFormat, Request
from selfcodealign.inputs.benchmark_names import OVERRIDE_VARIABLES
from selfcodealign.params import load_params
from selfcodealign.report import ReportInputs, benchmark_rows, read_evaluations

ROOT = Path(__file__).parents[2]


def write_params(folder: Path, **evaluated: object) -> Path:
    """The shipped params, with the benchmarks' folder inside the test's and other settings of the evaluation."""
    loaded = yaml.safe_load((ROOT / "params.yaml").read_text())
    loaded["import_benchmarks"]["folders"] = [str(folder / "here")]
    loaded["evaluate_model"] |= evaluated
    return write(folder / "params.yaml", yaml.safe_dump(loaded))


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("selfcodealign.evaluation.sources.download_benchmark", lambda *_: "no network")
    monkeypatch.setattr("appdirs.user_cache_dir", lambda _: str(tmp_path / "evalplus"))
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    for variable in OVERRIDE_VARIABLES.values():
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


class OneTurn:
    """Renders turns as a chat template does."""

    def apply_chat_template(self, turns: Sequence[dict[str, str]], **_: object) -> str:
        return "".join(turn["content"] for turn in turns)


def answers(requests: Sequence[Request], decoding: Decoding, **_: object) -> Generation:
    """Every tenth answer is right; the answers to the first task are cut off."""
    assert decoding.temperature == 0.8
    generation = Generation()
    for request in requests:
        task_id, _, number = request.id.partition("#")
        is_cut_off = task_id == "HumanEval/0"
        code = "right" if number == "0" else "wrong"
        comment = "  # the first" if number == "0" else ""
        reason = "length" if is_cut_off else "stop"
        generation.answers[request.id] = Answer(f"add = {code!r}{comment}", reason, 10, 0, 300 if is_cut_off else 60)
    return generation


def verdicts(benchmark: Benchmark, samples: SampleSet, **_: object) -> EvaluationResult:
    results = {
        task_id: [SampleResult(code, "pass", "pass" if "right" in code else "fail") for code in solutions]
        for task_id, solutions in samples.by_task.items()
    }
    return EvaluationResult(
        info=benchmark.info, isolation="none", limits={}, results=results, num_from_journal=0, num_unknown=0,
        num_missing_tasks=0, seconds=1.0,
    )  # fmt: skip


@pytest.mark.usefixtures("no_network")
def test_the_report_finds_scores_lengths_and_cut_off_answers_under_the_names_that_the_stage_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "here" / "HumanEvalPlus-v0.1.10.jsonl", jsonl(3))
    params_path = write_params(tmp_path, benchmarks=["humaneval_plus"], num_samples=10, temperature=0.8)
    stages.import_benchmarks.main(params_path, tmp_path / "data", tmp_path / "import.json")
    form = PromptFormat(is_chat=True, stop=(), begin="", tokenizer=OneTurn())
    monkeypatch.setattr(stages.evaluate_model, "read_card", lambda _: SimpleNamespace(prompt_form="chat"))
    monkeypatch.setattr(stages.evaluate_model, "load_prompt_format", lambda *_: form)
    monkeypatch.setattr(stages.evaluate_model, "prepare_sandbox", lambda _: None)
    monkeypatch.setattr(stages.evaluate_model, "make_ask", lambda *_: answers)
    monkeypatch.setattr(stages.evaluate_model, "evaluate_samples", verdicts)
    monkeypatch.setattr("selfcodealign.evaluation.solutions.as_solution", lambda _task, answer, **_: answer)
    stages.evaluate_model.main(
        "base", BenchmarkChoice.HUMANEVAL_PLUS, params_path, tmp_path, tmp_path / "data",
        tmp_path / "base/humaneval_plus", tmp_path / "metrics/base-humaneval_plus.json",
    )  # fmt: skip
    evaluations = read_evaluations(
        tmp_path / "metrics", tmp_path, models=["base", "aligned"], benchmarks=["humaneval_plus"]
    )
    (row,) = benchmark_rows(ReportInputs(params=load_params(params_path), evaluations=evaluations))
    assert row.base is not None
    assert (row.base.value, row.num_tasks) == (pytest.approx(0.1), 3)
    assert row.pass_at_10 == {"base": 1.0}
    assert (row.cut_off, row.answer_length) == (("10", "\u2013"), ("140.0", "\u2013"))
    assert row.commented == ("3", "\u2013")
    assert len((tmp_path / "base/humaneval_plus/samples.jsonl").read_text().splitlines()) == 30


def test_the_report_removes_evaluations_of_a_run_with_other_benchmarks_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    metrics, results = tmp_path / "metrics", tmp_path / "data"
    for model in ("base", "aligned", "mine"):
        for benchmark in ("humaneval_plus", "mbpp_plus"):
            write(metrics / f"{model}-{benchmark}.json", "{}")
            write(results / model / benchmark / "results.json", "{}")
    loaded = load_params(write_params(tmp_path, benchmarks=["mbpp_plus"], models=["aligned"]))
    caplog.set_level("INFO")
    stages.write_report.remove_other_evaluations(loaded.evaluate_model, metrics, results)
    kept = {"aligned-mbpp_plus", "mine-humaneval_plus", "mine-mbpp_plus"}
    assert {path.stem for path in metrics.iterdir()} == kept
    assert {f"{path.parent.parent.name}-{path.parent.name}" for path in results.rglob("results.json")} == kept
    assert "base on humaneval_plus, base on mbpp_plus, aligned on humaneval_plus" in caplog.text
    caplog.clear()
    stages.write_report.remove_other_evaluations(loaded.evaluate_model, metrics, results)
    assert caplog.text == ""
