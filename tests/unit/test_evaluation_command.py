"""`selfcodealign evaluate` on a fresh clone without Docker: the benchmark is found, and then the sandbox is missing."""

from pathlib import Path

import pytest
import yaml
from evaluation_tasks import jsonl, write
from typer.testing import CliRunner

import stages.import_benchmarks
from selfcodealign.cli import app

ROOT = Path(__file__).parents[2]
NO_SANDBOX = "docker client is not installed"


@pytest.fixture
def no_docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "no programs"))
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))


@pytest.fixture
def no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that refuses every connection, and no benchmark of this user or of the environment."""
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    for variable in ("HUMANEVAL_OVERRIDE_PATH", "MBPP_OVERRIDE_PATH", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def evaluate(folder: Path) -> str:
    """Run the command; returns its one line of error."""
    samples = write(folder / "samples.jsonl", '{"task_id": "HumanEval/1", "solution": "x = 1"}\n')
    arguments = ["evaluate", "--benchmark", "mbpp_plus", "--samples", str(samples), "--out", str(folder / "out.json")]
    done = CliRunner().invoke(app, [*arguments, "--partial"])
    assert done.exit_code == 2, done.output
    return next(line for line in done.stderr.splitlines() if line.startswith("error: "))


@pytest.mark.usefixtures("no_docker", "no_network")
@pytest.mark.parametrize("place", ["override", "folder", "download", "evalplus_cache", "imported"])
def test_evaluate_gets_a_benchmark_from_wherever_the_pipeline_would(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes as far as the sandbox, which is not there: so the benchmark was found and the samples were read."""
    folders = {"folder": "mine", "download": ".cache/benchmarks/evalplus", "evalplus_cache": "cache/evalplus"}
    file = write(tmp_path / folders.get(place, "elsewhere") / "MbppPlus-v0.2.0.jsonl", jsonl(2))
    values = yaml.safe_load((ROOT / "params.yaml").read_text())
    values["import_benchmarks"] |= {"folders": ["mine"], "names": ["mbpp_plus"]}
    values["evaluate_model"]["benchmarks"] = ["mbpp_plus"]
    params = write(tmp_path / "params.yaml", yaml.safe_dump(values))
    if place in {"override", "imported"}:
        monkeypatch.setenv("MBPP_OVERRIDE_PATH", str(file))
    if place == "imported":
        stages.import_benchmarks.main(params, tmp_path / "data/import_benchmarks", tmp_path / "metrics.json")
        file.unlink()
        monkeypatch.delenv("MBPP_OVERRIDE_PATH")
    assert NO_SANDBOX in evaluate(tmp_path)


@pytest.mark.usefixtures("no_docker", "no_network")
def test_evaluate_says_in_one_line_how_to_get_a_benchmark_that_cannot_be_had(tmp_path: Path) -> None:
    error = evaluate(tmp_path)
    for words in ("mbpp_plus is not on this machine", "MbppPlus-v*.jsonl.gz", "MBPP_OVERRIDE_PATH"):
        assert words in error
    assert "dvc repro" not in error
