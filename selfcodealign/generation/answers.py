"""Requests through the journal to the engine: only what the journal lacks is asked, and each answer is kept at once."""

import dataclasses
import hashlib
import logging
import time
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from selfcodealign.errors import InputError
from selfcodealign.generation.answer_keys import AnswerKeys
from selfcodealign.generation.early_ends import ended_early
from selfcodealign.generation.engine import (
    Answer,
    Decoding,
    Engine,
    FinishReason,
    Generation,
    Rejection,
    RejectReason,
    Request,
    RequestSource,
)
from selfcodealign.generation.engines import engine_identity, has_several_caches, load_engine
from selfcodealign.generation.follow_ups import FollowedUp, FollowUp
from selfcodealign.generation.request_plan import LazyRequests
from selfcodealign.generation.stock import Stock, known, stored_answer
from selfcodealign.journal import Journal, open_journal
from selfcodealign.params import Engine as EngineSettings
from selfcodealign.progress import progress
from selfcodealign.requirements import check_space, generation_writes

logger = logging.getLogger(__name__)


def model_fingerprint(model_folder: Path) -> str:
    """SHA-256 over the names and contents of a model's files: answers of one model are never taken for another's.

    Raises:
        InputError: the folder does not exist or is empty.
    """
    files = sorted(path for path in model_folder.rglob("*") if path.is_file())
    if not files:
        raise InputError(f"{model_folder} holds no model; run `dvc repro import_model`")
    digest = hashlib.sha256()
    for path in files:
        digest.update(str(path.relative_to(model_folder)).encode())
        with path.open("rb") as opened:
            digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()


def generate_answers(
    requests: Sequence[Request] | RequestSource,
    decoding: Decoding,
    follow_up: FollowUp | None = None,
    *,
    model_folder: Path,
    engine: EngineSettings,
    journal_path: Path,
    what: str,
) -> Generation:
    """Answer requests with the model, taking from the journal what it has.

    The engine is started only if something is missing. Requests of one group go side by side, or in turns to several
    servers or replicas, so that their common prefix is in vLLM's cache. A sequence of requests is looked at one by one
    and never held, so that it may make them as they are looked at. An answer that only repeats itself is kept in the
    journal and counted as a rejection.

    Args:
        requests: prompts with ids that are unique in this call; or a source of them, which is told each answer before
            it is asked for the next request.
        decoding: temperature, top_p, max_new_tokens and stop sequences.
        follow_up: gives the request that an answer calls for, or None; it is asked as soon as that answer has ended,
            and its own answer is in the result under its own id. Not for a source, which gives such requests itself.
        model_folder: the model's files.
        engine: the `engine` section of the params.
        journal_path: the SQLite file of finished answers.
        what: what the answers are, for the progress bar.

    Returns:
        Answers and rejections by request id, and what they cost.

    Raises:
        InputError: no model, no server that answers, another run has the journal, or it cannot be written.
        PrerequisiteError: the engine's package is missing, or memory or disk space are not enough.
    """
    if isinstance(requests, Sequence):
        writes = generation_writes(len(requests) * decoding.max_new_tokens, journal=journal_path)
        check_space(writes, who=f"generation of {what}")
    with open_journal(journal_path) as journal:
        asking = _Asking(model_folder, engine, decoding, journal, what)
        try:
            if isinstance(requests, Sequence):
                asking.answer(requests, follow_up)
            else:
                asking.answer_source(requests)
        finally:
            asking.close()
    return asking.result


@dataclasses.dataclass(frozen=True, slots=True)
class Extent:
    """How much there is to do.

    Attributes:
        num_requests: requests in all, as far as is known by now; None: nothing is known before the last one.
        num_stored: how many of them have turned out to be in the journal.
    """

    num_requests: Callable[[], int | None]
    num_stored: Callable[[], int]


UNKNOWN = Extent(num_requests=lambda: None, num_stored=lambda: 0)


