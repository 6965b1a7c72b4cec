"""A program in the process that was forked for it: parsed once, run as it is or as one of its copies."""

import ast
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from selfcodealign.sandbox.inside.copies import BUILTINS, Copies
from selfcodealign.sandbox.inside.edits import Names
from selfcodealign.sandbox.inside.execution import FILENAME, Ending, compiled, execute, parse
from selfcodealign.sandbox.inside.judgement import Copy, Facts, Judgement, SiteFacts, judge
from selfcodealign.sandbox.inside.listeners import Listeners
from selfcodealign.sandbox.inside.parts import Parts
from selfcodealign.sandbox.inside.purity import alters_code, is_pure, is_rigged, tampers
from selfcodealign.sandbox.inside.syntax import Syntax, flat

SWALLOWING = (ast.Try, ast.TryStar, ast.With, ast.AsyncWith, ast.AsyncFunctionDef)


@dataclass(frozen=True, slots=True)
class Compiled:
    """A program or a copy of it, ready to run.

    Attributes:
        source: its text, for tracebacks and `inspect`.
        code: its code; None if it does not compile.
        ending: how it ended, if it does not.
    """

    source: str
    code: types.CodeType | None
    ending: Ending

    def run(self, listeners: Listeners) -> Ending:
        """Run it in this process."""
        return self.ending if self.code is None else execute(self.source, self.code, listeners)


class PreparedProgram:
    """A program, parsed.

    Args:
        job: `source`, and `num_code_lines` if the caller knows how many lines are the code.

    Attributes:
        source: its text.
        ending: why it cannot run; `done` if it can.
        listeners: what hears of failures outside its main thread.
    """

    def __init__(self, job: dict[str, Any]) -> None:
        self.source = str(job["source"])
        self.listeners = Listeners()
        self._names = Names()
        self._tree, self.ending = parse(self.source)
        if self._tree is not None:
            self._parts = Parts(self._tree, int(job.get("num_code_lines") or 0))
            self._copies = Copies(self.source, self._tree, self._parts, self._names)

    def facts(self) -> Facts:
        """What is known of it before it runs. It must be parsed."""
        tree, copies, parts = self._parsed(), self._copies, self._parts
        syntax = Syntax(tree)
        is_plain = is_pure(syntax)
        rigs = is_rigged(syntax) or parts.reads_tests
        if not is_plain:
            rigs = rigs or not is_pure(Syntax(_code_alone(tree, parts))) or tampers(_tests_alone(parts))
        statements = [node for block in parts.blocks for node in block]
        sites = []
        for number, site in enumerate(copies.sites):
            if site.is_about_code:
                is_decisive = copies.expect_wrong(site)
                copies.undo()
                sites.append(
                    SiteFacts(
                        number=number,
                        line=site.statement.lineno,
                        is_decisive=is_decisive,
                        is_certain=site.is_certain,
                        num_leaves=copies.num_leaves,
                        has_hashed=copies.has_hashed,
                        is_independent=copies.is_independent,
                    )
                )
        return Facts(
            is_plain=is_plain,
            can_break=copies.can_break,
            shadows=copies.shadows,
            swallows=not is_plain or any(isinstance(node, SWALLOWING) for node in statements),
            rigs=rigs or any(site.is_about_code and site.is_delicate for site in copies.sites),
            has_doctests="doctest" in self.source and ">>>" in self.source,
            compares_inputs=copies.compares_inputs,
            alters_code=alters_code(syntax),
            sites=sites,
        )

    def compile(self, copy: Copy, on_swallowed: Callable[[], Any]) -> Compiled:
        """Compile it, or a copy of it, and make ready what that calls.

        Args:
            copy: which.
            on_swallowed: called when an assertion fails in a hardened copy.
        """
        tree, copies = self._parsed(), self._copies
        self._names.bind(copy.breaking or "unequal", on_swallowed)
        _edit(copies, copy)
        source = copies.text() if copies.has_only_literals else self.source
        if "__file__" in self.source or "spawn" in self.source:
            _write(source if copy.kind == "real" or copies.has_only_literals else ast.unparse(tree))
        code, ending = compiled(tree)
        copies.undo()
        return Compiled(source, code, ending)

    def judge_here(self, facts: Facts, *, has_exited: bool, tell: Callable[[Copy], None]) -> Judgement:
        """Run the copies in this process, which a plain program cannot have changed.

        Args:
            facts: of the program.
            has_exited: it ended by an exit.
            tell: told of each copy before it runs, so that one that never ends is known.
        """
        asked = judge(facts, has_exited=has_exited)
        swallowed: list[bool] = []
        try:
            copy = next(asked)
            while True:
                tell(copy)
                ending = self.compile(copy, lambda: swallowed.append(True)).run(self.listeners)
                copy = asked.send("swallowed" if swallowed else ending.status)
        except StopIteration as stop:
            judgement: Judgement = stop.value
            return judgement

    def exits(self) -> "Exits":
        """Where it may exit."""
        last = self._parsed().body[-1:]
        final = _lines(last[0]) if last else range(0)
        asserts = any(site.statement.lineno in final for site in self._copies.sites)
        return Exits(final, tuple(map(_lines, self._parts.code)), final_asserts=asserts)

    def _parsed(self) -> ast.Module:
        if self._tree is None:
            raise ValueError("the program cannot be parsed")
        return self._tree


