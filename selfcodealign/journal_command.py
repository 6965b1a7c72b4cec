"""`selfcodealign journal`: what the journals hold, and taking out what is no longer wanted."""

import time
from pathlib import Path
from typing import Annotated

import typer

from selfcodealign.errors import InputError
from selfcodealign.journal_upkeep import format_parts, journal_stats, prune_journal
from selfcodealign.stage import cache_folder, one_line_errors

SECONDS_A_DAY = 24 * 3600.0

app = typer.Typer(help="Finished answers and verdicts: what is kept, and what may go.", no_args_is_help=True)

Journals = Annotated[
    list[Path] | None, typer.Option("--journal", help="a journal; may be repeated [default: .cache/*.sqlite]")
]


@app.command()
@one_line_errors
def stats(journals: Journals = None) -> None:
    """Rows and bytes of each journal, by kind and model. A run that is writing is not disturbed."""
    for path in _chosen(journals):
        typer.echo(f"{path}\n{format_parts(journal_stats(path))}\n")


@app.command()
@one_line_errors
def prune(
    journals: Journals = None,
    keep_days: Annotated[float | None, typer.Option(min=0.0, help="what is older, in days, goes")] = None,
    gone_models: Annotated[
        bool, typer.Option(help="answers of models that are in none of the --model folders go")
    ] = False,
    models: Annotated[
        list[Path] | None, typer.Option("--model", help="a model's folder; may be repeated [default: models/*]")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what would go")] = False,
) -> None:
    """Take entries out, by age, by model, or both. What is gone and needed again is asked again: it costs time only."""
    if keep_days is None and not gone_models:
        raise InputError("nothing to prune by: give --keep-days N, --gone-models, or both")
    keep = _fingerprints(models) if gone_models else None
    for path in _chosen(journals):
        before = time.time() - keep_days * SECONDS_A_DAY if keep_days is not None else None
        gone = prune_journal(path, before=before, keep_models=keep, is_dry_run=dry_run)
        typer.echo(f"{path}: {'would go' if dry_run else 'gone'}\n{format_parts(gone)}\n")


def _chosen(journals: list[Path] | None) -> list[Path]:
    found = journals or sorted(cache_folder().glob("*.sqlite"))
    if not found:
        raise InputError(f"there is no journal in {cache_folder()}; name one with --journal")
    return found


def _fingerprints(models: list[Path] | None) -> list[str]:
    """The fingerprints of the models that are still wanted; reading large weights takes a while."""
    from selfcodealign.generation import model_fingerprint

    folders = models or sorted(path for path in Path("models").glob("*") if path.is_dir())
    if not folders:
        raise InputError("models/ holds no model, so that every answer would go; name the models with --model")
    return [model_fingerprint(folder) for folder in folders]
