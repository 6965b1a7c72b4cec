"""Requests through the journal to the engine: only what the journal lacks is asked, and each answer is kept at once."""

import dataclasses
import hashlib
import logging
import time
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property, partial
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
    Usage,
)
from selfcodealign.generation.engines import engine_identity, has_several_caches, load_engine
from selfcodealign.generation.follow_ups import FollowedUp, FollowUp
from selfcodealign.generation.request_plan import LazyRequests
from selfcodealign.generation.stock import Stock, StoredAnswer, known, stored_answers
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
    with open_answers(model_folder=model_folder, engine=engine, journal_path=journal_path, what=what) as session:
        return session.answer(requests, decoding, follow_up)


def make_ask(model_folder: Path, engine: EngineSettings, cache: Path, what: str) -> Callable[..., Generation]:
    """Return `generate_answers` for one model, with the answer journal in a cache folder: the `ask` of a step.

    Args:
        model_folder: the model's files.
        engine: the `engine` section of the params.
        cache: folder of the journals.
        what: name of the answers in the progress bar.
    """
    journal_path = cache / "answers.sqlite"
    return partial(generate_answers, model_folder=model_folder, engine=engine, journal_path=journal_path, what=what)


@contextmanager
def open_answers(
    *, model_folder: Path, engine: EngineSettings, journal_path: Path, what: str
) -> Iterator["AnswerSession"]:
    """Answer requests in several calls, for which the engine is started once at most; see `generate_answers`.

    The first call takes the journal. Journal and engine are held until the block ends.

    Args:
        model_folder: the model's files.
        engine: the `engine` section of the params.
        journal_path: the SQLite file of finished answers.
        what: what the answers are, for the progress bar.
    """
    with ExitStack() as stack:
        yield AnswerSession(model_folder, engine, journal_path, what, stack)


class AnswerSession:
    """One model behind one journal, with an engine that is started when the journal lacks something.

    Attributes:
        settings: the `engine` section of the params.
        what: what the answers are, for the progress bar.
        counted: keys of the answers whose cost was counted, because several requests may share one; as numbers, which
            are smaller, because there may be millions.
    """

    def __init__(
        self, model_folder: Path, settings: EngineSettings, journal_path: Path, what: str, stack: ExitStack
    ) -> None:
        self.settings = settings
        self.what = what
        self.counted: set[int] = set()
        self._model_folder = model_folder
        self._journal_path = journal_path
        self._stack = stack
        self._engine: Engine | None = None

    def answer(
        self, requests: Sequence[Request] | RequestSource, decoding: Decoding, follow_up: FollowUp | None = None
    ) -> Generation:
        """Answer requests: `generate_answers` with the session's model, engine and journal.

        Raises:
            InputError: no model, no server that answers, another run has the journal, or it cannot be written.
            PrerequisiteError: the engine's package is missing, or memory or disk space are not enough.
        """
        if isinstance(requests, Sequence):
            writes = generation_writes(len(requests) * decoding.max_new_tokens, journal=self._journal_path)
            check_space(writes, who=f"generation of {self.what}")
        asking = _Asking(self, decoding)
        if isinstance(requests, Sequence):
            asking.answer(requests, follow_up)
        else:
            asking.answer_source(requests)
        return asking.result

    @cached_property
    def journal(self) -> Journal:
        """The journal, for this process alone from now on."""
        return self._stack.enter_context(open_journal(self._journal_path))

    @cached_property
    def _fingerprint(self) -> str:
        return model_fingerprint(self._model_folder)

    def keys(self, decoding: Decoding) -> AnswerKeys:
        """The journal keys of the answers under a decoding."""
        return AnswerKeys(self._fingerprint, engine_identity(self.settings), decoding)

    def model(self) -> str:
        """What the journal's statistics and pruning know the model by."""
        served = self.settings.served_model if self.settings.kind == "openai" else None
        return self._fingerprint if served is None else f"{self._fingerprint}:{served}"

    def start(self, usage: Usage) -> Engine:
        """The engine, started now if it was not; what that took is added to the usage."""
        if self._engine is None:
            started = time.monotonic()
            self._engine = load_engine(self._model_folder, self.settings)
            self._stack.callback(self._engine.close)
            usage.start_seconds += time.monotonic() - started
        return self._engine


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


@dataclasses.dataclass(slots=True)
class _Stopwatch:
    """Divides the wall time of generation among the answers: each has the time since the previous one ended.

    The shares add up to elapsed time, however many requests are in flight. The time of a request that was rejected, or
    whose answer the journal had in the meantime, is part of the next answer's share, or of the last one's.

    Attributes:
        started_ns: when generation began.
        divided_ns: time that answers have their shares of.
        last: the last answer that has one.
    """

    started_ns: int = dataclasses.field(default_factory=time.monotonic_ns)
    divided_ns: int = 0
    last: StoredAnswer | None = None

    def elapsed_ns(self) -> int:
        """The time since generation began."""
        return time.monotonic_ns() - self.started_ns

    def add_share(self, stored: StoredAnswer, share_ns: int) -> None:
        """Take note of an answer with its share."""
        self.divided_ns += share_ns
        self.last = stored


