"""Extraction of seeds: files and functions a second, against a plain walk over the syntax trees."""

import ast
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from selfcodealign.records import Seed
from selfcodealign.seeds import Origin, SourceFile, extract_functions

ORIGIN = Origin(source="folder", package="measured", version="1", licence="MIT")


@dataclass(frozen=True, slots=True)
class Extraction:
    """One way of getting functions out of files.

    Attributes:
        name: the way.
        num_files: files that it read.
        num_functions: functions that it found.
        seconds: wall time, on one core.
    """

    name: str
    num_files: int
    num_functions: int
    seconds: float


def measure(paths: Sequence[Path]) -> list[Extraction]:
    """Extract functions from files in two ways, both from texts in memory and on one core.

    Ours makes functions whole: it finds the imports that they need and leaves out what is not self-contained.
    """
    texts = {str(path): path.read_bytes().decode("utf-8", "replace") for path in paths}
    return [
        _timed("ours, whole functions with their imports", texts, _ours),
        _timed("ast.walk, functions as they stand", texts, _walk),
    ]


def _timed(name: str, texts: dict[str, str], extract: Callable[[str, str], int]) -> Extraction:
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        num_functions = sum(extract(path, text) for path, text in texts.items())
    return Extraction(name, len(texts), num_functions, time.perf_counter() - started)


def _ours(path: str, text: str) -> int:
    return sum(
        isinstance(row, Seed) for row in extract_functions(SourceFile(origin=ORIGIN, file=path, path=path, text=text))
    )


def _walk(path: str, text: str) -> int:
    try:
        module = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return 0
    lines = text.split("\n")  # once: `ast.get_source_segment` splits the whole file for each function
    functions = [node for node in ast.walk(module) if isinstance(node, ast.FunctionDef)]
    return sum(
        bool("\n".join(lines[node.lineno - 1 : node.end_lineno])) for node in functions if ast.get_docstring(node)
    )
