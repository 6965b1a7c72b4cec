"""Samples in EvalPlus's formats: what is read, what is refused, with which line."""

import json
from pathlib import Path

import pytest
from evaluation_tasks import benchmark, write
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from selfcodealign.errors import InputError
from selfcodealign.evaluation import Sample, group_samples, read_samples, write_samples

TASK = "HumanEval/1"


def read(tmp_path: Path, *rows: object) -> dict[str, list[str]]:
    path = write(tmp_path / "samples.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    return read_samples(path, benchmark()).by_task


def test_a_completion_follows_the_prompt_and_a_solution_stands_alone(tmp_path: Path) -> None:
    rows = ({"task_id": TASK, "completion": "    return 1\n"}, {"task_id": TASK, "solution": "x = 1\n"})
    prompt = benchmark().tasks[TASK]["prompt"]
    assert read(tmp_path, *rows) == {TASK: [f"{prompt}    return 1\n", "x = 1\n"]}


def test_a_row_with_both_counts_by_its_solution_as_in_evalplus(tmp_path: Path) -> None:
    assert read(tmp_path, {"task_id": TASK, "completion": "no", "solution": "yes"}) == {TASK: ["yes"]}


def test_tasks_come_in_the_order_of_the_benchmark_and_samples_in_that_of_the_file(tmp_path: Path) -> None:
    order = (("HumanEval/2", "a"), ("HumanEval/0", "b"), ("HumanEval/2", "c"))
    found = read(tmp_path, *({"task_id": task, "solution": solution} for task, solution in order))
    assert list(found.items()) == [("HumanEval/0", ["b"]), ("HumanEval/2", ["a", "c"])]


def test_unknown_and_missing_tasks_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    write_samples(path, [Sample(TASK, "x"), Sample("HumanEval/999", "y")])
    found = read_samples(path, benchmark())
    assert (found.unknown, found.missing) == (1, ["HumanEval/0", "HumanEval/2"])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 3: no JSON"),
        ("[]", "line 3: no object"),
        ('{"solution": "x"}', "line 3: no object with a text `task_id`"),
        ('{"task_id": 1, "solution": "x"}', "line 3: no object with a text `task_id`"),
        ('{"task_id": "HumanEval/1"}', "line 3: neither"),
        ('{"task_id": "HumanEval/1", "solution": ["a", "b"]}', "line 3: `solution` is no text"),
        ('{"task_id": "HumanEval/1", "completion": null}', "line 3: `completion` is no text"),
    ],
)
def test_a_bad_row_is_one_line_with_its_number(tmp_path: Path, line: str, message: str) -> None:
    good = json.dumps({"task_id": TASK, "solution": "x"})
    path = write(tmp_path / "samples.jsonl", f"{good}\n\n{line}\n")
    with pytest.raises(InputError, match=message) as raised:
        read_samples(path, benchmark())
    assert "\n" not in str(raised.value)


def test_samples_of_another_benchmark_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "samples.jsonl", '{"task_id": "Mbpp/2", "solution": "x"}\n')
    with pytest.raises(InputError, match=r"no sample of humaneval_plus.*Mbpp/2"):
        read_samples(path, benchmark())
    with pytest.raises(InputError, match="it is empty"):
        read_samples(write(path, "\n"), benchmark())
    with pytest.raises(InputError, match="cannot read"):
        read_samples(tmp_path, benchmark())


@settings(deadline=None)
@given(st.lists(st.text(), min_size=1, max_size=5))
def test_written_samples_are_read_back_whatever_their_text(solutions: list[str]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "folder" / "samples.jsonl"
        write_samples(path, [Sample(TASK, solution) for solution in solutions])
        assert read_samples(path, benchmark()).by_task == {TASK: solutions}


def test_the_command_stops_with_one_line_before_anything_runs(tmp_path: Path) -> None:
    from selfcodealign.cli import app

    samples = write(tmp_path / "samples.jsonl", "{}\n")
    arguments = ["evaluate", "--benchmark", "humaneval_plus", "--samples", str(samples), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, [*arguments, "--data", str(tmp_path / "absent")])
    assert done.exit_code == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert "run the stage import_benchmarks" in done.stderr
    assert not (tmp_path / "out").exists()


def test_grouping_needs_at_least_one_sample_of_the_benchmark() -> None:
    with pytest.raises(InputError):
        group_samples([], benchmark(), "nothing")