class _Asking:
    """One call of a session, and its growing result."""

    def __init__(self, session: AnswerSession, decoding: Decoding) -> None:
        self.result = Generation()
        self._session = session
        self._journal = session.journal
        self._decoding = decoding
        self._keys = session.keys(decoding)

    def answer(self, requests: Sequence[Request], follow_up: FollowUp | None) -> None:
        """Put an answer or a rejection for each request into the result, and for each that an answer calls for."""
        stock = Stock(requests, self._keys, self._journal)
        missing = stock.missing(is_dealt_out=has_several_caches(self._session.settings))
        source = FollowedUp(missing, follow_up)
        self.answer_source(
            source, Extent(lambda: len(requests) + source.num_called_for, num_stored=lambda: stock.num_stored)
        )
        # Loaded last: a resumed run of a million requests is to start at once, and with little memory.
        usage = self.result.usage
        usage.requests += stock.num_stored
        usage.from_journal += stock.num_stored
        called_for = array("q")
        for index, request, stored in stock.stored():
            self._count(stored, is_from_journal=True)
            outcome = self._settle(request, stored.answer)
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
                    stored = stored_answers([key], self._journal)[key]
                    self._count(stored, is_from_journal=True)
                    source.tell(request, self._settle(request, stored.answer))
                    continue
                usage.asked += 1
            yield request

    def _ask_engine(
        self,
        requests: Iterable[Request | None],
        extent: Extent,
        tell: Callable[[Request, Answer | Rejection], None],
    ) -> None:
        engine = self._session.start(self.result.usage)
        usage, what = self.result.usage, self._session.what
        if extent.num_stored():
            logger.info("%s: %d from the journal already", what, extent.num_stored())
        num_skipped = 0
        watch = _Stopwatch()
        with progress(what, extent.num_requests()) as bar:
            for request, outcome in engine.generate(requests, self._decoding):
                if isinstance(outcome, Rejection):
                    self.result.rejections[request.id] = outcome
                    tell(request, outcome)
                else:
                    answer = ended_early(request, outcome)
                    usage.add(answer)
                    self._keep(request, answer, watch)
                    tell(request, self._settle(request, answer))
                bar.expect(extent.num_requests())
                bar.skip(extent.num_stored() - num_skipped)
                num_skipped = extent.num_stored()
                seconds = usage.seconds + watch.elapsed_ns() / 1e9
                bar.advance(note=f"{usage.output_tokens / max(seconds, 1e-9):.0f} tokens/s")
        usage.seconds += self._end(watch) / 1e9

    def _keep(self, request: Request, answer: Answer, watch: _Stopwatch) -> None:
        """Write a new answer down; a whole one takes the place of one that was cut short for somebody else."""
        share_ns = watch.elapsed_ns() - watch.divided_ns
        stored = StoredAnswer(self._keys.of(request), answer, share_ns)
        replaces = request.ends is None and not known([stored.key], [stored.key], self._journal)
        if self._put(stored, replaces=replaces):
            watch.add_share(stored, share_ns)
            self._count(stored, is_from_journal=False)

    def _end(self, watch: _Stopwatch) -> int:
        """Add what has passed since the last answer to its share, and return the time of all, nanoseconds.

        That is the wait for the last verdicts of adaptive sampling, say, or for a request that was given up.
        """
        elapsed_ns = watch.elapsed_ns()
        if watch.last is not None:
            rest_ns = elapsed_ns - watch.divided_ns
            took_ns = (watch.last.took_ns or 0) + rest_ns
            self._put(dataclasses.replace(watch.last, took_ns=took_ns), replaces=True)
            self.result.usage.cost.nanoseconds += rest_ns
        return elapsed_ns

    def _put(self, stored: StoredAnswer, *, replaces: bool) -> bool:
        value = dataclasses.asdict(stored.answer)
        model = self._session.model()
        return self._journal.put(
            stored.key, value, kind="answer", model=model, took_ns=stored.took_ns, replaces=replaces
        )

    def _count(self, stored: StoredAnswer, *, is_from_journal: bool) -> None:
        """Count what an answer cost, once for all requests that share it."""
        number = int(stored.key, 16)
        if number not in self._session.counted:
            self._session.counted.add(number)
            self.result.usage.cost.add(stored.answer, stored.took_ns, is_from_journal=is_from_journal)

    def _settle(self, request: Request, answer: Answer) -> Answer | Rejection:
        """Put an answer into the result, or the rejection that it comes to, and return it."""
        if answer.finish_reason == FinishReason.REPETITION:
            detail = f"the last of {len(answer.text)} characters: {answer.text[-60:]!r}"
            rejection = Rejection(RejectReason.REPETITION, detail)
            self.result.rejections[request.id] = rejection
            return rejection
        self.result.answers[request.id] = answer
        return answer
