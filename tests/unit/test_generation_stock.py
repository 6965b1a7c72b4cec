"""What the journal lacks of many requests, the order in which that is asked, and how little of it is held."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from fault_server import fault_server
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import make_tokenizer

from selfcodealign.generation import Answer, Decoding, Request, generate_answers, load_openai
from selfcodealign.generation.answer_keys import AnswerKeys
from selfcodealign.generation.early_ends import response_end
from selfcodealign.generation.pooled_engine import WAITING_PER_PLACE
from selfcodealign.generation.request_plan import LazyRequests, RequestPlan
from selfcodealign.generation.stock import LOOKUP_BATCH, Stock, StoredAnswer, starting_order
from selfcodealign.journal import open_journal
from selfcodealign.params import Engine

DECODING = Decoding(temperature=0.7, top_p=1.0, max_new_tokens=24)
KEYS = AnswerKeys("model", {"dtype": "auto"}, DECODING)


@dataclasses.dataclass(frozen=True)
class Row:
    id: str


def order_of(groups: Sequence[int], *, is_dealt_out: bool) -> list[int]:
    return starting_order(np.array(groups, dtype=np.intp), is_dealt_out=is_dealt_out).tolist()


@given(st.lists(st.integers(0, 4), max_size=60))
def test_requests_start_group_by_group(groups: list[int]):
    assert order_of(groups, is_dealt_out=False) == sorted(range(len(groups)), key=lambda n: (groups[n], n))


@given(st.lists(st.integers(0, 4), max_size=60))
def test_dealt_out_every_group_has_its_turn_until_it_is_through(groups: list[int]):
    order = order_of(groups, is_dealt_out=True)
    assert sorted(order) == list(range(len(groups)))
    for group in set(groups):
        of_group = [index for index in order if groups[index] == group]
        assert of_group == sorted(of_group), "the samples of a task stand side by side in their group"
    whole = Counter(groups)
    given_out: Counter[int] = Counter()
    for index in order:
        given_out[groups[index]] += 1
        rounds = given_out[groups[index]]
        assert all(given_out[group] >= min(rounds - 1, whole[group]) for group in whole)


def answer(is_cut: bool) -> Answer:
    return Answer("text", "closed" if is_cut else "stop", 1, 0, 1)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.booleans(), st.booleans()), max_size=40),
    st.sampled_from([1, 3, LOOKUP_BATCH]),
)
def test_stock_is_what_the_journal_has(tmp_path_factory, rows, batch):
    """Rows: group, whether it is stored, whether that was cut short, whether the request wants it whole."""
    requests = [
        Request(f"r{number}", f"prompt {number // 3}", number, group, None if wants_whole else response_end)
        for number, (group, _, _, wants_whole) in enumerate(rows)
    ]
    with (
        open_journal(tmp_path_factory.mktemp("journal") / "j.sqlite") as journal,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr("selfcodealign.generation.stock.LOOKUP_BATCH", batch)
        for request, (_, is_stored, is_cut, _) in zip(requests, rows, strict=True):
            if is_stored:
                journal.put(KEYS.of(request), dataclasses.asdict(answer(is_cut)), took_ns=request.seed or None)
        stock = Stock(requests, KEYS, journal)
        missing = list(stock.missing(is_dealt_out=False))
        stored = list(stock.stored())
    lacks = [not is_stored or (is_cut and wants_whole) for _, is_stored, is_cut, wants_whole in rows]
    expected = [request for request, lacking in zip(requests, lacks, strict=True) if lacking]
    assert missing == sorted(expected, key=lambda request: request.group)
    assert [(index, request) for index, request, _ in stored] == [
        (n, requests[n]) for n in range(len(rows)) if not lacks[n]
    ]
    assert [found for _, _, found in stored] == [
        StoredAnswer(KEYS.of(request), answer(rows[index][2]), request.seed or None) for index, request, _ in stored
    ]
    assert stock.num_stored == len(stored)


def test_the_first_missing_request_is_there_before_the_others_are_looked_up(tmp_path):
    made: list[int] = []

    def make(index: int) -> Request:
        made.append(index)
        return Request(f"r{index}", f"prompt {index}", seed=index, ends=response_end)

    with open_journal(tmp_path / "j.sqlite") as journal:
        stock = Stock(LazyRequests(make, range(50 * LOOKUP_BATCH)), KEYS, journal)
        assert next(stock.missing(is_dealt_out=False)).id == "r0"
    assert len(made) == LOOKUP_BATCH


@pytest.mark.parametrize("part", [slice(None), slice(7, 31), slice(None, None, -3), slice(4, 4)])
def test_groups_are_those_of_the_requests_without_making_them(part):
    requests = plan(20, 3, lambda row, exemplar_set: f"{row.id} with {exemplar_set}").requests()[part]
    names = [request.group for request in requests]
    assert [f"step-{number:04d}" for number in requests.groups()] == names


def plan(num_rows: int, num_samples: int, prompt: Callable[[Row, int], str]) -> RequestPlan[Row]:
    rows = [Row(f"row{number}") for number in range(num_rows)]
    return RequestPlan("step", rows, seed=1, num_sets=3, prompt=prompt, ends=response_end, num_samples=num_samples)


@given(st.integers(0, 12), st.integers(0, 4), st.slices(30))
def test_lazy_requests_are_the_same_sequence_however_they_are_looked_at(num_rows, num_samples, part):
    def prompt(row: Row, exemplar_set: int) -> str:
        return f"{row.id} with {exemplar_set}"

    requests = plan(num_rows, num_samples, prompt).requests()
    held = list(requests)
    assert len(requests) == len(held) == num_rows * num_samples
    assert [requests[index] for index in range(len(held))] == held
    assert list(requests[part]) == held[part]
    assert len({request.id for request in held}) == len(held)


def test_the_samples_of_a_row_share_one_prompt_that_is_made_once():
    made: list[str] = []

    def prompt(row: Row, exemplar_set: int) -> str:
        made.append(row.id)
        return f"{row.id} with {exemplar_set}"

    requests = plan(50, 4, prompt).requests()
    held = list(requests)
    assert made == [f"row{number}" for number in range(50)]
    assert all(held[index].prompt is held[index - index % 4].prompt for index in range(len(held)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder as far as a server's client needs it: its tokenizer."""
    path = tmp_path_factory.mktemp("tokenizer")
    make_tokenizer().save_pretrained(path)
    return path


