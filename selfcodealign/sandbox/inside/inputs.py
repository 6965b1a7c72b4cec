"""What the tests give to the code: an expected value may be an input that the code has changed in place."""

import ast
from collections.abc import Iterator, Sequence

from selfcodealign.sandbox.inside.parts import Parts
from selfcodealign.sandbox.inside.sites import Site, call_of, subject_of, test_nodes, touches
from selfcodealign.sandbox.inside.syntax import flat


def given_inputs(parts: Parts) -> Iterator[tuple[list[ast.expr], int, ast.Name]]:
    """Names that the tests pass to the code, each with the list of arguments that holds it and its index there."""
    for node in test_nodes(parts):
        if isinstance(node, ast.Call) and touches(node.func, parts.names):
            for place, argument in enumerate(node.args):
                if isinstance(argument, ast.Name) and argument.id not in parts.names:
                    yield node.args, place, argument


def compares_inputs(parts: Parts, sites: Sequence[Site]) -> bool:
    """Whether an assertion compares something with a name that was given to the code, or with another name of it."""
    given = {name.id for _, _, name in given_inputs(parts)}
    for node in test_nodes(parts):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name):
            names = {target.id for target in node.targets if isinstance(target, ast.Name)} | {node.value.id}
            given |= names if names & given else set()
    return any(
        isinstance(side, ast.Name) and side.id in given
        for site in sites
        if site.is_about_code
        for side in _sides(site, parts)
    )


def _sides(site: Site, parts: Parts) -> list[ast.expr]:
    """The values that an assertion compares: operands, or arguments of a testing helper."""
    subject = subject_of(site.statement, parts)
    call = call_of(site.statement)
    if call is not None:
        return [*call.args, *[keyword.value for keyword in call.keywords]]
    compares = [node for node in flat(subject) if isinstance(node, ast.Compare)] if subject is not None else []
    return [side for compare in compares for side in (compare.left, *compare.comparators)]
