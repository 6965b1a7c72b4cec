"""`selfcodealign experiments`: list, run and compare the sets of `experiments.yaml`."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from selfcodealign.errors import InputError
from selfcodealign.experiments.config import ExperimentSet, load_experiments, set_named
from selfcodealign.experiments.finished import Finished, State, find_finished, list_experiments
from selfcodealign.experiments.git import git
from selfcodealign.experiments.pipeline import PARAMS, Pipeline, load_pipeline
from selfcodealign.experiments.plan import ArmRun, check_names, choose_arms, plan_set
from selfcodealign.experiments.results import read_results
from selfcodealign.experiments.runner import run_arms
from selfcodealign.experiments.table import table_csv, table_page, table_text
from selfcodealign.experiments.working_copy import exp_run_arguments
from selfcodealign.files import write_text
from selfcodealign.params import parse_params
from selfcodealign.settings_file import read_yaml
from selfcodealign.stage import cache_folder, one_line_errors

app = typer.Typer(help="Named sets of experiments: run them and compare their results.", no_args_is_help=True)

File = Annotated[Path, typer.Option("--file", help="File with the sets.")]
SetName = Annotated[str, typer.Argument(metavar="SET", help="Name of a set; `list` shows them.")]
Arms = Annotated[str, typer.Option(help="Only these arms, separated by commas.")]
DEFAULT_FILE = Path("experiments.yaml")


class Format(StrEnum):
    """Formats of the table."""

    TEXT = "text"
    CSV = "csv"
    HTML = "html"


@dataclass(frozen=True, slots=True)
class _Repository:
    """The repository in the working folder, with all sets checked."""

    root: Path
    pipeline: Pipeline
    sets: Mapping[str, ExperimentSet]
    plans: Mapping[str, Sequence[ArmRun]]

    def find(self, runs: Sequence[ArmRun]) -> list[Finished]:
        return find_finished(self.root, runs, self.pipeline, list_experiments(self.root))


@app.command(name="list")
@one_line_errors
def list_sets(path: File = DEFAULT_FILE) -> None:
    """List the sets: what each one compares, its number of arms and runs, and how many are done and missing."""
    repository = _open(path)
    for name, chosen in repository.sets.items():
        found = repository.find(repository.plans[name])
        counts = {state: sum(one.state is state for one in found) for state in State}
        states = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
        runs = f", {len(found)} runs" if chosen.seeds else ""
        arms = f"{len(chosen.arms)} arm{'s' if len(chosen.arms) > 1 else ''}"
        typer.echo(f"{name}: {chosen.description}\n  {arms}{runs}: {states}")


@app.command()
@one_line_errors
def run(
    name: SetName,
    path: File = DEFAULT_FILE,
    arms: Arms = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print what would run.")] = False,
) -> None:
    """Run the arms of a set that are missing, each as a DVC experiment named SET-ARM or SET-ARM-seedN.

    Runs take place in a clone in .cache/experiments, with the committed files and the uncommitted changes of this
    moment; untracked files are left out. The working tree stays as it is. Finished stages are reused, also those of a
    killed run.
    """
    repository = _open(path)
    set_named(dict(repository.sets), name, path)
    runs = choose_arms(repository.plans[name], _names(arms))
    if dry_run:
        for one in repository.find(runs):
            typer.echo(f"{one.state}: dvc {shlex.join(exp_run_arguments(one.run))}")
        return
    run_arms(repository.root, cache_folder() / "experiments", runs, repository.pipeline, report=typer.echo)


@app.command()
@one_line_errors
def table(
    name: SetName,
    path: File = DEFAULT_FILE,
    output_format: Annotated[Format, typer.Option("--format", help="Format of the table.")] = Format.TEXT,
    out: Annotated[Path | None, typer.Option(help="File to write; default: standard output.")] = None,
) -> None:
    """Compare the arms of a set: pairs, scores, pooled difference with its interval, kept weights and training loss."""
    repository = _open(path)
    chosen = set_named(dict(repository.sets), name, path)
    descriptions = {arm: one.description for arm, one in chosen.arms.items()}
    found = repository.find(repository.plans[name])
    results = read_results(repository.root, descriptions, found, repository.pipeline)
    if output_format is Format.HTML:
        text = table_page(name, chosen, results)
    else:
        text = (table_csv if output_format is Format.CSV else table_text)(results)
    if out is None:
        typer.echo(text.rstrip("\n"))
    else:
        write_text(out, text.rstrip("\n") + "\n")


def _open(path: Path) -> _Repository:
    """Read and check everything before anything runs.

    Raises:
        InputError: this is not the root of a repository with a pipeline, or a set or the params are not valid.
    """
    root = Path.cwd()
    if Path(git(root, "rev-parse", "--show-toplevel")).resolve() != root.resolve():
        raise InputError(f"{root} is not the root of a git repository; run this in the root of the project")
    params: dict[str, Any] = read_yaml(Path(PARAMS), "run this in the root of the project")
    parse_params(params, PARAMS)
    pipeline = load_pipeline(root)
    sets = load_experiments(path)
    try:
        plans = {name: plan_set(name, chosen, params, pipeline) for name, chosen in sets.items()}
        check_names(plans)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return _Repository(root, pipeline, sets, plans)


def _names(listed: str) -> list[str]:
    return [name.strip() for name in listed.split(",") if name.strip()]
