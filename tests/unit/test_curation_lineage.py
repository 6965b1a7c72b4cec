"""Trace and show: from any row back to the file and lines of its seed, and rows that people can read."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from selfcodealign.curation import SourceState, format_row, format_trace, matching_rows, trace
from selfcodealign.curation.source_check import check_source
from selfcodealign.errors import InputError
from selfcodealign.records import (
    Concepts,
    Dropped,
    Example,
    Instruction,
    Message,
    Preference,
    Response,
    Seed,
    Strength,
    Verdict,
    row_id,
    write_rows,
)

SOURCE = (
    'import math\n\n\nclass A:\n    pass\n\n\ndef area(radius):\n    """Area."""\n    return math.pi * radius ** 2\n'
)


@pytest.fixture
def run(tmp_path: Path) -> SimpleNamespace:
    """The tables of a small run: one pair, one dropped response, one dropped request, one dropped seed."""
    data, file = tmp_path / "data", tmp_path / "shapes.py"
    file.write_text(SOURCE, encoding="utf-8")
    seed = Seed(
        id=row_id("seed"), source="folder", package="shapes", version="1.2", licence="MIT", file="shapes.py",
        path=str(file), first_line=8, last_line=10, name="shapes.area", docstring="Area.",
        code="import math\n\n\ndef area(radius):\n    \"\"\"Area.\"\"\"\n    return math.pi * radius ** 2",
    )  # fmt: skip
    concepts = Concepts(id=row_id("concepts"), seed_id=seed.id, concepts=["geometry", "floats"], exemplar_set=0)
    task = Instruction(
        id=row_id("task"), parent_id=concepts.id, seed_id=seed.id, concepts=concepts.concepts, category="function",
        difficulty="easy", language="Python", instruction="Work out the area of a disc.", exemplar_set=0,
    )  # fmt: skip
    kept, lost = (
        Response(
            id=row_id("response", n), instruction_id=task.id, seed_id=seed.id, sample_index=n, response="text",
            code="x = 1", tests="assert x", program="x = 1\nassert x", output_tokens=12,
        )
        for n in range(2)
    )  # fmt: skip
    verdicts = [
        Verdict(id=row.id, status=status, seconds=0.5, assertions=2, stdout="", stderr="", isolation="docker/runsc")
        for row, status in ((kept, "passed"), (lost, "failed"))
    ]
    example = Example(
        id=row_id("example", kept.id), messages=[Message(role="user", content="Task"),
        Message(role="assistant", content="Answer:\n\n    x = 1")], instruction="Task", response="text",
        tests="assert x", category="function", difficulty="easy", concepts=["geometry"], status="passed",
        kept_because="passed; drawn", response_id=kept.id, instruction_id=task.id, seed_id=seed.id,
        package="shapes", version="1.2", licence="MIT", file="shapes.py", first_line=8, last_line=10,
    )  # fmt: skip
    unwanted = replace(seed, id=row_id("unwanted"))
    write_rows(data / "collect_seeds/seeds.parquet", [seed, unwanted], Seed)
    write_rows(data / "filter_seeds/seeds.parquet", [seed], Seed)
    write_rows(data / "filter_seeds/dropped.parquet", [dropped(unwanted.id, "", "no_docstring")], Dropped)
    write_rows(data / "generate_concepts/concepts.parquet", [concepts], Concepts)
    write_rows(data / "generate_instructions/instructions.parquet", [task], Instruction)
    write_rows(data / "generate_responses/responses.parquet", [kept, lost], Response)
    request = row_id("request")
    write_rows(data / "generate_responses/dropped.parquet", [dropped(request, task.id, "truncated")], Dropped)
    write_rows(data / "validate_responses/verdicts.parquet", verdicts, Verdict)
    write_rows(data / "select_examples/examples.parquet", [example], Example)
    write_rows(data / "select_examples/dropped.parquet", [dropped(lost.id, task.id, "not_passed")], Dropped)
    return SimpleNamespace(
        data=data, file=file, seed=seed, concepts=concepts, task=task, kept=kept, lost=lost, example=example,
        request=request, unwanted=unwanted,
    )  # fmt: skip


def dropped(row: str, parent: str, reason: str) -> Dropped:
    return Dropped(id=row, parent_id=parent, reason=reason, detail="for a test", text="text")


def kinds(run: SimpleNamespace, row: str) -> list[str]:
    return [step.kind for step in trace(row, run.data).steps]


def test_example_leads_back_to_file_and_lines(run: SimpleNamespace) -> None:
    lineage = trace(run.example.id, run.data)
    assert [step.kind for step in lineage.steps] == [
        "example", "response", "verdict", "instruction", "concepts", "seed", "source",
    ]  # fmt: skip
    assert lineage.source is SourceState.FOUND
    text = format_trace(lineage)
    for fact in ("shapes 1.2, MIT", "shapes.py, lines 8-10", f"found: {run.file}", "passed in 0.50 s, 2 assertions"):
        assert fact in text


def test_preference_leads_back_through_its_chosen_answer(run: SimpleNamespace) -> None:
    row = Preference(
        id=row_id("preference"), instruction="Task", chosen="text", rejected="text 2", rejected_status="failed",
        category="function", difficulty="easy", chosen_id=run.kept.id, rejected_id=run.lost.id,
        instruction_id=run.task.id, seed_id=run.seed.id, package="shapes", version="1.2", licence="MIT",
    )  # fmt: skip
    write_rows(run.data / "select_examples/preferences.parquet", [row], Preference)
    assert kinds(run, row.id)[:4] == ["preference", "response", "verdict", "instruction"]
    assert f"rejected: {run.lost.id}, failed" in format_trace(trace(row.id, run.data))


def test_the_strength_of_the_tests_is_shown_where_it_was_measured(run: SimpleNamespace) -> None:
    assert "mutants" not in format_trace(trace(run.kept.id, run.data))
    strength = Strength(
        id=run.kept.id, num_mutants=5, num_killed=3, mutation_score=0.6, num_branches=2, num_hit=1, branch_coverage=0.5,
        score_unknown="", coverage_unknown="", survivors=[],
    )  # fmt: skip
    write_rows(run.data / "validate_responses/strength.parquet", [strength], Strength)
    assert "its tests kill 3 of 5 mutants and take 1 of 2 branches" in format_trace(trace(run.kept.id, run.data))


def test_every_kind_of_row_can_be_traced(run: SimpleNamespace) -> None:
    assert kinds(run, run.kept.id) == ["kept", "response", "verdict", "instruction", "concepts", "seed", "source"]
    assert kinds(run, run.task.id) == ["instruction", "concepts", "seed", "source"]
    assert kinds(run, run.concepts.id) == ["concepts", "seed", "source"]
    assert kinds(run, run.seed.id) == ["seed", "source"]


def test_dropped_rows_say_where_and_why_they_ended(run: SimpleNamespace) -> None:
    lineage = trace(run.lost.id, run.data)
    assert lineage.steps[0].kind == "dropped"
    assert lineage.steps[0].facts == ("in select_examples", "not_passed: for a test")
    assert lineage.source is SourceState.FOUND
    assert kinds(run, run.request) == ["dropped", "instruction", "concepts", "seed", "source"]
    assert kinds(run, run.unwanted.id) == ["dropped", "seed", "source"]


def test_beginning_of_an_id_is_enough(run: SimpleNamespace) -> None:
    assert trace(run.example.id[:6], run.data).id == run.example.id


@pytest.mark.parametrize(("row", "message"), [("abc", "too short"), ("0" * 20, "no row")])
def test_unknown_or_short_id_is_one_clear_line(run: SimpleNamespace, row: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        trace(row, run.data)


def test_ambiguous_id_names_the_candidates(run: SimpleNamespace) -> None:
    twins = [replace(run.seed, id=f"abcdef{n:014d}") for n in range(2)]
    write_rows(run.data / "collect_seeds/seeds.parquet", twins, Seed)
    with pytest.raises(InputError, match=r"2 ids .* start with abcdef: abcdef00000000000000, abcdef00000000000001"):
        trace("abcdef", run.data)


def test_task_made_from_a_seed_directly_is_traced(run: SimpleNamespace) -> None:
    direct = replace(run.task, id=row_id("direct"), parent_id=run.seed.id, concepts=[])
    write_rows(run.data / "generate_instructions/instructions.parquet", [direct], Instruction)
    assert kinds(run, direct.id) == ["instruction", "seed", "source"]


def test_corrupt_table_is_one_clear_line(run: SimpleNamespace) -> None:
    (run.data / "generate_responses/responses.parquet").write_bytes(b"PAR1 no parquet")
    with pytest.raises(InputError, match=r"responses\.parquet is no table of the pipeline"):
        trace(run.kept.id, run.data)


def test_moved_and_missing_sources_are_told_apart(run: SimpleNamespace) -> None:
    run.file.write_text("# A new first line.\n" + SOURCE, encoding="utf-8")
    assert trace(run.seed.id, run.data).source is SourceState.MOVED
    run.file.write_text("import math\n", encoding="utf-8")
    assert trace(run.seed.id, run.data).source is SourceState.MISSING
    run.file.unlink()
    assert trace(run.seed.id, run.data).source is SourceState.MISSING


@pytest.mark.parametrize("is_inside", [True, False])
def test_a_path_is_relative_to_the_repository_wherever_trace_is_called(
    run: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_inside: bool
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / run.file.name).write_text(f"# Another state.\n{SOURCE}", encoding="utf-8")
    monkeypatch.chdir(tmp_path if is_inside else tmp_path / "elsewhere")
    seed = replace(run.seed, path=run.file.name)
    write_rows(run.data / "filter_seeds/seeds.parquet", [seed], Seed)
    assert trace(seed.id, run.data).source is SourceState.FOUND
    run.file.unlink()
    left = SourceState.MISSING if is_inside else SourceState.MOVED
    assert trace(seed.id, run.data).source is left


def test_source_in_a_row_of_a_dataset_is_found(tmp_path: Path) -> None:
    rows = [{"content": "x = 1\n"}, {"content": SOURCE}]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
    code = 'def area(radius):\n    """Area."""\n    return math.pi * radius ** 2'
    for name in ("rows.jsonl", "rows.parquet"):
        assert check_source(f"{tmp_path / name}#2", 8, 10, code) is SourceState.FOUND
        assert check_source(f"{tmp_path / name}#1", 8, 10, code) is SourceState.MISSING
        assert check_source(f"{tmp_path / name}#9", 8, 10, code) is SourceState.MISSING
    assert check_source("hf://datasets/some/code#2", 8, 10, code) is SourceState.REMOTE


def test_rows_are_read_as_far_as_asked(run: SimpleNamespace) -> None:
    path = run.data / "generate_responses/responses.parquet"
    assert [row["sample_index"] for row in matching_rows(path, limit=1)] == [0]
    assert list(matching_rows(path, columns=["sample_index"], where={"id": run.lost.id})) == [{"sample_index": 1}]
    concepts = run.data / "generate_concepts/concepts.parquet"
    assert len(list(matching_rows(concepts, where={"concepts": "floats"}))) == 1
    assert not list(matching_rows(concepts, where={"concepts": "flo"}))


def test_code_and_chats_are_shown_as_indented_blocks(run: SimpleNamespace) -> None:
    (row,) = matching_rows(
        run.data / "select_examples/examples.parquet", columns=["messages", "concepts", "first_line"]
    )
    assert format_row(row) == (
        "messages:\n    [user]\n    Task\n    [assistant]\n    Answer:\n\n        x = 1\n"
        "concepts: geometry\nfirst_line: 8"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"a": 1}\n[1]\n', "line 2: list instead of an object"),
        (b"{oops\n", "line 1: no JSON"),
        (b"\xff\n", "cannot be read"),
    ],
)
def test_file_that_is_no_jsonl_is_one_clear_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        list(matching_rows(path))


def test_unknown_column_and_missing_file_are_one_clear_line(run: SimpleNamespace, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no column colour; it has id, seed_id, concepts"):
        list(matching_rows(run.data / "generate_concepts/concepts.parquet", columns=["colour"]))
    with pytest.raises(InputError, match="does not exist"):
        list(matching_rows(tmp_path / "none.parquet"))
    (tmp_path / "bad.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match="cannot be read"):
        list(matching_rows(tmp_path / "bad.parquet"))
