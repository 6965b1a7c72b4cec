"""Lineage: from any row of the pipeline back to package, version, licence, file and lines of its seed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from selfcodealign.curation.source_check import SourceState, check_source
from selfcodealign.errors import InputError

Row = dict[str, Any]

MIN_PREFIX = 6
NUM_SHOWN = 4
TABLES = (
    ("example", "select_examples/examples.parquet"),
    ("preference", "select_examples/preferences.parquet"),
    ("response", "generate_responses/responses.parquet"),
    ("response", "resample_responses/responses.parquet"),
    ("instruction", "generate_instructions/instructions.parquet"),
    ("concepts", "generate_concepts/concepts.parquet"),
    ("seed", "filter_seeds/seeds.parquet"),
    ("seed", "collect_seeds/seeds.parquet"),
)
VERDICTS = ("validate_responses/verdicts.parquet", "resample_responses/verdicts.parquet")
STRENGTHS = "validate_responses/strength.parquet"
AGREEMENTS = "validate_responses/agreement.parquet"
PARENT_COLUMNS = {
    "example": "response_id",
    "preference": "chosen_id",
    "response": "instruction_id",
    "instruction": "parent_id",
    "concepts": "seed_id",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One station of a row's history.

    Attributes:
        kind: `example`, `preference`, `response`, `verdict`, `instruction`, `concepts`, `seed`, `source`, `kept` or
            `dropped`.
        id: id of the row; empty for `source`.
        facts: what is known of it, one short line each.
    """

    kind: str
    id: str
    facts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lineage:
    """The history of one row.

    Attributes:
        id: full id of the row.
        steps: from the row back to its source; `dropped` steps stand where a row ended.
        source: whether the seed's text is where it was read; None if the row's history ends before a seed.
    """

    id: str
    steps: tuple[Step, ...]
    source: SourceState | None


def trace(row_id: str, data: Path) -> Lineage:
    """Follow a row back to the source of its seed.

    Args:
        row_id: id of an example, preference, response, instruction, concepts row, seed or dropped row, or the first 6
            or more characters of one.
        data: the pipeline's data folder.

    Returns:
        The steps, and whether the function still stands in its file.

    Raises:
        InputError: no row or more than one has that id, the prefix is too short, or a table cannot be read.
    """
    full = _full_id(row_id, data)
    steps: list[Step] = []
    source: SourceState | None = None
    current, seen = full, set[str]()
    while current and current not in seen:
        seen.add(current)
        kind, row = _row(current, data)
        # Only of the row that is asked for: a parent lives on in its other children.
        ends = list(_dropped_rows(data, pc.field("id") == current)) if row is None or current == full else []
        steps += [_dropped_step(stage, end) for stage, end in ends]
        if row is None:
            current = str(ends[0][1]["parent_id"]) if ends else ""
            continue
        steps += _row_steps(kind, row, data, is_start=current == full)
        if kind == "seed":
            source = _source_state(row, data)
            steps.append(Step("source", "", (f"{source.value}: {row['path']}",)))
        current = str(row[PARENT_COLUMNS[kind]]) if kind in PARENT_COLUMNS else ""
    return Lineage(full, tuple(steps), source)


def format_trace(lineage: Lineage) -> str:
    """A lineage for people: one block of plain lines a step, the newest first."""
    lines = []
    for step in lineage.steps:
        lines.append(f"{step.kind:<12}{step.id}".rstrip())
        lines += [f"{'':<12}{fact}" for fact in step.facts]
    return "\n".join(lines)


def _source_state(row: Row, data: Path) -> SourceState:
    """Whether a seed's function still stands in its file; a path may be relative to the repository of the data."""
    # That repository first: another clone in the current folder may have the file in another state.
    for path in (str(data.absolute().parent / row["path"]), row["path"]):
        state = check_source(path, row["first_line"], row["last_line"], row["code"])
        if state is not SourceState.MISSING:
            return state
    return SourceState.MISSING


