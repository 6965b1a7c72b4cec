"""Servers fail, stall, break off and refuse; every request ends in an answer or is counted by its reason."""

import socket
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from fault_server import FAULTS, OK, Act, FaultServer, completion, fault_server
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_models import make_tokenizer

from selfcodealign.errors import InputError
from selfcodealign.generation import (
    Answer,
    Decoding,
    FinishReason,
    Generation,
    Rejection,
    RejectReason,
    Request,
    RetryPolicy,
    generate_answers,
    load_openai,
)
from selfcodealign.generation.early_ends import instruction_end
from selfcodealign.generation.engine import EndCheck
from selfcodealign.generation.engines import load_engine
from selfcodealign.generation.openai_engine import PromptText, base_url
from selfcodealign.params import Engine

SAMPLED = Decoding(temperature=0.7, top_p=0.9, max_new_tokens=50, stop=("\n\n",))
FAST = RetryPolicy(max_tries=4, first_delay_s=0.005, max_delay_s=0.02, outage_s=60.0)
REASONS = {
    "server_error": RejectReason.SERVER_ERROR,
    "overloaded": RejectReason.SERVER_ERROR,
    "rate_limited": RejectReason.RATE_LIMITED,
    "rate_limited_by_header": RejectReason.RATE_LIMITED,
    "stall": RejectReason.TIMED_OUT,
    "cut": RejectReason.CUT_OFF,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder as far as a server's client needs it: its tokenizer."""
    path = tmp_path_factory.mktemp("tokenizer")
    make_tokenizer().save_pretrained(path)
    return path


def engine_settings(urls: Sequence[str], **changes: object) -> Engine:
    values = {"max_model_len": 400, "max_num_seqs": 1, "kv_cache_gib": 1, "max_concurrency": 8, "request_timeout_s": 60}
    return Engine.model_validate({"kind": "openai", "servers": list(urls), "served_model": "tiny", **values, **changes})


def requests(count: int, group: str = "", ends: EndCheck | None = None) -> list[Request]:
    return [Request(f"r{n}", f"prompt {n}", seed=n, group=group, ends=ends) for n in range(count)]


def ask(
    folder: Path, urls: Sequence[str], asked: Sequence[Request], policy: RetryPolicy = FAST, **changes: object
) -> dict[str, Answer | Rejection]:
    engine = load_openai(folder, engine_settings(urls, **changes), policy)
    ended = [(request.id, outcome) for request, outcome in engine.generate(asked, SAMPLED)]
    assert len(ended) == len({name for name, _ in ended}), "a request ended twice"
    return dict(ended)


def test_a_request_says_everything_that_decides_its_answer(folder, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    with fault_server() as server:
        outcomes = ask(folder, [server.url], requests(3))
    assert outcomes["r1"] == Answer("answer to prompt 1", "stop", 8, 0, 18)
    body = next(body for body in server.asked if body["prompt"] == "prompt 1")
    assert body == {
        "model": "tiny",
        "prompt": "prompt 1",
        "n": 1,
        "temperature": 0.7,
        "top_p": 0.9,
        "max_tokens": 50,
        "stop": ["\n\n"],
        "seed": 1,
    }
    assert set(server.keys) == {"Bearer secret"}


def test_greedy_requests_send_no_seed(folder):
    with fault_server() as server:
        engine = load_openai(folder, engine_settings([server.url]), FAST)
        assert len(list(engine.generate(requests(1), Decoding(0.0, 1.0, 5)))) == 1
    assert "seed" not in server.asked[0]
    assert "stop" not in server.asked[0]


def test_requests_in_flight_stay_below_the_limit(folder):
    with fault_server(lambda body, tries: Act(stall_s=0.01)) as server:
        assert len(ask(folder, [server.url], requests(60), max_concurrency=5)) == 60
    assert 2 <= server.most_at_once <= 5


def timeout_s(fault: str) -> float:
    """Short where the time-out itself is tested, and long where a busy machine must not cause one."""
    return 1.0 if fault == "stall" else 60.0


@pytest.mark.parametrize("ends", [None, instruction_end], ids=["whole", "streamed"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_passes_costs_another_try_and_no_row(folder, fault, ends):
    with fault_server(lambda body, tries: FAULTS[fault] if tries == 1 else OK) as server:
        outcomes = ask(folder, [server.url], requests(12, ends=ends), request_timeout_s=timeout_s(fault))
    assert all(isinstance(outcome, Answer) for outcome in outcomes.values())
    assert min(server.tries().values()) == 2


@pytest.mark.parametrize("ends", [None, instruction_end], ids=["whole", "streamed"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_stays_is_counted_by_its_reason_and_the_others_are_answered(folder, fault, ends):
    def script(body: dict, tries: int) -> Act:
        return FAULTS[fault] if body["prompt"] == "prompt 3" else OK

    with fault_server(script) as server:
        outcomes = ask(folder, [server.url], requests(12, ends=ends), request_timeout_s=timeout_s(fault))
    lost = outcomes.pop("r3")
    assert isinstance(lost, Rejection)
    assert lost.reason is REASONS.get(fault, RejectReason.WRONG_JSON)
    assert "4 tries" in lost.detail
    assert "\n" not in lost.detail
    assert all(isinstance(outcome, Answer) for outcome in outcomes.values())
    # A try may have ended before a busy server saw it.
    assert server.tries()["prompt 3"] == FAST.max_tries or fault == "stall"


def test_a_server_that_asks_to_wait_is_left_alone_for_that_long(folder):
    def script(body: dict, tries: int) -> Act:
        is_first = body["prompt"] == "prompt 0" and tries == 1
        return Act(status=429, body=b"", headers={"Retry-After": "0.4"}) if is_first else OK

    with fault_server(script) as server:
        outcomes = ask(folder, [server.url], requests(6), max_concurrency=1)
    assert all(isinstance(outcome, Answer) for outcome in outcomes.values())
    assert server.at[1] - server.at[0] >= 0.4


def test_a_rate_limit_is_found_and_kept_to_without_losing_rows(folder):
    # Three requests in any 100 ms are served, more are told to wait.
    served: list[float] = []

    def script(body: dict, tries: int) -> Act:
        now = time.monotonic()
        if sum(now - when < 0.1 for when in served) >= 3:
            return Act(status=429, body=b"", headers={"Retry-After": "0.1"})
        served.append(now)
        return OK

    with fault_server(script) as server:
        outcomes = ask(folder, [server.url], requests(30), RetryPolicy(first_delay_s=0.01), max_concurrency=16)
    assert all(isinstance(outcome, Answer) for outcome in outcomes.values())
    assert len(server.asked) < 100


def test_a_prompt_longer_than_the_context_is_counted_before_it_is_sent(folder):
    long = Request("long", "x" * 351, seed=1)
    with fault_server() as server:
        outcomes = ask(folder, [server.url], [*requests(2), long, Request("fits", "x" * 350, seed=1)])
    assert outcomes["long"] == Rejection(RejectReason.PROMPT_TOO_LONG, "351 prompt + 50 new tokens > 400")
    assert isinstance(outcomes["fits"], Answer)
    assert server.tries()["x" * 351] == 0


@pytest.mark.parametrize(
    ("status", "said", "reason"),
    [
        (400, b"This model's maximum context length is 300 tokens", RejectReason.PROMPT_TOO_LONG),
        (413, b"too large", RejectReason.PROMPT_TOO_LONG),
        (400, b"this prompt is not wanted", RejectReason.ENGINE_REFUSED),
        (422, b"no", RejectReason.ENGINE_REFUSED),
    ],
)
def test_a_request_that_the_server_refuses_is_counted_at_once(folder, status, said, reason):
    def script(body: dict, tries: int) -> Act:
        return Act(status=status, body=said) if body["prompt"] == "prompt 1" else OK

    with fault_server(script) as server:
        outcomes = ask(folder, [server.url], requests(4))
    assert outcomes["r1"].reason is reason
    assert server.tries()["prompt 1"] == 1
    assert sum(isinstance(outcome, Answer) for outcome in outcomes.values()) == 3


@pytest.mark.parametrize(("status", "hint"), [(401, "OPENAI_API_KEY"), (403, "OPENAI_API_KEY"), (404, "served_model")])
def test_what_no_request_can_pass_ends_the_run_at_once_in_one_line(folder, monkeypatch, status, hint):
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    with fault_server(lambda body, tries: Act(status=status, body=b"model `tiny`\ndoes not exist")) as server:
        started = time.monotonic()
        with pytest.raises(InputError, match=hint) as caught:
            ask(folder, [server.url], requests(50))
    assert time.monotonic() - started < 20
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def dead_url() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}/v1"


def test_the_requests_of_a_dead_server_go_to_the_others_and_lose_no_try(folder):
    with fault_server() as server:
        outcomes = ask(folder, [dead_url(), server.url], requests(40), RetryPolicy(max_tries=1, first_delay_s=0.005))
    assert all(isinstance(outcome, Answer) for outcome in outcomes.values())
    assert set(server.tries().values()) == {1}


def test_a_server_that_dies_half_way_hands_its_requests_over(folder):
    with fault_server(lambda body, tries: Act(stall_s=0.01)) as stays:
        dies = FaultServer(lambda body, tries: Act(stall_s=0.02))
        engine = load_openai(folder, engine_settings([dies.url, stays.url], max_concurrency=4), FAST)
        outcomes = {}
        for request, outcome in engine.generate(requests(60), SAMPLED):
            outcomes[request.id] = outcome
            if len(outcomes) == 15:
                dies.close()
    assert len(dies.asked) > 0
    assert len(outcomes) == 60
    assert all(isinstance(outcome, Answer) for outcome in outcomes.values())


def test_no_server_at_all_ends_the_run_in_one_line_after_a_while(folder):
    urls = [dead_url(), dead_url()]
    started = time.monotonic()
    with pytest.raises(InputError, match=r"none has answered for .*finished answers are kept"):
        ask(folder, urls, requests(20), RetryPolicy(first_delay_s=0.01, max_delay_s=0.05, outage_s=0.5))
    assert 0.4 < time.monotonic() - started < 20


def test_a_server_that_comes_up_late_is_waited_for(folder):
    # The server begins to answer half a second after the first request.
    began = time.monotonic()

    def script(body: dict, tries: int) -> Act:
        return OK if time.monotonic() - began > 0.5 else FAULTS["overloaded"]

    with fault_server(script) as server:
        outcomes = ask(folder, [server.url], requests(100), RetryPolicy(first_delay_s=0.02, max_delay_s=0.1))
    assert all(isinstance(outcome, Answer) for outcome in outcomes.values())
    assert len(server.asked) < 150, "a failing server was not left alone"


def test_requests_of_one_group_go_to_one_server_while_it_has_work_of_its_own(folder):
    asked = [Request(f"{group}{n}", f"{group} {n}", n, group) for group in "abcd" for n in range(10)]
    slow = Act(stall_s=0.02)
    with fault_server(lambda body, tries: slow) as first, fault_server(lambda body, tries: slow) as second:
        assert len(ask(folder, [first.url, second.url], asked, max_concurrency=2)) == 40
    homes = [Counter(body["prompt"][0] for body in server.asked[:16]) for server in (first, second)]
    assert set(homes[0]) == {"a", "c"}
    assert set(homes[1]) == {"b", "d"}
    assert not {body["prompt"] for body in first.asked} & {body["prompt"] for body in second.asked}


def test_a_server_without_work_of_its_own_helps_out(folder):
    slow = Act(stall_s=0.02)
    with fault_server(lambda body, tries: slow) as first, fault_server(lambda body, tries: slow) as second:
        ask(folder, [first.url, second.url], requests(40, group="one"), max_concurrency=2)
    assert len(first.asked) >= 10
    assert len(second.asked) >= 10


def test_requests_may_depend_on_answers(folder):
    seen: list[str] = []

    def waves():
        yield from requests(3)
        while len(seen) < 3:
            yield None
        yield Request("more", "more", seed=1)

    with fault_server() as server:
        engine = load_openai(folder, engine_settings([server.url]), FAST)
        for request, _ in engine.generate(waves(), SAMPLED):
            seen.append(request.id)
    assert seen[-1] == "more"
    assert len(seen) == 4


def test_a_caller_that_stops_half_way_leaves_no_thread_and_no_request_behind(folder):
    with fault_server(lambda body, tries: Act(stall_s=0.0 if body["prompt"] == "prompt 0" else 30.0)) as server:
        engine = load_openai(folder, engine_settings([server.url]), FAST)
        started = time.monotonic()
        answers = engine.generate(requests(50), SAMPLED)
        next(answers)
        answers.close()
    assert time.monotonic() - started < 20
    assert len(server.asked) < 50


def test_tokens_that_a_server_does_not_count_are_counted_here(folder):
    with fault_server(lambda body, tries: Act(body=completion(body["prompt"], "four", {}))) as server:
        (outcome,) = ask(folder, [server.url], requests(1)).values()
    assert outcome == Answer("four", "stop", 8, 0, 4)


def test_cached_tokens_are_read_where_the_server_tells_them(folder):
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 7}}
    with fault_server(lambda body, tries: Act(body=completion(body["prompt"], "x", usage))) as server:
        (outcome,) = ask(folder, [server.url], requests(1)).values()
    assert outcome.cached_tokens == 7


def test_a_begin_token_that_the_server_adds_itself_is_not_sent():
    from tokenizers.processors import TemplateProcessing

    tokenizer = make_tokenizer()
    assert PromptText(tokenizer, 100).sent("<|endoftext|>x") == "<|endoftext|>x"
    tokenizer.add_special_tokens({"bos_token": "<|endoftext|>"})
    assert PromptText(tokenizer, 100).sent("<|endoftext|>x") == "<|endoftext|>x"
    template = TemplateProcessing(single="<|endoftext|> $0", special_tokens=[("<|endoftext|>", 0)])
    tokenizer.backend_tokenizer.post_processor = template
    assert PromptText(tokenizer, 100).sent("<|endoftext|>x") == "x"
    assert PromptText(tokenizer, 100).num_tokens("<|endoftext|>x") == 2


@pytest.mark.parametrize(
    ("given_url", "expected"),
    [
        ("http://host:8000", "http://host:8000/v1"),
        ("http://host:8000/", "http://host:8000/v1"),
        ("https://host/v1/", "https://host/v1"),
        ("https://host/api/openai", "https://host/api/openai"),
    ],
)
def test_an_address_without_a_path_gets_the_usual_one(given_url, expected):
    assert base_url(given_url) == expected


def journalled(folder: Path, journal: Path, urls: Sequence[str], asked: Sequence[Request]) -> Generation:
    return generate_answers(
        asked,
        SAMPLED,
        model_folder=folder,
        engine=engine_settings(urls, max_tries=1),
        journal_path=journal,
        what="answers",
    )


def test_answers_are_journalled_as_they_end_and_lost_rows_are_asked_again(folder, tmp_path):
    def flaky(body: dict, tries: int) -> Act:
        return FAULTS["no_json"] if body["prompt"] in {"prompt 2", "prompt 7"} and tries == 1 else OK

    with fault_server(flaky) as server:
        first = journalled(folder, tmp_path / "j.sqlite", [server.url], requests(10))
        again = journalled(folder, tmp_path / "j.sqlite", [server.url], requests(10))
    assert set(first.rejections) == {"r2", "r7"}
    assert (again.usage.asked, again.usage.from_journal, len(again.answers)) == (2, 8, 10)
    assert {prompt for prompt, tries in server.tries().items() if tries == 2} == {"prompt 2", "prompt 7"}
    assert first.usage.output_tokens == sum(len(answer.text) for answer in first.answers.values())


def test_an_engine_that_ends_the_run_leaves_what_was_answered_in_the_journal(folder, tmp_path):
    def script(body: dict, tries: int) -> Act:
        return Act(status=401, body=b"") if body["prompt"] == "prompt 9" else OK

    with fault_server(script) as server, pytest.raises(InputError):
        journalled(folder, tmp_path / "j.sqlite", [server.url], requests(10))
    with fault_server() as server:
        done = journalled(folder, tmp_path / "j.sqlite", [server.url], requests(10))
    assert len(done.answers) == 10
    assert done.usage.asked == len(server.asked)


def test_another_address_or_limit_reuses_all_answers_and_another_model_none(folder, tmp_path):
    with fault_server() as first, fault_server() as second:
        ask_it = {"model_folder": folder, "journal_path": tmp_path / "j.sqlite", "what": "answers"}
        one = engine_settings([first.url])
        other = engine_settings([second.url], max_concurrency=3, max_tries=2)
        renamed = engine_settings([second.url], served_model="other")
        generate_answers(requests(4), SAMPLED, engine=one, **ask_it)
        assert generate_answers(requests(4), SAMPLED, engine=other, **ask_it).usage.asked == 0
        assert generate_answers(requests(4), SAMPLED, engine=renamed, **ask_it).usage.asked == 4


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    schedule=st.lists(
        st.lists(st.sampled_from([*sorted(FAULTS.keys() - {"stall"}), "ok"]), max_size=5), min_size=1, max_size=8
    ),
    num_servers=st.integers(1, 3),
    has_dead_server=st.booleans(),
)
def test_under_any_schedule_of_faults_every_request_is_answered_once_or_counted(
    folder, tmp_path_factory, schedule, num_servers, has_dead_server
):
    tried: Counter[str] = Counter()

    def script(body: dict, _: int) -> Act:
        faults = schedule[int(body["prompt"].split()[1]) % len(schedule)]
        tried[body["prompt"]] += 1
        name = faults[tried[body["prompt"]] - 1] if tried[body["prompt"]] <= len(faults) else "ok"
        return FAULTS.get(name, OK)

    servers = [FaultServer(script) for _ in range(num_servers)]
    urls = [server.url for server in servers] + ([dead_url()] if has_dead_server else [])
    try:
        outcomes = ask(folder, urls, requests(12), max_concurrency=4)
    finally:
        for server in servers:
            server.close()
    assert len(outcomes) == 12
    for n in range(12):
        faults = schedule[n % len(schedule)]
        must_be_lost = len(faults) >= FAST.max_tries and "ok" not in faults[: FAST.max_tries]
        assert isinstance(outcomes[f"r{n}"], Rejection) == must_be_lost
    assert max(tried.values()) <= FAST.max_tries


def test_repetition_without_end_is_counted_and_not_asked_again(folder, tmp_path):
    from selfcodealign.generation.early_ends import instruction_end

    text = "Write a function. " + "and so on, " * 40
    asked = [Request("r", "prompt", 1, ends=instruction_end)]
    with fault_server(lambda body, tries: Act(body=completion("", text))) as server:
        first = journalled(folder, tmp_path / "j.sqlite", [server.url], asked)
        again = journalled(folder, tmp_path / "j.sqlite", [server.url], asked)
        assert first.rejections["r"].reason is RejectReason.REPETITION
        assert again.rejections == first.rejections
        assert len(server.asked) == 1
        whole = journalled(folder, tmp_path / "j.sqlite", [server.url], [Request("r", "prompt", 1)])
        assert whole.answers["r"].text == text
        assert whole.answers["r"].finish_reason == FinishReason.STOP
        assert len(server.asked) == 2
        assert journalled(folder, tmp_path / "j.sqlite", [server.url], [Request("r", "prompt", 1)]).usage.asked == 0


def test_the_kind_of_engine_is_one_setting(folder):
    assert type(load_engine(folder, engine_settings(["http://localhost:1"]))).__name__ == "PooledEngine"
