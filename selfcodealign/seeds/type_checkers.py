"""The type checkers that can serve as a filter, each as data: how it is set up, started and read."""

import json
import platform
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfcodealign.params import TypeCheckerName

PYTHON_VERSION = ".".join(platform.python_version_tuple()[:2])


@dataclass(frozen=True, slots=True)
class TypeChecker:
    """A type checker that checks a folder of programs in one process, against the packages of this environment.

    Attributes:
        module: importable name; `python -m module` runs it.
        settings_file: name of its settings file, in the folder of the programs.
        settings: text of that file. Comments that switch checks off are switched off wherever the tool can.
        arguments: arguments of a run, for a number of threads.
        environment: variables of a run, for a number of threads.
        errors: file name, rule and message of each error in its JSON report, those of a file in the order of lines;
            KeyError or TypeError if the report has another form.
    """

    module: str
    settings_file: str
    settings: str
    arguments: Callable[[int], Sequence[str]]
    environment: Callable[[int], Mapping[str, str]]
    errors: Callable[[Any], Iterator[tuple[str, str, str]]]


def _pyright_arguments(num_threads: int) -> list[str]:
    arguments = ["--outputjson", "--level", "error", "--pythonpath", sys.executable, "--project", "."]
    return arguments + (["--threads", str(num_threads)] if num_threads > 1 else [])


def _pyright_errors(report: Any) -> Iterator[tuple[str, str, str]]:
    for diagnostic in report["generalDiagnostics"]:
        if diagnostic["severity"] == "error":
            yield Path(diagnostic["file"]).name, diagnostic.get("rule", "syntax"), diagnostic["message"]


def _pyrefly_arguments(num_threads: int) -> list[str]:
    return [
        *("check", "--config", "pyrefly.toml", "--output-format", "json", "--min-severity", "error"),
        *("--summary=none", "--threads", str(num_threads)),
    ]


def _pyrefly_errors(report: Any) -> Iterator[tuple[str, str, str]]:
    for diagnostic in report["errors"]:
        yield Path(diagnostic["path"]).name, diagnostic["name"], diagnostic["concise_description"]


def _ty_errors(report: Any) -> Iterator[tuple[str, str, str]]:
    for diagnostic in report:
        if diagnostic["severity"] not in {"info", "minor"}:  # what is left: errors, and panics of the checker
            rule, _, message = diagnostic["description"].partition(": ")
            yield Path(diagnostic["location"]["path"]).name, rule, message


# Mode "standard": undefined names, unresolved imports and wrong types are errors, missing annotations are none. The
# defaults of the other two say the same.
PYRIGHT = TypeChecker(
    module="basedpyright",
    settings_file="pyrightconfig.json",
    settings=json.dumps(
        {
            "include": ["*.py"],
            "typeCheckingMode": "standard",
            "enableTypeIgnoreComments": False,
            "pythonVersion": PYTHON_VERSION,
        }
    ),
    arguments=_pyright_arguments,
    environment=lambda _: {},
    errors=_pyright_errors,
)
PYREFLY = TypeChecker(
    module="pyrefly",
    settings_file="pyrefly.toml",
    settings=f"""\
project-includes = ["*.py"]
project-excludes = []
disable-project-excludes-heuristics = true
use-ignore-files = false
python-interpreter-path = {json.dumps(sys.executable)}
python-version = "{PYTHON_VERSION}"
enabled-ignores = []
""",
    arguments=_pyrefly_arguments,
    environment=lambda _: {},
    errors=_pyrefly_errors,
)
TY = TypeChecker(
    module="ty",
    settings_file="ty.toml",
    settings=f"""\
[environment]
python = {json.dumps(sys.executable)}
python-version = "{PYTHON_VERSION}"
[src]
respect-ignore-files = false
[analysis]
respect-type-ignore-comments = false
[terminal]
output-format = "gitlab"
""",
    arguments=lambda _: ["check", "--project", ".", "--no-progress"],
    environment=lambda num_threads: {"TY_MAX_PARALLELISM": str(num_threads)},
    errors=_ty_errors,
)
TYPE_CHECKERS: Mapping[TypeCheckerName, TypeChecker] = {"pyright": PYRIGHT, "pyrefly": PYREFLY, "ty": TY}
