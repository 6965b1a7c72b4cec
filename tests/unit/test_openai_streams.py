"""Answers that may end early are streamed: cut where they end, and asked again where the stream breaks off."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fault_server import OK, Act, FaultServer, completion, event, events, fault_server
from tiny_models import make_tokenizer

from selfcodealign.generation import (
    Answer,
    Decoding,
    FinishReason,
    Rejection,
    RejectReason,
    Request,
    RetryPolicy,
    Usage,
    load_openai,
)
from selfcodealign.generation.early_ends import ended_early, instruction_end, response_end
from selfcodealign.params import Engine

GREEDY = Decoding(temperature=0.0, top_p=1.0, max_new_tokens=50)
FAST = RetryPolicy(max_tries=3, first_delay_s=0.005, max_delay_s=0.02, outage_s=60.0)
REQUEST = Request("r", "prompt", seed=1, ends=instruction_end)
USAGE = {"prompt_tokens": 7, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": 4}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder as far as a server's client needs it: its tokenizer."""
    path = tmp_path_factory.mktemp("tokenizer")
    make_tokenizer().save_pretrained(path)
    return path


def ask(folder: Path, server: FaultServer, request: Request = REQUEST) -> Answer | Rejection:
    values = {"max_model_len": 400, "max_num_seqs": 1, "kv_cache_gib": 1, "request_timeout_s": 60}
    settings = Engine.model_validate({"kind": "openai", "servers": [server.url], "served_model": "tiny", **values})
    ((_, outcome),) = load_openai(folder, settings, FAST).generate([request], GREEDY)
    return outcome


def says(text: str) -> Callable[[dict, int], Act]:
    return lambda body, tries: Act(events=list(events(body["prompt"], text)))


def test_an_answer_that_repeats_itself_is_cut_and_its_server_is_left(folder):
    def endless() -> Iterator[bytes]:
        while True:
            time.sleep(0.001)
            yield event("ha ")

    with fault_server(lambda body, tries: Act(events=endless())) as server:
        answer = ask(folder, server)
        deadline = time.monotonic() + 30
        while server.at_once and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not server.at_once, "the server was not told that nobody listens any more"
    assert isinstance(answer, Answer)
    assert answer.finish_reason == FinishReason.REPETITION
    whole = Answer("ha " * 10_000, "length", 0, 0, 0)
    assert answer.text == ended_early(REQUEST, whole).text
    tokens = make_tokenizer()
    assert answer.prompt_tokens == len(tokens("prompt", add_special_tokens=False)["input_ids"])
    assert answer.output_tokens >= len(tokens(answer.text, add_special_tokens=False)["input_ids"])
    assert answer.cached_tokens is None


@pytest.mark.parametrize("tail", ["", "\nThis is how it works. " * 20])
def test_a_streamed_answer_is_the_one_that_came_whole_and_was_cut(folder, tail):
    text = "```python\nx = 1\n```\n\n## Tests\n```python\nassert x == 1\n```\n" + tail
    request = Request("r", "prompt", seed=1, ends=response_end)
    with fault_server(says(text)) as server:
        streamed = ask(folder, server, request)
    with fault_server(lambda body, tries: Act(body=completion("prompt", text))) as server:
        whole = ask(folder, server, request)
    assert (streamed.text, streamed.finish_reason) == (whole.text, whole.finish_reason)
    assert whole.text in text


def test_a_stream_that_ends_by_itself_has_its_servers_counts(folder):
    said = [event("one "), event("two"), event("", "stop"), *ending(USAGE)]
    with fault_server(lambda body, tries: Act(events=said)) as server:
        assert ask(folder, server) == Answer("one two", "stop", 7, 4, 9)
    assert server.asked[0]["stream_options"] == {"include_usage": True}


def ending(usage: dict) -> list[bytes]:
    return [b"data: " + json.dumps({"choices": [], "usage": usage}).encode() + b"\n\n", b"data: [DONE]\n\n"]


def test_line_separators_in_an_answer_end_no_event(folder):
    text = "one\u2028two\x85three\x0bfour\r\n"
    choice = {"choices": [{"index": 0, "text": text, "finish_reason": "stop"}]}
    said = b"data: " + json.dumps(choice, ensure_ascii=False).encode() + b"\r\n\r\n"
    with fault_server(lambda body, tries: Act(events=[said[:30], said[30:]])) as server:
        assert ask(folder, server).text == text


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ([event("one "), b'data: {"error": {"message": "out of memory"}}\n\n'], RejectReason.SERVER_ERROR),
        ([event("one "), b"data: {half\n\n"], RejectReason.WRONG_JSON),
        ([event("one "), b'data: {"choices": [{"text": null}]}\n\n'], RejectReason.WRONG_JSON),
        ([event("\ud800", "stop"), b"data: [DONE]\n\n"], RejectReason.WRONG_JSON),
        ([event("one "), b"data: [DONE]\n\n"], RejectReason.CUT_OFF),
        ([event("one ")], RejectReason.CUT_OFF),
        ([], RejectReason.CUT_OFF),
    ],
)
def test_a_stream_without_an_end_is_asked_again_and_counted_by_its_reason(folder, said, reason):
    with fault_server(lambda body, tries: Act(events=said) if tries == 1 else OK) as server:
        assert ask(folder, server).text == "answer to prompt"
    with fault_server(lambda body, tries: Act(events=said)) as server:
        lost = ask(folder, server)
    assert isinstance(lost, Rejection)
    assert lost.reason is reason
    assert len(server.asked) == FAST.max_tries


def test_the_hit_rate_is_that_of_the_answers_whose_server_has_told_it():
    usage = Usage()
    usage.add(Answer("whole", "stop", prompt_tokens=100, cached_tokens=80, output_tokens=5))
    usage.add(Answer("cut", "closed", prompt_tokens=900, cached_tokens=None, output_tokens=5))
    assert usage.as_metrics()["prefix_hit_rate"] == 0.8
    assert usage.as_metrics()["prompt_tokens"] == 1000
