"""The ways of finding near-duplicates that are measured: ours, and datasketch's usual loop.

Each runs in a process of its own, so that its peak memory is its own.
"""

import multiprocessing
import re
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.curation.memory import peak_memory

NUM_PERM = 250
NGRAM = 5
GAPS = re.compile(r"\W+")


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of one system.

    Attributes:
        name: the system.
        num_rows: functions that it was given.
        seconds: wall time, from texts in memory to the rows that stay.
        peak_mib: greatest memory of the process and its workers, less what it had with the texts in memory, MiB.
        kept: positions of the rows that stay.
    """

    name: str
    num_rows: int
    seconds: float
    peak_mib: float
    kept: frozenset[int]

    @property
    def rows_per_second(self) -> float:
        """Rows in a second."""
        return self.num_rows / self.seconds


def ours(texts: Sequence[str], jaccard: float) -> frozenset[int]:
    """This project's way."""
    from selfcodealign.curation import near_duplicates
    from selfcodealign.params import Workers

    found = near_duplicates(texts, jaccard=jaccard, num_perm=NUM_PERM, ngram=NGRAM, workers=Workers())
    return frozenset(index for index, first in enumerate(found) if first is None)


def datasketch_loop(texts: Sequence[str], jaccard: float) -> frozenset[int]:
    """The loop of datasketch's documentation: a sketch a row, asked for and put into one index, row after row.

    A row stays if the index has no candidate for it; only rows that stay are put in.
    """
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(threshold=jaccard, num_perm=NUM_PERM)
    kept = []
    for position, text in enumerate(texts):
        words = [word for word in GAPS.split(text) if word]
        width = min(NGRAM, len(words))
        sketch = MinHash(num_perm=NUM_PERM)
        sketch.update_batch(
            {" ".join(words[start : start + width]).encode() for start in range(len(words) - width + 1)}
        )
        if not index.query(sketch):
            index.insert(position, sketch)
            kept.append(position)
    return frozenset(kept)


SYSTEMS: dict[str, Callable[[Sequence[str], float], frozenset[int]]] = {"ours": ours, "datasketch": datasketch_loop}


def measure(name: str, texts: Path, num_rows: int, jaccard: float) -> Measured:
    """Run one system on the first rows of a file, in a new process.

    Args:
        name: one of `SYSTEMS`.
        texts: a Parquet file with a column `text`.
        num_rows: rows to take.
        jaccard: the threshold.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_run, name, texts, num_rows, jaccard).result()


def write_texts(path: Path, texts: Sequence[str]) -> None:
    """Write the file that `measure` reads."""
    pq.write_table(pa.table({"text": list(texts)}), path)


def _run(name: str, path: Path, num_rows: int, jaccard: float) -> Measured:
    texts = _first_texts(path, num_rows)
    SYSTEMS[name](texts[:100], jaccard)
    with peak_memory() as peak:
        started = time.perf_counter()
        kept = SYSTEMS[name](texts, jaccard)
        seconds = time.perf_counter() - started
    return Measured(name, len(texts), seconds, peak.mib, kept)


def _first_texts(path: Path, num_rows: int) -> list[str]:
    """No more than is asked for is read: what was freed again would hide what is measured."""
    texts: list[str] = []
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(4096, columns=["text"]):
            texts += batch.column("text").to_pylist()[: num_rows - len(texts)]
            if len(texts) == num_rows:
                break
    return texts
