"""How soon, and with how much memory, a run resumes over a journal of a million answers.

Run with `python -m benchmarks.journal [--rows N]`. Made-up answers of the usual size are written to a journal for the
requests of I->R. Then that step itself is run in a process of its own, with some new tasks behind the old ones, against
a server on localhost: from reading the tasks up to the first request that the server gets.
"""

import dataclasses
import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from selfcodealign.errors import InputError
from selfcodealign.generation import (
    Decoding,
    PromptFormat,
    Request,
    generate_answers,
    load_openai,
    load_prompt_format,
    make_responses,
    model_fingerprint,
)
from selfcodealign.generation.answer_keys import AnswerKeys
from selfcodealign.generation.engine import RequestSource
from selfcodealign.generation.follow_ups import FollowUp
from selfcodealign.generation.steps import Ask
from selfcodealign.journal import connect
from selfcodealign.params import Engine, GenerateResponses
from selfcodealign.records import Instruction, read_rows, row_id, write_rows

NUM_SAMPLES = 10
NUM_NEW_TASKS = 100
BATCH = 10_000
SEED = 42
TEXT = "def solve(values):\n    return sorted(values)\n" * 14  # about 600 characters, as an answer with its tests has
TASK = "Write a function that sorts its arguments, and says what it does with an empty list. " * 6
SERVED = "made-up"
SETTINGS = GenerateResponses(
    temperature=0.7, max_new_tokens=320, num_exemplars=1, num_exemplar_sets=6, num_samples=NUM_SAMPLES
)
CHAT_TEMPLATE = (
    "{% for turn in messages %}<|{{ turn['role'] }}|>{{ turn['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def main(
    rows: Annotated[int, typer.Option(min=1, help="answers in the journal")] = 1_000_000,
    folder: Annotated[Path | None, typer.Option(help="where to work; about 1 GB [default: a temporary folder]")] = None,
) -> None:
    """Fill a journal, resume over it, and print what it took, last as one line of JSON."""
    with tempfile.TemporaryDirectory(dir=folder) as work:
        place = Path(work)
        write_tokenizer(place / "model")
        started = time.monotonic()
        _in_process_of_its_own(fill, place, rows)
        mib = (place / "answers.sqlite").stat().st_size / 2**20
        typer.echo(f"{rows:,} answers, {mib:,.0f} MiB, written in {time.monotonic() - started:.1f} s")
        found: Measured = _in_process_of_its_own(resume, place)
        typer.echo(
            f"resumed: {found.seconds:.1f} s ({found.cpu_seconds:.1f} s of CPU) from reading the tasks to the first"
            f" request; memory grew by {found.grew_mib:,} to {found.peak_mib:,} MiB"
        )
        typer.echo(json.dumps({"rows": rows, "journal_mib": round(mib), "resume": dataclasses.asdict(found)}))


def _in_process_of_its_own(part: Callable[..., Any], *arguments: object) -> Any:
    with get_context("spawn").Pool(1) as process:
        return process.apply(part, arguments)


@dataclasses.dataclass(frozen=True)
class Measured:
    """What it took: wall and CPU seconds; MiB by which memory grew, and its peak, tasks and libraries included."""

    seconds: float
    cpu_seconds: float
    grew_mib: int
    peak_mib: int


def peak_kib() -> int:
    """The most memory that this process has had, KiB; `ru_maxrss` would count the parent's in."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def write_tokenizer(folder: Path) -> None:
    """A byte-level tokenizer with a chat template: all that a server's client reads of a model."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={token: index for index, token in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "chat_template": CHAT_TEMPLATE}
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")


def tasks(count: int) -> Iterator[Instruction]:
    """Made-up tasks."""
    for number in range(count):
        yield Instruction(
            id=row_id("task", number),
            parent_id=row_id("concepts", number),
            seed_id=row_id("seed", number),
            concepts=["sorting", "lists", "arguments"],
            category="function",
            difficulty="easy",
            language="Python",
            instruction=f"{TASK}{number}",
            exemplar_set=0,
        )


def respond(instructions: Sequence[Instruction], prompt_format: PromptFormat, ask: Ask) -> None:
    """I->R, as its stage runs it."""
    make_responses(instructions, SETTINGS, seed=SEED, prompt_format=prompt_format, ask=ask)


class Filled(Exception):  # noqa: N818 - ends the step early, which is no error
    """The journal is full, and there is nothing more to do."""


def fill(place: Path, rows: int) -> None:
    """Write answers for the requests of the first tasks, many in one transaction, and the file of all tasks."""
    num_tasks = -(-rows // NUM_SAMPLES)
    write_rows(place / "instructions.parquet", tasks(num_tasks + NUM_NEW_TASKS), Instruction)

    def ask(
        requests: Sequence[Request] | RequestSource, decoding: Decoding, follow_up: FollowUp | None = None
    ) -> NoReturn:
        keys = AnswerKeys(model_fingerprint(place / "model"), {"engine": "openai", "served_model": SERVED}, decoding)
        write_answers(place, sorted(keys.of(request) for request in islice(requests, rows) if request is not None))
        raise Filled

    with suppress(Filled):
        respond(list(tasks(num_tasks)), load_prompt_format(place / "model", "chat"), ask)


def write_answers(place: Path, keys: Sequence[str]) -> None:
    """Write an answer for each key, in their order, which a B-tree takes in fast; a real run's come one by one."""
    answer = {"finish_reason": "stop", "prompt_tokens": 400, "cached_tokens": 0, "output_tokens": 200}
    connection = connect(place / "answers.sqlite")
    waiting = iter(keys)
    while batch := list(islice(waiting, BATCH)):
        entries = [(key, json.dumps({"text": f"{TEXT}# {key}", **answer})) for key in batch]
        connection.executemany(
            "INSERT INTO entries (key, value, kind, model, created) VALUES (?, ?, 'answer', 'm', 0)", entries
        )
        connection.commit()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def resume(place: Path) -> Measured:
    """The step from reading its tasks until it asks for the first answer that is missing."""
    with first_request() as (url, came):
        engine = Engine(
            kind="openai", servers=[url], served_model=SERVED, max_model_len=4096, max_num_seqs=1, kv_cache_gib=1
        )
        prompt_format = load_prompt_format(place / "model", "chat")
        load_openai(place / "model", engine)  # libraries are loaded in any run

        ask = partial(
            generate_answers,
            model_folder=place / "model",
            engine=engine,
            journal_path=place / "answers.sqlite",
            what="answers",
        )
        started, started_cpu, before_kib = time.monotonic(), time.process_time(), peak_kib()
        try:
            respond(read_rows(place / "instructions.parquet", Instruction), prompt_format, ask)
        except InputError:
            return Measured(
                seconds=round(came[0] - started, 2),
                cpu_seconds=round(time.process_time() - started_cpu, 2),
                grew_mib=round((peak_kib() - before_kib) / 1024),
                peak_mib=round(peak_kib() / 1024),
            )
    raise RuntimeError("nothing was asked")


@contextmanager
def first_request() -> Iterator[tuple[str, list[float]]]:
    """A server that notes when its first request comes, and refuses everything, which ends the run."""
    came: list[float] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.append(time.monotonic())
            self.send_response(401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", came
    finally:
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    typer.run(main)
