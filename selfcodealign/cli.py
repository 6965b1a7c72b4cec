"""The command line: everything that people use beside the DAG."""

from pathlib import Path
from typing import Annotated

import typer

from selfcodealign import journal_command
from selfcodealign.curation import command as curation_command
from selfcodealign.errors import InputError
from selfcodealign.evaluation import command as evaluation_command
from selfcodealign.experiments import command as experiments_command
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
app.add_typer(experiments_command.app, name="experiments")
app.command()(one_line_errors(evaluation_command.evaluate))
app.command()(one_line_errors(curation_command.show))
app.command()(one_line_errors(curation_command.trace))
app.command()(one_line_errors(curation_command.decontaminate))
app.command()(one_line_errors(curation_command.publish))


@app.command()
@one_line_errors
def doctor(
    params_path: Annotated[Path, typer.Option("--params", help="the params file of the run")] = Path("params.yaml"),
) -> None:
    """Check what the run at hand needs, and print a fix for each need that is missing.

    Python, engine, CPU instructions, memory, disk, models, benchmarks, sandbox with gVisor's release, GPU. Downloads
    nothing. The exit status is 2 if something is missing.
    """
    from selfcodealign.doctor import checks, exit_code, format_checks

    found = checks(params_path=params_path)
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
    probe_seeds: Annotated[
        int | None, typer.Option("--probe", min=1, help="measure now, with the params' engine, on so many seeds")
    ] = None,
    seeds_path: Annotated[Path, typer.Option(help="filtered seeds, for --probe")] = Path(
        "data/filter_seeds/seeds.parquet"
    ),
    model: Annotated[Path, typer.Option(help="folder of the generator model, for --probe")] = Path("models/generator"),
    prompt_rate: Annotated[
        float | None, typer.Option(min=0.001, help="prompt tokens/s (not cached) of one engine of other hardware")
    ] = None,
    output_rate: Annotated[
        float | None,
        typer.Option(min=0.001, help="new tokens/s of one engine of other hardware, all requests together"),
    ] = None,
    pass_rate: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="share of the samples that pass [default: as measured]")
    ] = None,
) -> None:
    """What a params file will cost: requests, tokens, rows and hours of each step, before it runs.

    Tokens a row, rates and yields are those of a finished run's metrics, or with --probe those of a few seeds that are
    sent through the steps now. Without either, counts are upper bounds. Other hardware is judged by its rates.
    """
    import tempfile

    from selfcodealign.estimate import Assumed, Rates, estimate_run, format_estimate, measured_rates, probe
    from selfcodealign.params import load_params

    if (prompt_rate is None) != (output_rate is None):
        raise InputError("--prompt-rate and --output-rate go together: give both")
    rates = Rates(prompt_rate, output_rate) if prompt_rate is not None and output_rate is not None else None
    with tempfile.TemporaryDirectory() as folder:
        found = metrics
        if probe_seeds is not None:
            found = probe(params_path, metrics, Path(folder), model=model, seeds_path=seeds_path, num_seeds=probe_seeds)
        steps = estimate_run(load_params(params_path), found, Assumed(seeds, rates, pass_rate))
        typer.echo(format_estimate(steps, measured_rates(found)))


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
