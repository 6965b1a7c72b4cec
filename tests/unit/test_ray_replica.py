"""Requests of many at once go through one engine: each is answered to its own asker, new ones joining the others."""

import threading
from collections.abc import Iterable, Iterator

from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from selfcodealign.generation import Answer, Decoding, Rejection, Request
from selfcodealign.generation.engine import Waiting
from selfcodealign.generation.ray_replica import Intake

DECODINGS = [Decoding(0.0, 1.0, 8), Decoding(0.7, 1.0, 8)]


class Echo:
    """An engine that gives each prompt back, with the decoding; as many at a time as it has room for, last ones first.

    Like vLLM's it refuses an id that it has already.
    """

    def __init__(self, room: int) -> None:
        self.most_at_once = 0
        self._room = room

    def generate(
        self, requests: Iterable[Request | None], decoding: Decoding
    ) -> Iterator[tuple[Request, Answer | Rejection]]:
        waiting = Waiting(requests)
        running: dict[str, Request] = {}
        while running or not waiting.is_exhausted:
            while len(running) < self._room and (request := waiting.following()) is not None:
                assert request.id not in running
                running[request.id] = request
            self.most_at_once = max(self.most_at_once, len(running))
            if running:
                _, request = running.popitem()
                yield request, Answer(f"{request.prompt} {decoding.temperature}", "stop", request.seed, 0, 1)

    def close(self) -> None:
        pass


def serve(intake: Intake, engine: Echo) -> None:
    threading.Thread(target=intake.answer_with, args=(engine,), daemon=True).start()


@examples(max_examples=40, deadline=None)
@given(asked=st.lists(st.tuples(st.integers(0, 3), st.sampled_from(DECODINGS)), max_size=40), room=st.integers(1, 5))
def test_every_request_is_answered_to_who_asked_it_under_its_own_decoding(asked, room):
    intake = Intake()
    serve(intake, Echo(room))
    # The same id again and again: a request may be asked a second time while the first try still runs.
    outcomes = [intake.add(Request(f"r{n}", f"prompt {n}", seed=n), decoding) for n, decoding in asked]
    for (n, decoding), outcome in zip(asked, outcomes, strict=True):
        assert outcome.result(timeout=20) == Answer(f"prompt {n} {decoding.temperature}", "stop", n, 0, 1)


def test_requests_that_have_arrived_run_side_by_side():
    intake, engine = Intake(), Echo(room=4)
    outcomes = [intake.add(Request(f"r{n}", "x", seed=n), DECODINGS[0]) for n in range(10)]
    serve(intake, engine)
    assert [outcome.result(timeout=20).prompt_tokens for outcome in outcomes] == list(range(10))
    assert engine.most_at_once == 4


def test_an_engine_without_work_waits_for_the_next_request():
    intake = Intake()
    serve(intake, Echo(room=2))
    for n in range(3):
        assert intake.add(Request("r", "x", seed=n), DECODINGS[n % 2]).result(timeout=20).prompt_tokens == n
