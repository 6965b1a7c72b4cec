"""What answers cost stays with them: a run, the same run killed and resumed, and its rerun report the same cost."""

import dataclasses
import json
import random
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from fault_server import Act, completion, event, fault_server
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tiny_models import make_tokenizer

from selfcodealign.generation import (
    Answer,
    Cost,
    Decoding,
    Generation,
    Rejection,
    RejectReason,
    Request,
    Usage,
    generate_answers,
    open_answers,
)
from selfcodealign.generation.early_ends import concepts_end, instruction_end
from selfcodealign.generation.engine import RequestSource, Waiting
from selfcodealign.generation.waves import Waves
from selfcodealign.journal import open_journal
from selfcodealign.params import Engine

SAMPLED = Decoding(temperature=0.7, top_p=1.0, max_new_tokens=50)
SETTINGS = Engine(max_model_len=512, max_num_seqs=8, kv_cache_gib=1)
CONTINUED = "+tests"
# What a request comes to: twins share prompt and seed, and so one entry of the journal.
KINDS = ["plain", "short", "refused", "rambling", "twin"]


class Killed(BaseException):
    """Ends a run wherever it is, as a kill does."""


class OwnEngine:
    """Answers up to three requests side by side, which end in an order of chance; may be killed after some."""

    def __init__(self, draw: random.Random, dies_after: int | None = None) -> None:
        self.draw = draw
        self.dies_after = dies_after
        self.num_ended = 0

    def generate(
        self, requests: Iterable[Request | None], decoding: Decoding
    ) -> Iterator[tuple[Request, Answer | Rejection]]:
        waiting = Waiting(requests)
        running: list[Request] = []
        while running or not waiting.is_exhausted:
            while len(running) < 3 and (request := waiting.following()) is not None:
                running.append(request)
            if running:
                if self.num_ended == self.dies_after:
                    raise Killed
                self.num_ended += 1
                request = running.pop(self.draw.randrange(len(running)))
                yield request, said_to(request)

    def close(self) -> None:
        pass


def said_to(request: Request) -> Answer | Rejection:
    if request.prompt.startswith("refused"):
        return Rejection(RejectReason.PROMPT_TOO_LONG, "too long")
    text = "and so on, " * 60 if request.prompt.startswith("rambling") else f"answer to {request.prompt}"
    # Of some answers it is not known how much of their prompt was cached.
    cached = None if request.seed % 3 == 0 else request.seed % 5
    return Answer(text, "stop", len(request.prompt), cached, len(text))


def requests_for(kinds: Sequence[str], *, are_whole: bool = False) -> list[Request]:
    ends = None if are_whole else instruction_end
    return [
        Request(f"r{n}", *(("twin", 7) if kind == "twin" else (f"{kind} {n}", n + 1)), ends=ends)
        for n, kind in enumerate(kinds)
    ]


def continue_short(request: Request, answer: Answer) -> Request | None:
    if not request.prompt.startswith("short") or request.id.endswith(CONTINUED):
        return None
    return Request(request.id + CONTINUED, f"continue {request.prompt}", request.seed, ends=instruction_end)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder as far as a server's client needs it: its tokenizer."""
    path = tmp_path_factory.mktemp("tokenizer")
    make_tokenizer().save_pretrained(path)
    return path


