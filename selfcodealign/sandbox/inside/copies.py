"""Counterfactual copies of a program: its code broken, an expected value made wrong, or failures made fatal.

Each copy is made by editing the syntax tree in place; `undo` gives the program back. Names that the copies use are
drawn anew for each process and stand in `builtins`, so that a copy also runs from a file.
"""

import ast
import builtins

from selfcodealign.sandbox.inside.broken import CodeBreaker
from selfcodealign.sandbox.inside.edits import Edits, Names, make_call, statement
from selfcodealign.sandbox.inside.expectations import Expectations
from selfcodealign.sandbox.inside.inputs import compares_inputs, given_inputs
from selfcodealign.sandbox.inside.judgement import ALL
from selfcodealign.sandbox.inside.parts import Parts
from selfcodealign.sandbox.inside.sites import Site, find_sites
from selfcodealign.sandbox.inside.suppression import suppressed_blocks, suppressed_kinds

BUILTINS = frozenset(dir(builtins))


class Copies:
    """Makes copies of one program.

    Args:
        source: its text.
        tree: the same, parsed; it is changed while a copy is in use.
        parts: its code and its tests.
        names: for what the copies call.

    Attributes:
        sites: the assertions of the tests.
    """

    def __init__(self, source: str, tree: ast.Module, parts: Parts, names: Names) -> None:
        self._source = source
        self._tree = tree
        self._parts = parts
        self._names = names
        self._edits = Edits()
        self._breaker = CodeBreaker(parts, names, self._edits)
        self._expectations = Expectations(tree, parts, names, self._edits)
        self.sites = list(find_sites(tree, parts))

    def undo(self) -> None:
        """Give the program back as it was."""
        self._edits.undo()

    @property
    def can_break(self) -> bool:
        """Whether there is code to break."""
        return bool(self._parts.code or self._parts.assignments)

    @property
    def shadows(self) -> bool:
        """Whether the code defines, beside other code, what the tests take for builtins: `len`, `sorted`, `all`."""
        return bool(self._parts.names & BUILTINS) and bool(self._parts.names - BUILTINS)

    @property
    def num_leaves(self) -> int:
        """How many values the assertion whose expected value was made wrong last expects; see `Facts.sites`."""
        count = self._expectations.num_leaves
        return -count if self._expectations.makes_object else count

    def text(self) -> str:
        """The source with the literals that the copy has; a program that reads its own source finds these."""
        lines = self._source.encode("utf-8", "surrogatepass").splitlines(keepends=True)
        for node, text in sorted(
            self._edits.texts, key=lambda edit: (edit[0].lineno, edit[0].col_offset), reverse=True
        ):
            first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
            before, after = lines[first][: node.col_offset], lines[last][node.end_col_offset :]
            lines[first : last + 1] = [before + text.encode() + after, *[b"\n"] * (last - first)]
        return b"".join(lines).decode("utf-8", "surrogatepass")

    @property
    def has_only_literals(self) -> bool:
        """Whether the copy differs from the program in literals alone, all of which `text` has."""
        return len(self._edits) == len(self._edits.texts) > 0

    @property
    def has_hashed(self) -> bool:
        """Whether that assertion expects sets or dicts, in which values are found by their hash."""
        return self._expectations.has_hashed

    @property
    def is_independent(self) -> bool:
        """Whether what that assertion expects does not come from the code itself."""
        return self._expectations.is_independent

    @property
    def compares_inputs(self) -> bool:
        """Whether an assertion expects what was given to the code, which may have changed it."""
        return compares_inputs(self._parts, self.sites)

    def break_code(self, *, with_init: bool = False, keep: frozenset[str] = frozenset(), spoils: bool = False) -> None:
        """All code under test gives wrong results; see `CodeBreaker.break_code`."""
        self._breaker.break_code(with_init=with_init, keep=keep, spoils=spoils)

    def refresh_inputs(self) -> None:
        """Give the code copies of its inputs, so that what it changes in place is seen in its results alone."""
        for arguments, place, name in list(given_inputs(self._parts)):
            self._edits.put(arguments, place, make_call(self._names.fresh, name))

    def expect_wrong(self, site: Site, leaf: int = ALL) -> bool:
        """Make the expected value of an assertion wrong; see `Expectations.expect_wrong`."""
        return self._expectations.expect_wrong(site, leaf)

    def expect_other_output(self) -> None:
        """Make the expected output of every doctest wrong."""
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and ">>>" in node.value:
                self._edits.set(node, "value", _other_output(node.value))

    def fail(self, site: Site) -> None:
        """Make an assertion fail whatever it says."""
        self._edits.put(site.block, site.index, statement("raise AssertionError", site.statement))

    def fail_all(self) -> None:
        """Make every assertion about the code fail."""
        for site in self.sites:
            if site.is_about_code:
                self.fail(site)

    def mute(self) -> None:
        """Leave out every assertion about the code, and suppress what its context managers have to suppress."""
        for site in self.sites:
            if site.is_about_code:
                self._edits.put(site.block, site.index, ast.copy_location(ast.Pass(), site.statement))
        for block in suppressed_blocks(self._parts) if self.sites else []:
            text = f"try:\n    pass\nexcept {suppressed_kinds(block)}:\n    pass"
            guarded = statement(text, block)
            guarded.body = block.body
            self._edits.set(block, "body", [guarded])

    def harden(self) -> None:
        """Make failures of the tests fatal where they could be caught."""
        by_block: dict[int, list[Site]] = {}
        for site in self.sites:
            if site.is_about_code:
                by_block.setdefault(id(site.block), []).append(site)
        for sites in by_block.values():
            for site in sites:
                text = f"try:\n    pass\nexcept BaseException:\n    {self._names.fatal}()\n    raise"
                guarded = statement(text, site.statement)
                guarded.body = [_without_message(site.statement)]
                self._edits.put(site.block, site.index, guarded)


def _without_message(statement: ast.stmt) -> ast.stmt:
    """An assertion's message may raise, or wait for ever, before the failure is known."""
    if not isinstance(statement, ast.Assert):
        return statement
    return ast.copy_location(ast.Assert(test=statement.test, msg=None), statement)


def _other_output(docstring: str) -> str:
    lines, is_output = [], False
    for line in docstring.split("\n"):
        is_source = line.lstrip().startswith((">>>", "..."))
        is_output = bool(line.strip()) and (is_output or is_source)
        lines.append(line if is_source or not is_output else f"{line} wrong")
    return "\n".join(lines)
