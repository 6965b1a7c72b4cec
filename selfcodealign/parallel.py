"""Map over the cores of a machine or of a Ray cluster: order kept, memory bounded, and no hostile item ends the run.

This is the one place where curation runs in parallel. What it gives does not depend on where it runs.
"""

import itertools
import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Generic, Protocol, TypeVar

from selfcodealign.errors import PrerequisiteError
from selfcodealign.params import Workers

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

ALONE = Workers(num_workers=1)
CHUNK_ITEMS = 32
# Up to here the start of the processes costs more than it saves.
INLINE_ITEMS = 256
CHUNKS_IN_FLIGHT_PER_WORKER = 4


class WorkerDiedError(Exception):
    """The process that worked on a chunk ended without an answer."""


class Pool(Protocol[ItemT, ResultT]):
    """Processes that apply one function to chunks of items."""

    num_workers: int

    def submit(self, chunk: list[ItemT]) -> "Future[list[ResultT]]":
        """Start on a chunk."""
        ...

    def result(self, future: "Future[list[ResultT]]") -> list[ResultT]:
        """Wait for a chunk's results.

        Raises:
            WorkerDiedError: the process that worked on it ended.
        """
        ...

    def close(self) -> None:
        """End the processes; what has not begun is given up."""
        ...


def ordered_map(
    function: Callable[[ItemT], ResultT],
    items: Iterable[ItemT],
    *,
    workers: Workers = ALONE,
    on_crash: Callable[[ItemT], ResultT] | None = None,
    chunk_items: int = CHUNK_ITEMS,
    inline_items: int = INLINE_ITEMS,
) -> Iterator[ResultT]:
    """Apply a function to items in worker processes; results come in the order of the items.

    Args:
        function: picklable, and without side effects but for caches of its own. Each worker gets it once, so that it
            may be an object that holds much.
        items: picklable items; read only a bounded number ahead.
        workers: where it runs.
        on_crash: the result for an item that kills its process (a crash in native code, out of memory).
        chunk_items: items that a worker gets at a time.
        inline_items: up to so many items are worked on in this process.

    Raises:
        InputError: there is no Ray cluster at the address.
        PrerequisiteError: Ray is not installed, or an item killed its process and there is no `on_crash`.
    """
    iterator = iter(items)
    head = list(itertools.islice(iterator, inline_items + 1))
    everything = itertools.chain(head, iterator)
    if len(head) <= inline_items or (workers.kind == "processes" and _num_processes(workers) == 1):
        yield from map(function, everything)
        return
    with _connected(workers):
        yield from _mapped(function, _chunks(everything, chunk_items), workers, on_crash or _no_result)


def _mapped(
    function: Callable[[ItemT], ResultT],
    chunks: Iterator[list[ItemT]],
    workers: Workers,
    on_crash: Callable[[ItemT], ResultT],
) -> Iterator[ResultT]:
    pending: deque[tuple[list[ItemT], Future[list[ResultT]]]] = deque()
    pool = _pool(function, workers)
    try:
        while True:
            for chunk in itertools.islice(chunks, pool.num_workers * CHUNKS_IN_FLIGHT_PER_WORKER - len(pending)):
                pending.append((chunk, pool.submit(chunk)))
            if not pending:
                return
            chunk, future = pending.popleft()
            try:
                results = pool.result(future)
            except WorkerDiedError:
                # One of the chunks in flight killed its worker: each is done again by itself. The culprit may be a
                # later chunk, so all of them are settled before the pool is opened anew.
                pool.close()
                in_flight = [chunk, *(waiting for waiting, _ in pending)]
                pending.clear()
                results = _isolated(function, in_flight, workers, on_crash)
                pool = _pool(function, workers)
            yield from results
    finally:
        pool.close()


def _isolated(
    function: Callable[[ItemT], ResultT],
    chunks: list[list[ItemT]],
    workers: Workers,
    on_crash: Callable[[ItemT], ResultT],
) -> list[ResultT]:
    """Chunks in a process of their own; where it dies, the chunk's halves, down to the one item that kills it."""
    alone = workers.model_copy(update={"num_workers": 1})
    results: list[ResultT] = []
    waiting = chunks[::-1]
    pool = _pool(function, alone)
    try:
        while waiting:
            chunk = waiting.pop()
            try:
                results.extend(pool.result(pool.submit(chunk)))
            except WorkerDiedError:
                pool.close()
                pool = _pool(function, alone)
                if len(chunk) == 1:
                    results.append(on_crash(chunk[0]))
                else:
                    middle = len(chunk) // 2
                    waiting += [chunk[middle:], chunk[:middle]]
    finally:
        pool.close()
    return results


