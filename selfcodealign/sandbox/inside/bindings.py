"""What names in the tests are bound to: code under test that reads one of them may know what the tests expect."""

import ast
from collections.abc import Sequence


def find_bindings(blocks: Sequence[list[ast.stmt]]) -> dict[str, list[list[ast.expr]]]:
    """What names are bound to in the statements of the tests.

    Args:
        blocks: every list of statements of the tests.

    Returns:
        For each name its bindings, each a list of values: one for an assignment, one per row for a loop over a literal,
        none for what is not known.
    """
    found: dict[str, list[list[ast.expr]]] = {}
    assigned: dict[str, ast.expr] = {}
    for statement in [statement for block in blocks for statement in block]:
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target = statement.targets[0]
            if isinstance(target, ast.Name):
                found.setdefault(target.id, []).append([statement.value])
                assigned[target.id] = statement.value
        elif isinstance(statement, (ast.For, ast.AsyncFor)):
            rows = assigned.get(statement.iter.id) if isinstance(statement.iter, ast.Name) else statement.iter
            for name, place in _places(statement.target):
                found.setdefault(name, []).append(_column(rows, place))
    return found


def _places(target: ast.expr) -> list[tuple[str, int]]:
    """Names of a loop's target with their places in it; -1 for the whole."""
    if isinstance(target, ast.Name):
        return [(target.id, -1)]
    items = target.elts if isinstance(target, (ast.Tuple, ast.List)) else []
    return [(item.id, place) for place, item in enumerate(items) if isinstance(item, ast.Name)]


def _column(rows: ast.expr | None, place: int) -> list[ast.expr]:
    """The values that a loop over a literal binds a name to; empty if it is none."""
    values: list[ast.expr] = []
    for row in rows.elts if isinstance(rows, (ast.List, ast.Tuple)) else []:
        if place < 0:
            values.append(row)
        elif isinstance(row, (ast.Tuple, ast.List)) and place < len(row.elts):
            values.append(row.elts[place])
        else:
            return []
    return values
