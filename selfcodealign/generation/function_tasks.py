"""Tasks that request the function of a seed, made from its signature and docstring without a model.

The seed is a reference solution: its code computes the expected values of the tests (`sandbox/seed_tests.py`).
"""

import ast
from collections.abc import Iterable

from selfcodealign.generation.steps import LANGUAGE, StepResult
from selfcodealign.program_text import statements_of
from selfcodealign.records import Dropped, Instruction, Seed, derived_seed, row_id

CATEGORY = "function"
# The difficulty of a seed's function is neither drawn nor measured.
DIFFICULTY = "unrated"
# Both forms in which people and benchmarks ask for a function: a sentence, or the beginning of the code.
REQUEST = "Write a Python function"
COMPLETION_REQUEST = (
    "Complete this Python function as its docstring says. Reply with one Python code block that holds the whole"
    " function and every import that it needs, without tests."
)


def function_tasks(seeds: Iterable[Seed], *, run_seed: int) -> StepResult[Instruction]:
    """Make one task per seed from its signature and docstring.

    Half of the tasks ask for the function in a sentence; the others show its imports, signature and docstring as code
    to be completed.

    Args:
        seeds: the seeds; each has a docstring (`filter_seeds.docstring`).
        run_seed: the run's seed. The form of a task depends on it and on the seed's id.

    Returns:
        The tasks, in the order of the seeds. Dropped are seeds without a docstring (`no_docstring`), and those whose
        code does not end with a function (`no_function`).
    """
    result: StepResult[Instruction] = StepResult()
    for seed in seeds:
        shown = signature(seed.code)
        if shown is None or not seed.docstring.strip():
            reason = "no_function" if shown is None else "no_docstring"
            result.dropped.append(
                Dropped(id=seed.id, parent_id=seed.id, reason=reason, detail=seed.name, text=seed.code)
            )
            continue
        text = f"{REQUEST} `{shown}`.\n\n{seed.docstring.strip()}"
        begun = stub(seed.code)
        if begun is not None and derived_seed(run_seed, "function_form", seed.id) % 2:
            text = f"{COMPLETION_REQUEST}\n\n```python\n{begun}\n```"
        result.rows.append(
            Instruction(
                id=row_id(seed.id, "function_task", text),
                parent_id=seed.id,
                seed_id=seed.id,
                concepts=[],
                category=CATEGORY,
                difficulty=DIFFICULTY,
                language=LANGUAGE,
                instruction=text,
                exemplar_set=0,
            )
        )
    return result


def signature(code: str) -> str | None:
    """Return the signature of the function at the end of a seed's code, such as `clamp(x: float, low=0.0) -> float`.

    Args:
        code: imports, then one function.
    """
    function = next(reversed(statements_of(code)), None)
    if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
        return None
    returns = f" -> {ast.unparse(function.returns)}" if function.returns else ""
    return f"{function.name}({ast.unparse(function.args)}){returns}"


def stub(code: str) -> str | None:
    """Return a seed's code up to the end of the docstring of its function, or None if there is no such docstring.

    Args:
        code: imports, then one function.
    """
    function = next(reversed(statements_of(code)), None)
    if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) or ast.get_docstring(function) is None:
        return None
    return "\n".join(code.split("\n")[: function.body[0].end_lineno])
