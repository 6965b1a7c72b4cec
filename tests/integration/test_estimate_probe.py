"""A probe sends seeds through the real stages and the real sandbox; a server that gives good answers has no model."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from fault_server import Act, events, fault_server
from typer.testing import CliRunner

from selfcodealign.cli import app
from selfcodealign.estimate import Assumed, estimate_run, probe
from selfcodealign.generation.on_policy import TESTS_OPENING
from selfcodealign.params import load_params
from selfcodealign.records import Seed, write_rows

pytestmark = [pytest.mark.engine, pytest.mark.sandbox]

ROOT = Path(__file__).parents[2]
NUM_SEEDS, NUM_SAMPLES = 3, 2
CODE = "def double(x):\n    return 2 * x\n```\n"
TESTS = " double(%d) == %d\n```\n"


def seed(number: int) -> Seed:
    names = ("id", "source", "package", "version", "licence", "file", "path", "name", "docstring", "code")
    return Seed(first_line=1, last_line=2, **{name: f"{name} {number}" for name in names})


def answer(body: dict[str, Any], tries: int) -> Act:
    """Tests, of which every second one passes, where the prompt has opened them; else by the limit of new tokens."""
    if body["prompt"].endswith(TESTS_OPENING):
        said = TESTS % ((2, 4) if body.get("seed", 0) % 2 else (2, 5))
    else:
        said = {
            64: "recursion, sorting\n",
            192: "Write a function that returns twice the number that it is given, and say why.",
            512: CODE,
        }[body["max_tokens"]]
    return Act(events=list(events(body["prompt"], said)))


def test_a_probe_measures_every_step_up_to_validation(
    small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(ROOT)
    write_rows(tmp_path / "seeds.parquet", [seed(number) for number in range(5)], Seed)
    values = yaml.safe_load((ROOT / "params.yaml").read_text())
    values["generate_responses"]["num_samples"] = NUM_SAMPLES
    for step in ("generate_concepts", "generate_instructions", "generate_responses"):
        values[step]["num_exemplars"] = 1
    params = tmp_path / "params.yaml"
    work = tmp_path / "work"
    work.mkdir()
    with fault_server(answer) as server:
        values["engine"] |= {"kind": "openai", "servers": [server.url], "served_model": "small"}
        params.write_text(yaml.safe_dump(values))
        found = probe(
            params,
            ROOT / "metrics",
            work,
            model=small_model,
            seeds_path=tmp_path / "seeds.parquet",
            num_seeds=NUM_SEEDS,
        )
    assert len(server.asked) == NUM_SEEDS * (2 + 2 * NUM_SAMPLES)
    metrics = {
        step: json.loads((found / f"{step}.json").read_text()) for step in ("generate_responses", "finetune_model")
    }
    assert metrics["generate_responses"]["rows_out"] == NUM_SEEDS * NUM_SAMPLES
    assert metrics["finetune_model"] == json.loads((ROOT / "metrics" / "finetune_model.json").read_text())
    steps = {step.step: step for step in estimate_run(load_params(params), found, Assumed(num_seeds=100))}
    assert all(step.is_measured for step in steps.values())
    assert steps["generate_responses"].requests == 100 * NUM_SAMPLES * 2  # answers, and their tests
    passed = json.loads((found / "validate_responses.json").read_text())["statuses"]["passed"]
    assert steps["validate_responses"].rows == pytest.approx(100 * passed / NUM_SEEDS, abs=1)

    nowhere = CliRunner().invoke(app, ["estimate", "--probe", "1", "--seeds-path", str(tmp_path / "none.parquet")])
    assert nowhere.exit_code
    assert "none.parquet" in nowhere.output
