"""Collect seed functions: permissively licensed Python functions, each with where it comes from."""

from pathlib import Path
from typing import Annotated

import typer

from selfcodealign.dropped_rows import dropped_rows
from selfcodealign.files import replaced_folder
from selfcodealign.params import load_params
from selfcodealign.records import Seed, write_rows
from selfcodealign.seeds import CollectReason, collect_seeds, sources_of
from selfcodealign.stage import cache_folder, repository_folder, repository_path, run_stage, stage_run

NAME = "collect_seeds"


def main(
    params_path: Annotated[Path, typer.Option("--params", help="the params file")] = Path("params.yaml"),
    out: Annotated[Path, typer.Option(help="folder for the seeds and the dropped rows")] = Path("data") / NAME,
    metrics: Annotated[Path, typer.Option(help="metrics file")] = Path("metrics") / f"{NAME}.json",
    num_workers: Annotated[int, typer.Option(min=0, help="in place of workers.num_workers of the params")] = 0,
) -> None:
    """Collect functions of permissively licensed code: the root of every training pair.

    Reads the installed Python packages and the standard library, wheels downloaded by name, folders and git checkouts,
    JSONL and Parquet files, and a dataset on the Hugging Face Hub, whichever `collect_seeds` in the params names. Every
    top-level function is made whole with the imports that it needs, and so, if `methods` says so, are methods that need
    neither their class nor an instance. Packages, files and functions that are left out are counted by reason and kept
    in dropped.parquet; one that cannot be read never ends the stage. A run that was killed is taken up where it stood.
    """
    params = load_params(params_path)
    settings = params.collect_seeds
    with (
        stage_run(NAME, metrics) as run,
        collect_seeds(
            sources_of(settings, cache_folder(), repository_path),
            cache_folder() / NAME,
            max_functions=settings.max_functions,
            seed=params.seed,
            methods=settings.methods,
            workers=params.workers.model_copy(update={"num_workers": num_workers or params.workers.num_workers}),
        ) as found,
    ):
        with replaced_folder(out) as folder, dropped_rows(folder / "dropped.parquet", CollectReason) as drop:
            write_rows(folder / "seeds.parquet", found.rows(drop, repository_folder()), Seed)
        counts = found.counts
        run.rows(rows_in=counts.functions, rows_out=found.num_seeds, dropped=counts.functions_dropped)
        run.record(
            files=counts.files,
            files_dropped=dict(counts.files_dropped),
            packages_dropped=dict(counts.packages_dropped),
            functions_by_package=dict(found.functions_by_package.most_common()),
            functions_by_licence=dict(found.licences.most_common()),
        )


if __name__ == "__main__":
    run_stage(main)
