"""Params and model folders for the tests of `selfcodealign doctor`."""

import copy
from pathlib import Path
from typing import Any

import yaml

from selfcodealign.models import ModelCard, write_card
from selfcodealign.params import Params, parse_params

ROOT = Path(__file__).parents[2]
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text())
DEFAULT_MODEL = PARAMS["import_model"]["name"]
NOBODY = 65534


def changed(**sections: dict[str, Any]) -> dict[str, Any]:
    """The shipped params with some values changed. Only folders inside the repository are searched."""
    values = copy.deepcopy(PARAMS)
    values["import_benchmarks"]["folders"] = ["data/external/benchmarks"]
    for section, keys in sections.items():
        values[section] |= keys
    return values


def params(**sections: dict[str, Any]) -> Params:
    return parse_params(changed(**sections), "the test's params")


def imported(folder: Path, **changes: Any) -> Path:
    """A model folder with a card and a configuration, and no weights."""
    folder.mkdir(parents=True)
    values = {
        "source": "packaged", "name": DEFAULT_MODEL, "revision": "", "sha256": "", "architecture": "", "parameters": 7,
        "dtype": "bfloat16", "licence": "MIT", "prompt_form": "chat", "context_length": 9,
    }  # fmt: skip
    write_card(folder, ModelCard(**{**values, **changes}))
    (folder / "config.json").write_text('{"hidden_size": 32}')
    return folder
