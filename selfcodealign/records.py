"""The typed rows that flow through the pipeline, and how they go to Parquet and back.

A record is a frozen dataclass. Its Arrow schema is derived from its annotations, and every column carries the
field's one-line description as Arrow metadata. Ids are content-derived (`row_id`), so that the same inputs give the
same ids on every machine, and each row names its parent's id: that chain is the lineage.
"""

import dataclasses
import hashlib
import itertools
import types
import typing
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from selfcodealign.errors import InputError
from selfcodealign.files import replaced

ID_HEX_DIGITS = 20
ROWS_PER_GROUP = 65_536
ROWS_PER_BATCH = 4096


def row_id(*parts: object) -> str:
    """The content-derived id of a row.

    Args:
        parts: the parent's id and everything that made the row, in a fixed order. Each part is length-prefixed, so
            `("ab", "c")` and `("a", "bc")` differ.

    Returns:
        The first 20 hexadecimal digits (80 bits) of the SHA-256 of the parts.
    """
    return hashlib.sha256(_prefixed(parts)).hexdigest()[:ID_HEX_DIGITS]


def derived_seed(seed: int, *parts: object) -> int:
    """A 31-bit sampling seed drawn from the run's seed and a row's identity, never from a shared stream.

    Args:
        seed: the run's seed (params `seed`).
        parts: what identifies the draw: the row's id, the sample's index, the purpose.
    """
    return _seed_of(_prefixed((seed, *parts)))


class Related:
    """Ids and seeds of parts that differ in the last one alone, such as the samples of a task: made by the million."""

    __slots__ = ("_for_id", "_for_seed")

    def __init__(self, seed: int, *common: object) -> None:
        """Take what they have in common.

        Args:
            seed: the run's seed.
            common: the parts in front of the last one.
        """
        self._for_id = _prefixed(common)
        self._for_seed = _prefixed((seed,)) + self._for_id

    def row_id(self, last: object) -> str:
        """`row_id(*common, last)`."""
        return hashlib.sha256(self._for_id + _prefixed((last,))).hexdigest()[:ID_HEX_DIGITS]

    def derived_seed(self, last: object) -> int:
        """`derived_seed(seed, *common, last)`."""
        return _seed_of(self._for_seed + _prefixed((last,)))


def _prefixed(parts: Iterable[object]) -> bytes:
    """The parts one after the other, each with its length in bytes before it."""
    encoded = [str(part).encode("utf-8", "surrogatepass") for part in parts]
    return b"".join([b"%d:%b" % (len(part), part) for part in encoded])


def _seed_of(prefixed: bytes) -> int:
    return int.from_bytes(hashlib.sha256(prefixed).digest()[:4], "big") & 0x7FFFFFFF


def column(description: str) -> Any:
    """A required record field with the description that becomes the column's Arrow metadata."""
    return field(metadata={"description": description})


