"""The generation stages against a server: a rerun from the journal keeps the cost, for estimate and report as well."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from fault_server import Act, completion, events, fault_server
from tiny_models import make_tokenizer

import stages.filter_seeds
import stages.generate_concepts
import stages.generate_instructions
import stages.generate_responses
from selfcodealign.estimate import Assumed, StepEstimate, estimate_run
from selfcodealign.generation import load_engine
from selfcodealign.generation.on_policy import TESTS_OPENING
from selfcodealign.models import ModelCard, write_card
from selfcodealign.params import Params, load_params
from selfcodealign.records import Concepts, Instruction, Seed, read_rows, write_rows
from selfcodealign.report import ReportInputs, summary_metrics
from selfcodealign.report.facts import timings

ROOT = Path(__file__).parents[2]
STEPS = ("generate_concepts", "generate_instructions", "generate_responses")
NUM_SEEDS, NUM_SAMPLES = 3, 2


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder as far as a server's client needs it: tokenizer and card."""
    folder = tmp_path_factory.mktemp("model")
    make_tokenizer().save_pretrained(folder)
    card = ModelCard(
        source="path",
        name="tiny",
        revision="",
        sha256="0",
        architecture="LlamaForCausalLM",
        parameters=0,
        dtype="bfloat16",
        licence="MIT",
        prompt_form="chat",
        context_length=512,
    )
    write_card(folder, card)
    return folder


def seed(number: int) -> Seed:
    names = ("source", "package", "version", "licence", "file", "path", "name", "docstring")
    values = {name: f"{name} {number}" for name in names}
    code = f"def add(x):\n    y = x\n    return y + {number}"
    return Seed(id=f"{number:020}", first_line=1, last_line=3, code=code, **values)


def write_params(folder: Path, url: str, **sections: dict[str, Any]) -> Path:
    """The shipped params with a server as the engine; a byte-level tokenizer makes long prompts."""
    loaded = yaml.safe_load((ROOT / "params.yaml").read_text())
    served = {"kind": "openai", "servers": [url], "served_model": "tiny", "max_model_len": 100_000}
    for name, values in {**sections, "engine": served}.items():
        loaded[name] |= values
    path = folder / "params.yaml"
    path.write_text(yaml.safe_dump(loaded))
    return path


def metrics_of(folder: Path, stage: str) -> dict[str, Any]:
    return dict(json.loads((folder / f"{stage}.json").read_text()))


def said(body: dict[str, Any], tries: int) -> Act:
    """Tests where the prompt has opened them; else what the limit of new tokens tells that it asks for."""
    if body["prompt"].endswith(TESTS_OPENING):
        return Act(events=list(events("", " double(2) == 4\n```\n")))
    text = {
        64: "recursion, sorting\n",
        192: "Write a function that returns twice the number that it is given, and say why.",
        512: "def double(x):\n    return 2 * x\n```\n",
    }[body["max_tokens"]]
    return Act(events=list(events("", text)))


def run_steps(params: Path, model: Path, folder: Path, metrics: Path) -> None:
    """S->C, C->I and I->R with their own scripts."""
    stages.generate_concepts.main(
        params, folder / "seeds.parquet", model, folder / "concepts", metrics / "generate_concepts.json"
    )
    stages.generate_instructions.main(
        params,
        folder / "concepts/concepts.parquet",
        folder / "seeds.parquet",
        model,
        folder / "instructions",
        metrics / "generate_instructions.json",
    )
    stages.generate_responses.main(
        params,
        folder / "instructions/instructions.parquet",
        model,
        folder / "responses",
        metrics / "generate_responses.json",
    )


def estimates(params: Params, metrics: Path) -> dict[str, StepEstimate]:
    return {step.step: step for step in estimate_run(params, metrics, Assumed(num_seeds=100)) if step.step in STEPS}