def _full_id(prefix: str, data: Path) -> str:
    """The one id that starts with `prefix`."""
    if len(prefix) < MIN_PREFIX:
        raise InputError(f"{prefix!r} is too short for an id; give at least {MIN_PREFIX} of its characters")
    if not data.is_dir():
        raise InputError(f"{data} is no folder; name the pipeline's data folder with --data")
    matches = pc.starts_with(pc.field("id"), prefix)
    found = {str(row["id"]) for _, name in TABLES for row in _rows(data / name, matches, ["id"])}
    found |= {str(row["id"]) for _, row in _dropped_rows(data, matches)}
    if not found:
        raise InputError(f"no row in {data} has the id {prefix}; `selfcodealign show FILE` lists ids")
    if len(found) > 1 and prefix not in found:
        shown = ", ".join(sorted(found)[:NUM_SHOWN])
        raise InputError(f"{len(found)} ids in {data} start with {prefix}: {shown}; give more characters")
    return prefix if prefix in found else found.pop()


def _row(row_id: str, data: Path) -> tuple[str, Row | None]:
    for kind, name in TABLES:
        for row in _rows(data / name, pc.field("id") == row_id):
            return kind, row
    return "", None


def _rows(path: Path, matches: pc.Expression, columns: list[str] | None = None) -> list[Row]:
    """The matching rows of a table; none if the stage has not run."""
    if not path.is_file():
        return []
    # Brings pandas along, which no worker of curation needs.
    import pyarrow.dataset as ds

    try:
        return list(ds.dataset(path, format="parquet").to_table(filter=matches, columns=columns).to_pylist())
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} is no table of the pipeline ({reason}); remake it with `dvc repro`") from error


def _dropped_rows(data: Path, matches: pc.Expression) -> Iterator[tuple[str, Row]]:
    """Dropped rows with the stage that dropped them."""
    for path in sorted(data.glob("*/dropped.parquet")):
        yield from ((path.parent.name, row) for row in _rows(path, matches))


def _dropped_step(stage: str, row: Row) -> Step:
    reason = f"{row['reason']}: {_short(row['detail'])}" if row["detail"] else str(row["reason"])
    return Step("dropped", str(row["id"]), (f"in {stage}", reason))


def _row_steps(kind: str, row: Row, data: Path, *, is_start: bool) -> Iterator[Step]:
    row_id = str(row["id"])
    if kind == "response" and is_start:
        for example in _rows(data / TABLES[0][1], pc.field("response_id") == row_id, ["id", "kept_because"]):
            yield Step("kept", str(example["id"]), (f"as an example: {example['kept_because']}",))
    yield Step(kind, row_id, _facts(kind, row))
    if kind == "response":
        matches = pc.field("id") == row_id
        for verdict in (row for name in VERDICTS for row in _rows(data / name, matches)):
            seen = f"{verdict['status']} in {verdict['seconds']:.2f} s, {verdict['assertions']} assertions"
            strengths = _rows(data / STRENGTHS, matches)
            agreements = _rows(data / AGREEMENTS, matches)
            facts = (*map(_strength, strengths), *map(_agreement, agreements))
            yield Step("verdict", row_id, (f"{seen}, {verdict['isolation']}", *facts))


def _strength(row: Row) -> str:
    killed = f"{row['num_killed']} of {row['num_mutants']} mutants"
    return f"its tests kill {killed} and take {row['num_hit']} of {row['num_branches']} branches"


def _agreement(row: Row) -> str:
    return f"it passes the tests of {row['num_passed']} of {row['num_compared']} other responses of its task"


def _facts(kind: str, row: Row) -> tuple[str, ...]:
    if kind == "example":
        return (f"kept because {row['kept_because']}",)
    if kind == "preference":
        return (f"chosen: {row['chosen_id']}", f"rejected: {row['rejected_id']}, {row['rejected_status']}")
    if kind == "response":
        return (f"sample {row['sample_index']}, {row['output_tokens']} tokens",)
    if kind == "instruction":
        return (f"{row['category']}, {row['difficulty']}, {row['language']}", _short(row["instruction"]))
    if kind == "concepts":
        return (_short(", ".join(row["concepts"])),)
    lines = f"lines {row['first_line']}-{row['last_line']}"
    return f"{row['package']} {row['version']}, {row['licence']}", f"{row['file']}, {lines}, {row['name']}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 160 else f"{line[:157]}..."
