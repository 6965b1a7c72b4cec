"""Keep the logs and bars of the Hugging Face libraries out of ours."""

import importlib
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

LIBRARIES = ("transformers", "trl", "datasets", "accelerate", "peft", "huggingface_hub", "httpx", "torch")


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Show only errors of transformers, TRL and their kin inside the block, and none of their progress bars.

    The libraries' previous settings come back at the end.
    """
    # Any: the three have the same switch under three names, and hardly a type between them
    hub_bars: Any = importlib.import_module("huggingface_hub.utils")
    data_bars: Any = importlib.import_module("datasets")
    model_bars: Any = importlib.import_module("transformers.utils.logging")

    levels = {name: logging.getLogger(name).level for name in LIBRARIES}
    had_model_bars = model_bars.is_progress_bar_enabled()
    others = (hub_bars, data_bars)
    had_bars = [not library.are_progress_bars_disabled() for library in others]
    try:
        for name in LIBRARIES:
            logging.getLogger(name).setLevel(logging.ERROR)
        model_bars.disable_progress_bar()
        for library in others:
            library.disable_progress_bars()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        if had_model_bars:
            model_bars.enable_progress_bar()
        for library, had in zip(others, had_bars, strict=True):
            if had:
                library.enable_progress_bars()
