"""Mutants of a piece of code: copies with one small fault each, which good tests should notice.

The code is parsed and edited, never executed. What says nothing about behaviour is left alone: docstrings, annotations,
decorators, imports, `__repr__`, printing and logging, the texts of exceptions, `if __name__ == "__main__"`, names such
as `__all__`, and what stands behind a `return`. A mutant whose syntax tree is that of the code or of another mutant is
no mutant. An equivalent mutant (other text, same behaviour) cannot be told in general: a score of 1.0 is not always
within reach, and scores are to be compared rather than read as absolutes.

Source: DeMillo, Lipton, Sayward, "Hints on test data selection: help for the practicing programmer" (1978).
"""

import ast
from dataclasses import dataclass

from selfcodealign.records import derived_seed
from selfcodealign.sandbox.mutation_operators import Change, MutantKind, changes
from selfcodealign.sandbox.source_edits import Edit, SourceText, UnreadableCodeError, as_text, parsed

# Drawn changes that are tried for each mutant asked for: some have no form in their place, or give no new program.
TRIES_PER_MUTANT = 3
SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Mutant:
    """Code with one fault.

    Attributes:
        kind: what was changed.
        line: where, counted from 1.
        change: what stood there and what stands there now, one line.
        code: the whole code.
    """

    kind: MutantKind
    line: int
    change: str
    code: str


def make_mutants(code: str, *, max_mutants: int, seed: int) -> list[Mutant]:
    """Mutants of some code: all there are, or a sample of them.

    Args:
        code: Python source, without its tests.
        max_mutants: how many at most.
        seed: decides the sample; a larger sample contains the smaller ones.

    Returns:
        Mutants in drawn order: each parses, and no two are the same program. Empty if there is nothing to change.

    Raises:
        UnreadableCodeError: the code cannot be parsed, is too deep for it, or is longer than 32 KiB.
    """
    source = SourceText(code)
    try:
        numbered = enumerate(changes(source.tree))
        drawn = [change for _, change in sorted(numbered, key=lambda item: derived_seed(seed, "mutant", item[0]))]
        known: dict[int, set[str | None]] = {}
        mutants: list[Mutant] = []
        for change in drawn[: TRIES_PER_MUTANT * max_mutants]:
            if len(mutants) == max_mutants:
                break
            mutant = _mutant(source, change, known)
            mutants += [mutant] if mutant is not None else []
    except RecursionError as error:
        raise UnreadableCodeError("RecursionError: too deep to be walked") from error
    return mutants


def _mutant(source: SourceText, change: Change, known: dict[int, set[str | None]]) -> Mutant | None:
    """The code with a change, if that is a program, and none of the known ones.

    A change concerns one top-level statement. Known are, by the place of that, its syntax trees in the code and in the
    mutants so far; the new one is added.
    """
    place = change.f_string or change.place
    text = _text(source, change)
    if text is None:
        return None
    edit = Edit(*source.span(place), text)
    start, end = source.top_statement(place)
    if start not in known:
        known[start] = {_tree(source.edited([], start, end))}
    tree = _tree(source.edited([edit], start, end)) if None not in known[start] else None
    if tree is None or tree in known[start]:
        return None
    known[start].add(tree)
    shown = f"`{_short(source.text(place))}` -> `{_short(text)}`"
    return Mutant(change.kind, place.lineno, shown, source.edited([edit]))


def _tree(statement: str) -> str | None:
    """The syntax tree of a statement as text; None if it has none: a change that has no form there, as `case +1:`."""
    try:
        return as_text(parsed(statement))
    except UnreadableCodeError:
        return None


def _text(source: SourceText, change: Change) -> str | None:
    """What stands in the place of a change then; None if it cannot be printed."""
    if change.f_string is not None:
        # Before Python 3.12 the parts of an f-string have no position: it is printed anew as a whole.
        return _printed(change.f_string, change)
    if change.kind is MutantKind.STATEMENT:
        return "pass"
    if change.kind is MutantKind.CONDITION:
        return f"not ({source.text(change.place)})"
    text = _printed(change.place, change)
    is_operation = isinstance(change.place, ast.expr) and not isinstance(change.place, ast.Constant)
    return f"({text})" if is_operation and text is not None else text


def _printed(node: ast.AST, change: Change) -> str | None:
    before = getattr(change.node, change.field)
    setattr(change.node, change.field, change.value)
    try:
        return ast.unparse(node)
    except ValueError:  # an f-string with a backslash, before Python 3.12; a number of thousands of digits
        return None
    finally:
        setattr(change.node, change.field, before)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN_CHARACTERS else f"{line[: SHOWN_CHARACTERS - 3]}..."
