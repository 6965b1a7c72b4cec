"""How soon, and with how much memory, a run resumes over a journal of a million answers.

Run with `python -m benchmarks.journal [--rows N]`. Made-up answers of the usual size are written to a journal; then,
each in a process of its own, (1) every key is looked up, and (2) a run of as many requests and some new ones is started
through `generate_answers` against a server on localhost, up to the first request that the server gets.
"""

import dataclasses
import json
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import typer

from selfcodealign.errors import InputError
from selfcodealign.generation import Decoding, Request, generate_answers, load_openai, model_fingerprint
from selfcodealign.generation.answer_keys import AnswerKeys
from selfcodealign.journal import connect, open_journal
from selfcodealign.params import Engine
from selfcodealign.records import row_id

NUM_NEW = 1000
BATCH = 10_000
SAMPLES = 10
DECODING = Decoding(temperature=0.7, top_p=1.0, max_new_tokens=320)
TEXT = "def solve(values):\n    return sorted(values)\n" * 14  # about 600 characters, as an answer with its tests has
PROMPT = "Write a function that sorts its arguments, and three assertions. " * 6
SERVED = "made-up"


def main(
    rows: Annotated[int, typer.Option(min=1, help="answers in the journal")] = 1_000_000,
    folder: Annotated[Path | None, typer.Option(help="where to work; about 1 GB [default: a temporary folder]")] = None,
) -> None:
    """Fill a journal, resume over it, and print a table and one line of JSON."""
    with tempfile.TemporaryDirectory(dir=folder) as work:
        place = Path(work)
        write_tokenizer(place / "model")
        started = time.monotonic()
        fill(place, rows)
        filled_s = time.monotonic() - started
        mib = (place / "answers.sqlite").stat().st_size / 2**20
        typer.echo(f"{rows:,} answers, {mib:,.0f} MiB, written in {filled_s:.1f} s")
        figures: dict[str, Any] = {"rows": rows, "journal_mib": round(mib)}
        for part in (lookup, resume):
            with get_context("spawn").Pool(1) as process:
                found = process.apply(part, (place, rows))
            what = (part.__doc__ or "").splitlines()[0]
            typer.echo(
                f"{part.__name__:<7} {found.seconds:>6.1f} s ({found.cpu_seconds:.1f} s of CPU), memory grew by"
                f" {found.grew_mib:,} to {found.peak_mib:,} MiB: {what}"
            )
            figures[part.__name__] = dataclasses.asdict(found)
        typer.echo(json.dumps(figures))


@dataclasses.dataclass(frozen=True)
class Measured:
    """What a part took: wall and CPU seconds; MiB by which memory grew during it, and its peak, libraries included."""

    seconds: float
    cpu_seconds: float
    grew_mib: int
    peak_mib: int


class Meter:
    """Measures from its making on."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._cpu = time.process_time()
        self._peak_kib = peak_kib()

    def read(self, ended: float | None = None) -> Measured:
        """What it took until now, or until `ended` on the monotonic clock."""
        peak = peak_kib()
        return Measured(
            seconds=round((ended or time.monotonic()) - self._started, 2),
            cpu_seconds=round(time.process_time() - self._cpu, 2),
            grew_mib=round((peak - self._peak_kib) / 1024),
            peak_mib=round(peak / 1024),
        )


def peak_kib() -> int:
    """The most memory that this process has had, KiB; `ru_maxrss` would count the parent's in."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def write_tokenizer(folder: Path) -> None:
    """A byte-level tokenizer: all that a server's client reads of a model."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={token: index for index, token in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}', encoding="utf-8")


def requests(count: int) -> Iterator[Request]:
    """Requests as a run has them: ten samples share a prompt."""
    prompt = ""
    for number in range(count):
        if number % SAMPLES == 0:
            prompt = f"{PROMPT}{number}"
        yield Request(row_id("r", number), prompt, seed=number, group="g", ends=never)


def never(_: str) -> None:
    """No early end."""


def keys_of(fingerprint: str) -> AnswerKeys:
    """The journal keys of the requests, as `generate_answers` makes them for a server."""
    return AnswerKeys(fingerprint, {"engine": "openai", "served_model": SERVED}, DECODING)


def fill(place: Path, rows: int) -> None:
    """Write answers for the first requests, many in one transaction."""
    keys = keys_of(model_fingerprint(place / "model"))
    answer = {"finish_reason": "stop", "prompt_tokens": 400, "cached_tokens": 0, "output_tokens": 200}
    connection = connect(place / "answers.sqlite")
    # In the order of their keys, which a B-tree takes in fast; a real run's come one by one, as answers end.
    waiting = iter(sorted((keys.of(request), request.seed) for request in requests(rows)))
    while batch := list(islice(waiting, BATCH)):
        entries = [(key, json.dumps({"text": f"{TEXT}# {seed}", **answer})) for key, seed in batch]
        connection.executemany(
            "INSERT INTO entries (key, value, kind, model, created) VALUES (?, ?, 'answer', 'm', 0)", entries
        )
        connection.commit()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def lookup(place: Path, rows: int) -> Measured:
    """Every key made and looked up, the requests one after the other."""
    keys = keys_of(model_fingerprint(place / "model"))
    meter = Meter()
    num_present = 0
    with open_journal(place / "answers.sqlite") as journal:
        waiting = requests(rows + NUM_NEW)
        while batch := list(islice(waiting, BATCH)):
            num_present += len(journal.present(keys.of(request) for request in batch))
    if num_present != rows:
        raise RuntimeError(f"{num_present} of {rows} keys were found")
    return meter.read()


def resume(place: Path, rows: int) -> Measured:
    """A run with all its requests in memory, until it asks for the first answer that is missing."""
    asked = list(requests(rows + NUM_NEW))
    with first_request() as (url, came):
        engine = Engine(
            kind="openai", servers=[url], served_model=SERVED, max_model_len=4096, max_num_seqs=1, kv_cache_gib=1
        )
        load_openai(place / "model", engine)  # its libraries are loaded in a stage before it asks
        meter = Meter()
        try:
            generate_answers(
                asked,
                DECODING,
                model_folder=place / "model",
                engine=engine,
                journal_path=place / "answers.sqlite",
                what="answers",
            )
        except InputError:
            return meter.read(came[0])
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
