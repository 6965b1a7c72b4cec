"""What the type errors of a program depend on besides its text: the checker, and the packages that it imports."""

import ast
import importlib.metadata
import re
from collections.abc import Iterable, Iterator, Mapping

from packaging.requirements import InvalidRequirement, Requirement

from selfcodealign.params import TypeCheckerName
from selfcodealign.records import row_id
from selfcodealign.seeds.type_checkers import PYTHON_VERSION, TYPE_CHECKERS

# Packages that hold nothing but the types of another one.
STUB_NAMES = ("types-{}", "{}-stubs")


class TypeEnvironment:
    """Digests of everything besides a program's text that decides its type errors.

    That is the checker with its version and settings, Python's minor version, and the installed versions of the
    packages that the program imports, with their stubs and, as types of one package come from others, with what those
    packages require. Other packages may come, go and change.
    """

    def __init__(self, checker: TypeCheckerName) -> None:
        """Look at what is installed now.

        Args:
            checker: which type checker.
        """
        self._installed = _installed()
        tool = TYPE_CHECKERS[checker]
        self._checker = (checker, self._version(tool.module), tool.settings, PYTHON_VERSION)
        self._providers = importlib.metadata.packages_distributions()
        self._versions_by_import: dict[str, frozenset[str]] = {}

    def of(self, program: str) -> str:
        """The digest for one program.

        Args:
            program: its source text. One that does not parse has errors whatever it imports.
        """
        found: set[str] = set()
        for name in imported_packages(program):
            if name not in self._versions_by_import:
                self._versions_by_import[name] = frozenset(self._versions(name))
            found |= self._versions_by_import[name]
        return row_id(*self._checker, *sorted(found))

    def _versions(self, name: str) -> Iterator[str]:
        """`package==version` of all that a top-level module's types come from."""
        pending = [*self._providers.get(name, ()), *(stub.format(name) for stub in STUB_NAMES)]
        seen: set[str] = set()
        while pending:
            package = _normalized(pending.pop())
            if package in seen or package not in self._installed:
                continue
            seen.add(package)
            yield f"{package}=={self._version(package)}"
            pending += _required(self._installed[package].requires or ())
            pending += [stub.format(package) for stub in STUB_NAMES]

    def _version(self, package: str) -> str:
        found = self._installed.get(_normalized(package))
        return found.version if found else ""


def imported_packages(program: str) -> set[str]:
    """The top-level names of all absolute imports of a program; empty if it does not parse."""
    try:
        tree = ast.parse(program)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


def _installed() -> Mapping[str, importlib.metadata.Distribution]:
    found: dict[str, importlib.metadata.Distribution] = {}
    for one in importlib.metadata.distributions():
        # Of a package that is found twice Python imports the first; a broken installation may have no name.
        if one.metadata and one.name:
            found.setdefault(_normalized(one.name), one)
    return found


def _required(requirements: Iterable[str]) -> Iterator[str]:
    """Names of the packages that hold on this machine, without extras."""
    for text in requirements:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield requirement.name


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