def _no_result(item: object) -> Any:
    raise PrerequisiteError(
        "a worker process ended without an answer, twice (out of memory?); run with fewer workers (workers.num_workers)"
    )


def _chunks(items: Iterable[ItemT], size: int) -> Iterator[list[ItemT]]:
    iterator = iter(items)
    while chunk := list(itertools.islice(iterator, size)):
        yield chunk


def _num_processes(workers: Workers) -> int:
    return workers.num_workers or os.cpu_count() or 1


def _connected(workers: Workers) -> AbstractContextManager[None]:
    if workers.kind == "processes":
        return nullcontext()
    from selfcodealign.cluster import connect

    return connect(workers.ray_address)


def _pool(function: Callable[[ItemT], ResultT], workers: Workers) -> Pool[ItemT, ResultT]:
    return (
        _Processes(function, _num_processes(workers)) if workers.kind == "processes" else _RayTasks(function, workers)
    )


class _Worker:
    """What this process applies to chunks."""

    function: Callable[[Any], Any]

    @classmethod
    def start(cls, function: Callable[[Any], Any]) -> None:
        cls.function = function

    @classmethod
    def apply(cls, chunk: list[Any]) -> list[Any]:
        return [cls.function(item) for item in chunk]


def _start_process(function: Callable[[Any], Any]) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _Worker.start(function)


def _end_with_parent() -> None:
    """End this process when the one that started it is gone: else a killed run's would wait for work for ever.

    The end of their queue does not tell them: each of them holds it open for the others.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


class _Processes(Generic[ItemT, ResultT]):
    """Processes of this machine."""

    def __init__(self, function: Callable[[ItemT], ResultT], num_workers: int) -> None:
        self.num_workers = num_workers
        # Spawned, not forked: the parent has threads (progress bar, Arrow), and a fork may inherit their locks.
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(num_workers, context, initializer=_start_process, initargs=(function,))

    def submit(self, chunk: list[ItemT]) -> "Future[list[ResultT]]":
        try:
            return self._pool.submit(_Worker.apply, chunk)
        except BrokenProcessPool as error:
            # A pool that broke since the last result refuses work: that, too, is the chunk's result.
            failed: Future[list[ResultT]] = Future()
            failed.set_exception(error)
            return failed

    def result(self, future: "Future[list[ResultT]]") -> list[ResultT]:
        try:
            return future.result()
        except BrokenProcessPool as error:
            raise WorkerDiedError from error

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)


class _RayTasks(Generic[ItemT, ResultT]):
    """Tasks on the connected Ray cluster, one a core. Ray does what a lost node was working on again on another."""

    def __init__(self, function: Callable[[ItemT], ResultT], workers: Workers) -> None:
        import ray

        from selfcodealign.cluster import living_nodes

        self.num_workers = workers.num_workers or max(int(sum(node.num_cpus for node in living_nodes())), 1)
        self._function = ray.put(function)
        self._apply = ray.remote(_apply_on_ray)
        self._waiting: dict[Future[list[ResultT]], Any] = {}

    def submit(self, chunk: list[ItemT]) -> "Future[list[ResultT]]":
        # In a list, so that the task gets the reference: a worker that has the function needs it no second time.
        reference = self._apply.remote([self._function], chunk)
        future: Future[list[ResultT]] = reference.future()
        self._waiting[future] = reference
        return future

    def result(self, future: "Future[list[ResultT]]") -> list[ResultT]:
        from ray.exceptions import NodeDiedError, ObjectLostError, OutOfMemoryError, WorkerCrashedError

        try:
            return future.result()
        except (NodeDiedError, ObjectLostError, OutOfMemoryError, WorkerCrashedError) as error:
            raise WorkerDiedError from error
        finally:
            del self._waiting[future]

    def close(self) -> None:
        import ray

        for reference in self._waiting.values():
            ray.cancel(reference, force=True)
        self._waiting.clear()


class _RayWorker:
    """The function that this process of the cluster applied last, and its key."""

    key: bytes = b""


def _apply_on_ray(function: list[Any], chunk: list[Any]) -> list[Any]:
    import ray

    key = function[0].binary()
    if key != _RayWorker.key:
        _Worker.start(ray.get(function[0]))
        _RayWorker.key = key
    return _Worker.apply(chunk)
