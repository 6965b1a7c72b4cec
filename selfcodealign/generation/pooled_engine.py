"""The engine behind several others, asked side by side: servers, or replicas on a cluster.

The requests are asked by coroutines in a thread of their own, so that answers go on arriving while the caller does
something with the last one; the caller's thread hands requests over and yields what has ended.
"""

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Protocol

from selfcodealign.errors import InputError
from selfcodealign.generation.engine import Answer, Decoding, Rejection, RejectReason, Request, Waiting
from selfcodealign.generation.server_pool import Failure, Job, ServerPool

# Requests taken for each one that can be asked at a time: enough that every server finds some of its own groups' among
# them, and bounded however many there are.
WAITING_PER_PLACE = 4

Outcome = tuple[Request, Answer | Rejection]

logger = logging.getLogger(__name__)


class Backend(Protocol):
    """One of those that are asked.

    Attributes:
        url: its address, for people.
    """

    url: str

    async def ask(self, request: Request, decoding: Decoding) -> Answer | Rejection | Failure:
        """Ask once.

        Returns:
            The answer; a rejection, if it is the request's fault; or a failure that may pass.

        Raises:
            InputError: no request can succeed.
        """
        ...

    async def close(self) -> None:
        """Close the connections of one call of `generate`."""
        ...


class PooledEngine:
    """One model behind one or more backends."""

    def __init__(
        self,
        connect: Callable[[], Sequence[Backend]],
        make_pool: Callable[[], ServerPool],
        release: Callable[[], None] = lambda: None,
    ) -> None:
        """Nothing is asked yet.

        Args:
            connect: the backends, made anew for each call of `generate`, in its thread.
            make_pool: which of them, by index, takes which request; likewise.
            release: frees what the backends hold, when the engine is closed.
        """
        self._connect = connect
        self._make_pool = make_pool
        self._release = release

    def generate(self, requests: Iterable[Request | None], decoding: Decoding) -> Iterator[Outcome]:
        """Answer the requests, yielding each as it ends; see `Engine.generate`."""
        pool = self._make_pool()
        window = pool.num_places * WAITING_PER_PLACE
        asking = _Asking(self._connect, pool, decoding)
        waiting = Waiting(requests)
        num_open = 0
        try:
            while num_open or not waiting.is_exhausted:
                while num_open < window and (request := waiting.following()) is not None:
                    asking.add(request)
                    num_open += 1
                if num_open:
                    outcome = asking.next_outcome()
                    num_open -= 1
                    yield outcome
        finally:
            asking.close()

    def close(self) -> None:
        """Free what the backends hold."""
        self._release()


class _Asking:
    """One call of `generate`: a thread with an event loop, requests in, outcomes out."""

    def __init__(
        self,
        connect: Callable[[], Sequence[Backend]],
        pool: ServerPool,
        decoding: Decoding,
    ) -> None:
        self._connect = connect
        self._pool = pool
        self._decoding = decoding
        self._outcomes: queue.SimpleQueue[Outcome | Exception] = queue.SimpleQueue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._fault: BaseException | None = None
        self._loop = asyncio.new_event_loop()
        self._changed = asyncio.Event()
        self._closing = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="pooled-engine", daemon=True)
        self._thread.start()

    def add(self, request: Request) -> None:
        """Hand a request over."""
        self._loop.call_soon_threadsafe(self._add, request)

    def next_outcome(self) -> Outcome:
        """The next request that has ended; waits for it.

        Raises:
            InputError: no request can be answered.
        """
        outcome = self._outcomes.get()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def close(self) -> None:
        """Give up what is in flight, close the connections, end the thread."""
        self._loop.call_soon_threadsafe(self._close)
        self._thread.join()

    def _add(self, request: Request) -> None:
        self._pool.add(request)
        self._changed.set()

    def _close(self) -> None:
        self._closing.set()
        self._changed.set()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._main())

    async def _main(self) -> None:
        backends: Sequence[Backend] = []
        try:
            backends = self._connect()
            await self._serve(backends)
        except Exception as error:  # noqa: BLE001 - it is raised in the caller's thread
            self._outcomes.put(error)
        await self._closing.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for backend in backends:
            await backend.close()

    async def _serve(self, backends: Sequence[Backend]) -> None:
        """Start what can be started, whenever something has changed, until the call is closed or cannot go on."""
        while not self._closing.is_set():
            if self._fault is not None:
                raise self._fault
            self._changed.clear()
            # One time for both: what is not yet due to be started is what is waited for.
            now = time.monotonic()
            self._start(backends, now)
            outage = self._pool.outage(now)
            if outage is not None:
                where = ", ".join(backend.url for backend in backends)
                raise InputError(f"{outage}: {where}; bring them back and run again, finished answers are kept")
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pool.wait_s(now)):
                    await self._changed.wait()

    def _start(self, backends: Sequence[Backend], now: float) -> None:
        """Give every backend what it has places for, in turns."""
        ready = list(enumerate(backends))
        while ready:
            jobs = [(index, backend, self._pool.next_job(index, now)) for index, backend in ready]
            for index, backend, job in jobs:
                if job is not None:
                    task = self._loop.create_task(self._ask(index, backend, job))
                    self._tasks.add(task)
                    task.add_done_callback(self._ended)
            ready = [(index, backend) for index, backend, job in jobs if job is not None]

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._fault = task.exception()
        self._changed.set()

    async def _ask(self, index: int, backend: Backend, job: Job) -> None:
        """One try of one request."""
        outcome = await backend.ask(job.request, self._decoding)
        if isinstance(outcome, Failure):
            logger.debug("%s", outcome.detail)
            is_tried_again = self._pool.failed(
                index,
                job,
                time.monotonic(),
                is_rate_limit=outcome.reason is RejectReason.RATE_LIMITED,
                is_unreachable=outcome.is_unreachable,
                retry_after_s=outcome.retry_after_s,
            )
            if is_tried_again:
                return
            outcome = Rejection(outcome.reason, f"{job.tries} tries, the last: {outcome.detail}")
        elif isinstance(outcome, Rejection) and outcome.reason is RejectReason.PROMPT_TOO_LONG:
            self._pool.released(index)
        else:
            self._pool.answered(index)
        self._outcomes.put((job.request, outcome))
