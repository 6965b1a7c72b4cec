"""One row of a dataset as a source file, whatever its columns are called."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from selfcodealign.seeds.licences import PermittedLicences, licence_from_names
from selfcodealign.seeds.reading import UnreadableError, check_text, is_generated, reason_to_skip
from selfcodealign.seeds.reasons import CollectReason
from selfcodealign.seeds.sources.source import Origin, Skipped, SourceFile, SourceKind

# The names under which public code datasets (The Stack v1 and v2, CodeParrot, StarCoder data) keep the same thing.
TEXT_COLUMNS = ("content", "code", "text")
LICENCE_COLUMNS = ("license", "licence", "licenses", "detected_licenses", "max_stars_repo_licenses")
_PACKAGE_COLUMNS = ("package", "repo_name", "repository_name", "max_stars_repo_name", "repo")
_VERSION_COLUMNS = ("version", "revision_id", "revision", "commit", "max_stars_repo_head_hexsha")
_FILE_COLUMNS = ("file", "path", "file_path", "max_stars_repo_path")


@dataclass(frozen=True, slots=True, kw_only=True)
class RowReader:
    """Reads the rows of one dataset.

    Attributes:
        source: kind of source.
        dataset: name of the dataset, used where a row names no package.
        version: revision of the dataset, used where a row names no version.
        text_columns: columns that may hold the source; the first one present counts.
        licence_columns: columns that may hold the licence or licences.
        assumed_licence: SPDX expression for rows without one; None drops them.
        permitted: licences that may be used.
    """

    source: SourceKind
    dataset: str
    version: str
    text_columns: Sequence[str]
    licence_columns: Sequence[str]
    assumed_licence: str | None
    permitted: PermittedLicences

    def read(self, row: Mapping[str, Any], number: int, address: str) -> SourceFile | Skipped:
        """One row as a file, or why not.

        Args:
            row: values by column.
            number: position of the row, counted from 1.
            address: where the row can be found again, for lineage.
        """
        package = _first_text(row, _PACKAGE_COLUMNS) or self.dataset
        version = _first_text(row, _VERSION_COLUMNS) or self.version
        file = _first_text(row, _FILE_COLUMNS).lstrip("/") or f"row {number}"
        licence = self._licence(row)
        try:
            if licence is None:
                raise UnreadableError(CollectReason.LICENCE_UNKNOWN)
            if not self.permitted.permits(licence):
                raise UnreadableError(CollectReason.LICENCE_NOT_PERMITTED, licence)
            text = self._text(row, file)
        except UnreadableError as error:
            return Skipped(
                scope="file",
                package=package,
                version=version,
                file=file,
                reason=error.reason,
                detail=f"{address} {error.detail}".strip(),
            )
        origin = Origin(source=self.source, package=package, version=version, licence=licence)
        return SourceFile(origin=origin, file=file, path=address, text=text)

    def _text(self, row: Mapping[str, Any], file: str) -> str:
        reason = reason_to_skip(file)
        if reason is not None:
            raise UnreadableError(reason)
        text = next((row[name] for name in self.text_columns if isinstance(row.get(name), str)), None)
        if text is None:
            raise UnreadableError(CollectReason.BAD_ROW, f"no text in column {', '.join(self.text_columns)}")
        checked = check_text(text)
        if is_generated(checked):
            raise UnreadableError(CollectReason.GENERATED)
        return checked

    def _licence(self, row: Mapping[str, Any]) -> str | None:
        for name in self.licence_columns:
            value = row.get(name)
            names = [value] if isinstance(value, str) else value
            if isinstance(names, (list, tuple)) and names:
                return licence_from_names([str(entry) for entry in names])
        return self.assumed_licence


def _first_text(row: Mapping[str, Any], names: Sequence[str]) -> str:
    """The first non-empty text among some columns, on one line and valid UTF-8; empty if there is none."""
    for name in names:
        value = row.get(name)
        if isinstance(value, str) and value.strip():
            return " ".join(value.encode("utf-8", "backslashreplace").decode("utf-8").split())
    return ""
