"""What an answer calls for is asked as soon as that answer has ended, once, and never waits for all the others."""

from pathlib import Path

import pytest
from fault_server import Act, fault_server
from tiny_models import make_tokenizer

from selfcodealign.generation import Answer, Decoding, Generation, Rejection, RejectReason, Request, generate_answers
from selfcodealign.generation.follow_ups import FollowedUp
from selfcodealign.params import Engine

SAMPLED = Decoding(temperature=0.7, top_p=1.0, max_new_tokens=50)
NAMES = [f"r{n}" for n in range(6)]
CONTINUED = ["r1", "r4"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder as far as a server's client needs it: its tokenizer."""
    path = tmp_path_factory.mktemp("tokenizer")
    make_tokenizer().save_pretrained(path)
    return path


def continue_some(request: Request, answer: Answer) -> Request | None:
    if request.id.removesuffix("+") not in CONTINUED:
        return None
    return Request(f"{request.id}+", f"{request.prompt} {answer.text}", seed=request.seed)


def ask(folder: Path, url: str, journal: Path, *, is_continued: bool = True, max_concurrency: int = 1) -> Generation:
    values = {"max_model_len": 400, "max_num_seqs": 1, "kv_cache_gib": 1, "max_concurrency": max_concurrency}
    engine = Engine.model_validate({"kind": "openai", "servers": [url], "served_model": "tiny", **values})
    requests = [Request(name, f"prompt {name}", seed=1) for name in NAMES]
    follow_up = continue_some if is_continued else None
    return generate_answers(
        requests, SAMPLED, follow_up, model_folder=folder, engine=engine, journal_path=journal, what="tests"
    )


def followed(name: str) -> str:
    return f"prompt {name} answer to prompt {name}"


def test_a_continuation_is_next_when_its_answer_has_ended_and_calls_for_no_other():
    requests = [Request(name, f"prompt {name}", seed=1) for name in NAMES]
    source = FollowedUp(requests, continue_some)
    given = []
    for request in source:
        assert request is not None, "an answer that calls for more was told before the next request was asked for"
        given.append(request.id)
        source.tell(request, Answer("said", "stop", 1, 0, 1))
    assert given == ["r0", "r1", "r1+", "r2", "r3", "r4", "r4+", "r5"]
    assert source.num_called_for == 2


def test_while_answers_are_in_flight_there_may_be_more_requests():
    source = FollowedUp([Request("r1", "prompt", seed=1)], continue_some)
    requests = iter(source)
    first = next(requests)
    assert next(requests) is None
    source.tell(first, Answer("said", "stop", 1, 0, 1))
    continuation = next(requests)
    assert continuation.id == "r1+"
    source.tell(continuation, Rejection(RejectReason.REPETITION, ""))
    assert list(requests) == []


def test_an_answer_that_takes_long_holds_no_continuation_back(folder, tmp_path):
    with fault_server(lambda body, tries: Act(stall_s=2.0 if body["prompt"] == "prompt r0" else 0.0)) as server:
        ask(folder, server.url, tmp_path / "j.sqlite", max_concurrency=2)
    start = server.at[[body["prompt"] for body in server.asked].index("prompt r0")]
    continued = [at for at, body in zip(server.at, server.asked, strict=True) if "answer" in body["prompt"]]
    assert len(continued) == 2
    assert max(continued) < start + 2.0


@pytest.mark.parametrize("num_known", [1, 3, 6])
def test_answers_of_the_journal_are_continued_as_well_and_nothing_is_asked_twice(
    folder, tmp_path, monkeypatch, num_known
):
    journal = tmp_path / "j.sqlite"
    with fault_server() as server, monkeypatch.context() as patch:
        patch.setattr(f"{__name__}.NAMES", NAMES[:num_known])
        ask(folder, server.url, journal, is_continued=False)
    with fault_server() as server:
        found = ask(folder, server.url, journal)
    assert found.answers.keys() == {*NAMES, *(f"{name}+" for name in CONTINUED)}
    usage = found.usage
    assert (usage.requests, usage.asked, usage.from_journal) == (8, 8 - num_known, num_known)
    assert len(server.asked) == 8 - num_known
    with fault_server() as server:
        again = ask(folder, server.url, journal)
    assert again.answers == found.answers
    assert not server.asked
