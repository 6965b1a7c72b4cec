"""Fault enumeration: run a pipeline with a fault at its n-th file system call, for every n, and check the result.

After each fault:

- every output under its final name is complete, either the earlier version or the new one, and it is the new one if its
  stage succeeded;
- a run that met an error reports what failed and where in one line, with exit status 1;
- the journal is intact and has all entries that must survive a kill or a power cut;
- a rerun succeeds and leaves exactly the files of an undisturbed run.
"""

import errno
import gc
import hashlib
import json
import os
import random
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from faults import syscalls
from faults.disk import Disk
from faults.pipeline import (
    EARLIER_FILES,
    JOURNAL,
    Pipeline,
    import_all,
    in_folder,
    pairs,
    unsaid,
    without_times,
    write_inputs,
)
from faults.syscalls import HAPPENS, Call, Ended
from faults.tree import Tree, part_of, read_tree, write_tree

Fault = Literal["kill", "power-cut", "full-disk", "disk-error"]
Start = Literal["empty", "earlier-run"]

TAKES_SPACE = ("open", "write", "truncate", "sync", "mkdir", "rename", "exchange", "link")
CAUSES = (
    "No space left on device", "Input/output error", "disk I/O error", "database or disk is full",
    "unable to open database file",
)  # fmt: skip
# Arrow writes a small table in fifty calls. Of a series of writes to one file, the first ones and the last are checked.
FIRST_WRITES = 2
RANDOM_NAME = re.compile(r"\.[0-9a-f]{8}\.tmp")


@dataclass(frozen=True, slots=True)
class Failure:
    """A check that failed after a fault.

    Attributes:
        where: the fault, the number of the call and of the draw, in the notation of `--at`.
        call: the call.
        what: the failed check.
    """

    where: str
    call: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.call}: {self.what}"


@dataclass(frozen=True, slots=True)
class _State:
    """The folder after a fault.

    Attributes:
        tree: its files.
        done: stages that have succeeded.
        entries: keys that the journal must have.
    """

    tree: Tree
    done: frozenset[str]
    entries: frozenset[str]


