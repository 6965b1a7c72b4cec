"""Stage scan_inputs: what outside the repository decides the other stages."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from selfcodealign.inputs import (
    InputPlaces,
    benchmark_places,
    read_inputs,
    read_pins,
    scan_inputs,
    write_inputs,
)
from selfcodealign.params import load_params
from selfcodealign.stage import cache_folder, repository_folder, repository_path, run_stage

NAME = "scan_inputs"

logger = logging.getLogger(__name__)


def main(
    params_path: Annotated[Path, typer.Option("--params", help="Params file.")] = Path("params.yaml"),
    constraints: Annotated[Path, typer.Option(help="Constraints file with the pinned packages.")] = Path(
        "constraints.txt"
    ),
    imported: Annotated[Path, typer.Option(help="Folder of the imported benchmarks.")] = Path("data/import_benchmarks"),
    out: Annotated[Path, typer.Option(help="Folder for one <stage>.json per stage.")] = Path("metrics") / NAME,
) -> None:
    """Write down what outside the repository decides each stage, so that DVC reruns the stages whose inputs changed.

    One file per stage has the digests of its external files, folders, and checkouts, the pinned versions of the
    packages that decide what it writes, and the settings that it uses with these params only. This stage runs each
    time and takes about a second; as long as nothing has changed, its files stay the same, and so does everything else.

    Digests depend on contents alone, not on paths or times. Files that have not changed are not read again. An input
    that is not on this machine, but was there in an earlier run, counts as unchanged, with a warning. A benchmark that
    was not available is tried again each time.
    """
    params = load_params(params_path)
    places = InputPlaces(
        path_of=repository_path,
        benchmarks=benchmark_places(params.import_benchmarks.folders, repository_folder(), imported),
        digests=cache_folder() / NAME,
    )
    earlier = read_inputs(out)
    found = scan_inputs(params, read_pins(constraints), places, earlier)
    changed = [stage for stage, inputs in found.items() if inputs != earlier.get(stage)]
    write_inputs(out, found)
    news = f"new inputs of {', '.join(changed)}" if changed else "nothing outside the repository has changed"
    logger.info("%s: %s", NAME, news)


if __name__ == "__main__":
    run_stage(main)
