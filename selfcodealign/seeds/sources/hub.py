"""A dataset on the Hugging Face Hub, streamed: The Stack, or any with a column of source text.

The Stack v1 has text and licences in its rows. The Stack v2 has licences and addresses of files; it is read once its
text has been downloaded into a `content` column, and refused in one line before.
"""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from selfcodealign.errors import InputError, PrerequisiteError
from selfcodealign.seeds.licences import PermittedLicences
from selfcodealign.seeds.sources.rows import LICENCE_COLUMNS, RowReader
from selfcodealign.seeds.sources.source import Skipped, SourceFile

UNKNOWN_REVISION = "unknown"
# The Stack v2 names files by their id in Software Heritage; its "ids" form has a repository a row, with a list `files`.
_ADDRESS_COLUMNS = frozenset({"blob_id", "files"})


class HubFiles:
    """The rows of a Hub dataset (or of a local folder in a form that `datasets` reads), streamed in its order."""

    def __init__(
        self,
        name: str,
        permitted: PermittedLicences,
        *,
        subset: str | None = None,
        split: str = "train",
        revision: str | None = None,
        text_column: str = "content",
        licence_column: str | None = None,
        assumed_licence: str | None = None,
        max_files: int | None = None,
    ) -> None:
        """Name the dataset.

        Args:
            name: such as `bigcode/the-stack-dedup`.
            permitted: licences that may be used.
            subset: configuration, or data folder if it has a slash, such as `data/python`.
            split: split to stream.
            revision: commit, branch or tag; None is the newest, whose commit becomes the seeds' version.
            text_column: column with the source text.
            licence_column: column with the licence or licences; None tries the usual names.
            assumed_licence: SPDX expression of rows without a licence; None drops them.
            max_files: rows to read; None reads all.
        """
        self._name = name
        self._permitted = permitted
        self._subset = subset
        self._split = split
        self._revision = revision
        self._text_column = text_column
        self._licence_column = licence_column
        self._assumed_licence = assumed_licence
        self._max_files = max_files

    def __iter__(self) -> Iterator[SourceFile | Skipped]:
        """Yield the rows in the order of the dataset.

        Raises:
            PrerequisiteError: the Hub cannot be reached.
            InputError: there is no such dataset, subset, split or column.
        """
        rows = self._rows()
        reader = RowReader(
            source="hub",
            dataset=self._name,
            version=self._commit(),
            text_columns=(self._text_column,),
            licence_columns=LICENCE_COLUMNS if self._licence_column is None else (self._licence_column,),
            assumed_licence=self._assumed_licence,
            permitted=self._permitted,
        )
        for number, row in enumerate(itertools.islice(rows, self._max_files), start=1):
            if number == 1 and self._text_column not in row:
                raise self._without_text(row)
            yield reader.read(row, number, f"{self._name}/{self._subset or self._split}#{number}")

    def _without_text(self, row: Mapping[str, Any]) -> InputError:
        if not _ADDRESS_COLUMNS.isdisjoint(row):
            return InputError(
                f"collect_seeds.hub.name: {self._name} holds the addresses of files (blob_id) and not their text; "
                "download them as its card says, and name the result under collect_seeds.files or here"
            )
        return InputError(
            f"collect_seeds.hub.text_column: {self._name} has no column {self._text_column!r}, "
            f"but {', '.join(sorted(row))}"
        )

    def _rows(self) -> Iterator[dict[str, Any]]:
        """The rows, with every failure of the network turned into one line."""
        import datasets
        import httpx

        where = {"data_dir": self._subset} if self._subset and "/" in self._subset else {"name": self._subset}
        try:
            dataset = datasets.load_dataset(
                self._name, **where, split=self._split, revision=self._revision, streaming=True
            )
            yield from dataset
        except datasets.exceptions.DatasetNotFoundError as error:
            raise InputError(
                f"collect_seeds.hub.name: {self._name} is not on the Hub or needs access: "
                "mend the name, or accept its terms and run `hf auth login`"
            ) from error
        except (httpx.HTTPError, OSError) as error:
            raise PrerequisiteError(
                f"the dataset {self._name} cannot be reached ({_first_line(error)}); connect to the network, "
                "or use collect_seeds.python, folders or files instead"
            ) from error
        except (ValueError, datasets.exceptions.DatasetsError) as error:
            raise InputError(f"collect_seeds.hub: {self._name}: {_first_line(error)}") from error

    def _commit(self) -> str:
        import httpx
        from huggingface_hub import HfApi

        try:
            return HfApi().dataset_info(self._name, revision=self._revision, timeout=30).sha or UNKNOWN_REVISION
        except (httpx.HTTPError, OSError, ValueError):
            return self._revision or UNKNOWN_REVISION  # a local folder, say


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
