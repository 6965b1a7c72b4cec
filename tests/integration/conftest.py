"""What the integration tests share: the smallest packaged model, imported once a session."""

from pathlib import Path

import pytest

from selfcodealign.models import import_model
from selfcodealign.params import ImportModel

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of SmolLM2-135M-Instruct: too weak for the task, good for tests of the machinery."""
    folder = tmp_path_factory.mktemp("small_model") / "model"
    settings = ImportModel(source="packaged", name="smollm2-135m-instruct")
    import_model(settings, folder, ROOT / ".cache" / "models")
    return folder
