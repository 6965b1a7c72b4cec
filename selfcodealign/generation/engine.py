"""What every engine takes and gives: requests in, answers out, as each one ends."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Protocol


class RejectReason(StrEnum):
    """Why a request got no answer that can be used."""

    PROMPT_TOO_LONG = "prompt_too_long"
    ENGINE_REFUSED = "engine_refused"
    REPETITION = "repetition"
    # A server that was asked `max_tries` times; what the last try ended with.
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    TIMED_OUT = "timed_out"
    CUT_OFF = "cut_off"
    WRONG_JSON = "wrong_json"


class FinishReason(StrEnum):
    """How an answer ended.

    `stop`: end token or stop sequence; `length`: max_new_tokens used up; `closed`: all that was asked for is there, and
    the rest was not waited for; `repetition`: it only repeated itself.
    """

    STOP = "stop"
    LENGTH = "length"
    CLOSED = "closed"
    REPETITION = "repetition"


@dataclass(frozen=True, slots=True)
class EarlyEnd:
    """Where an answer has ended although the model would go on.

    Attributes:
        length: characters that belong to the answer.
        finish_reason: `closed` or `repetition`.
    """

    length: int
    finish_reason: FinishReason


# Says of a text that is still growing whether the answer has ended in it, or None. It finds the same place however
# much follows, so that an engine that looks now and then and one that sees whole answers only keep the same text.
EndCheck = Callable[[str], EarlyEnd | None]


@dataclass(frozen=True, slots=True)
class Request:
    """One prompt that wants one answer.

    Attributes:
        id: names the answer in the result; unique within a call.
        prompt: the rendered text, special tokens of a chat template included.
        seed: sampling seed, derived from the row's id and the sample's index.
        group: requests with the same group share a long prefix: they are asked side by side, or of the same server.
        ends: finds an early end of the answer; None: only the model and the decoding end it.
    """

    id: str
    prompt: str
    seed: int
    group: str = ""
    ends: EndCheck | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model said to one request.

    Attributes:
        text: the generated text, without the prompt and without the stop sequence.
        finish_reason: how it ended, a `FinishReason`.
        prompt_tokens: tokens of the prompt.
        cached_tokens: tokens of the prompt that came from the prefix cache; None: not known, of an answer that ended
            before its server could say it.
        output_tokens: tokens generated.
    """

    text: str
    finish_reason: str
    prompt_tokens: int
    cached_tokens: int | None
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a request got no answer; one bad request never ends a batch."""

    reason: RejectReason
    detail: str


@dataclass(frozen=True, slots=True)
class Decoding:
    """How answers are decoded.

    Attributes:
        temperature: sampling temperature; 0 is greedy.
        top_p: probability mass of nucleus sampling.
        max_new_tokens: tokens generated at most.
        stop: sequences that end an answer; they are not part of its text.
    """

    temperature: float
    top_p: float
    max_new_tokens: int
    stop: tuple[str, ...] = ()


@dataclass(slots=True)
class Cost:
    """What answers cost when they were generated, whether in this call or in an earlier run that journaled them.

    A rerun from the journal has the same cost as the run that it repeats. All sums are of integers, so the order of the
    answers does not matter. An answer that several requests share counts once.

    Attributes:
        requests: answers in all.
        without_cost: answers whose time is unknown because an older version journaled them. Their tokens are counted.
        requests_from_journal: answers that an earlier run generated.
        prompt_tokens: tokens of the prompts.
        cached_tokens: prompt tokens that came from the prefix cache.
        told_tokens: prompt tokens of the requests for which it is known how many of them came from there.
        output_tokens: tokens generated.
        timed_output_tokens: tokens generated, of answers whose time is known.
        nanoseconds: wall time of generation, without the engine's start. It is divided among the answers: each has the
            time since the previous answer of the same engine ended, so the sum is elapsed time and not the sum of
            latencies.
        nanoseconds_from_journal: the part of it that earlier runs spent.
    """

    requests: int = 0
    without_cost: int = 0
    requests_from_journal: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    told_tokens: int = 0
    output_tokens: int = 0
    timed_output_tokens: int = 0
    nanoseconds: int = 0
    nanoseconds_from_journal: int = 0

    def add(self, answer: Answer, took_ns: int | None, *, is_from_journal: bool) -> None:
        """Count one answer.

        Args:
            answer: the answer.
            took_ns: its share of the wall time, nanoseconds; None: unknown.
            is_from_journal: whether an earlier run generated it.
        """
        self.requests += 1
        self.requests_from_journal += is_from_journal
        self.prompt_tokens += answer.prompt_tokens
        if answer.cached_tokens is not None:
            self.cached_tokens += answer.cached_tokens
            self.told_tokens += answer.prompt_tokens
        self.output_tokens += answer.output_tokens
        if took_ns is None:
            self.without_cost += 1
            return
        self.timed_output_tokens += answer.output_tokens
        self.nanoseconds += took_ns
        self.nanoseconds_from_journal += took_ns if is_from_journal else 0

    def include(self, other: "Cost") -> None:
        """Add the cost of other answers."""
        _add_numbers(self, other)

    def as_metrics(self) -> dict[str, float]:
        """The sums with the rates that follow from them, for a stage's metrics: the same for a run and its rerun."""
        seconds = self.nanoseconds / 1e9
        return {
            "requests": self.requests,
            "without_cost": self.without_cost,
            "prompt_tokens": self.prompt_tokens,
            "cached_tokens": self.cached_tokens,
            "output_tokens": self.output_tokens,
            "seconds": round(seconds, 2),
            "output_tokens_per_second": round(self.timed_output_tokens / seconds, 1) if seconds else 0.0,
            "prefix_hit_rate": round(self.cached_tokens / self.told_tokens, 4) if self.told_tokens else 0.0,
        }

    def journal_share(self) -> dict[str, float]:
        """The shares of answers and of seconds, 0 to 1, that earlier runs generated."""
        return {
            "answers": round(self.requests_from_journal / self.requests, 4) if self.requests else 0.0,
            "seconds": round(self.nanoseconds_from_journal / self.nanoseconds, 4) if self.nanoseconds else 0.0,
        }


