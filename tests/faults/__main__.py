"""Command line of the fault enumeration: `PYTHONPATH=tests python -m faults`. Exit status 1 if a check failed."""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import get_args

from faults import syscalls
from faults.enumeration import Enumeration, Fault, Start
from faults.pipeline import PIPELINES

MEMORY = Path("/dev/shm")
UNAVAILABLE = 77  # exit status of a skipped test in Automake


def main() -> int:
    """Run the enumeration."""
    options = _options()
    if not syscalls.is_available():
        _say("this kernel does not support intercepting the system calls of a child process (seccomp_unotify)")
        return UNAVAILABLE
    num_failures = 0
    for start in options.start:
        for fault in options.fault:
            started = time.monotonic()
            with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
                enumeration = Enumeration(
                    PIPELINES[options.pipeline],
                    Path(folder).resolve(),
                    start,
                    seed=options.seed,
                    draws=options.draws,
                    every=options.every,
                    is_full=options.full,
                )
                enumeration.prepare()
                for failure in enumeration.failures(fault, options.at):
                    num_failures += 1
                    _say(f"{start} {failure}")
            _say(
                f"{start} {fault}: {enumeration.num_calls} calls, {enumeration.num_reruns} distinct states run again, "
                f"seed {options.seed}, {time.monotonic() - started:.1f} s"
            )
    return int(num_failures > 0)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="faults", description="Faults at every file system call of a small pipeline.")
    parser.add_argument("--fault", action="append", choices=get_args(Fault), help="default: all")
    parser.add_argument("--start", action="append", choices=get_args(Start), help="default: all")
    parser.add_argument("--pipeline", choices=sorted(PIPELINES), default="stages")
    parser.add_argument("--seed", type=int, default=0, help="seed of the states after a power cut")
    parser.add_argument("--draws", type=int, default=1, help="states to draw per call after a power cut")
    parser.add_argument("--every", type=int, default=1, help="check every n-th call only; the seed selects the first")
    parser.add_argument("--full", action="store_true", help="check every write of a series of writes to one file")
    parser.add_argument("--at", type=_place, help="check one call, as failures name it: 17, or 17.1 with the draw")
    options = parser.parse_args()
    options.fault = options.fault or list(get_args(Fault))
    options.start = options.start or list(get_args(Start))
    return options


def _place(text: str) -> tuple[int, int]:
    number, _, draw = text.partition(".")
    return int(number), int(draw or 0)


if __name__ == "__main__":
    sys.exit(main())
