"""Modules that programs keep asking for are loaded once, before the fork, and not again by each program."""

import gc
import importlib
import os
import re
from collections import Counter

# Libraries of the image, and modules of the standard library that take long to load. All come from the read-only image.
WORTH_LOADING = frozenset(
    {
        "asyncio", "concurrent", "hypothesis", "logging", "multiprocessing", "networkx", "numpy", "pandas", "pathlib",
        "pytest", "scipy", "sklearn", "subprocess", "sympy", "tempfile", "threading", "unittest",
    }
)  # fmt: skip
# Every child copies the tables of what its parent holds: a module that only one program names is not worth it.
MIN_PROGRAMS = 2
IMPORT = re.compile(r"^[ \t]*(?:from|import)[ \t]+([A-Za-z_]+)", re.MULTILINE)
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Preloader:
    """Counts what programs import, and loads it into this process when it has been asked for often enough."""

    def __init__(self) -> None:
        self._num_asked: Counter[str] = Counter()
        self._lean_bytes = _address_space_bytes()
        self._preloaded_bytes = 0

    def load_for(self, source: str) -> int:
        """Note what a program imports, and load what is due.

        Returns:
            Address space that all loaded modules take, bytes: a program's own limit must not suffer from it.
        """
        asked = WORTH_LOADING.intersection(IMPORT.findall(source))
        self._num_asked.update(asked)
        due = [name for name in sorted(asked) if self._num_asked[name] == MIN_PROGRAMS]
        for name in due:
            try:
                importlib.import_module(name)
            except ImportError:
                continue  # not in this image: the program finds out by itself
        if due:
            gc.collect()
            gc.freeze()
            self._preloaded_bytes = max(0, _address_space_bytes() - self._lean_bytes)
        return self._preloaded_bytes


def _address_space_bytes() -> int:
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[0]) * PAGE_BYTES
