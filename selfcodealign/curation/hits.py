"""Benchmark hits as a file of their own."""

import json
from collections.abc import Sequence
from pathlib import Path

from selfcodealign.curation.decontamination import Hit
from selfcodealign.files import write_text


def write_hits(path: Path, hits: Sequence[Hit]) -> None:
    """Write benchmark hits as JSON lines: `{"id", "benchmark", "task_id", "how", "matched"}`.

    Raises:
        InputError: the file cannot be written.
    """
    write_text(path, "".join(json.dumps(hit_row(hit)) + "\n" for hit in hits))


def hit_row(hit: Hit) -> dict[str, str]:
    """A hit as a JSON object."""
    return {
        "id": hit.id,
        "benchmark": hit.benchmark,
        "task_id": hit.task_id,
        "how": hit.how.value,
        "matched": hit.matched,
    }
