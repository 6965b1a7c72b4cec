"""The same requests through a real `vllm serve` on localhost and through the engine in process."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from selfcodealign.errors import InputError
from selfcodealign.generation import Decoding, Generation, RejectReason, Request, generate_answers
from selfcodealign.params import Engine

pytestmark = pytest.mark.engine

IN_PROCESS = Engine(dtype="float32", max_model_len=512, max_num_seqs=8, kv_cache_gib=1)
GREEDY = Decoding(temperature=0.0, top_p=1.0, max_new_tokens=16)
SAMPLED = Decoding(temperature=0.7, top_p=1.0, max_new_tokens=16)
STARTS_IN_S = 300
SERVE = [
    *("--served-model-name", "small", "--dtype", "float32", "--max-model-len", "512", "--max-num-seqs", "8"),
    *("--max-num-batched-tokens", "4096", "--no-enable-chunked-prefill", "--enforce-eager"),
    *("--generation-config", "vllm", "--enable-prompt-tokens-details", "--host", "127.0.0.1"),
]

Server = tuple[str, Path, subprocess.Popen[bytes]]


@pytest.fixture(scope="module")
def server(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The address of a server that is starting, its log and its process."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    log = tmp_path_factory.mktemp("server") / "log"
    settings = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_NUM_OF_RESERVED_CPU": "0", "VLLM_NO_USAGE_STATS": "1"}
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
    assert ask(served, GREEDY).usage.asked == 1

    sampled = ask(served, SAMPLED)
    assert len(sampled.answers) == 20
    assert len({answer.text for answer in sampled.answers.values()}) > 10

    unknown = served.model_copy(update={"served_model": "unknown"})
    with pytest.raises(InputError, match="check engine"):
        ask(unknown, GREEDY)
