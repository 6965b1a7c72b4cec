"""What runs on a node of a Ray cluster: vLLM's engine in an actor, asked one request at a time by many at once.

Nothing here imports Ray, which makes an actor of `Replica` in `ray_engine`.
"""

import asyncio
import logging
import os
import queue
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path

from selfcodealign.generation.engine import Answer, Decoding, Engine, Rejection, Request
from selfcodealign.generation.vllm_engine import holds_model, load_vllm
from selfcodealign.params import Engine as EngineSettings

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request on its way through the engine, under an id of the replica's own: it may be asked a second time."""

    request: Request
    decoding: Decoding
    outcome: "Future[Answer | Rejection]"


@dataclass(frozen=True, slots=True)
class Place:
    """The node of a replica, and whether the model's folder can be read there."""

    host: str
    has_model: bool


class Intake:
    """Requests that arrive from any thread, for an engine that takes them in one of its own."""

    def __init__(self) -> None:
        self._arrived: queue.SimpleQueue[Asked] = queue.SimpleQueue()
        self._following: Asked | None = None
        self._open: dict[str, Asked] = {}
        self._num_taken = 0

    def add(self, request: Request, decoding: Decoding) -> "Future[Answer | Rejection]":
        """Hand a request over; its outcome comes to the future."""
        asked = Asked(request, decoding, Future())
        self._arrived.put(asked)
        return asked.outcome

    def answer_with(self, engine: Engine) -> None:
        """Let the engine answer, without end. Requests with one decoding are one call, new ones joining the others."""
        while True:
            first = self._following or self._arrived.get()
            self._following = first
            for request, outcome in engine.generate(self._requests(first.decoding), first.decoding):
                self._open.pop(request.id).outcome.set_result(outcome)

    def _requests(self, decoding: Decoding) -> Iterator[Request | None]:
        """What arrives, until a request with another decoding does; None while nothing has and others are open."""
        while True:
            if self._following is None:
                self._following = self._next_arrived()
            if self._following is None:
                yield None
            elif self._following.decoding == decoding:
                asked, self._following = self._following, None
                self._num_taken += 1
                own_id = str(self._num_taken)
                self._open[own_id] = asked
                yield replace(asked.request, id=own_id)
            else:
                return

    def _next_arrived(self) -> Asked | None:
        """The next arrival; waited for if the engine has nothing else to do."""
        try:
            return self._arrived.get(block=not self._open)
        except queue.Empty:
            return None


class Replica:
    """One copy of the model. A thread loads it and runs its engine; the actor's event loop hands requests over."""

    def __init__(self, model_folder: str, settings: EngineSettings) -> None:
        self._model_folder = Path(model_folder)
        self._settings = settings
        self._intake = Intake()
        self._loaded: Future[None] | None = None

    async def place(self) -> Place:
        """Where it runs. An actor that answers has found its place."""
        return Place(socket.gethostname(), holds_model(self._model_folder))

    async def load(self) -> None:
        """Load the model, if that has not been done or begun.

        Raises:
            InputError: vLLM cannot load it.
            PrerequisiteError: vLLM is not installed on this node.
        """
        if self._loaded is None:
            self._loaded = Future()
            threading.Thread(target=self._run, args=(self._loaded,), name="vllm", daemon=True).start()
        await asyncio.wrap_future(self._loaded)

    async def answer(self, request: Request, decoding: Decoding) -> Answer | Rejection:
        """Answer one request; a replica that Ray has just started again loads the model first."""
        await self.load()
        return await asyncio.wrap_future(self._intake.add(request, decoding))

    def _run(self, loaded: "Future[None]") -> None:
        """Load and answer in one thread, whose number of cores holds for both."""
        try:
            engine = load_vllm(self._model_folder, self._settings)
        except Exception as error:  # noqa: BLE001 - it is raised where the loading is waited for
            loaded.set_exception(error)
            return
        loaded.set_result(None)
        try:
            self._intake.answer_with(engine)
        except Exception:
            # An engine that has failed answers nothing any more: Ray starts the process again.
            logger.exception("the engine failed")
            os._exit(1)
