"""The commands `show`, `trace`, `decontaminate` and `publish`."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from selfcodealign.errors import InputError, PrerequisiteError


def show(
    file: Annotated[Path, typer.Argument(help="a Parquet or JSONL file of the pipeline")],
    limit: Annotated[int, typer.Option(min=0, help="rows at most; 0: all")] = 5,
    columns: Annotated[str, typer.Option(help="columns to show, separated by commas; none: all")] = "",
    where: Annotated[list[str] | None, typer.Option(help="column=value that a row must have; may be repeated")] = None,
) -> None:
    """Print rows of a Parquet or JSONL file so that people can read them, code included."""
    from selfcodealign.curation.show import format_row, matching_rows

    names = [name.strip() for name in columns.split(",") if name.strip()]
    rows = matching_rows(file, limit=limit or None, columns=names, where=_conditions(where or []))
    num_rows = 0
    for num_rows, row in enumerate(rows, start=1):
        typer.echo(f"{'-' * 20} {num_rows}\n{format_row(row)}")
    if num_rows == 0:
        typer.echo(f"no row of {file} matches" if where else f"{file} has no rows", err=True)


def trace(
    row_id: Annotated[str, typer.Argument(metavar="ID", help="id of any row, or its first 6 or more characters")],
    data: Annotated[Path, typer.Option(help="data folder of the pipeline")] = Path("data"),
) -> None:
    """Follow a row back to package, version, licence, file and lines of its seed.

    A row that was dropped says in which step, and why.
    """
    from selfcodealign.curation.lineage import format_trace
    from selfcodealign.curation.lineage import trace as trace_row

    typer.echo(format_trace(trace_row(row_id, data)))


def decontaminate(
    rows: Annotated[Path, typer.Argument(help="JSONL (or Parquet) with id and text, or id, instruction and response")],
    out: Annotated[Path, typer.Option(help="JSONL to write, one row a hit")],
    data: Annotated[Path, typer.Option(help="folder of imported benchmarks")] = Path("data/import_benchmarks"),
    folder: Annotated[
        Path | None, typer.Option(help="instead: a folder with benchmarks' own files, all of them")
    ] = None,
) -> None:
    """List which rows hold the text of a benchmark, which task it is, and what matched."""
    from selfcodealign.curation.decontamination import decontaminate as find_hits
    from selfcodealign.curation.hits import hit_row
    from selfcodealign.evaluation import load_benchmark_texts, texts_in
    from selfcodealign.files import replaced
    from selfcodealign.progress import progress

    benchmarks = texts_in(folder) if folder is not None else load_benchmark_texts(data)
    flagged: set[str] = set()
    num_hits = num_rows = 0
    with replaced(out) as temporary, temporary.open("w", encoding="utf-8") as hits, progress("rows") as bar:

        def counted() -> Iterator[tuple[str, str]]:
            nonlocal num_rows
            for row in _texts(rows):
                num_rows += 1
                yield row
                bar.advance(note=f"{len(flagged)} flagged")

        for hit in find_hits(counted(), benchmarks):
            hits.write(json.dumps(hit_row(hit)) + "\n")
            flagged.add(hit.id)
            num_hits += 1
    typer.echo(f"{num_rows} rows, {len(flagged)} flagged, {num_hits} hits in {out}")


def publish(
    out: Annotated[Path, typer.Argument(help="new folder for the published dataset")],
    source: Annotated[Path, typer.Option(help="folder of select_examples")] = Path("data/select_examples"),
    rows_per_shard: Annotated[int, typer.Option(min=1, help="rows of a Parquet file at most")] = 50_000,
    hub: Annotated[str, typer.Option(help="also upload it: org/name on the Hugging Face Hub; needs HF_TOKEN")] = "",
    public: Annotated[bool, typer.Option("--public", help="a repository that is made is public")] = False,
) -> None:
    """Write the pairs as a dataset for others: Parquet shards, card, Croissant metadata, benchmark hits, checksums."""
    from selfcodealign.curation.publish import check_published, push
    from selfcodealign.curation.publish import publish as write_published

    token = os.environ.get("HF_TOKEN", "")
    if hub and not token:
        raise PrerequisiteError(f"HF_TOKEN is not set; set it to a token that may write {hub}, or leave out --hub")
    shards = write_published(source, out, rows_per_shard=rows_per_shard)
    typer.echo(f"{check_published(out)} pairs in {len(shards)} shards in {out}")
    if hub:
        typer.echo(push(out, hub, token, is_private=not public))


def _conditions(where: list[str]) -> dict[str, str]:
    conditions = {}
    for condition in where:
        column, equals, value = condition.partition("=")
        if not equals or not column:
            raise InputError(f"--where {condition}: write it as column=value")
        conditions[column] = value
    return conditions


def _texts(path: Path) -> Iterator[tuple[str, str]]:
    """Id and text of each row."""
    from selfcodealign.curation.show import matching_rows

    for number, row in enumerate(matching_rows(path), start=1):
        parts = [row.get("text")] if "text" in row else [row.get("instruction"), row.get("response")]
        if "id" not in row or not all(isinstance(part, str) for part in parts):
            raise InputError(f"{path}, row {number}: it needs id and text, or id, instruction and response, as strings")
        yield str(row["id"]), _joined(parts)


def _joined(parts: list[Any]) -> str:
    return "\n\n".join(parts)