def engine_settings(*urls: str) -> Engine:
    values = {"max_model_len": 400, "max_num_seqs": 1, "kv_cache_gib": 1, "max_concurrency": 2}
    return Engine.model_validate({"kind": "openai", "servers": list(urls), "served_model": "tiny", **values})


def test_an_engine_takes_requests_as_it_has_room_for_them(folder):
    taken = 0

    def requests() -> Iterator[Request]:
        nonlocal taken
        for number in range(500):
            taken += 1
            yield Request(f"r{number}", f"prompt {number}", seed=number, group=str(number % 2))

    with fault_server() as one, fault_server() as other:
        num_places = 2 * 2
        for num_ended, _ in enumerate(
            load_openai(folder, engine_settings(one.url, other.url)).generate(requests(), DECODING)
        ):
            assert taken - num_ended <= num_places * WAITING_PER_PLACE
        assert (taken, num_ended + 1) == (500, 500)
        assert min(len(one.asked), len(other.asked)) > 100


def test_a_call_looks_at_requests_one_by_one_and_holds_none(folder, tmp_path):
    """A request is made once to be looked up and asked, and once more to load its answer when a run resumes."""
    made: Counter[int] = Counter()

    def make(index: int) -> Request:
        made[index] += 1
        return Request(f"r{index}", f"prompt {index}", seed=index, group=str(index % 3), ends=response_end)

    def ask(server_url: str, count: int) -> tuple[int, int]:
        found = generate_answers(
            LazyRequests(make, range(count)),
            DECODING,
            model_folder=folder,
            engine=engine_settings(server_url),
            journal_path=tmp_path / "j.sqlite",
            what="answers",
        )
        assert found.answers.keys() == {f"r{index}" for index in range(count)}
        return found.usage.asked, found.usage.from_journal

    with fault_server() as server:
        assert ask(server.url, 30) == (30, 0)
        assert set(made.values()) == {1}
        assert ask(server.url, 40) == (10, 30)
    assert {made[index] for index in range(30)} == {3}
    assert {made[index] for index in range(30, 40)} == {1}
    assert Counter(body["prompt"] for body in server.asked) == {f"prompt {index}": 1 for index in range(40)}
