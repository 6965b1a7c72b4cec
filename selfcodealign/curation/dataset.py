"""The dataset as people get it: a folder with one Parquet file and a card, ready for `datasets.load_dataset`."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfcodealign.curation.croissant import CROISSANT_FILE, croissant, data_file
from selfcodealign.curation.decontamination import Hit
from selfcodealign.curation.summary import most_frequent
from selfcodealign.errors import InputError
from selfcodealign.files import write_text
from selfcodealign.records import Example, arrow_schema

EXAMPLES_FILE = "examples.parquet"
CARD_FILE = "README.md"
HITS_FILE = "decontamination.jsonl"
NAME = "SelfCodeAlign pairs"
DESCRIPTION = (
    "Coding tasks with one answer each, made by a model for its own fine-tuning: seed functions of permissively"
    " licensed packages became concepts, concepts became tasks, tasks became answers with tests, and the tests were run"
    " in a sandbox."
)
USE = """```python
from datasets import load_dataset

pairs = load_dataset("path/to/this/folder", split="train")
pairs[0]["messages"]  # [{"role": "user", ...}, {"role": "assistant", ...}]
```"""
USE_EMPTY = """No pair was selected. `datasets` makes no table of a split without rows; it streams one:

```python
from datasets import load_dataset

pairs = load_dataset("path/to/this/folder", split="train", streaming=True)
list(pairs)  # []
```"""
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
HUB_LICENCES = {
    "0bsd", "apache-2.0", "bsd-2-clause", "bsd-3-clause", "bsd-3-clause-clear", "bsl-1.0", "cc0-1.0", "isc", "mit",
    "ncsa", "postgresql", "unlicense", "wtfpl", "zlib",
}  # fmt: skip
"""Licence ids that the Hub's card validation knows; others are given as `other`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts:
    """What a dataset card tells beside the rows themselves.

    Attributes:
        funnel: step and rows that it gave, from seeds to pairs, in the order of the pipeline.
        dropped: dropped responses by reason.
        benchmarks: tasks that the rows were compared with, by benchmark.
        hits: what decontamination found and removed.
        absent_benchmarks: those that were asked for and could not be compared with, for want of their files.
        settings: the settings of the selection, by name.
    """

    funnel: Sequence[tuple[str, int]]
    dropped: Mapping[str, int]
    benchmarks: Mapping[str, int]
    hits: Sequence[Hit]
    settings: Mapping[str, object]
    absent_benchmarks: Sequence[str] = ()


def write_card(folder: Path, examples: Sequence[Example], facts: CardFacts) -> None:
    """Write the dataset card beside the examples that are already in the folder.

    Args:
        folder: the dataset's folder; it holds `examples.parquet`.
        examples: the rows of that file.
        facts: what the card tells beside them.

    Raises:
        InputError: the examples cannot be read, or the card cannot be written.
    """
    data = _read(folder / EXAMPLES_FILE)
    write_text(folder / CARD_FILE, f"---\n{_front_matter(examples, len(data))}---\n\n{_body(examples, facts, data)}")


def write_croissant(folder: Path, examples: Sequence[Example]) -> None:
    """Write the Croissant metadata of the examples that are already in the folder.

    Raises:
        InputError: the examples cannot be read, or the file cannot be written.
    """
    licences = sorted({example.licence for example in examples})
    file = data_file(EXAMPLES_FILE, _read(folder / EXAMPLES_FILE))
    described = croissant(NAME, DESCRIPTION, licences, [file], arrow_schema(Example))
    write_text(folder / CROISSANT_FILE, json.dumps(described, indent=2) + "\n")


def hub_licences(expressions: Sequence[str]) -> list[str]:
    """The licences in some SPDX expressions as ids of the Hub, sorted; unknown ones become `other`."""
    parts = (part for expression in expressions for part in re.split(r"\s+(?:AND|OR|WITH)\s+|[()]", expression))
    names = {part.strip().lower() for part in parts if part.strip()}
    return sorted({name if name in HUB_LICENCES else "other" for name in names})


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path} ({error.strerror}); run select_examples") from error