def test_a_rerun_from_the_journal_writes_the_same_cost_and_the_estimate_and_the_report_are_those_of_the_first_run(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    write_rows(tmp_path / "seeds.parquet", [seed(number) for number in range(NUM_SEEDS)], Seed)
    first, again = tmp_path / "first", tmp_path / "again"
    with fault_server(said) as server:
        path = write_params(tmp_path, server.url, generate_responses={"num_samples": NUM_SAMPLES})
        run_steps(path, model, tmp_path, first)
        num_asked = len(server.asked)
        run_steps(path, model, tmp_path, again)
        assert len(server.asked) == num_asked == NUM_SEEDS * (2 + 2 * NUM_SAMPLES)
    for step in STEPS:
        one, other = metrics_of(first, step), metrics_of(again, step)
        assert json.dumps(other["cost"]) == json.dumps(one["cost"])
        assert one["cost"]["requests"] == one["usage"]["asked"] == other["usage"]["from_journal"]
        assert (one["cost"]["seconds"], one["cost"]["output_tokens"]) == (
            one["usage"]["seconds"],
            one["usage"]["output_tokens"],
        )
        assert (other["usage"]["asked"], other["usage"]["output_tokens"], other["usage"]["seconds"]) == (0, 0, 0.0)
        assert one["usage"]["journal_share"] == {"answers": 0.0, "seconds": 0.0}
        assert other["usage"]["journal_share"] == {"answers": 1.0, "seconds": 1.0}
    params = load_params(path)
    before, after = estimates(params, first), estimates(params, again)
    for step in STEPS:
        assert after[step].is_measured
        for name in ("requests", "prompt_tokens", "output_tokens", "rows"):
            assert getattr(after[step], name) == getattr(before[step], name), (step, name)
        generated = metrics_of(first, step)["cost"]["seconds"] * after[step].requests / 3600
        assert (after[step].hours or 0.0) >= generated / metrics_of(first, step)["cost"]["requests"]
    shown = [timings(ReportInputs(params=params, stages=read_all(folder))) for folder in (first, again)]
    for one, other in zip(*shown, strict=True):
        assert other.output_tokens == one.output_tokens
        assert other.tokens_per_second == one.tokens_per_second
        assert other.generation_seconds == one.generation_seconds == other.journal_seconds
        assert (one.journal_seconds, other.from_journal) == (0.0, one.asked)
        assert other.seconds >= one.generation_seconds


def read_all(metrics: Path) -> dict[str, dict[str, Any]]:
    return {step: metrics_of(metrics, step) for step in STEPS}


def test_the_judge_of_seeds_has_one_engine_and_one_sum_for_all_looks(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One seed in four is good: the filters look three times or more until enough are found."""
    loaded: list[object] = []

    def load(*arguments: Any) -> object:
        loaded.append(arguments)
        return load_engine(*arguments)

    def judgement(body: dict[str, Any], tries: int) -> Act:
        number = int(body["prompt"].rsplit("return y + ", 1)[1].split()[0])
        return Act(body=completion("", "No" if number % 4 else "Yes", {"prompt_tokens": 50, "completion_tokens": 1}))

    def judge(url: str, metrics: str) -> dict[str, Any]:
        off = dict.fromkeys((name for name, value in shipped.items() if value is True), False)
        params = write_params(tmp_path, url, filter_seeds={**off, "judge": True, "min_lines": 1, "max_seeds": 30})
        stages.filter_seeds.main(
            params, tmp_path / "seeds.parquet", tmp_path, model, tmp_path / "out", tmp_path / f"{metrics}.json"
        )
        return metrics_of(tmp_path, metrics)

    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setattr("selfcodealign.generation.answers.load_engine", load)
    shipped = load_params(ROOT / "params.yaml").filter_seeds.model_dump()
    write_rows(tmp_path / "seeds.parquet", [seed(number) for number in range(400)], Seed)
    with fault_server(judgement) as server:
        first = judge(server.url, "first")
        num_asked = len(server.asked)
        again = judge(server.url, "again")
    assert first["rows_out"] == 30
    num_judged = first["checked"]["judge_no"]
    assert num_judged > 100, "one look was enough: nothing was shown"
    assert len(loaded) == 1
    assert num_asked == len(server.asked) == num_judged
    assert (first["judge_usage"]["requests"], first["judge_usage"]["asked"]) == (num_judged, num_judged)
    assert first["judge_cost"]["requests"] == num_judged
    assert first["judge_cost"]["output_tokens"] == first["judge_usage"]["output_tokens"] == num_judged
    assert first["judge_cost"]["seconds"] == pytest.approx(first["judge_usage"]["seconds"], abs=0.01)
    assert (again["judge_usage"]["asked"], again["judge_usage"]["from_journal"]) == (0, num_judged)
    assert json.dumps(again["judge_cost"]) == json.dumps(first["judge_cost"])
    params = load_params(ROOT / "params.yaml")
    total = summary_metrics(ReportInputs(params=params, stages={"filter_seeds": again}))["seconds_total"]
    assert total == pytest.approx(again["seconds"] + first["judge_cost"]["seconds"], abs=0.06)


def test_tasks_of_seeds_need_no_engine(model: Path, tmp_path: Path) -> None:
    params = write_params(tmp_path, "http://127.0.0.1:1", generate_instructions={"source": "functions"})
    write_rows(tmp_path / "seeds.parquet", [seed(number) for number in range(NUM_SEEDS)], Seed)
    written = {"params_path": params, "seeds_path": tmp_path / "seeds.parquet", "model": model}
    stages.generate_concepts.main(**written, out=tmp_path / "concepts", metrics=tmp_path / "concepts.json")
    assert read_rows(tmp_path / "concepts/concepts.parquet", Concepts) == []
    stages.generate_instructions.main(
        **written,
        concepts_path=tmp_path / "concepts/concepts.parquet",
        out=tmp_path / "instructions",
        metrics=tmp_path / "instructions.json",
    )
    tasks = read_rows(tmp_path / "instructions/instructions.parquet", Instruction)
    assert [task.seed_id for task in tasks] == [seed(number).id for number in range(NUM_SEEDS)]
    assert tasks[0].instruction == "Write a Python function `add(x)`.\n\ndocstring 0"
    usages = [json.loads((tmp_path / f"{name}.json").read_text())["usage"] for name in ("concepts", "instructions")]
    assert [usage["requests"] for usage in usages] == [0, 0]