class _Asking:
    """One call's engine, started when the journal lacks something, and its growing result."""

    def __init__(
        self, model_folder: Path, settings: EngineSettings, decoding: Decoding, journal: Journal, what: str
    ) -> None:
        self.result = Generation()
        self._model_folder = model_folder
        self._settings = settings
        self._decoding = decoding
        self._journal = journal
        self._what = what
        self._fingerprint = model_fingerprint(model_folder)
        self._keys = AnswerKeys(self._fingerprint, engine_identity(settings), decoding)
        self._engine: Engine | None = None

    def answer(self, requests: Sequence[Request], follow_up: FollowUp | None) -> None:
        """Put an answer or a rejection for each request into the result, and for each that an answer calls for."""
        stock = Stock(requests, self._keys, self._journal)
        missing = stock.missing(is_dealt_out=has_several_caches(self._settings))
        source = FollowedUp(missing, follow_up)
        self.answer_source(
            source, Extent(lambda: len(requests) + source.num_called_for, num_stored=lambda: stock.num_stored)
        )
        # Loaded last: a resumed run of a million requests is to start at once, and with little memory.
        usage = self.result.usage
        usage.requests += stock.num_stored
        usage.from_journal += stock.num_stored
        called_for = array("q")
        for index, request, answer in stock.stored():
            outcome = self._settle(request, answer)
            if follow_up is not None and isinstance(outcome, Answer) and follow_up(request, outcome) is not None:
                called_for.append(index)
        if follow_up is not None and called_for:
            self.answer(self._called_for(requests, called_for, follow_up), None)

    def _called_for(self, requests: Sequence[Request], indices: Sequence[int], follow_up: FollowUp) -> LazyRequests:
        """The requests that the answers to those with these indices call for."""

        def make(number: int) -> Request:
            request = requests[indices[number]]
            following = follow_up(request, self.result.answers[request.id])
            if following is None:
                raise RuntimeError(f"the answer to {request.id} has called for more, and does no longer")
            return following

        return LazyRequests(make, range(len(indices)))

    def answer_source(self, source: RequestSource, extent: Extent = UNKNOWN) -> None:
        """Put an answer or a rejection for each request of a source into the result.

        Args:
            source: the requests.
            extent: how many there are, for the progress bar.
        """
        requests = self._unknown(source)
        # The engine is started for the first request that the journal lacks, if there is one.
        first = next((request for request in requests if request is not None), None)
        if first is not None:
            self._ask_engine(chain([first], requests), extent, source.tell)

    def _unknown(self, source: RequestSource) -> Iterator[Request | None]:
        """Requests that the journal lacks; the source is told the others' answers at once."""
        usage = self.result.usage
        for request in source:
            if request is not None:
                usage.requests += 1
                key = self._keys.of(request)
                if known([key], [key] if request.ends is None else [], self._journal):
                    usage.from_journal += 1
                    outcome = self._settle(request, stored_answer(self._journal.get_many([key])[key], self._journal))
                    source.tell(request, outcome)
                    continue
                usage.asked += 1
            yield request

    def _ask_engine(
        self,
        requests: Iterable[Request | None],
        extent: Extent,
        tell: Callable[[Request, Answer | Rejection], None],
    ) -> None:
        engine = self._start()
        usage = self.result.usage
        started = time.monotonic()
        if extent.num_stored():
            logger.info("%s: %d from the journal already", self._what, extent.num_stored())
        num_skipped = 0
        with progress(self._what, extent.num_requests()) as bar:
            for request, outcome in engine.generate(requests, self._decoding):
                if isinstance(outcome, Rejection):
                    self.result.rejections[request.id] = outcome
                    tell(request, outcome)
                else:
                    answer = ended_early(request, outcome)
                    usage.add(answer)
                    self._keep(request, answer)
                    tell(request, self._settle(request, answer))
                bar.expect(extent.num_requests())
                bar.skip(extent.num_stored() - num_skipped)
                num_skipped = extent.num_stored()
                seconds = usage.seconds + time.monotonic() - started
                bar.advance(note=f"{usage.output_tokens / max(seconds, 1e-9):.0f} tokens/s")
        usage.seconds += time.monotonic() - started

    def _keep(self, request: Request, answer: Answer) -> None:
        """Write a new answer down; a whole one takes the place of one that was cut short for somebody else."""
        value = dataclasses.asdict(answer)
        replaces = request.ends is None
        self._journal.put(self._keys.of(request), value, kind="answer", model=self._model(), replaces=replaces)

    def _settle(self, request: Request, answer: Answer) -> Answer | Rejection:
        """Put an answer into the result, or the rejection that it comes to, and return it."""
        if answer.finish_reason == FinishReason.REPETITION:
            detail = f"the last of {len(answer.text)} characters: {answer.text[-60:]!r}"
            rejection = Rejection(RejectReason.REPETITION, detail)
            self.result.rejections[request.id] = rejection
            return rejection
        self.result.answers[request.id] = answer
        return answer

    def _start(self) -> Engine:
        if self._engine is None:
            started = time.monotonic()
            self._engine = load_engine(self._model_folder, self._settings)
            self.result.usage.start_seconds = time.monotonic() - started
        return self._engine

    def _model(self) -> str:
        """What the journal's statistics and pruning know the model by."""
        served = self._settings.served_model if self._settings.kind == "openai" else None
        return self._fingerprint if served is None else f"{self._fingerprint}:{served}"

    def close(self) -> None:
        """End the engine, if it was started."""
        if self._engine is not None:
            self._engine.close()
