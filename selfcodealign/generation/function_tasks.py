"""Tasks that request the function of a seed, made from its signature and docstring without a model.

The seed is a reference solution: its code computes the expected values of the tests (`sandbox/seed_tests.py`).
"""

import ast
from collections.abc import Iterable

from selfcodealign.generation.steps import LANGUAGE, StepResult
from selfcodealign.opened_answers import COMPLETION_REQUEST
from selfcodealign.program_text import statements_of
from selfcodealign.records import Dropped, Instruction, Seed, derived_seed, row_id

CATEGORY = "function"
# The difficulty of a seed's function is neither drawn nor measured.
DIFFICULTY = "unrated"


def function_tasks(seeds: Iterable[Seed], *, run_seed: int) -> StepResult[Instruction]:
    """Make one task per seed from its signature and docstring.

    A random half of the tasks requests the function in a sentence. The other half shows its imports, signature and
    docstring as code to complete, with the request that evaluation uses for HumanEval+.

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
        text = f"Write a Python function `{shown}`.\n\n{seed.docstring.strip()}"
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
    function = _last_function(code)
    if function is None:
        return None
    returns = f" -> {ast.unparse(function.returns)}" if function.returns else ""
    return f"{function.name}({ast.unparse(function.args)}){returns}"


def stub(code: str) -> str | None:
    """Return the imports, signature and docstring of a seed's function, or None if it does not have a docstring.

    Args:
        code: imports, then one function.
    """
    function = _last_function(code)
    if function is None or ast.get_docstring(function) is None:
        return None
    return "\n".join(code.split("\n")[: function.body[0].end_lineno])


def _last_function(code: str) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """The function that the code ends with."""
    last = next(reversed(statements_of(code)), None)
    return last if isinstance(last, ast.FunctionDef | ast.AsyncFunctionDef) else None
