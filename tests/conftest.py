"""How tests share the machine when several processes run them."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With `--dist loadgroup` all tests that load a model run in one process, and those of each other file in one.

    One model at a time takes all cores that it can get; while it does, others' programs wait for their time limits,
    containers and daemons.
    """
    for item in items:
        loads_model = item.get_closest_marker("engine") or "small_model" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group("model" if loads_model else str(item.path)))
