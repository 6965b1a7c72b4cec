"""The samples of a benchmark task, read from a `results.json`."""

from collections.abc import Mapping
from typing import Any

from selfcodealign.evaluation import SampleResult, read_first_failure


def read_samples(results: Mapping[str, Any], task: str) -> list[SampleResult]:
    """The samples of one task under `eval`; rows that are not samples are skipped.

    Args:
        results: the whole file.
        task: id of the task.
    """
    verdicts = results.get("eval")
    rows = verdicts.get(task) if isinstance(verdicts, Mapping) else None
    return [
        SampleResult(
            row["solution"],
            row["base_status"],
            plus if isinstance(plus := row.get("plus_status"), str) else None,
            read_first_failure(row.get("first_failure")),
        )
        for row in (rows if isinstance(rows, list) else [])
        if isinstance(row, Mapping) and all(isinstance(row.get(name), str) for name in ("solution", "base_status"))
    ]
