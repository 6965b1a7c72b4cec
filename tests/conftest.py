"""How the tests are shared out when `make test` gives pytest two processes (`--dist loadgroup`)."""

import pytest

MODELS = "models"


def needs_model(item: pytest.Item) -> bool:
    """Whether a test loads a model: two at a time would share the memory and the cores of a small machine."""
    return item.get_closest_marker("engine") is not None or "small_model" in getattr(item, "fixturenames", ())


# First: the plugin reads the groups in the same hook.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with a model make one group, which comes first and runs one after the other; each other file is its own."""
    models = {item.path for item in items if needs_model(item)}
    items.sort(key=lambda item: item.path not in models)
    for item in items:
        item.add_marker(pytest.mark.xdist_group(MODELS if item.path in models else item.path.stem))