def _front_matter(examples: Sequence[Example], num_bytes: int) -> str:
    from datasets import Features
    from datasets.info import DatasetInfo, DatasetInfosDict
    from datasets.splits import SplitDict, SplitInfo
    from huggingface_hub import DatasetCardData

    splits = SplitDict()
    splits.add(SplitInfo(name="train", num_bytes=num_bytes, num_examples=len(examples)))
    info = DatasetInfo(
        features=Features.from_arrow_schema(arrow_schema(Example)),
        splits=splits,
        download_size=num_bytes,
        dataset_size=num_bytes,
    )
    size = next((name for limit, name in SIZES if len(examples) < limit), "n>1M")
    card = DatasetCardData(
        license=hub_licences([example.licence for example in examples]) or ["other"],
        language=["en"],
        pretty_name=NAME,
        size_categories=[size],
        task_categories=["text-generation"],
        tags=["code", "python", "instruction-tuning", "synthetic", "execution-filtered"],
        configs=[{"config_name": "default", "data_files": [{"split": "train", "path": EXAMPLES_FILE}]}],
    )
    DatasetInfosDict({"default": info}).to_dataset_card_data(card)
    return f"{card.to_yaml()}\n"


def _body(examples: Sequence[Example], facts: CardFacts, data: bytes) -> str:
    hits = most_frequent(f"{hit.benchmark}, {hit.how.value}" for hit in facts.hits)
    compared = ", ".join(f"{name} ({count} tasks)" for name, count in facts.benchmarks.items())
    absent = ", ".join(facts.absent_benchmarks)
    kinds = most_frequent(f"{example.category}, {example.difficulty}" for example in examples)
    sections = [
        f"# {NAME}",
        f"{len(examples)} pairs. {DESCRIPTION} Every row names the package, version, licence, file and lines that it"
        " goes back to.",
        USE if examples else USE_EMPTY,
        _section("Columns", ("column", "meaning"), _columns()),
        _section("From seeds to pairs", ("step", "rows"), facts.funnel),
        _section("Answers that were not kept", ("reason", "answers"), _ranked(facts.dropped)),
        _section("Pairs by kind of task", ("category, difficulty", "pairs"), kinds.items()),
        _section("Licences of the seeds", ("licence", "pairs"), most_frequent(row.licence for row in examples).items()),
        _section(
            "Packages of the seeds",
            ("package", "pairs"),
            most_frequent(f"{row.package} {row.version}" for row in examples).items(),
        ),
        "## Decontamination",
        f"Every answer that got so far was compared with {compared or 'no benchmark'}: sentences and lines of prompts, "
        f"bodies of solutions, word 10-grams, and syntax trees without names. {len({hit.id for hit in facts.hits})} "
        "answers were removed; `decontamination.jsonl` lists what each of them matched.",
        *([f"**Not compared**, for want of their files: {absent}."] if absent else []),
        *([_table(("benchmark, way", "hits"), hits.items())] if hits else []),
        _section("Settings", ("setting", "value"), facts.settings.items()),
        "## Checksum",
        f"`{EXAMPLES_FILE}`: {len(data)} bytes, sha256 `{hashlib.sha256(data).hexdigest()}`",
    ]
    return "\n\n".join(sections) + "\n"


def _columns() -> list[tuple[str, str]]:
    return [
        (f"`{entry.name}`", (entry.metadata or {}).get(b"description", b"").decode()) for entry in arrow_schema(Example)
    ]


def _ranked(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(((name, count) for name, count in counts.items() if count), key=lambda item: (-item[1], item[0]))


def _section(title: str, head: tuple[str, str], rows: Any) -> str:
    listed = list(rows)
    return f"## {title}\n\n{_table(head, listed) if listed else 'None.'}"


def _table(head: tuple[str, str], rows: Any) -> str:
    lines = [head, ("---", "---"), *rows]
    return "\n".join(f"| {_cell(left)} | {_cell(right)} |" for left, right in lines)


def _cell(value: object) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")
