"""Copies of benchmark tasks that somebody would call copies: renamed, commented, described anew, imports reordered."""

import ast
import builtins
import random
import re
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from selfcodealign.curation.normalised_code import parse_python
from selfcodealign.evaluation import BenchmarkText

COMMENTS = ("# go through all of them", "# the answer so far", "# nothing to do here", "# see above", "# helper")
IMPORTS = ("import math", "import re", "from typing import Any", "from collections import Counter", "import itertools")
NAMES = ("items", "result", "value", "current", "left", "right", "total", "seen", "other", "index", "best", "data")
MIN_STATEMENTS = 2
WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Planted:
    """A near-copy.

    Attributes:
        id: names the task and what was done to it.
        text: the row.
        task: benchmark and id of the task.
    """

    id: str
    text: str
    task: tuple[str, str]


def near_copies(benchmarks: Sequence[BenchmarkText], count: int, seed: int = 0) -> list[Planted]:
    """So many near-copies of drawn tasks, half of them of solutions and half of prompts.

    A solution has all its own names changed, comments added, its docstring replaced and its imports reordered; a prompt
    is wrapped anew, its function renamed, and one word in forty of its description is another. Tasks whose solution has
    a single statement say too little to be copied and are not drawn for it; nor are prompts of fewer than 20 words.
    """
    draw = random.Random(seed)  # noqa: S311
    tasks = sorted(benchmarks, key=lambda text: (text.benchmark, text.task_id))
    draw.shuffle(tasks)
    ways: list[tuple[str, Callable[[BenchmarkText, random.Random], str | None]]] = [
        ("solution", _solution_copy),
        ("prompt", _prompt_copy),
    ]
    planted: list[Planted] = []
    for number, (task, (name, way)) in enumerate((task, ways[number % 2]) for number, task in enumerate(tasks)):
        text = way(task, draw)
        if text is not None and len(planted) < count:
            planted.append(
                Planted(f"{name}:{task.benchmark}:{task.task_id}:{number}", text, (task.benchmark, task.task_id))
            )
    return planted


def _solution_copy(task: BenchmarkText, draw: random.Random) -> str | None:
    module = parse_python(task.solution) if not task.solution[:1].isspace() else None
    module = module or parse_python(task.prompt + task.solution)
    if module is None or not _is_worth_copying(module):
        return None
    taken = set(WORD.findall(task.prompt + task.solution))
    code = ast.unparse(_Renamed(_own_names(module), taken, draw).visit(module))
    lines = []
    for line in code.split("\n"):
        if draw.random() < 0.15:
            lines.append(f"{line[: len(line) - len(line.lstrip())]}{draw.choice(COMMENTS)}")
        lines.append(line)
    imports = [line for line in lines if line.startswith(("import ", "from "))]
    rest = [line for line in lines if line not in imports]
    imports += draw.sample(IMPORTS, k=draw.randrange(3))
    draw.shuffle(imports)
    return "Here is one way to do it.\n\n```python\n" + "\n".join([*imports, "", *rest]) + "\n```\n"


def _is_worth_copying(module: ast.Module) -> bool:
    functions = [node for node in module.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    statements = sum(
        isinstance(node, ast.stmt) and not isinstance(node, ast.Expr | ast.FunctionDef)
        for function in functions
        for node in ast.walk(function)
    )
    return bool(functions) and statements >= MIN_STATEMENTS


def _prompt_copy(task: BenchmarkText, draw: random.Random) -> str | None:
    description = task.docstring.split(">>>")[0]
    words = description.split()
    if len(words) < 20:
        return None
    for index in range(len(words)):
        if draw.random() < 1 / 40:
            words[index] = draw.choice(NAMES)
    text = textwrap.fill(" ".join(words), draw.choice((60, 75, 90)))
    return f"{draw.choice(('Your task: ', 'Please solve this. ', ''))}{text}\n\nWrite it as a function `solve`.\n"


def _own_names(module: ast.Module) -> set[str]:
    """Names that the code gives to arguments, variables, functions and classes, but for methods and attributes."""
    methods = {
        function.name
        for owner in ast.walk(module)
        if isinstance(owner, ast.ClassDef)
        for function in owner.body
        if isinstance(function, ast.FunctionDef)
    }
    names = set()
    for node in ast.walk(module):
        if isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
    keywords = {node.arg for node in ast.walk(module) if isinstance(node, ast.keyword)}
    return {name for name in names - methods - keywords - {"self", "cls"} if not hasattr(builtins, name)}


class _Renamed(ast.NodeTransformer):
    """Gives other names, and another docstring to every function that has one."""

    def __init__(self, names: set[str], taken: set[str], draw: random.Random) -> None:
        fresh = [f"{name}_{number}" if number else name for number in range(20) for name in NAMES]
        free = [name for name in fresh if name not in taken][: max(len(names) * 2, len(NAMES))]
        self._names = dict(zip(sorted(names), draw.sample(free, k=len(free)), strict=False))

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Rename a variable."""
        return ast.copy_location(ast.Name(self._names.get(node.id, node.id), node.ctx), node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        """Rename an argument; its annotation goes."""
        return ast.copy_location(ast.arg(self._names.get(node.arg, node.arg), None), node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Rename a function, and describe it anew."""
        self.generic_visit(node)
        node.name = self._names.get(node.name, node.name)
        if ast.get_docstring(node) is not None:
            node.body[0] = ast.Expr(ast.Constant("Work it out for the given arguments."))
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        """Rename a class."""
        self.generic_visit(node)
        node.name = self._names.get(node.name, node.name)
        return node
