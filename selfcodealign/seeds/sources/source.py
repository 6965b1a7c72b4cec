"""What every source of seeds yields, and the Protocol that makes it a source."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from selfcodealign.records import Dropped, row_id
from selfcodealign.seeds.reasons import CollectReason

SourceKind = Literal["python_package", "standard_library", "folder", "file", "hub"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where files come from, and under which terms."""

    source: SourceKind
    package: str
    version: str
    licence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """One readable Python file of permissive licence.

    Attributes:
        origin: package, version and licence.
        file: path inside the package, with forward slashes.
        path: path or address at which it was read.
        text: its decoded text, with a line feed as the only line end.
    """

    origin: Origin
    file: str
    path: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A package (or folder, or dataset), or a file, that a source refused, and why."""

    scope: Literal["package", "file"]
    package: str
    version: str
    file: str
    reason: CollectReason
    detail: str

    def dropped(self) -> Dropped:
        """The row that keeps this refusal."""
        name = f"{self.package} {self.version} {self.file}".strip()
        return Dropped(
            id=row_id(self.package, self.version, self.file, self.reason),
            parent_id="",
            reason=self.reason,
            detail=f"{name}: {self.detail}" if self.detail else name,
            text="",
        )


class Source(Protocol):
    """A source of Python files. Iterating it again gives the same items in the same order."""

    def __iter__(self) -> Iterator[SourceFile | Skipped]:
        """Yield readable files as they are found, and what was refused.

        Raises:
            InputError: the source itself is not what the user said (no such package, folder, file or dataset).
            PrerequisiteError: the machine cannot reach the source.
        """
        ...
