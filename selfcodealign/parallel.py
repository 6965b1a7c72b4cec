"""Map over cores with the order kept, in bounded memory, and without one hostile item ending the run."""

import itertools
import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

CHUNK_ITEMS = 32
# Up to here the start of the processes costs more than it saves.
INLINE_ITEMS = 256
CHUNKS_IN_FLIGHT_PER_WORKER = 4


def ordered_map(
    function: Callable[[ItemT], ResultT],
    items: Iterable[ItemT],
    *,
    num_workers: int,
    on_crash: Callable[[ItemT], ResultT],
) -> Iterator[ResultT]:
    """Apply a function to items in worker processes; results come in the order of the items.

    Args:
        function: a module-level function without side effects.
        items: picklable items; read only a bounded number ahead.
        num_workers: processes; 1 works in this process.
        on_crash: the result for an item that kills its process (a crash in native code, out of memory).
    """
    iterator = iter(items)
    head = list(itertools.islice(iterator, INLINE_ITEMS + 1))
    if num_workers == 1 or len(head) <= INLINE_ITEMS:
        yield from map(function, itertools.chain(head, iterator))
        return
    chunks = _chunks(itertools.chain(head, iterator))
    pending: deque[tuple[list[ItemT], Future[list[ResultT]]]] = deque()
    pool = _pool(num_workers)
    try:
        while True:
            for chunk in itertools.islice(chunks, num_workers * CHUNKS_IN_FLIGHT_PER_WORKER - len(pending)):
                pending.append((chunk, _submitted(pool, function, chunk)))
            if not pending:
                return
            chunk, future = pending.popleft()
            try:
                results = future.result()
            except BrokenProcessPool:
                # One of the chunks in flight killed its worker, and with it the pool: each is done again by itself.
                # The culprit may be a later chunk, so all of them are settled before the pool is opened anew.
                pool.shutdown()
                in_flight = [chunk, *(waiting for waiting, _ in pending)]
                pending.clear()
                results = _isolated(function, in_flight, on_crash)
                pool = _pool(num_workers)
            yield from results
    finally:
        pool.shutdown(cancel_futures=True)


def _pool(num_workers: int) -> ProcessPoolExecutor:
    # Spawned, not forked: the parent has threads (progress bar, Arrow), and a fork may inherit their locks.
    return ProcessPoolExecutor(num_workers, mp_context=multiprocessing.get_context("spawn"))


def _chunks(items: Iterable[ItemT]) -> Iterator[list[ItemT]]:
    iterator = iter(items)
    while chunk := list(itertools.islice(iterator, CHUNK_ITEMS)):
        yield chunk


def _apply(function: Callable[[ItemT], ResultT], chunk: list[ItemT]) -> list[ResultT]:
    return [function(item) for item in chunk]


def _submitted(
    pool: ProcessPoolExecutor, function: Callable[[ItemT], ResultT], chunk: list[ItemT]
) -> Future[list[ResultT]]:
    """A chunk's future. A pool that broke since the last result refuses work: that, too, is the chunk's result."""
    try:
        return pool.submit(_apply, function, chunk)
    except BrokenProcessPool as error:
        failed: Future[list[ResultT]] = Future()
        failed.set_exception(error)
        return failed


def _isolated(
    function: Callable[[ItemT], ResultT], chunks: list[list[ItemT]], on_crash: Callable[[ItemT], ResultT]
) -> list[ResultT]:
    """Chunks in a process of their own; where it dies, the chunk's halves, down to the one item that kills it."""
    results: list[ResultT] = []
    waiting = chunks[::-1]
    pool = _pool(1)
    try:
        while waiting:
            chunk = waiting.pop()
            try:
                results.extend(pool.submit(_apply, function, chunk).result())
            except BrokenProcessPool:
                pool.shutdown()
                pool = _pool(1)
                if len(chunk) == 1:
                    results.append(on_crash(chunk[0]))
                else:
                    middle = len(chunk) // 2
                    waiting += [chunk[middle:], chunk[:middle]]
    finally:
        pool.shutdown()
    return results
