"""How the integration tests are shared out when `make test` gives pytest two processes (`--dist loadfile`)."""

from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling, Scheduling

# An example that is slow on a busy machine is not a failure; the suite has time limits of its own.
settings.register_profile("shared-machine", deadline=None)
settings.load_profile("shared-machine")

ROOT = Path(__file__).parents[1]
MARK = "pytest.mark.engine"


@cache
def loads_model(file: Path) -> bool:
    """Whether tests of a file load a model: two at a time would share the memory and the cores of a small machine."""
    return MARK in file.read_text(encoding="utf-8")


class OneModelAtATime(LoadFileScheduling):
    """The tests of all files with a model go to one process, one by one; other files go to whichever is free."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "models" if loads_model(ROOT / file) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling | None:
    return OneModelAtATime(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with a model come first: they take the longest."""
    items.sort(key=lambda item: not loads_model(item.path))
