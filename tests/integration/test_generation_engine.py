"""Requests through the journal to a real vLLM: what was answered is never asked again."""

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from selfcodealign.errors import InputError
from selfcodealign.generation import (
    Decoding,
    FinishReason,
    RejectReason,
    Request,
    generate_answers,
    load_prompt_format,
    load_vllm,
)
from selfcodealign.generation.early_ends import instruction_end
from selfcodealign.params import Engine

pytestmark = pytest.mark.engine

ENGINE = Engine(max_model_len=512, max_num_seqs=8, kv_cache_gib=1)
DECODING = Decoding(temperature=0.7, top_p=1.0, max_new_tokens=24)


def requests(count: int) -> list[Request]:
    prefix = "You name animals. " * 60  # many blocks of the prefix cache
    return [Request(f"r{n}", f"{prefix}Number {n} is the", seed=n, group=str(n % 2)) for n in range(count)]


def test_only_what_the_journal_lacks_is_asked(small_model: Path, tmp_path: Path):
    def ask(count: int):
        return generate_answers(
            requests(count),
            DECODING,
            model_folder=small_model,
            engine=ENGINE,
            journal_path=tmp_path / "answers.sqlite",
            what="animals",
        )

    first, more, again = ask(6), ask(9), ask(9)
    assert (first.usage.asked, more.usage.asked, again.usage.asked) == (6, 3, 0)
    assert (first.usage.from_journal, more.usage.from_journal, again.usage.from_journal) == (0, 6, 9)
    assert {name: more.answers[name] for name in first.answers} == first.answers
    assert again.answers == more.answers
    assert again.usage.start_seconds == 0
    assert first.usage.cost.nanoseconds == round(first.usage.seconds * 1e9), "shares of answers are elapsed time"
    assert again.usage.cost.as_metrics() == more.usage.cost.as_metrics()
    assert more.usage.cost.nanoseconds - first.usage.cost.nanoseconds == round(more.usage.seconds * 1e9)
    assert more.usage.cost.output_tokens == first.usage.output_tokens + more.usage.output_tokens


def test_one_engine_serves_every_kind_of_request(small_model: Path):
    engine = load_vllm(small_model, ENGINE)
    try:
        greedy = Decoding(temperature=0.0, top_p=1.0, max_new_tokens=8)
        too_long = Request("long", "word " * 600, seed=1)
        outcomes = {request.id: outcome for request, outcome in engine.generate([*requests(12), too_long], greedy)}
        assert len(outcomes) == 13
        assert outcomes["long"].reason is RejectReason.PROMPT_TOO_LONG
        answers = [outcome for name, outcome in outcomes.items() if name != "long"]
        assert all(0 < answer.output_tokens <= 8 for answer in answers)
        assert sum(answer.cached_tokens for answer in answers) > 0, "a shared prefix never hit the cache"

        stopped = Decoding(temperature=0.0, top_p=1.0, max_new_tokens=40, stop=(" ",))
        ((_, answer),) = engine.generate([Request("stop", "One two three four five", seed=1)], stopped)
        assert " " not in answer.text
        assert answer.finish_reason == "stop"

        rambling = Request("ha", "ha " * 100, seed=1, ends=instruction_end)
        ((_, cut),) = engine.generate([rambling], Decoding(temperature=0.0, top_p=1.0, max_new_tokens=380))
        assert cut.finish_reason == FinishReason.REPETITION
        assert instruction_end(cut.text) is not None
        assert cut.output_tokens < 300, "an answer that only repeats itself was not aborted"
        assert len(list(engine.generate(requests(3), greedy))) == 3, "the engine goes on after an abort"

        later = iter([None, Request("later", "One two", seed=1), None])
        assert [request.id for request, _ in engine.generate(later, greedy)] == ["later"]

        chat = load_prompt_format(small_model, "chat")
        assert chat.is_chat
        prompt = chat.render([{"role": "user", "content": "Say hello."}])
        ((_, reply),) = engine.generate([Request("chat", prompt, seed=1)], Decoding(0.0, 1.0, 60))
        assert reply.finish_reason == "stop", "the end token of the chat template did not end the answer"
        assert "<|im_end|>" not in reply.text
    finally:
        engine.close()


def test_a_killed_run_loses_at_most_what_was_in_flight(small_model: Path, tmp_path: Path):
    journal = tmp_path / "answers.sqlite"
    script = tmp_path / "run.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import sys
            from pathlib import Path
            sys.path.insert(0, {str(Path(__file__).parent)!r})
            from test_generation_engine import DECODING, ENGINE, requests
            from selfcodealign.generation import generate_answers
            if __name__ == "__main__":
                done = generate_answers(requests(60), DECODING, model_folder=Path({str(small_model)!r}),
                                        engine=ENGINE, journal_path=Path({str(journal)!r}), what="animals")
                print(done.usage.asked, done.usage.from_journal, len(done.answers))
            """
        )
    )
    running = subprocess.Popen([sys.executable, str(script)], start_new_session=True, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    while count(journal) < 10 and time.monotonic() < deadline and running.poll() is None:
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    kept = count(journal)
    assert 10 <= kept < 60

    ended = subprocess.run([sys.executable, str(script)], text=True, capture_output=True, timeout=500, check=True)
    asked, from_journal, answers = (int(word) for word in ended.stdout.split()[-3:])
    assert (asked, from_journal, answers) == (60 - kept, kept, 60)


def count(journal: Path) -> int:
    if not journal.is_file():
        return 0
    connection = sqlite3.connect(journal, timeout=30)
    try:
        return int(connection.execute("SELECT COUNT(*) FROM entries").fetchone()[0])
    except sqlite3.OperationalError:
        return 0
    finally:
        connection.close()


def test_a_folder_without_a_model_is_one_line(tmp_path: Path):
    with pytest.raises(InputError, match="holds no model"):
        generate_answers(
            requests(1),
            DECODING,
            model_folder=tmp_path / "none",
            engine=ENGINE,
            journal_path=tmp_path / "j.sqlite",
            what="x",
        )