@dataclass(slots=True)
class Enumeration:
    """All faults of one pipeline from one start.

    Attributes:
        pipeline: the pipeline under test.
        folder: an empty working folder, in memory if possible, because a sync takes milliseconds on a disk.
        start: the state before the run.
        seed: seed of the states after a power cut.
        draws: states to draw per call after a power cut, in addition to the state without any unsynced change.
        every: check every n-th call only, starting at one that the seed selects.
        is_full: check every write of a series of writes to one file.
        num_reruns: number of distinct states that were rerun.
    """

    pipeline: Pipeline
    folder: Path
    start: Start = "earlier-run"
    seed: int = 0
    draws: int = 1
    every: int = 1
    is_full: bool = False
    num_reruns: int = 0
    _calls: list[Call] = field(default_factory=list)
    _initial: Tree = field(default_factory=dict)
    _final: Tree = field(default_factory=dict)
    _final_entries: dict[str, str] = field(default_factory=dict)
    _seen: dict[bytes, str | None] = field(default_factory=dict)

    def prepare(self) -> None:
        """Run the pipeline undisturbed and record the states before and after it, and its calls.

        Raises:
            RuntimeError: it fails.
        """
        self._root.mkdir(parents=True)
        write_inputs(self._root, EARLIER_FILES)
        import_all(self._root, self.pipeline)
        if self.start == "empty":
            write_tree(self._root, {})
        write_inputs(self._root)
        self._initial = read_tree(self._root)
        recording = _Recording(self._root, self._initial, follows_disk=False)

        def note(number: int, call: Call | None) -> int:
            if call is not None:
                self._calls.append(call)
            return HAPPENS

        recording.run(self.pipeline, note)
        if recording.ended.status != 0:
            raise RuntimeError(f"the undisturbed run fails: {recording.ended.output}")
        self._final = read_tree(self._root)
        self._final_entries = self._entries(self._final)
        gc.freeze()  # otherwise the garbage collector of each child copies the memory of all objects

    @property
    def num_calls(self) -> int:
        """Number of calls of the undisturbed run."""
        return len(self._calls)

    def failures(self, fault: Fault, at: tuple[int, int] | None = None) -> Iterator[Failure]:
        """Yield the failed checks after a fault.

        Args:
            fault: the fault.
            at: the numbers of a call and of a draw; None: all.
        """
        if fault in {"kill", "power-cut"}:
            yield from self._ends(fault, at)
        else:
            yield from self._errors(fault, at)

    def numbers(self, fault: Fault) -> list[int]:
        """Return the numbers, from 1, of the calls to check."""
        chosen = []
        row = 0
        for number, call in enumerate(self._calls, 1):
            is_alike = number > 1 and call.name == "write" and call == self._calls[number - 2]
            row = row + 1 if is_alike else 0
            is_last = number == len(self._calls) or call != self._calls[number]
            if fault == "full-disk" and call.kind not in TAKES_SPACE:
                continue
            if self.is_full or row < FIRST_WRITES or is_last:
                chosen.append(number)
        return chosen[self.seed % self.every :: self.every]

    @property
    def _root(self) -> Path:
        return self.folder / "root"

    def _rerun(self) -> Ended:
        return syscalls.run(in_folder(self._root, self.pipeline, unsaid))

    def _ends(self, fault: Fault, at: tuple[int, int] | None) -> Iterator[Failure]:
        """Check kills and power cuts. One run suffices: their states are those at which each call is stopped."""
        recording = _Recording(self._root, self._initial)
        states: list[tuple[int, int, str, _State]] = []
        numbers = {*self.numbers(fault), len(self._calls) + 1}

        def look(number: int, call: Call | None) -> int:
            if number in numbers and (at is None or number == at[0]):
                what = "the end" if call is None else self._shown(call)
                states.extend((number, draw, what, state) for draw, state in self._left(fault, recording, number))
            return HAPPENS

        recording.run(self.pipeline, look)
        for number, draw, what, state in states:
            if at is None or draw == at[1]:
                where = f"{fault}@{number}" + (f".{draw}" if fault == "power-cut" else "")
                for failure in self._checked(state):
                    yield Failure(where, f"before {what}", failure)

    def _left(self, fault: Fault, recording: "_Recording", number: int) -> Iterator[tuple[int, _State]]:
        if fault == "kill":
            yield 0, recording.killed()
            return
        yield 0, recording.without_power(None)
        for draw in range(1, self.draws + 1):
            yield draw, recording.without_power(random.Random(f"{self.seed} {number} {draw}"))

    def _errors(self, fault: Fault, at: tuple[int, int] | None) -> Iterator[Failure]:
        for number in self.numbers(fault) if at is None else [at[0]]:
            recording = _Recording(self._root, self._initial, follows_disk=False)
            failing = _Failing(fault, number)
            recording.run(self.pipeline, failing)
            call = "no such call" if failing.call is None else self._shown(failing.call)
            if failing.call is None:
                yield Failure(f"{fault}@{number}", call, "the run made fewer calls than the undisturbed one")
            for failure in self._checked_error(recording):
                yield Failure(f"{fault}@{number}", call, failure)

    def _shown(self, call: Call) -> str:
        return str(call).replace(f"{self._root}/", "").replace(str(self._root), ".")

    def _checked_error(self, recording: "_Recording") -> Iterator[str]:
        ended = recording.ended
        if ended.status != 0:
            yield from _unclear(ended)
        elif len(recording.done) != len(self.pipeline.outputs):
            yield "exit status 0, but not all stages have been run"
        yield from self._checked(recording.killed())

    def _checked(self, state: _State) -> Iterator[str]:
        """Yield the failed checks of a state. Equivalent states are rerun once."""
        for stage, path in pairs(self.pipeline.outputs):
            found = _comparable(part_of(state.tree, path))
            earlier, new = (_comparable(part_of(tree, path)) for tree in (self._initial, self._final))
            if found not in (new, earlier):
                yield f"{path} is not whole: compared with the new one it {_difference(new, found)}"
            elif found != new and stage in state.done:
                yield f"{path} is the earlier one, though its stage has ended well"
        try:
            entries = self._entries(state.tree)
        except sqlite3.Error as error:
            yield f"the journal is damaged: {error}"
            entries = {}
        if missing := state.entries - entries.keys():
            yield f"{len(missing)} of {len(state.entries)} entries of the journal are lost"
        digest = _digest(state.tree, entries)
        if digest not in self._seen:
            self._seen[digest] = self._wrong_after_rerun(state.tree)
        if wrong := self._seen[digest]:
            yield wrong

    def _wrong_after_rerun(self, tree: Tree) -> str | None:
        self.num_reruns += 1
        write_tree(self._root, tree)
        ended = self._rerun()
        if ended.status != 0:
            return f"the rerun fails: {_said(ended)}"
        found = read_tree(self._root)
        if difference := _difference(_comparable(self._final), _comparable(found)):
            return f"after the rerun, the folder {difference}"
        if self._entries(found) != self._final_entries:
            return "after the rerun the journal has other entries"
        return None

    def _entries(self, tree: Tree) -> dict[str, str]:
        """Return the journal entries of a tree, as SQLite recovers them."""
        folder = self.folder / "journal"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for suffix in ("", "-wal", "-journal"):
            if (content := tree.get(f"{JOURNAL}{suffix}")) is not None:
                (folder / f"journal{suffix}").write_bytes(content)
        with closing(sqlite3.connect(folder / "journal")) as connection:
            if connection.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                raise sqlite3.DatabaseError("integrity_check fails")
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
            return dict(connection.execute("SELECT key, value FROM entries")) if "entries" in tables else {}


class _Failing:
    """Fails the n-th call and, on a full disk, all later calls that take space."""

    def __init__(self, fault: Fault, number: int) -> None:
        self._fault = fault
        self._number = number
        self.call: Call | None = None

    def __call__(self, number: int, call: Call | None) -> int:
        if call is None or number < self._number:
            return HAPPENS
        if self._fault == "disk-error":
            if number > self._number:
                return HAPPENS
            self.call = call
            return errno.EIO
        if call.kind not in TAKES_SPACE:
            return HAPPENS
        self.call = self.call or call
        return errno.ENOSPC


