"""What every stage script shares: one-line errors, logging, timing and the metrics file.

A stage is a Typer command that does its work inside `with stage_run(...) as run:` and records counts on `run`.
"""

import functools
import json
import logging
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from selfcodealign.errors import SelfCodeAlignError
from selfcodealign.files import write_text

if TYPE_CHECKING:
    from selfcodealign.records import Dropped

logger = logging.getLogger(__name__)


def repository_folder() -> Path:
    """The folder of the repository, also for a DVC experiment in a copy of it.

    DVC sets DVC_ROOT for its commands; it names the parent repository even where the experiment runs in a copy.
    """
    return Path(os.environ.get("DVC_ROOT", "."))


def repository_path(name: str) -> Path:
    """The path of a file or folder that the params name, which may be relative to the repository.

    In the repository itself a relative name stays relative, so that rows and errors show it as the params do.
    """
    path = Path(name).expanduser()
    return path if repository_folder().resolve() == Path.cwd() else repository_folder() / path


def cache_folder() -> Path:
    """The folder for journals and other caches."""
    return repository_folder() / ".cache"


class StageRun:
    """The metrics of one stage run: counts in and out, drops by reason, seconds, and whatever else it records."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._values: dict[str, Any] = {}
        self._started = time.monotonic()

    def rows(self, *, rows_in: int, rows_out: int, dropped: Mapping[str, int]) -> None:
        """Record the row counts.

        Args:
            rows_in: rows (for generation: requests) that came in.
            rows_out: rows kept.
            dropped: dropped rows by reason; zero counts may be left in, to show that a rule ran.

        Raises:
            RuntimeError: rows in are not rows kept plus rows dropped, which is a defect of the stage.
        """
        if rows_in != rows_out + sum(dropped.values()):
            raise RuntimeError(
                f"{self._name}: {rows_in} rows in, {rows_out} kept, {dict(dropped)} dropped do not add up"
            )
        self._values.update(rows_in=rows_in, rows_out=rows_out, dropped=dict(dropped))

    def record(self, **values: Any) -> None:
        """Record further metrics: JSON-serialisable numbers, strings, lists and nested dicts."""
        self._values.update(values)

    def as_dict(self) -> dict[str, Any]:
        """All metrics so far, with the wall time since the start."""
        return {"stage": self._name, "seconds": round(time.monotonic() - self._started, 2), **self._values}


@contextmanager
def stage_run(name: str, metrics: Path) -> Iterator[StageRun]:
    """Time a stage, and write its metrics file when the block ends without an error.

    Args:
        name: the stage, one word per step.
        metrics: the JSON file to write, under a temporary name and then renamed.
    """
    run = StageRun(name)
    logger.info("%s: start", name)
    yield run
    values = run.as_dict()
    write_text(metrics, json.dumps(values, indent=2, ensure_ascii=False) + "\n")
    logger.info("%s: %s", name, summary(values))


def write_step(run: StageRun, path: Path, rows: Sequence[Any], record: type[Any], dropped: "Sequence[Dropped]") -> None:
    """Write a step's rows, and its dropped rows beside them as `dropped.parquet`, and record the counts."""
    from selfcodealign.records import Dropped, write_rows

    write_rows(path, rows, record)
    write_rows(path.with_name("dropped.parquet"), dropped, Dropped)
    run.rows(rows_in=len(rows) + len(dropped), rows_out=len(rows), dropped=count_by(row.reason for row in dropped))


def count_by(names: Iterable[str]) -> dict[str, int]:
    """How often each name occurs, by name."""
    return dict(sorted(Counter(names).items()))


def summary(values: Mapping[str, Any]) -> str:
    """One line for people: rows in and out, the most frequent drops, seconds."""
    parts = []
    if "rows_in" in values:
        parts.append(f"{values['rows_in']} in, {values['rows_out']} out")
        top = [f"{count} {reason}" for reason, count in Counter(values["dropped"]).most_common(4) if count]
        parts += [f"dropped {', '.join(top)}"] if top else []
    return "; ".join([*parts, f"{values['seconds']} s"])


def configure_logging() -> None:
    """Log to standard error, one line a record, from this package at INFO and from others at WARNING."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(message)s", force=True)
    for name in ("selfcodealign", "__main__"):  # a stage script runs as __main__
        logging.getLogger(name).setLevel(logging.INFO)


def one_line_errors(command: Callable[..., None]) -> Callable[..., None]:
    """Turn domain errors of a Typer command into one line on standard error and their exit code."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        configure_logging()
        try:
            command(*args, **kwargs)
        except SelfCodeAlignError as error:
            typer.echo(f"error: {' '.join(str(error).split())}", err=True)
            raise typer.Exit(error.exit_code) from error

    return wrapped


def run_stage(command: Callable[..., None]) -> None:
    """Run a stage script's command as a Typer program."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command()(one_line_errors(command))
    app()
