"""The engine behind servers: any OpenAI-compatible one or several, asked side by side.

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
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from selfcodealign.errors import InputError, PrerequisiteError
from selfcodealign.generation.completions import CompletionServer, Failure
from selfcodealign.generation.engine import Answer, Decoding, Rejection, RejectReason, Request, Waiting
from selfcodealign.generation.server_pool import Job, RetryPolicy, ServerPool
from selfcodealign.params import Engine as EngineSettings

Outcome = tuple[Request, Answer | Rejection]

logger = logging.getLogger(__name__)


class PromptText:
    """Prompts as a server is to get them: it puts the begin-of-text token in front by itself."""

    def __init__(self, tokenizer: Any, max_model_len: int) -> None:
        self._tokenizer = tokenizer
        self._max_model_len = max_model_len
        begin = tokenizer.bos_token or ""
        adds_begin = bool(begin) and tokenizer("x")["input_ids"][0] == tokenizer.bos_token_id
        self._begin = begin if adds_begin else ""

    def num_tokens(self, text: str) -> int:
        """Tokens of a text, special tokens that it spells out included."""
        return len(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def too_long(self, num_tokens: int, decoding: Decoding) -> Rejection | None:
        """Why a prompt leaves no room for its answer; None: it does."""
        if num_tokens + decoding.max_new_tokens <= self._max_model_len:
            return None
        detail = f"{num_tokens} prompt + {decoding.max_new_tokens} new tokens > {self._max_model_len}"
        return Rejection(RejectReason.PROMPT_TOO_LONG, detail)

    def sent(self, prompt: str) -> str:
        """The prompt without the begin-of-text token that the server's tokenizer adds."""
        return prompt.removeprefix(self._begin)


class OpenAIEngine:
    """One model on one or more servers."""

    def __init__(
        self,
        connect: Callable[[], Sequence[CompletionServer]],
        make_pool: Callable[[], ServerPool],
        prompts: PromptText,
    ) -> None:
        self._connect = connect
        self._make_pool = make_pool
        self._prompts = prompts

    def generate(self, requests: Iterable[Request | None], decoding: Decoding) -> Iterator[Outcome]:
        """Answer the requests, yielding each as it ends; see `Engine.generate`."""
        asking = _Asking(self._connect, self._make_pool(), self._prompts, decoding)
        waiting = Waiting(requests)
        num_open = 0
        try:
            while num_open or not waiting.is_exhausted:
                while (request := waiting.following()) is not None:
                    asking.add(request)
                    num_open += 1
                if num_open:
                    outcome = asking.next_outcome()
                    num_open -= 1
                    yield outcome
        finally:
            asking.close()

    def close(self) -> None:
        """Nothing to free: connections end with each call of `generate`, and the servers are not ours to end."""


class _Asking:
    """One call of `generate`: a thread with an event loop, requests in, outcomes out."""

    def __init__(
        self,
        connect: Callable[[], Sequence[CompletionServer]],
        pool: ServerPool,
        prompts: PromptText,
        decoding: Decoding,
    ) -> None:
        self._connect = connect
        self._pool = pool
        self._prompts = prompts
        self._decoding = decoding
        self._outcomes: queue.SimpleQueue[Outcome | Exception] = queue.SimpleQueue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._fault: BaseException | None = None
        self._loop = asyncio.new_event_loop()
        self._changed = asyncio.Event()
        self._closing = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="openai-engine", daemon=True)
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
        servers: Sequence[CompletionServer] = []
        try:
            servers = self._connect()
            await self._serve(servers)
        except Exception as error:  # noqa: BLE001 - it is raised in the caller's thread
            self._outcomes.put(error)
        await self._closing.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for server in servers:
            await server.close()

    async def _serve(self, servers: Sequence[CompletionServer]) -> None:
        """Start what can be started, whenever something has changed, until the call is closed or cannot go on."""
        while not self._closing.is_set():
            if self._fault is not None:
                raise self._fault
            self._changed.clear()
            # One time for both: what is not yet due to be started is what is waited for.
            now = time.monotonic()
            self._start(servers, now)
            outage = self._pool.outage(now)
            if outage is not None:
                where = ", ".join(server.url for server in servers)
                raise InputError(f"{outage}: {where}; start the servers and run again, finished answers are kept")
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pool.wait_s(now)):
                    await self._changed.wait()

    def _start(self, servers: Sequence[CompletionServer], now: float) -> None:
        """Give every server what it has places for, in turns."""
        ready = list(enumerate(servers))
        while ready:
            jobs = [(index, server, self._pool.next_job(index, now)) for index, server in ready]
            for index, server, job in jobs:
                if job is not None:
                    task = self._loop.create_task(self._ask(index, server, job))
                    self._tasks.add(task)
                    task.add_done_callback(self._ended)
            ready = [(index, server) for index, server, job in jobs if job is not None]

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._fault = task.exception()
        self._changed.set()

    async def _ask(self, index: int, server: CompletionServer, job: Job) -> None:
        """One try of one request."""
        request, decoding = job.request, self._decoding
        num_tokens = self._prompts.num_tokens(request.prompt)
        too_long = self._prompts.too_long(num_tokens, decoding)
        if too_long is not None:
            self._pool.released(index)
            self._outcomes.put((request, too_long))
            return
        outcome = await server.complete(self._prompts.sent(request.prompt), request.seed, decoding)
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
        else:
            self._pool.answered(index)
        self._outcomes.put((request, self._counted(outcome, num_tokens)))

    def _counted(self, outcome: Answer | Rejection, num_tokens: int) -> Answer | Rejection:
        """The answer with tokens counted here, where the server has not said how many there were."""
        if isinstance(outcome, Rejection):
            return outcome
        output_tokens = outcome.output_tokens or self._prompts.num_tokens(outcome.text)
        return replace(outcome, prompt_tokens=outcome.prompt_tokens or num_tokens, output_tokens=output_tokens)


def load_openai(model_folder: Path, settings: EngineSettings, policy: RetryPolicy | None = None) -> OpenAIEngine:
    """The engine for `engine.servers`. Nothing is asked yet.

    Args:
        model_folder: the model that the servers have, as `import_model` writes it; its tokenizer is read, to count
            the tokens of prompts.
        settings: the `engine` section of the params.
        policy: delays and tries; None: `engine.max_tries`, and one second at first.

    Raises:
        InputError: the folder holds no tokenizer.
        PrerequisiteError: the openai package is missing.
    """
    from transformers import AutoTokenizer

    try:
        import openai  # noqa: F401 - said now and in one line, not in the thread
    except ImportError as error:
        raise PrerequisiteError(f"the openai package is missing ({error}); run `make setup`") from error
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(str(model_folder))
    except (OSError, ValueError) as error:
        raise InputError(f"{model_folder} has no readable tokenizer; run `dvc repro import_model`") from error
    urls = [base_url(url) for url in settings.servers]
    name = settings.served_model or ""
    rules = policy or RetryPolicy(max_tries=settings.max_tries)
    return OpenAIEngine(
        connect=lambda: [CompletionServer(url, name, settings.request_timeout_s) for url in urls],
        make_pool=lambda: ServerPool(urls, settings.max_concurrency, rules, seed=0),
        prompts=PromptText(tokenizer, settings.max_model_len),
    )


def base_url(url: str) -> str:
    """The address of a server's API: `/v1` is added where only the host is given."""
    parts = urlsplit(url)
    return url.rstrip("/") if parts.path.strip("/") else f"{parts.scheme}://{parts.netloc}/v1"
