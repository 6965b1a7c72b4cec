"""Dropped rows that are too many for memory: taken one by one, written reason after reason."""

import itertools
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pyarrow.parquet as pq

from selfcodealign.files import writing
from selfcodealign.records import ROWS_PER_BATCH, Dropped, arrow_schema, rows_table, scan_rows, write_rows


class _Part:
    """The rows of one reason, in a file of their own."""

    def __init__(self, writer: pq.ParquetWriter) -> None:
        self._writer = writer
        self._waiting: list[Dropped] = []

    def add(self, row: Dropped) -> None:
        self._waiting.append(row)
        if len(self._waiting) == ROWS_PER_BATCH:
            self.flush()

    def flush(self) -> None:
        if self._waiting:
            self._writer.write_table(rows_table(self._waiting, Dropped))
            self._waiting.clear()


@contextmanager
def dropped_rows(path: Path, reasons: Iterable[str]) -> Iterator[Callable[[Dropped], None]]:
    """Take dropped rows inside the block, and write them when it ends without an error, in bounded memory.

    Args:
        path: the Parquet file to write. Until it is whole, its parts are in a folder beside it.
        reasons: all reasons that may come, in the order in which their rows are to stand in the file.

    Yields:
        What takes a row. The rows of a reason keep their order.

    Raises:
        InputError: the file or its parts cannot be written.
    """
    folder = path.with_name(f".{path.name}.parts")
    names = list(reasons)
    try:
        with writing(path):
            shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed
            folder.mkdir(parents=True)
        with ExitStack() as stack:
            parts: dict[str, _Part] = {}

            def add(row: Dropped) -> None:
                with writing(path):
                    if row.reason not in parts:
                        writer = pq.ParquetWriter(folder / row.reason, arrow_schema(Dropped), compression="zstd")
                        parts[row.reason] = _Part(stack.enter_context(writer))
                    parts[row.reason].add(row)

            yield add
            with writing(path):
                for part in parts.values():
                    part.flush()
                stack.close()
        written = (folder / name for name in names if name in parts)
        write_rows(path, itertools.chain.from_iterable(scan_rows(part, Dropped) for part in written), Dropped)
        with writing(path):
            shutil.rmtree(folder)  # errors must surface: leftover parts would become part of the output
    finally:
        shutil.rmtree(folder, ignore_errors=True)
