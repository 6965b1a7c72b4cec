"""Requests through a real `vllm serve` on localhost: the same as through the engine in process, and through kills."""

import json
import logging
import multiprocessing
import os
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from selfcodealign.errors import InputError
from selfcodealign.generation import (
    Answer,
    Decoding,
    Generation,
    RejectReason,
    Request,
    engine_identity,
    generate_answers,
    model_fingerprint,
)
from selfcodealign.generation.answer_keys import AnswerKeys
from selfcodealign.generation.early_ends import instruction_end
from selfcodealign.params import Engine

pytestmark = pytest.mark.engine

IN_PROCESS = Engine(dtype="float32", max_model_len=512, max_num_seqs=8, kv_cache_gib=1)
GREEDY = Decoding(temperature=0.0, top_p=1.0, max_new_tokens=16)
SAMPLED = Decoding(temperature=0.7, top_p=1.0, max_new_tokens=16)
SHORT = Decoding(temperature=0.7, top_p=1.0, max_new_tokens=8)
NUM_FIRST, NUM_KILLS, CONTINUED_SEED = 150, 20, 1000
STARTS_IN_S = 300
SERVE = [
    *("--served-model-name", "small", "--dtype", "float32", "--max-model-len", "512", "--max-num-seqs", "8"),
    *("--max-num-batched-tokens", "4096", "--no-enable-chunked-prefill", "--enforce-eager"),
    *("--generation-config", "vllm", "--enable-prompt-tokens-details", "--host", "127.0.0.1"),
    "--enable-log-requests",
]

logger = logging.getLogger(__name__)

Server = tuple[str, Path, subprocess.Popen[bytes]]


