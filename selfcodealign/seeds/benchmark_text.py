"""Seeds that hold the text of an evaluated benchmark: a task's description, its prompt or its solution."""

import ast
import re
from collections.abc import Iterable, Sequence
from typing import Protocol

from selfcodealign.seeds.parsed import ParsedSeed

# Shorter texts ("return x + y", "sort the list") occur in honest code and prove nothing.
MIN_CODE_CHARACTERS = 60
MIN_DESCRIPTION_WORDS = 6

_TRIPLE_QUOTED = re.compile(r'"""(.*?)"""|\'\'\'(.*?)\'\'\'', re.DOTALL)


class BenchmarkTask(Protocol):
    """What is read of a benchmark task; `selfcodealign.evaluation.BenchmarkText` has it."""

    @property
    def benchmark(self) -> str:
        """Name of the benchmark."""
        ...

    @property
    def task_id(self) -> str:
        """The task inside it."""
        ...

    @property
    def prompt(self) -> str:
        """What the model is given."""
        ...

    @property
    def solution(self) -> str:
        """The canonical solution, with or without the prompt."""
        ...


class BenchmarkTexts:
    """The texts of benchmark tasks in a normal form, and the question whether a seed holds one."""

    def __init__(self, tasks: Iterable[BenchmarkTask]) -> None:
        self._descriptions: dict[str, str] = {}
        self._codes: dict[str, str] = {}
        for task in tasks:
            name = f"{task.benchmark} {task.task_id}"
            for description in _descriptions(task.prompt):
                if len(description.split()) >= MIN_DESCRIPTION_WORDS:
                    self._descriptions.setdefault(description, name)
            for code in (task.prompt, task.solution):
                squeezed = _squeezed(code)
                if len(squeezed) >= MIN_CODE_CHARACTERS:
                    self._codes.setdefault(squeezed, name)

    def check(self, parsed: ParsedSeed) -> str | None:
        """Whether a seed holds a benchmark's text.

        Three ways: its docstring is a task's description, or contains one (compared as lower-case words, examples
        aside); its code contains a prompt; its code contains a solution (both without whitespace).

        Returns:
            Which task and how, or None.
        """
        docstring = _words(parsed.seed.docstring)
        if docstring in self._descriptions:
            return f"docstring of {self._descriptions[docstring]}"
        for description, name in self._descriptions.items():
            if f" {description} " in f" {docstring} ":
                return f"docstring of {name}"
        return self._check_code(_code_forms(parsed))

    def _check_code(self, forms: Sequence[str]) -> str | None:
        for code, name in self._codes.items():
            if any(code in form for form in forms):
                return f"code of {name}"
        return None


def _code_forms(parsed: ParsedSeed) -> list[str]:
    """The code as written, and without its docstring: a solution's body follows a docstring that may differ."""
    body = parsed.function.body
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant) and body[0].end_lineno:
        lines = parsed.seed.code.split("\n")
        without = lines[: body[0].lineno - 1] + lines[body[0].end_lineno :]
        return [_squeezed(parsed.seed.code), _squeezed("\n".join(without))]
    return [_squeezed(parsed.seed.code)]


def _descriptions(prompt: str) -> set[str]:
    """The descriptions in a prompt: its docstrings, or all of it if it has none, in normal form."""
    found = [first or second for first, second in _TRIPLE_QUOTED.findall(prompt)]
    return {_words(text) for text in found or [prompt]} - {""}


def _words(text: str) -> str:
    """Lower-case words of a text up to its first example (doctest or assert), joined by single spaces."""
    prose = re.split(r"^\s*(?:>>>|assert\b|Examples?\s*:?\s*$)", text, maxsplit=1, flags=re.MULTILINE)[0]
    return " ".join(re.findall(r"[a-z0-9_]+", prose.lower()))


def _squeezed(code: str) -> str:
    """Code without any whitespace, so that formatting does not hide a copy."""
    return "".join(code.split())
