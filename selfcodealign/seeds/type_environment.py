"""Digest of what determines the type errors of a program besides its text: the checker and the imported packages."""

import ast
import importlib.metadata
from collections.abc import Iterable, Iterator, Mapping

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from selfcodealign.params import TypeCheckerName
from selfcodealign.program_text import statements_of
from selfcodealign.records import row_id
from selfcodealign.seeds.type_checkers import PYTHON_VERSION, TYPE_CHECKERS

# Stub packages: those that contain only the types of another package.
STUB_NAMES = ("types-{}", "{}-stubs")


class TypeEnvironment:
    """Digests of everything besides a program's text that determines its type errors.

    These are the checker with its version and settings, Python's minor version, and the installed versions of the
    packages that the program imports, of their stubs, and of the packages that they require. Other packages do not
    affect the digest.

    Args:
        checker: the type checker.
    """

    def __init__(self, checker: TypeCheckerName) -> None:
        self._installed = _installed()
        tool = TYPE_CHECKERS[checker]
        self._checker = (checker, self._version(tool.module), tool.settings, PYTHON_VERSION)
        self._providers = importlib.metadata.packages_distributions()
        self._versions_by_import: dict[str, frozenset[str]] = {}

    def of(self, program: str) -> str:
        """Return the digest for one program.

        Args:
            program: its source text. A program that does not parse has errors whatever it imports.
        """
        found: set[str] = set()
        for name in imported_packages(program):
            if name not in self._versions_by_import:
                self._versions_by_import[name] = frozenset(self._versions(name))
            found |= self._versions_by_import[name]
        return row_id(*self._checker, *sorted(found))

    def _versions(self, name: str) -> Iterator[str]:
        """Yield `package==version` for each package that a top-level module takes types from."""
        pending = [*self._providers.get(name, ()), *(stub.format(name) for stub in STUB_NAMES)]
        seen: set[str] = set()
        while pending:
            package = canonicalize_name(pending.pop())
            if package in seen or package not in self._installed:
                continue
            seen.add(package)
            yield f"{package}=={self._version(package)}"
            pending += _required(self._installed[package].requires or ())
            pending += [stub.format(package) for stub in STUB_NAMES]

    def _version(self, package: str) -> str:
        found = self._installed.get(canonicalize_name(package))
        return found.version if found else ""


def imported_packages(program: str) -> set[str]:
    """Return the top-level names of all absolute imports of a program; empty if it does not parse."""
    names: set[str] = set()
    for node in (part for statement in statements_of(program) for part in ast.walk(statement)):
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


def _installed() -> Mapping[str, importlib.metadata.Distribution]:
    found: dict[str, importlib.metadata.Distribution] = {}
    for one in importlib.metadata.distributions():
        # Python imports the first of two installed copies. A broken installation may have no name.
        if one.metadata and one.name:
            found.setdefault(canonicalize_name(one.name), one)
    return found


def _required(requirements: Iterable[str]) -> Iterator[str]:
    """Yield the names of the requirements that apply on this machine, without extras."""
    for text in requirements:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield requirement.name