def run(
    folder: Path, journal: Path, requests: Sequence[Request] | RequestSource, engine: OwnEngine | None = None
) -> Generation:
    """One run with an engine of this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "selfcodealign.generation.answers.load_engine",
            lambda *_: engine or OwnEngine(random.Random(len(str(journal)))),
        )
        return generate_answers(
            requests,
            SAMPLED,
            continue_short if isinstance(requests, Sequence) else None,
            model_folder=folder,
            engine=SETTINGS,
            journal_path=journal,
            what="tests",
        )


def stored_ns(journal: Path) -> int:
    """The time that all answers of a journal took together."""
    with sqlite3.connect(journal) as connection:
        (total,) = connection.execute("SELECT COALESCE(SUM(took_ns), 0) FROM entries").fetchone()
    return int(total)


def as_json(usage: Usage) -> str:
    return json.dumps(usage.cost.as_metrics())


def tokens(usage: Usage) -> dict[str, float]:
    """The part of the cost that does not depend on the clock."""
    timed = {"seconds", "output_tokens_per_second"}
    return {name: value for name, value in usage.cost.as_metrics().items() if name not in timed}


def expected(kinds: Sequence[str]) -> Cost:
    """The cost of the distinct answers, without their time."""
    asked = requests_for(kinds)
    asked += [following for one in asked if (following := continue_short(one, Answer("", "stop", 0, 0, 0)))]
    cost = Cost()
    for request in {(one.prompt, one.seed): one for one in asked}.values():
        answer = said_to(request)
        if isinstance(answer, Answer):
            cost.add(answer, 0, is_from_journal=False)
    return cost


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from(KINDS), max_size=10),
    st.booleans(),
    st.lists(st.integers(0, 12), max_size=4),
    st.integers(0, 99),
)
@example(["twin", "plain", "twin"], True, [], 0)
@example(["twin", "twin", "short"], False, [2], 1)
@example(["short", "refused"], False, [1], 1)
def test_a_run_that_was_killed_and_resumed_has_the_cost_of_the_whole_run(
    folder, tmp_path_factory, kinds, are_whole, kills, seed
):
    journal = tmp_path_factory.mktemp("journal") / "j.sqlite"
    asked, draw = requests_for(kinds, are_whole=are_whole), random.Random(seed)
    for dies_after in kills:
        before, started = (stored_ns(journal) if journal.exists() else 0), time.monotonic_ns()
        with suppress(Killed):
            run(folder, journal, asked, OwnEngine(draw, dies_after))
        assert stored_ns(journal) - before <= time.monotonic_ns() - started
    known = stored_ns(journal) if kills else 0
    done = run(folder, journal, asked, OwnEngine(draw)).usage
    whole = expected(kinds)
    assert tokens(done) == tokens(Usage(cost=whole))
    assert done.cost.nanoseconds == stored_ns(journal)
    assert done.cost.nanoseconds_from_journal == known
    # Each answer's share is elapsed time: nothing of what this run spent is lost, or counted twice. Only where the
    # engine gives rejections and no answer at all is there none that the time belongs to.
    spent = done.cost.nanoseconds - known
    assert spent <= round(done.seconds * 1e9)
    if "refused" not in kinds:
        assert spent == round(done.seconds * 1e9)
    again = run(folder, journal, asked).usage
    assert as_json(again) == as_json(done)
    assert again.asked == kinds.count("refused")
    assert again.cost.journal_share()["answers"] == (1.0 if whole.requests else 0.0)
    assert stored_ns(journal) == done.cost.nanoseconds


class SlowJudge:
    """Passes programs by their text; a verdict takes a while when it is waited for."""

    def __init__(self) -> None:
        self._waiting: list[tuple[str, bool]] = []

    def submit(self, name: str, program: str, code: str) -> None:
        self._waiting.append((name, program.endswith("3")))

    def verdicts(self, *, wait: bool) -> list[tuple[str, bool]]:
        if not wait:
            return []
        time.sleep(0.002)
        found, self._waiting = self._waiting, []
        return found


def in_waves(kinds: Sequence[Sequence[str]]) -> Waves:
    """A task for each list of kinds, one sample at a time until one has passed."""

    def program_of(found: Answer, continuation: Answer | None) -> tuple[str, str]:
        return (continuation or found).text, "code"

    waves = Waves(1, 1, program_of, continue_short, SlowJudge())
    for number, samples in enumerate(kinds):
        waves.add_task(
            f"t{number}",
            [
                Request(f"t{number}-{n}", f"{kind} {number} {n}", n + 1, ends=instruction_end)
                for n, kind in enumerate(samples)
            ],
        )
    return waves


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(KINDS[:4]), max_size=5), max_size=4),
    st.lists(st.integers(0, 12), max_size=3),
    st.integers(0, 99),
)
def test_adaptive_sampling_costs_the_same_killed_resumed_and_rerun(folder, tmp_path_factory, kinds, kills, seed):
    place, draw = tmp_path_factory.mktemp("journals"), random.Random(seed)
    whole = run(folder, place / "whole.sqlite", in_waves(kinds), OwnEngine(draw)).usage
    assert whole.cost.nanoseconds == (round(whole.seconds * 1e9) if whole.cost.requests else 0), (
        "verdicts were waited for"
    )
    for dies_after in kills:
        with suppress(Killed):
            run(folder, place / "parts.sqlite", in_waves(kinds), OwnEngine(draw, dies_after))
    resumed = run(folder, place / "parts.sqlite", in_waves(kinds), OwnEngine(draw)).usage
    assert tokens(resumed) == tokens(whole)
    assert resumed.cost.nanoseconds == stored_ns(place / "parts.sqlite")
    assert as_json(run(folder, place / "whole.sqlite", in_waves(kinds)).usage) == as_json(whole)
    assert as_json(run(folder, place / "parts.sqlite", in_waves(kinds)).usage) == as_json(resumed)


def ask_server(folder: Path, journal: Path, url: str, requests: Sequence[Request]) -> Usage:
    values = {"max_model_len": 400, "max_num_seqs": 1, "kv_cache_gib": 1, "max_concurrency": 8}
    engine = Engine.model_validate({"kind": "openai", "servers": [url], "served_model": "tiny", **values})
    return generate_answers(
        requests, SAMPLED, model_folder=folder, engine=engine, journal_path=journal, what="tests"
    ).usage


def test_answers_that_end_side_by_side_share_the_time_that_has_passed(folder, tmp_path):
    asked = [Request(f"r{n}", f"prompt {n}", n) for n in range(8)]
    with fault_server(lambda body, tries: Act(stall_s=1.0)) as server:
        ask_server(folder, tmp_path / "first.sqlite", server.url, asked[:1])  # the client's imports take time
        started = time.monotonic()
        usage = ask_server(folder, tmp_path / "j.sqlite", server.url, asked)
        elapsed = time.monotonic() - started
        again = ask_server(folder, tmp_path / "j.sqlite", server.url, asked)
    assert server.most_at_once > 1
    assert 1.0 <= usage.cost.nanoseconds / 1e9 <= elapsed < 8 * 1.0
    assert usage.cost.nanoseconds == round(usage.seconds * 1e9)
    assert (again.asked, again.seconds, as_json(again)) == (0, 0.0, as_json(usage))
    assert again.as_metrics()["journal_share"] == {"answers": 1.0, "seconds": 1.0}
    assert usage.as_metrics()["journal_share"] == {"answers": 0.0, "seconds": 0.0}


def test_what_a_server_does_not_say_and_the_time_of_its_faults_are_in_the_cost(folder, tmp_path):
    """A stream that is ended early says nothing of tokens and cache; a first try that fails takes time."""
    lines = [event("recursion, sorting\n"), *[event("more ")] * 60, event("", "stop"), b"data: [DONE]\n\n"]
    usage = {"prompt_tokens": 100, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 64}}

    def script(body: dict, tries: int) -> Act:
        if tries == 1:
            return Act(status=503, body=b"no capacity")
        return Act(events=lines) if body.get("stream") else Act(body=completion("", "whole", usage))

    asked = [Request("cut", "prompt", 1, ends=concepts_end), Request("whole", "prompt 2", 2)]
    with fault_server(script) as server:
        first = ask_server(folder, tmp_path / "j.sqlite", server.url, asked)
        again = ask_server(folder, tmp_path / "j.sqlite", server.url, asked)
    cost = first.cost.as_metrics()
    assert (cost["requests"], cost["prompt_tokens"], cost["cached_tokens"]) == (2, 100 + len("prompt"), 64)
    assert cost["prefix_hit_rate"] == 0.64
    assert cost["seconds"] >= 0.5, "the delay before the second try"
    assert as_json(again) == as_json(first)


def test_another_step_that_uses_some_of_the_answers_has_their_part_of_the_cost(folder, tmp_path):
    asked = requests_for(["plain"] * 8)
    whole = run(folder, tmp_path / "j.sqlite", asked).usage.cost
    parts = [run(folder, tmp_path / "j.sqlite", part).usage.cost for part in (asked[:3], asked[3:])]
    assert parts[0].nanoseconds + parts[1].nanoseconds == whole.nanoseconds
    assert parts[0].output_tokens + parts[1].output_tokens == whole.output_tokens
    assert 0 < parts[0].nanoseconds < whole.nanoseconds


def make_older(journal: Path, num_kept_in_first_version: int) -> list[tuple[str, str]]:
    """Turn a journal into one of the first version, which had keys and values, and return its entries."""
    with sqlite3.connect(journal) as connection:
        entries = connection.execute("SELECT key, value FROM entries ORDER BY key").fetchall()
        connection.execute("DROP TABLE entries")
        connection.execute("CREATE TABLE entries (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID")
        connection.executemany("INSERT INTO entries VALUES (?, ?)", entries[:num_kept_in_first_version])
    return entries


@pytest.mark.parametrize("num_older", [0, 3, 5])
def test_answers_of_an_older_journal_are_counted_without_a_time_and_none_is_lost(folder, tmp_path, num_older):
    journal, asked = tmp_path / "j.sqlite", requests_for(["plain", "rambling", "plain", "plain", "plain"])
    first = run(folder, journal, asked)
    entries = make_older(journal, num_older)
    done = run(folder, journal, asked)
    cost = done.usage.cost.as_metrics()
    assert (done.answers, done.rejections) == (first.answers, first.rejections)
    assert (cost["requests"], cost["without_cost"], done.usage.asked) == (5, num_older, 5 - num_older)
    assert cost["output_tokens"] == sum(json.loads(value)["output_tokens"] for _, value in entries), "tokens are known"
    assert done.usage.cost.nanoseconds == stored_ns(journal) == round(done.usage.seconds * 1e9)
    if num_older == 5:
        assert (cost["seconds"], cost["output_tokens_per_second"]) == (0.0, 0.0)
    with sqlite3.connect(journal) as connection:
        assert connection.execute("SELECT key, value FROM entries ORDER BY key").fetchall() == entries
    assert as_json(run(folder, journal, asked).usage) == as_json(done.usage)


def test_tokens_per_second_are_those_of_the_answers_whose_time_is_known() -> None:
    cost = Cost()
    cost.add(Answer("old", "stop", 10, 0, 1000), None, is_from_journal=True)
    cost.add(Answer("new", "stop", 10, 5, 30), 2_000_000_000, is_from_journal=False)
    assert cost.as_metrics()["output_tokens_per_second"] == 15.0
    assert cost.journal_share() == {"answers": 0.5, "seconds": 0.0}


def test_an_older_version_can_go_on_writing_to_the_journal(folder, tmp_path):
    journal, asked = tmp_path / "j.sqlite", requests_for(["plain"])
    run(folder, journal, asked)
    with sqlite3.connect(journal) as connection:
        ((key, value),) = connection.execute("SELECT key, value FROM entries").fetchall()
        assert json.loads(value).keys() == {one.name for one in dataclasses.fields(Answer)}, "it reads no other field"
        connection.execute("DELETE FROM entries")
        connection.execute(
            "INSERT OR IGNORE INTO entries (key, value, kind, model, created) VALUES (?, ?, 'answer', 'm', 1.0)",
            (key, value),
        )
    found = run(folder, journal, asked).usage
    assert (found.asked, found.cost.without_cost) == (0, 1)


def test_a_whole_answer_has_its_own_time_in_place_of_that_of_the_one_cut_short(folder, tmp_path):
    journal = tmp_path / "j.sqlite"
    cut = Request("r", "rambling", 1, ends=instruction_end)
    run(folder, journal, [cut])
    whole = run(folder, journal, [dataclasses.replace(cut, ends=None)]).usage
    assert (whole.asked, whole.cost.requests) == (1, 1)
    assert whole.cost.nanoseconds == stored_ns(journal) == round(whole.seconds * 1e9)


def test_several_calls_of_a_session_start_one_engine_and_count_a_shared_answer_once(folder, tmp_path, monkeypatch):
    started = []

    def load(*_: object) -> OwnEngine:
        started.append(OwnEngine(random.Random(0)))
        return started[-1]

    def calls() -> Usage:
        together = Usage()
        journal = tmp_path / "j.sqlite"
        with open_answers(model_folder=folder, engine=SETTINGS, journal_path=journal, what="tests") as session:
            for kinds in (["plain", "twin"], [], ["twin", "short", "plain"]):
                together.include(session.answer(requests_for(kinds), SAMPLED).usage)
        return together

    monkeypatch.setattr("selfcodealign.generation.answers.load_engine", load)
    first, again = calls(), calls()
    assert len(started) == 1
    # `plain 0`, the twin, `short 1` and `plain 2`; the second twin comes from the first call's journal entry.
    assert (first.requests, first.asked, first.from_journal, first.cost.requests) == (5, 4, 1, 4)
    assert first.cost.requests_from_journal == 0, "no earlier run has answered"
    assert first.cost.nanoseconds == stored_ns(tmp_path / "j.sqlite")
    assert (again.asked, again.cost.requests_from_journal, as_json(again)) == (0, 4, as_json(first))


def test_a_session_that_is_asked_nothing_takes_neither_journal_nor_engine(folder, tmp_path):
    journal = tmp_path / "j.sqlite"
    with (
        open_answers(model_folder=folder, engine=SETTINGS, journal_path=journal, what="tests"),
        open_journal(journal) as other,
    ):
        assert len(other) == 0