@pytest.fixture(scope="module")
def server(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The address of a server that is starting, its log and its process."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    log = tmp_path_factory.mktemp("server") / "log"
    settings = {
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_CPU_NUM_OF_RESERVED_CPU": "0",
        "VLLM_LOGGING_LEVEL": "INFO",  # an engine in this process may have set another: the requests are read there
        "VLLM_NO_USAGE_STATS": "1",
    }
    # What `vllm serve` runs; the command itself needs a distribution of that name, which the CPU build is not.
    module = ["-m", "vllm.entrypoints.openai.api_server"]
    command = [sys.executable, *module, "--model", str(small_model), "--port", str(port), *SERVE]
    with log.open("w") as opened:
        process = subprocess.Popen(command, stdout=opened, stderr=opened, env={**os.environ, **settings})
        try:
            yield f"http://127.0.0.1:{port}", log, process
        finally:
            process.terminate()
            process.wait(timeout=60)


def wait_until_up(server: Server) -> None:
    url, log, process = server
    deadline = time.monotonic() + STARTS_IN_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{url}/health", timeout=5).is_success:
                return
        except httpx.HTTPError:
            pass
        time.sleep(1)
    pytest.fail(f"the server did not start: {log.read_text()[-2000:]}")


def requests() -> list[Request]:
    prefix = "You name animals. " * 60
    asked = [Request(f"r{n}", f"{prefix}Number {n} is the", seed=n, group=str(n % 2)) for n in range(20)]
    return [*asked, Request("long", "word " * 600, seed=1)]


def test_a_server_gives_the_same_ids_and_counts_as_the_engine_in_process(
    server: Server, small_model: Path, tmp_path: Path
):
    url, *_ = server
    served = IN_PROCESS.model_copy(update={"kind": "openai", "servers": [url], "served_model": "small"})

    def ask(engine: Engine, decoding: Decoding) -> Generation:
        journal = tmp_path / "answers.sqlite"
        return generate_answers(
            requests(), decoding, model_folder=small_model, engine=engine, journal_path=journal, what="animals"
        )

    here = ask(IN_PROCESS, GREEDY)  # while the server starts
    wait_until_up(server)
    there = ask(served, GREEDY)
    assert there.answers.keys() == here.answers.keys() == {f"r{n}" for n in range(20)}
    assert there.rejections.keys() == here.rejections.keys() == {"long"}
    assert there.rejections["long"].reason is RejectReason.PROMPT_TOO_LONG
    assert (there.usage.asked, there.usage.from_journal) == (21, 0)
    assert there.usage.prompt_tokens == here.usage.prompt_tokens
    # Blocks of the cache have 128 tokens on a CPU: one of each prompt's two can be shared.
    assert there.usage.cached_tokens > there.usage.prompt_tokens / 3, "the server's prefix cache was not hit"
    same = sum(there.answers[name].text == here.answers[name].text for name in here.answers)
    assert same >= 15, "greedy answers differ: the prompt was not tokenised as in process"
    again = ask(served, GREEDY).usage
    assert (again.asked, again.cost.as_metrics()) == (1, there.usage.cost.as_metrics())
    assert there.usage.cost.nanoseconds == round(there.usage.seconds * 1e9)

    sampled = ask(served, SAMPLED)
    assert len(sampled.answers) == 20
    assert len({answer.text for answer in sampled.answers.values()}) > 10

    unknown = served.model_copy(update={"served_model": "unknown"})
    with pytest.raises(InputError, match="check engine"):
        ask(unknown, GREEDY)


def generated_tokens(url: str) -> float:
    """Tokens that the server has generated since its start, and none is being generated."""
    while True:
        metrics = httpx.get(f"{url}/metrics", timeout=30).text
        values = dict(re.findall(r"^vllm:(\w+){.*} (\S+)$", metrics, re.MULTILINE))
        if float(values["num_requests_running"]) == 0:
            return float(values["generation_tokens_total"])
        time.sleep(0.1)


def test_an_answer_that_only_repeats_itself_ends_on_the_server_too(server: Server, small_model: Path, tmp_path: Path):
    wait_until_up(server)
    url, *_ = server
    engine = IN_PROCESS.model_copy(update={"kind": "openai", "servers": [url], "served_model": "small"})
    before = generated_tokens(url)
    found = generate_answers(
        [Request("ha", "ha " * 100, seed=1, ends=instruction_end)],
        Decoding(temperature=0.0, top_p=1.0, max_new_tokens=380),
        model_folder=small_model,
        engine=engine,
        journal_path=tmp_path / "answers.sqlite",
        what="laughter",
    )
    assert found.rejections["ha"].reason is RejectReason.REPETITION
    generated = generated_tokens(url) - before
    assert 0 < generated < 300, "the server was not stopped"
    assert found.usage.output_tokens == pytest.approx(generated, abs=32)


def first_requests() -> list[Request]:
    return [Request(f"r{n}", f"Number {n} is the", seed=n, group=str(n % 2)) for n in range(NUM_FIRST)]


def continued(request: Request, answer: Answer) -> Request | None:
    """Every third answer is taken up again: 200 requests together, and what is asked depends on what was stored."""
    if request.seed % 3:
        return None
    seed = CONTINUED_SEED + request.seed
    return Request(f"{request.id}+", f"{request.prompt}{answer.text}\nAnd", seed=seed, group=request.group)


def all_seeds() -> set[int]:
    return {*range(NUM_FIRST), *range(CONTINUED_SEED, CONTINUED_SEED + NUM_FIRST, 3)}


def run(model: Path, engine: Engine, journal: Path, out: Path) -> None:
    """The run that is killed: a process of its own."""
    asked = first_requests()
    found = generate_answers(
        asked, SHORT, continued, model_folder=model, engine=engine, journal_path=journal, what="animals"
    )
    texts = {name: answer.text for name, answer in found.answers.items()}
    rows = [[row.id, row.prompt, texts[row.id], texts.get(f"{row.id}+")] for row in asked]
    out.write_text(json.dumps({"rows": rows, "asked": found.usage.asked, "from_journal": found.usage.from_journal}))


def journalled(journal: Path, keys: AnswerKeys) -> dict[int, Answer]:
    """The answers of a journal that another process may be writing, by the seeds of their requests."""
    if not journal.is_file():
        return {}
    connection = sqlite3.connect(journal, timeout=30)
    try:
        entries = {
            key: Answer(**json.loads(value)) for key, value in connection.execute("SELECT key, value FROM entries")
        }
    except sqlite3.OperationalError:  # its table is about to be made
        return {}
    finally:
        connection.close()
    found = {}
    for request in first_requests():
        following: Request | None = request
        while following is not None and (answer := entries.get(keys.of(following))) is not None:
            found[following.seed] = answer
            following = continued(request, answer) if following is request else None
    assert len(found) == len(entries), "an entry of the journal belongs to no request"
    return found


def seeds_asked(log: Path, start: int) -> list[int]:
    """The seeds of the requests that came to the server since its log had that many bytes: each has its own."""
    return [int(seed) for seed in re.findall(rb"Received request .*?\bseed=(\d+)", log.read_bytes()[start:])]


def test_a_run_killed_at_20_random_moments_ends_with_the_same_rows_and_asks_for_nothing_twice(
    server: Server, small_model: Path, tmp_path: Path
):
    wait_until_up(server)
    url, log, _ = server
    served = {"kind": "openai", "servers": [url], "served_model": "small", "max_concurrency": 8}
    engine = IN_PROCESS.model_copy(update=served)
    # The client reads the tokenizer and a fingerprint: without the weights each start is quicker.
    client = tmp_path / "client"
    shutil.copytree(small_model, client, ignore=shutil.ignore_patterns("*.safetensors"))
    keys = AnswerKeys(model_fingerprint(client), engine_identity(engine), SHORT)
    # A process of its own each time, but forked from one that has imported everything: it starts in a second.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["openai", "transformers.models.auto.tokenization_auto", "selfcodealign.generation"])

    def start(journal: str, out: str) -> multiprocessing.process.BaseProcess:
        process = context.Process(target=run, args=(client, engine, tmp_path / journal, tmp_path / out), daemon=True)
        process.start()
        return process

    def finish(journal: str, out: str) -> dict[str, object]:
        process = start(journal, out)
        process.join(timeout=600)
        assert process.exitcode == 0
        return json.loads((tmp_path / out).read_text())

    undisturbed = finish("undisturbed.sqlite", "undisturbed.json")
    assert undisturbed["asked"] == 200
    assert all_seeds() <= set(seeds_asked(log, 0)), "the log does not say what was asked"
    draw = random.Random(4)
    moments = [(kept, draw.uniform(0, 0.1)) for kept in sorted(draw.sample(range(180), NUM_KILLS))]
    logger.info("killed when so many are journalled, and so many seconds later: %s", moments)
    journal = tmp_path / "killed.sqlite"
    before: dict[int, Answer] = {}
    wasted = 0
    for kept, delay_s in moments:
        start_of_log = log.stat().st_size
        process = start(journal.name, "killed.json")
        while len(journalled(journal, keys)) < kept and process.is_alive():
            time.sleep(0.02)
        time.sleep(delay_s)
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL, "it had ended before"
        after = journalled(journal, keys)
        assert {seed: after[seed] for seed in before} == before, "an answer was lost or replaced"
        asked = seeds_asked(log, start_of_log)
        assert not before.keys() & set(asked), "a journalled request was asked again"
        wasted += len(set(asked) - after.keys())
        before = after
    logger.info("%d requests were in flight when the run was killed", wasted)

    start_of_log = log.stat().st_size
    killed = finish(journal.name, "killed.json")
    assert (killed["asked"], killed["from_journal"]) == (200 - len(before), len(before))
    assert sorted(seeds_asked(log, start_of_log)) == sorted(all_seeds() - before.keys())
    # Sampled in other batches, a text may differ in the last bit of a probability: what is stored is the truth.
    stored = journalled(journal, keys)
    assert stored.keys() == all_seeds()
    for row, other in zip(killed["rows"], undisturbed["rows"], strict=True):
        assert row[:2] == other[:2]
        assert (row[3] is None) == (other[3] is None)
    texts = [(stored[n].text, stored[CONTINUED_SEED + n].text if n % 3 == 0 else None) for n in range(NUM_FIRST)]
    assert [tuple(row[2:]) for row in killed["rows"]] == texts