def optional_column(description: str, **default: Any) -> Any:
    """A record field that may be left out, with `default` or `default_factory` as for `dataclasses.field`."""
    return field(metadata={"description": description}, **default)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """One function of permissively licensed code, the root of every lineage."""

    id: str = column("content-derived id (package, file, code); versions with the same code share it")
    source: str = column("kind of source: python_package, standard_library, folder, file or hub")
    package: str = column("package, repository or dataset that the function comes from")
    version: str = column("version of the package, commit of the repository, or revision of the dataset")
    licence: str = column("licence as an SPDX expression")
    file: str = column("path of the file inside the package or repository")
    path: str = column("path (inside the repository relative to it) or address at which the file was read, for `trace`")
    first_line: int = column("first line of the function in its file, counted from 1")
    last_line: int = column("last line of the function in its file, inclusive")
    name: str = column("qualified name of the function")
    docstring: str = column("the function's docstring, dedented; empty if there is none")
    code: str = column("source of the function, dedented, preceded by the imports that it needs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Concepts:
    """The programming concepts that the model names for one seed (S->C)."""

    id: str = column("content-derived id (seed, concepts)")
    seed_id: str = column("id of the seed")
    concepts: list[str] = column("programming concepts, in the model's order")
    exemplar_set: int = column("index of the few-shot exemplar set that the request used")


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """One coding task (C->I, or S->I in the ablation without concepts)."""

    id: str = column("content-derived id (parent, category, difficulty, instruction)")
    parent_id: str = column("id of the concepts row, or of the seed in the ablation without concepts")
    seed_id: str = column("id of the seed")
    concepts: list[str] = column("the concepts that the task was made from; empty in the ablation")
    category: str = column("function, class or program")
    difficulty: str = column("easy, medium or hard; unrated for a seed's own function")
    language: str = column("programming language of the task")
    instruction: str = column("the task, as a user would put it")
    exemplar_set: int = column("index of the few-shot exemplar set that the request used")


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One well-formed answer to a task, with the tests that check it (I->R)."""

    id: str = column("content-derived id (instruction, sample index, text)")
    instruction_id: str = column("id of the instruction")
    seed_id: str = column("id of the seed")
    sample_index: int = column("index of the sample for this instruction, counted from 0")
    response: str = column("the answer in Markdown, without its tests: what the student learns")
    code: str = column("the code blocks of the answer, joined")
    tests: str = column("the code blocks of the tests, joined")
    program: str = column("code and tests as one program: what the sandbox runs")
    output_tokens: int = column("tokens that the model generated for this answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the sandbox saw when it ran one program."""

    id: str = column("id of the program; in the pipeline, the id of the response")
    status: str = column("passed, failed, error, syntax, incomplete, vacuous, timeout, memory, output or sandbox_error")
    seconds: float = column("wall time of the program in the sandbox, seconds")
    assertions: int = column("assertions of the tests about results of the code")
    stdout: str = column("what the program printed, cut to the limit")
    stderr: str = column("what the program wrote to standard error (its traceback, say), cut to the limit")
    isolation: str = column("runtime and platform that ran it, such as docker/runsc-ptrace")
    line: int = optional_column(
        "line of the program where it failed, or of the assertion that decided; 0: unknown", default=0
    )
    noticed: list[str] = optional_column(
        "breaks of the code that the tests noticed: unequal, equal, nothing", default_factory=list
    )
    missed: list[str] = optional_column("breaks of the code that the tests did not notice", default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Strength:
    """How much the tests of one passing response notice: mutants killed, branches taken."""

    id: str = column("id of the response")
    num_mutants: int = column("mutants of the response's code that were run with its tests: a bounded, seeded sample")
    num_killed: int = column("those that the tests noticed: any verdict but passed and vacuous")
    mutation_score: float | None = column("killed mutants per mutant, 0 to 1; null: unknown")
    num_branches: int = column("arms of the code's conditions, loops, handlers and cases")
    num_hit: int = column("those that the tests took")
    branch_coverage: float | None = column("arms taken per arm, 0 to 1; 1 for code without any; null: unknown")
    score_unknown: str = column("why there is no mutation score, snake_case; empty if there is one")
    coverage_unknown: str = column("why there is no branch coverage, snake_case; empty if there is one")
    survivors: list[str] = column("the mutants that the tests did not notice: line, kind, and what was changed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Whether one passing response agrees with the other passing responses of its task, by their tests."""

    id: str = column("id of the response")
    num_compared: int = column("other passing responses of the task whose tests ask for names that this one defines")
    num_passed: int = column("those whose tests this response passes")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsensusTests:
    """The tests that a response is judged by instead of its own, shared by the responses to its task.

    These are assertions that several of the responses pass, or, with `validate_responses.tests` seed, assertions with
    values that the seed's code computes.
    """

    id: str = column("id of the response")
    tests: str = column("the agreed assertions, each with its set-up")
    program: str = column("the response's code with these tests: what runs in the sandbox")
    num_pooled: int = column("different assertions, or calls, of the task's responses that were tried")
    num_agreed: int = column("those that enough responses pass, or whose value is a literal")


def with_consensus(responses: Iterable[Response], consensus: Mapping[str, ConsensusTests]) -> list[Response]:
    """The responses with the tests that they are judged by.

    Args:
        responses: responses with their own tests.
        consensus: consensus tests by response id; a response that has none keeps its own.
    """
    return [
        dataclasses.replace(response, tests=found.tests, program=found.program)
        if (found := consensus.get(response.id))
        else response
        for response in responses
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn of a chat."""

    role: str = column("user or assistant")
    content: str = column("text of the turn")


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One selected training pair with its whole lineage."""

    id: str = column("content-derived id (response)")
    messages: list[Message] = column("the pair as a chat: one user turn, one assistant turn")
    instruction: str = column("the task, in some pairs with one of its tests")
    response: str = column("the answer in Markdown")
    tests: str = column("the tests that the answer passed")
    category: str = column("function, class or program")
    difficulty: str = column("easy, medium or hard")
    concepts: list[str] = column("the concepts that the task was made from")
    status: str = column("verdict of the sandbox on answer and tests")
    kept_because: str = column("the selection rule that kept this pair")
    response_id: str = column("id of the response")
    instruction_id: str = column("id of the instruction")
    seed_id: str = column("id of the seed")
    package: str = column("package that the seed comes from")
    version: str = column("version of that package")
    licence: str = column("licence of that package, SPDX expression")
    file: str = column("file of the seed inside the package")
    first_line: int = column("first line of the seed in its file")
    last_line: int = column("last line of the seed in its file")


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """A passing and a failing answer to the same task, for training on preferences."""

    id: str = column("content-derived id (chosen response, rejected response)")
    instruction: str = column("the task, in some pairs with one of its tests")
    chosen: str = column("the answer that passed, in Markdown")
    rejected: str = column("an answer that ran and failed, in Markdown")
    rejected_status: str = column("verdict of the sandbox on the rejected answer: failed or error")
    category: str = column("function, class or program")
    difficulty: str = column("easy, medium or hard")
    chosen_id: str = column("id of the response that passed")
    rejected_id: str = column("id of the response that failed")
    instruction_id: str = column("id of the instruction")
    seed_id: str = column("id of the seed")
    package: str = column("package that the seed comes from")
    version: str = column("version of that package")
    licence: str = column("licence of that package, SPDX expression")
    origin: str = optional_column("run, or the name of the shipped set that it comes from", default="run")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """A row that a stage did not keep: nothing leaves the pipeline without a reason."""

    id: str = column("id of the dropped row (of the request, where no row was made)")
    parent_id: str = column("id of the row that it came from; empty for a root")
    reason: str = column("drop reason, snake_case; also the key in the stage's metrics")
    detail: str = column("what exactly was wrong, one line; may be empty")
    text: str = column("the text that was dropped, for reading")


RecordT = TypeVar("RecordT")


def arrow_schema(record: type[Any]) -> pa.Schema:
    """The Arrow schema of a record class: one column a field, its description as metadata.

    Columns are non-null, but for fields that may be None.
    """
    hints = typing.get_type_hints(record)
    return pa.schema(
        [
            pa.field(
                spec.name,
                _arrow_type(hints[spec.name]),
                nullable=isinstance(hints[spec.name], types.UnionType),
                metadata={"description": str(spec.metadata.get("description", ""))},
            )
            for spec in dataclasses.fields(record)
        ]
    )


def _arrow_type(hint: Any) -> pa.DataType:
    plain: dict[Any, pa.DataType] = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    if hint in plain:
        return plain[hint]
    if isinstance(hint, types.UnionType) and len(hint.__args__) == 2 and hint.__args__[1] is types.NoneType:
        return _arrow_type(hint.__args__[0])
    if isinstance(hint, types.GenericAlias) and hint.__origin__ is list:
        return pa.list_(_arrow_type(hint.__args__[0]))
    if dataclasses.is_dataclass(hint):
        return pa.struct(list(arrow_schema(typing.cast("type[Any]", hint))))
    raise TypeError(f"no Arrow type for {hint!r}")


def write_rows(path: Path, rows: Iterable[Any], record: type[Any]) -> int:
    """Write rows to a Parquet file under a temporary name, then rename: readers never see half a file.

    Args:
        path: the file to write; its folder is made.
        rows: instances of `record`, in the order in which they are to be read back; a bounded number is held.
        record: the record class; its schema is the file's.

    Returns:
        How many rows were written.

    Raises:
        InputError: the file cannot be written (no space, no permission).
    """
    iterator = iter(rows)
    num_rows = 0
    with replaced(path) as temporary, pq.ParquetWriter(temporary, arrow_schema(record), compression="zstd") as writer:
        # No row group rather than an empty one, at which `datasets` fails.
        while group := list(itertools.islice(iterator, ROWS_PER_GROUP)):
            writer.write_table(rows_table(group, record))
            num_rows += len(group)
    return num_rows


def rows_table(rows: Sequence[Any], record: type[Any]) -> pa.Table:
    """Rows as an Arrow table with the schema of their record class."""
    return pa.Table.from_pylist([dataclasses.asdict(row) for row in rows], schema=arrow_schema(record))


def read_rows(path: Path, record: type[RecordT]) -> list[RecordT]:
    """Read all rows of a Parquet file that `write_rows` wrote.

    Raises:
        InputError: the file is missing, corrupt, or has other columns than `record`.
    """
    return list(scan_rows(path, record))


def scan_rows(path: Path, record: type[RecordT]) -> Iterator[RecordT]:
    """Read the rows of a Parquet file that `write_rows` wrote, a bounded number at a time.

    Raises:
        InputError: the file is missing, corrupt, or has other columns than `record`.
    """
    schema = arrow_schema(record)
    try:
        with pq.ParquetFile(path) as file:
            missing = [name for name in schema.names if name not in file.schema_arrow.names]
            if missing:
                raise InputError(f"{path} is no {record.__name__} table: columns {', '.join(missing)} are missing")
            for batch in file.iter_batches(ROWS_PER_BATCH, columns=schema.names):
                yield from _records(_columns(path, batch, record, schema), record)
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist; run the stage that makes it (`dvc repro`)") from error
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"{path} is not a readable Parquet file ({_first_line(error)}); remake it with `dvc repro`"
        ) from error


def _columns(path: Path, batch: pa.RecordBatch, record: type[Any], schema: pa.Schema) -> dict[str, list[Any]]:
    try:
        return dict(pa.Table.from_batches([batch]).select(schema.names).cast(schema).to_pydict())
    except (pa.ArrowException, ValueError) as error:
        raise InputError(f"{path} is no {record.__name__} table: {_first_line(error)}") from error


def _records(columns: dict[str, list[Any]], record: type[RecordT]) -> Iterator[RecordT]:
    """Column by column, which takes Arrow a tenth of the time that row by row does."""
    hints = _hints(typing.cast(Hashable, record))
    values = [_values(hints[name], column) for name, column in columns.items()]
    for row in zip(*values, strict=True):
        yield record(**dict(zip(columns, row, strict=True)))


@cache
def _hints(record: Hashable) -> dict[str, Any]:
    return typing.get_type_hints(record)


def _values(hint: Any, column: list[Any]) -> list[Any]:
    if isinstance(hint, types.GenericAlias) and dataclasses.is_dataclass(hint.__args__[0]):
        nested = typing.cast("type[Any]", hint.__args__[0])
        return [[nested(**item) for item in value] for value in column]
    return column


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def by_id(rows: Sequence[RecordT]) -> dict[str, RecordT]:
    """Rows by their `id`."""
    return {typing.cast(Any, row).id: row for row in rows}