@dataclass(slots=True)
class Usage:
    """What a call did itself: its requests, and tokens and time of those that it sent to the engine.

    Attributes:
        requests: requests in all.
        from_journal: answers that the journal had already.
        asked: requests that went to the engine.
        prompt_tokens: prompt tokens of the asked requests.
        cached_tokens: those of them that came from the prefix cache.
        told_tokens: prompt tokens of those requests of which is known how many came from there.
        output_tokens: tokens generated.
        seconds: wall time of generation, the engine's start not counted.
        start_seconds: wall time of the engine's start.
        cost: what the answers to all requests cost, those from the journal included.
    """

    requests: int = 0
    from_journal: int = 0
    asked: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    told_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0
    start_seconds: float = 0.0
    cost: Cost = field(default_factory=Cost)

    def add(self, answer: Answer) -> None:
        """Count one answer that the engine gave."""
        self.prompt_tokens += answer.prompt_tokens
        if answer.cached_tokens is not None:
            self.cached_tokens += answer.cached_tokens
            self.told_tokens += answer.prompt_tokens
        self.output_tokens += answer.output_tokens

    def include(self, other: "Usage") -> None:
        """Add what another call did."""
        _add_numbers(self, other)
        self.cost.include(other.cost)

    def as_metrics(self) -> dict[str, Any]:
        """The counts with the rates that follow from them, for a stage's metrics; the cost is metrics of its own."""
        return {
            "requests": self.requests,
            "from_journal": self.from_journal,
            "journal_share": self.cost.journal_share(),
            "asked": self.asked,
            "prompt_tokens": self.prompt_tokens,
            "output_tokens": self.output_tokens,
            "seconds": round(self.seconds, 2),
            "start_seconds": round(self.start_seconds, 2),
            "output_tokens_per_second": round(self.output_tokens / self.seconds, 1) if self.seconds else 0.0,
            "prefix_hit_rate": round(self.cached_tokens / self.told_tokens, 4) if self.told_tokens else 0.0,
        }


def _add_numbers(total: Cost | Usage, part: Cost | Usage) -> None:
    """Add the numeric fields of one tally to those of another of the same class."""
    for name in (one.name for one in fields(total)):
        if isinstance(value := getattr(part, name), int | float):
            setattr(total, name, getattr(total, name) + value)


@dataclass(slots=True)
class Generation:
    """The result of one call: every request id is in exactly one of `answers` and `rejections`."""

    answers: dict[str, Answer] = field(default_factory=dict)
    rejections: dict[str, Rejection] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)


class Waiting:
    """The requests of a call that have not begun, for engines: see `Engine.generate`.

    Attributes:
        is_exhausted: whether there are no more, ever.
    """

    def __init__(self, requests: Iterable[Request | None]) -> None:
        self.is_exhausted = False
        self._requests = iter(requests)

    def following(self) -> Request | None:
        """The next request; None if there is none, at the moment or ever."""
        if not self.is_exhausted:
            try:
                return next(self._requests)
            except StopIteration:
                self.is_exhausted = True
        return None


class RequestSource(Protocol):
    """Requests that depend on answers to earlier ones."""

    def __iter__(self) -> Iterator[Request | None]:
        """The requests, as `Engine.generate` takes them."""
        ...

    def tell(self, request: Request, outcome: Answer | Rejection) -> None:
        """Take note of what a request has come to, before the next one is asked for."""
        ...


class Engine(Protocol):
    """A model that answers requests."""

    def generate(
        self, requests: Iterable[Request | None], decoding: Decoding
    ) -> Iterator[tuple[Request, Answer | Rejection]]:
        """Answer the requests, yielding each as it ends, in any order.

        The requests are taken as the engine has room for them, in the thread that iterates. So they may depend on
        answers that were yielded before: None says that there is none at the moment, and is asked again when another
        answer has ended, or at once if nothing is in flight (then it is the iterable that waits).

        Args:
            requests: in the order in which they are to start.
            decoding: how to decode, the same for all.

        Raises:
            InputError: no request can be answered: no such model, a wrong key, no server that answers.
        """
        ...

    def close(self) -> None:
        """Free the model's memory and end its processes."""
        ...
