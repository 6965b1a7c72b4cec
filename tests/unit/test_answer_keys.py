"""Keys of answers: everything that decides an answer is in them, nothing else is, and they never change."""

import dataclasses
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfcodealign.generation import Decoding, Request, early_ends, engine_identity, generate_answers, model_fingerprint
from selfcodealign.generation.answer_keys import AnswerKeys
from selfcodealign.generation.early_ends import response_end
from selfcodealign.journal import journal_key, open_journal
from selfcodealign.params import Engine

VLLM = Engine(max_model_len=512, max_num_seqs=8, kv_cache_gib=1)
SERVED = VLLM.model_copy(update={"kind": "openai", "servers": ["http://a"], "served_model": "m"})
DECODING = Decoding(temperature=0.7, top_p=1.0, max_new_tokens=24, stop=("\n### Input",))
REQUEST = Request("r", "Say \N{GRINNING FACE} \x00 \ud800 hello.", seed=5, group="g")


def key(request: Request = REQUEST, decoding: Decoding = DECODING, engine: Engine = VLLM, model: str = "f1") -> str:
    return AnswerKeys(model, engine_identity(engine), decoding).of(request)


def test_the_key_of_an_answer_in_process_is_what_it_always_was():
    written_out = {
        "model": "f1",
        "dtype": "auto",
        "prompt": "Say hello.",
        "seed": 5,
        "decoding": {"temperature": 0.7, "top_p": 1.0, "max_new_tokens": 24, "stop": ["\n### Input"]},
    }
    assert key(replace(REQUEST, prompt="Say hello.")) == journal_key("answer", **written_out) == "d84fd3b5b8c8dff170cc"


@given(
    prompts=st.lists(st.text(), min_size=1, max_size=6),
    seeds=st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=4),
    temperature=st.sampled_from([0.0, 0.2, 1.0]),
    stop=st.lists(st.text(), max_size=3),
    engine=st.sampled_from([VLLM, SERVED]),
)
def test_keys_are_those_of_the_journal_whatever_is_in_them(prompts, seeds, temperature, stop, engine):
    decoding = Decoding(temperature, 0.9, 10, tuple(stop))
    keys = AnswerKeys("f1", engine_identity(engine), decoding)
    for prompt in prompts:
        for seed in seeds:
            assert keys.of(Request("r", prompt, seed)) == journal_key(
                "answer",
                model="f1",
                **engine_identity(engine),
                prompt=prompt,
                seed=seed if temperature else 0,
                decoding=dataclasses.asdict(decoding),
            )


@pytest.mark.parametrize("version", [2, 10])
def test_a_later_version_of_an_end_check_is_in_the_keys_of_the_answers_that_it_cuts(monkeypatch, version):
    request, keys = replace(REQUEST, ends=response_end), AnswerKeys("f1", engine_identity(VLLM), DECODING)
    assert keys.of(request) == keys.of(REQUEST)
    monkeypatch.setattr(early_ends, "END_VERSIONS", {response_end: version})
    changed = AnswerKeys("f1", engine_identity(VLLM), DECODING)
    fields = {"model": "f1", **engine_identity(VLLM), "prompt": REQUEST.prompt, "seed": REQUEST.seed}
    expected = journal_key("answer", **fields, decoding=dataclasses.asdict(DECODING), ends=version)
    assert [changed.of(request), changed.of(REQUEST)] == [expected, keys.of(REQUEST)]


@pytest.mark.parametrize(
    "changed",
    [
        lambda: key(replace(REQUEST, prompt="Say bye.")),
        lambda: key(replace(REQUEST, seed=6)),
        lambda: key(model="f2"),
        lambda: key(decoding=replace(DECODING, temperature=0.8)),
        lambda: key(decoding=replace(DECODING, top_p=0.9)),
        lambda: key(decoding=replace(DECODING, max_new_tokens=25)),
        lambda: key(decoding=replace(DECODING, stop=())),
        lambda: key(engine=VLLM.model_copy(update={"dtype": "float16"})),
        lambda: key(engine=SERVED),
    ],
)
def test_whatever_decides_an_answer_changes_its_key(changed: Callable[[], str]):
    assert changed() != key()


@pytest.mark.parametrize(
    "same",
    [
        lambda: key(replace(REQUEST, id="other", group="other", ends=response_end)),
        lambda: key(engine=VLLM.model_copy(update={"max_num_seqs": 1, "max_model_len": 9, "kv_cache_gib": 3.0})),
        lambda: key(engine=VLLM.model_copy(update={"kind": "ray", "ray_address": "host:6379", "num_replicas": 8})),
    ],
)
def test_what_decides_nothing_is_not_in_the_key(same: Callable[[], str]):
    assert same() == key()


def test_of_a_server_the_model_s_name_is_in_the_key_and_address_and_limits_are_not():
    moved = SERVED.model_copy(update={"servers": ["http://b"], "max_concurrency": 1, "max_tries": 1})
    assert key(engine=moved) == key(engine=SERVED)
    assert key(engine=SERVED.model_copy(update={"served_model": "n"})) != key(engine=SERVED)


def test_the_seed_of_a_greedy_answer_is_not_in_the_key():
    greedy = replace(DECODING, temperature=0.0)
    assert key(replace(REQUEST, seed=6), greedy) == key(REQUEST, greedy)


def test_answers_of_an_older_version_are_taken_without_starting_an_engine(tmp_path: Path):
    model = tmp_path / "model"
    model.mkdir()
    (model / "weights").write_text("w")
    stored = {"text": "hi", "finish_reason": "stop", "prompt_tokens": 3, "cached_tokens": 0, "output_tokens": 1}
    with open_journal(tmp_path / "j.sqlite") as journal:
        for seed in range(3):
            older = journal_key(
                "answer",
                model=model_fingerprint(model),
                dtype="auto",
                prompt="p",
                seed=seed,
                decoding=dataclasses.asdict(DECODING),
            )
            journal.put(older, stored)
    done = generate_answers(
        [Request(f"r{seed}", "p", seed, ends=response_end) for seed in range(3)],
        DECODING,
        model_folder=model,
        engine=VLLM,
        journal_path=tmp_path / "j.sqlite",
        what="answers",
    )
    assert {name: answer.text for name, answer in done.answers.items()} == {"r0": "hi", "r1": "hi", "r2": "hi"}
    assert done.usage.asked == 0
