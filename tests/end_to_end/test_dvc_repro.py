"""The whole DAG on real parts: it finishes after a kill, reruns only what changed, and is shared through a remote."""

import json
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from end_to_end.conftest import Clone, clone, set_params

from selfcodealign.records import Example, read_rows

pytestmark = [pytest.mark.engine, pytest.mark.sandbox, pytest.mark.timeout(3000)]

GENERATING = ("generate_concepts", "generate_instructions", "generate_responses")


def metrics(user: Clone, name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((user.folder / "metrics" / f"{name}.json").read_text())
    return loaded


def stages_run(ended: subprocess.CompletedProcess[str]) -> list[str]:
    """The stages that ran, without the scan of external inputs, which always does."""
    ran = re.findall(r"Running stage '([^']+)'", ended.stdout + ended.stderr)
    return [name for name in ran if name != "scan_inputs"]


def is_up_to_date(user: Clone) -> bool:
    return json.loads(user.run("dvc", "status", "--json").stdout) == {"scan_inputs": ["always changed"]}


def contents(user: Clone, *folders: str) -> dict[str, bytes]:
    paths = [path for name in folders for path in sorted((user.folder / name).rglob("*")) if path.is_file()]
    return {str(path.relative_to(user.folder)): path.read_bytes() for path in paths}


def only_error(ended: subprocess.CompletedProcess[str]) -> str:
    (line,) = [line for line in ended.stderr.splitlines() if line.startswith("error: ")]
    return line


def examples(user: Clone) -> list[Example]:
    return read_rows(user.folder / "data/select_examples/examples.parquet", Example)


def test_after_a_kill_no_journalled_answer_is_asked_for_again(finished: Clone):
    journalled = int((finished.folder / "answers-at-kill").read_text())
    usages = [metrics(finished, name)["usage"] for name in GENERATING]
    assert all(usage["asked"] + usage["from_journal"] == usage["requests"] for usage in usages)
    costs = [metrics(finished, name)["cost"] for name in GENERATING]
    assert [cost["requests"] for cost in costs] == [usage["requests"] for usage in usages], "a request was rejected"
    assert all(
        cost["without_cost"] == 0 and cost["seconds"] >= usage["seconds"]
        for cost, usage in zip(costs, usages, strict=True)
    )
    # A stage that had ended before the kill did not run again, and its metrics tell of its first run.
    assert any(usage["from_journal"] for usage in usages)
    answered = sum(usage["requests"] for usage in usages)
    evaluated = sum(
        json.loads(path.read_text())["usage"]["requests"]
        for path in (finished.folder / "metrics/evaluate_model").glob("*.json")
    )
    assert finished.journalled("answers") == answered + evaluated
    assert journalled <= answered


def test_every_stage_accounts_for_every_row(finished: Clone):
    for name in ("collect_seeds", "filter_seeds", *GENERATING, "validate_responses", "select_examples"):
        counts = metrics(finished, name)
        assert counts["rows_in"] == counts["rows_out"] + sum(counts["dropped"].values()), name
        assert counts["rows_out"] > 0, name


def test_programs_ran_in_gvisor(finished: Clone):
    assert metrics(finished, "validate_responses")["isolation"].startswith("docker/runsc")


def test_the_aligned_model_differs_from_the_base_model_and_keeps_its_form(finished: Clone):
    base, aligned = (finished.folder / "models" / name for name in ("base", "aligned"))
    assert (aligned / "config.json").is_file()
    assert (aligned / "chat_template.jinja").read_text() == (base / "chat_template.jinja").read_text()
    weights = [(folder / "model.safetensors").read_bytes() for folder in (base, aligned)]
    assert weights[0] != weights[1]


def test_the_report_is_one_page_with_the_figures_of_the_run(finished: Clone):
    page = (finished.folder / "data/write_report/report.html").read_text()
    assert page.count("<html") == 1
    for example in examples(finished)[:1]:
        assert example.id in page


def test_trace_of_every_pair_ends_at_a_file_lines_package_version_and_licence(finished: Clone):
    for example in examples(finished):
        told = finished.run("selfcodealign", "trace", example.id).stdout
        for expected in (example.package, example.version, example.licence, example.file, str(example.first_line)):
            assert expected in told, told


def test_the_workspace_is_clean_and_a_second_repro_does_nothing_in_seconds(finished: Clone):
    assert is_up_to_date(finished)
    started = time.monotonic()
    again = finished.run("dvc", "repro")
    assert stages_run(again) == []
    assert "nothing outside the repository has changed" in again.stderr
    assert time.monotonic() - started < 60


def test_a_stage_that_fails_says_why_in_one_line_and_leaves_what_it_had_written_before(finished: Clone):
    params = finished.folder / "params.yaml"
    kept = params.read_text()
    before = contents(finished, "models/aligned", "data/finetune_model", "metrics")
    set_params(params, {"finetune_model.min_examples": 1_000_000})
    ended = finished.run("dvc", "repro", "--single-item", "finetune_model", check=False)
    params.write_text(kept)
    assert ended.returncode
    assert "finetune_model.min_examples" in only_error(ended)
    assert contents(finished, "models/aligned", "data/finetune_model", "metrics") == before
    assert is_up_to_date(finished)


def test_a_changed_parameter_reruns_its_stage_and_what_depends_on_it(finished: Clone, tmp_path: Path):
    ended = finished.run("dvc", "exp", "run", "-n", "retitled", "-S", "write_report.title=Another title")
    assert stages_run(ended) == ["write_report"]
    assert "Another title" in (finished.folder / "data/write_report/report.html").read_text()
    shown = finished.run("dvc", "exp", "show", "--json").stdout
    assert "retitled" in shown


def test_a_colleague_clones_and_pulls_and_has_everything(finished: Clone, tmp_path: Path):
    remote = tmp_path / "remote"
    finished.run("dvc", "remote", "add", "--force", "--default", "shared", str(remote))
    finished.run("git", "add", "-A")
    finished.run("git", "commit", "-qm", "a run")
    finished.run("dvc", "push")
    colleague = clone(finished.folder, tmp_path / "colleague")
    colleague.run("dvc", "pull")
    assert is_up_to_date(colleague)
    assert examples(colleague) == examples(finished)
    forced = colleague.run("dvc", "repro", "--single-item", "--force", "select_examples")
    assert stages_run(forced) == ["select_examples"]
    assert examples(colleague) == examples(finished)
