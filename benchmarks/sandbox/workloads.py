"""The programs that are measured: the exemplars as they are, and mixed ones."""

import ast
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from selfcodealign.generation import Exemplar, as_program, load_exemplars
from selfcodealign.sandbox import Limits, Program
from selfcodealign.sandbox.inside.execution import parse
from selfcodealign.sandbox.inside.purity import is_pure
from selfcodealign.sandbox.inside.syntax import Syntax

MIXED_TIMEOUT_S = 2.0
MEMORY_MIB = 512
SHARE_TIMEOUTS = 0.10
SHARE_HOGS = 0.05
SHARE_FAILING = 0.15  # of the rest: as many as a model that is not bad at the task


@dataclass(frozen=True, slots=True)
class Workload:
    """Programs that are measured together.

    Attributes:
        name: for tables.
        limits: what each program may use, in every system.
        programs: the programs; each id starts with its kind and a colon.
    """

    name: str
    limits: Limits
    programs: tuple[Program, ...]

    def dealt(self, num_parts: int) -> list[tuple[Program, ...]]:
        """The programs dealt into parts that have the same share of each kind."""
        ordered = self._by_kind()
        return [self._as_they_came(ordered[part::num_parts]) for part in range(num_parts)]

    def sample(self, count: int) -> tuple[Program, ...]:
        """A part of the workload with the same share of each kind, for systems that are too slow for all of it."""
        ordered = self._by_kind()
        count = min(count, len(ordered))
        return self._as_they_came([ordered[(2 * place + 1) * len(ordered) // (2 * count)] for place in range(count)])

    def _by_kind(self) -> list[int]:
        return sorted(range(len(self.programs)), key=lambda index: kind(self.programs[index]))  # stable

    def _as_they_came(self, indices: Sequence[int]) -> tuple[Program, ...]:
        return tuple(self.programs[index] for index in sorted(indices))


def kind(program: Program) -> str:
    """The kind of a program: `exemplar`, `failing`, `busy`, `asleep` or `hog`."""
    return program.id.partition(":")[0]


def num_pure(programs: Sequence[Program]) -> int:
    """How many of the programs are pure: their counterfactual copies run in the process of the program."""
    pure = 0
    for program in programs:
        try:
            tree, _ = parse(program.source)
        except RecursionError:
            continue
        pure += tree is None or is_pure(Syntax(tree))
    return pure


def exemplars(num_copies: int) -> Workload:
    """Every exemplar with its tests, so many times over."""
    programs = [
        Program(f"exemplar:{exemplar.name}-{copy}", as_program(exemplar.code, exemplar.tests))
        for copy in range(num_copies)
        for exemplar in load_exemplars()
    ]
    return Workload("exemplars", Limits(memory_mib=MEMORY_MIB), tuple(programs))


def mixed(count: int, seed: int = 0) -> Workload:
    """Distinct programs as a run of a model makes them: most pass, some fail, some never end, some eat memory.

    Args:
        count: number of programs; 10 % time out (half of them busy, half asleep), 5 % eat memory.
        seed: decides which, and their order.
    """
    draw = random.Random(seed)  # noqa: S311 - no secret
    num_slow = round(count * SHARE_TIMEOUTS)
    num_hogs = round(count * SHARE_HOGS)
    num_failing = round((count - num_slow - num_hogs) * SHARE_FAILING)
    makers: list[tuple[str, Callable[[Exemplar, int], str]]] = []
    makers += [("busy", _busy)] * (num_slow // 2) + [("asleep", _asleep)] * (num_slow - num_slow // 2)
    makers += [("hog", _hog)] * num_hogs + [("failing", _failing)] * num_failing
    makers += [("exemplar", variant)] * (count - len(makers))
    draw.shuffle(makers)
    known = load_exemplars()
    programs = [
        Program(f"{name}:{number}", make(known[number % len(known)], number))
        for number, (name, make) in enumerate(makers)
    ]
    return Workload("mixed", Limits(timeout_s=MIXED_TIMEOUT_S, memory_mib=MEMORY_MIB), tuple(programs))


def variants(count: int) -> list[Program]:
    """Distinct programs that all end by themselves: exemplars, every seventh with a failing assertion."""
    known = load_exemplars()
    programs = []
    for number in range(count):
        name, make = ("failing", _failing) if number % 7 == 6 else ("exemplar", variant)
        programs.append(Program(f"{name}:{number}", make(known[number % len(known)], number)))
    return programs


def variant(exemplar: Exemplar, number: int) -> str:
    """An exemplar under other names, with a constant and an assertion of its own."""
    code, tests = _renamed(exemplar, number)
    return as_program(f"{code}\n\n\nVARIANT_{number} = {number}", f"{tests}\nassert VARIANT_{number} == {number}")


def _renamed(exemplar: Exemplar, number: int) -> tuple[str, str]:
    code, tests = exemplar.code, exemplar.tests
    for node in ast.parse(code).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            name = re.compile(rf"\b{node.name}\b")
            code, tests = (name.sub(f"{node.name}_{number}", text) for text in (code, tests))
    return code, tests


def _failing(exemplar: Exemplar, number: int) -> str:
    return variant(exemplar, number).rstrip() + f" + {1 + number % 3}\n"


def _busy(exemplar: Exemplar, number: int) -> str:
    code, tests = _renamed(exemplar, number)
    loop = f"def count_{number}():\n    total = {number}\n    while total >= 0:\n        total += 1\n    return total"
    return as_program(f"{code}\n\n\n{loop}", f"assert count_{number}() == 0\n{tests}")


def _asleep(exemplar: Exemplar, number: int) -> str:
    code, tests = _renamed(exemplar, number)
    wait = f"import time\n\n\ndef wait_{number}():\n    time.sleep({1000 + number})\n    return True"
    return as_program(f"{code}\n\n\n{wait}", f"assert wait_{number}()\n{tests}")


def _hog(exemplar: Exemplar, number: int) -> str:
    code, tests = _renamed(exemplar, number)
    # Touched, not only reserved, and without end: the limit has to stop it.
    hoard = f"def hoard_{number}():\n    kept = []\n    while True:\n        kept.append(b'{number % 10}' * 10**7)"
    return as_program(f"{code}\n\n\n{hoard}", f"assert hoard_{number}()\n{tests}")