class _Recording:
    """A run from a given state that can report the state after a kill or power cut at each call."""

    def __init__(self, root: Path, initial: Tree, *, follows_disk: bool = True) -> None:
        write_tree(root, initial)
        self.ended = Ended(0, "")
        self.done: set[str] = set()
        self._root = root
        self._disk = Disk(root) if follows_disk else None
        self._entries: set[str] = set()
        self._synced: frozenset[str] = frozenset()
        self._synced_next: frozenset[str] = frozenset()
        self._heard = b""

    def run(self, pipeline: Pipeline, decide: Callable[[int, Call | None], int]) -> int:
        """Run a pipeline.

        Args:
            pipeline: what is run.
            decide: returns the result of a call, given its number from 1 and the call; None stands for the end.

        Returns:
            The number of calls.
        """
        reading, writing = os.pipe2(os.O_NONBLOCK)
        number = 0

        def stopped(call: Call) -> int:
            nonlocal number
            if not any(path == str(self._root) or path.startswith(f"{self._root}/") for path in call.paths):
                return HAPPENS
            self._listen(reading)
            self._look()
            number += 1
            verdict = decide(number, call)
            if verdict == HAPPENS and call.kind == "sync":
                self._begin_sync(call.paths[0])
            return verdict

        def say(line: str) -> None:
            os.write(writing, f"{line}\n".encode())

        try:
            self.ended = syscalls.run_stopped(in_folder(self._root, pipeline, say), stopped)
            self._listen(reading)
            self._look()
            decide(number + 1, None)
        finally:
            os.close(reading)
            os.close(writing)
        return number

    def killed(self) -> _State:
        """Return the state after a kill now."""
        return _State(read_tree(self._root), frozenset(self.done), frozenset(self._entries))

    def without_power(self, draw: random.Random | None) -> _State:
        """Return a state after a power cut now."""
        if self._disk is None:
            raise RuntimeError("the disk is not followed")
        return _State(self._disk.after_power_cut(draw), frozenset(self.done), self._synced)

    def _look(self) -> None:
        self._synced = self._synced_next
        if self._disk is not None:
            self._disk.observe()

    def _begin_sync(self, path: str) -> None:
        if self._disk is not None:
            self._disk.begin_sync(path)
        if path == str(self._root / f"{JOURNAL}-wal"):
            self._synced_next = frozenset(self._entries)

    def _listen(self, reading: int) -> None:
        with suppress(BlockingIOError):
            while said := os.read(reading, 65536):
                self._heard += said
        *lines, self._heard = self._heard.split(b"\n")
        for line in lines:
            kind, _, name = line.decode().partition(" ")
            (self.done if kind == "stage" else self._entries).add(name)


def _said(ended: Ended) -> str:
    return " | ".join(ended.output.splitlines())


def _unclear(ended: Ended) -> Iterator[str]:
    """Yield the defects of an error, which needs status 1, one line, cause and place, and no advice to delete."""
    if ended.status != 1:
        yield f"exit status {ended.status}: {_said(ended)}"
    errors = [line for line in ended.output.splitlines() if line.startswith("error: ")]
    if len(errors) != 1 or "Traceback" in ended.output:
        yield f"not one line: {_said(ended)}"
        return
    (line,) = errors
    if not any(cause in line for cause in CAUSES):
        yield f"no cause: {line}"
    if not re.search(r"(data|metrics|\.cache)/", line):
        yield f"no place: {line}"
    if "rm " in line or "delete" in line:
        yield f"a file that is not damaged would be deleted: {line}"


def _comparable(tree: Tree) -> dict[str, object]:
    """Return a tree without the parts that vary between runs: times in metrics, lock notes, SQLite's files."""
    found: dict[str, object] = {}
    for path, content in tree.items():
        if re.search(r"\.sqlite(-\w+)?$", path):
            continue
        if path.endswith(".lock"):
            found[path] = b""
        elif path.startswith("metrics/") and content is not None:
            try:
                found[path] = without_times(json.loads(content))
            except ValueError:
                found[path] = content
        else:
            found[path] = content
    return found


def _difference(wanted: dict[str, object], found: dict[str, object]) -> str:
    """Describe the difference between two trees; empty if there is none."""
    parts = [
        ("lacks", sorted(wanted.keys() - found.keys())),
        ("has", sorted(found.keys() - wanted.keys())),
        ("differs in", sorted(path for path in wanted.keys() & found.keys() if wanted[path] != found[path])),
    ]
    return ", ".join(f"{word} {' '.join(paths)}" for word, paths in parts if paths)


def _digest(tree: Tree, entries: dict[str, str]) -> bytes:
    """Return a digest that is equal for states that a rerun cannot distinguish."""
    digest = hashlib.sha256(repr(sorted(entries.items())).encode())
    for path, content in sorted(tree.items()):
        decides = b"" if path.endswith(".lock") else content
        digest.update(repr((RANDOM_NAME.sub(".tmp", path), decides)).encode())
    return digest.digest()