class Exits:
    """Where a program may exit: in its last statement, and not out of the code under test.

    Args:
        final: lines of the last statement at the top level.
        code: lines of the code under test.
        final_asserts: the last statement holds assertions, which an exit in it may leave out.
    """

    def __init__(self, final: range, code: tuple[range, ...], *, final_asserts: bool) -> None:
        self._final = final
        self._code = code
        self._final_asserts = final_asserts

    def status(self, trail: tuple[int, ...]) -> str:
        """What an exit on the way over these lines is: `incomplete`, `done`, or `exited` where that is not sure."""
        if not trail or trail[0] not in self._final:
            return "incomplete"
        if [line for line in trail[1:] for lines in self._code if line in lines]:
            return "incomplete"
        return "exited" if self._final_asserts or len(trail) > 1 else "done"


def _lines(node: ast.expr | ast.stmt) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def _write(text: str) -> None:
    with open(FILENAME, "w", encoding="utf-8", errors="surrogatepass") as file:
        file.write(text)


def _edit(copies: Copies, copy: Copy) -> None:
    if copy.kind in {"break", "mute", "shadow", "spoil"}:
        keep = BUILTINS if copy.kind == "shadow" else frozenset()
        copies.break_code(with_init=copy.breaking == "nothing", keep=keep, spoils=copy.kind == "spoil")
    if copy.kind == "mute":
        copies.mute()
    elif copy.kind == "fresh":
        copies.refresh_inputs()
    elif copy.kind == "harden":
        copies.harden()
    elif copy.kind == "expect":
        copies.expect_wrong(copies.sites[copy.site], copy.leaf)
    elif copy.kind == "fail":
        copies.fail(copies.sites[copy.site])
    elif copy.kind == "fail_all":
        copies.fail_all()
    elif copy.kind == "doctest":
        copies.expect_other_output()


def _code_alone(tree: ast.Module, parts: Parts) -> ast.Module:
    """The code under test with the imports that it uses."""
    code = [node if isinstance(node, ast.stmt) else ast.Expr(value=node) for node in parts.code]
    used = {node.id for node in flat(*code) if isinstance(node, ast.Name)}
    imports: list[ast.stmt] = []
    for node in tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            bound = {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
            if bound & used or "*" in bound:
                imports.append(node)
    return ast.Module(body=[*imports, *code], type_ignores=[])


def _tests_alone(parts: Parts) -> Syntax:
    code = {id(node) for node in parts.code}
    return Syntax(ast.Module(body=[node for node in parts.blocks[0] if id(node) not in code], type_ignores=[]))


def remove_own_modules() -> None:
    """Take the sandbox's own modules out of `sys.modules`."""
    for name in [name for name in sys.modules if name.startswith("selfcodealign.")]:
        del sys.modules[name]
    sys.path.insert(0, "")
