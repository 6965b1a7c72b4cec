"""Stage import_generator: bring the model that generates the data."""

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from selfcodealign.models import check_import_space, import_generator
from selfcodealign.params import load_params
from selfcodealign.stage import cache_folder, repository_folder, repository_path, run_stage, stage_run

NAME = "import_generator"


def main(
    params_path: Annotated[Path, typer.Option("--params", help="params file")] = Path("params.yaml"),
    base: Annotated[Path, typer.Option(help="folder of the base model")] = Path("models/base"),
    out: Annotated[Path, typer.Option(help="folder of the generator: safetensors, tokenizer, model_card.json")] = Path(
        "models/generator"
    ),
    metrics: Annotated[Path, typer.Option(help="metrics of the stage")] = Path("metrics/import_generator.json"),
    cache: Annotated[Path | None, typer.Option(help="folder for downloads; default: .cache/models")] = None,
) -> None:
    """Bring the model that makes concepts, tasks and answers (params: import_generator).

    With source base it is the base model: its files are linked, not copied, where the file system can. Any other source
    brings a model of its own, as import_model does.
    """
    params = load_params(params_path)
    downloads = cache or cache_folder() / "models"
    if params.import_generator.model is not None:
        check_import_space(params.import_generator.model, out, downloads, repository_folder())
    with stage_run(NAME, metrics) as run:
        card = import_generator(params.import_generator, base, out, downloads, repository_path)
        run.record(is_base=params.import_generator.model is None, **dataclasses.asdict(card))


if __name__ == "__main__":
    run_stage(main)
