"""The command line: everything that people use beside the DAG."""

from pathlib import Path
from typing import Annotated

import typer

from selfcodealign import journal_command
from selfcodealign.curation import command as curation_command
from selfcodealign.evaluation import command as evaluation_command
from selfcodealign.sandbox import command as sandbox_command
from selfcodealign.stage import one_line_errors

app = typer.Typer(
    name="selfcodealign",
    help="Self-alignment of code models: look at a run, follow its rows, use its sandbox and its scoring.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(sandbox_command.app, name="sandbox")
app.add_typer(journal_command.app, name="journal")
app.command()(one_line_errors(evaluation_command.evaluate))
app.command()(one_line_errors(curation_command.show))
app.command()(one_line_errors(curation_command.trace))
app.command()(one_line_errors(curation_command.decontaminate))
app.command()(one_line_errors(curation_command.publish))


@app.command()
@one_line_errors
def doctor() -> None:
    """One line a need (Python, engine, model source, Docker, gVisor, image, disk, GPU): ok, or how to get it."""
    from selfcodealign.doctor import checks, exit_code, format_checks

    found = checks()
    typer.echo(format_checks(found))
    raise typer.Exit(exit_code(found))


@app.command()
@one_line_errors
def estimate(
    params_path: Annotated[Path, typer.Option("--params", help="the params file to judge")] = Path("params.yaml"),
    metrics: Annotated[Path, typer.Option(help="metrics of a finished run, for its rates and yields")] = Path(
        "metrics"
    ),
    seeds: Annotated[int | None, typer.Option(min=1, help="seeds, where the params do not limit them")] = None,
) -> None:
    """What a params file will cost: requests, tokens and hours of each step, before it runs.

    Rates and yields are those of a finished run's metrics; without one, say so, and give counts alone.
    """
    from selfcodealign.estimate import estimate_run, format_estimate
    from selfcodealign.params import load_params

    typer.echo(format_estimate(estimate_run(load_params(params_path), metrics, num_seeds=seeds)))


def main() -> None:
    """Entry point of the `selfcodealign` command."""
    app()


if __name__ == "__main__":
    main()
