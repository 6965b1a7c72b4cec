"""A peer: a pool on the host that starts one guarded process a program, as HumanEval's and EvalPlus's executors do.

It isolates nothing ("NOT a security sandbox", says the guard itself): only programs of our own may go in. It is made
to be good at what it is: workers are kept, each program's process is forked from a small parent that has imported
everything before, and the result comes back over a plain pipe.

It runs as a server in a process of its own, so that forks do not copy the page tables of a large parent. A request is
a line of JSON on standard input, `{"sources", "timeout_s", "memory_mib"}`; the answer is a line on standard output,
`{"seconds", "statuses"}`, where the time is the pool's own: reading and writing JSON are not counted.
"""

import json
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.connection import Connection

from evalplus.eval.utils import reliability_guard, swallow_io

FORK = multiprocessing.get_context("fork")


def run_guarded(source: str, timeout_s: float, memory_mib: int) -> str:
    """Run one program in a guarded process, and kill that when its time is over.

    Returns:
        `passed`, `failed`, `error`, `memory` or `timeout`.
    """
    folder = tempfile.mkdtemp(prefix="unisolated-")
    receiving, sending = FORK.Pipe(duplex=False)
    process = FORK.Process(target=_execute, args=(source, folder, memory_mib << 20, sending))
    process.start()
    sending.close()
    try:
        status = str(receiving.recv()) if receiving.poll(timeout_s) else "timeout"
    except EOFError:
        status = "error"
    if status == "timeout":
        process.kill()
    process.join()
    receiving.close()
    shutil.rmtree(folder, ignore_errors=True)
    return status


def _execute(source: str, folder: str, memory_bytes: int, sending: Connection) -> None:
    os.chdir(folder)
    reliability_guard(memory_bytes)
    try:
        with swallow_io():
            exec(source, {"__name__": "__main__"})  # noqa: S102 - what this peer is about
        status = "passed"
    except AssertionError:
        status = "failed"
    except MemoryError:
        status = "memory"
    except BaseException:  # noqa: BLE001 - the boundary of the program
        status = "error"
    sending.send(status)


def serve(num_workers: int) -> None:
    """Answer requests until standard input ends."""
    with ProcessPoolExecutor(num_workers, mp_context=FORK) as pool:
        for line in sys.stdin:
            request = json.loads(line)
            sources: Sequence[str] = request["sources"]
            started = time.monotonic()
            limits = [request["timeout_s"]] * len(sources), [request["memory_mib"]] * len(sources)
            statuses = list(pool.map(run_guarded, sources, *limits))
            answer = {"seconds": time.monotonic() - started, "statuses": statuses}
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    serve(int(sys.argv[1]))
