"""Faults at each file system call of a small pipeline, and a control that shows that the checks can fail.

The suite checks a subset of the calls; `make test-faults` or FAULTS_EVERY=1 checks all. FAULTS_SEED selects the subset
and the states after power cuts. See docs/reruns.md.
"""

import errno
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from faults import syscalls
from faults.__main__ import UNAVAILABLE
from faults.disk import Disk
from faults.syscalls import HAPPENS, KILL, Call
from faults.tree import read_tree, write_tree
from hypothesis import given
from hypothesis import strategies as st

from selfcodealign.dropped_rows import dropped_rows
from selfcodealign.errors import InputError
from selfcodealign.files import replaced_folder, write_text
from selfcodealign.journal import open_journal
from selfcodealign.journal_upkeep import prune_journal
from selfcodealign.locking import only_process
from selfcodealign.records import Dropped

REPOSITORY = Path(__file__).parents[2]
EVERY = os.environ.get("FAULTS_EVERY", "8")
SEED = os.environ.get("FAULTS_SEED", "0")
NO_LISTENER = "this kernel does not support intercepting the system calls of a child process (seccomp_unotify)"

SAID_OF_CARELESS = {"kill": "data/careless is not whole", "power-cut": "data/careless", "full-disk": "not one line"}


def unavailable() -> None:
    """Skip where the kernel cannot intercept calls; in CI, where every test must run, fail."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(NO_LISTENER)


def enumerated(*options: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": "tests", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "faults", *options]
    answer = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False, timeout=1200
    )
    if answer.returncode == UNAVAILABLE:
        unavailable()
    return answer


@pytest.fixture(scope="module")
def stopped() -> Callable[[Callable[[], None], Callable[[Call], int]], syscalls.Ended]:
    if not syscalls.is_available():
        unavailable()
    return syscalls.run_stopped


@pytest.mark.parametrize("start", ["empty", "earlier-run"])
@pytest.mark.parametrize("fault", ["kill", "power-cut", "full-disk", "disk-error"])
def test_a_pipeline_survives_a_fault_at_any_call(fault: str, start: str) -> None:
    answer = enumerated("--fault", fault, "--start", start, "--every", EVERY, "--seed", SEED)
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize("fault", ["kill", "power-cut", "full-disk"])
def test_what_does_not_survive_is_found_and_can_be_replayed(fault: str) -> None:
    answer = enumerated("--pipeline", "careless", "--fault", fault, "--start", "earlier-run", "--seed", "5")
    assert answer.returncode == 1, answer.stdout + answer.stderr
    failure, *_ = re.findall(rf"^earlier-run {fault}@(\S+): .*", answer.stdout, re.MULTILINE)
    (line,) = re.findall(rf"^earlier-run {fault}@{re.escape(failure)}: .*", answer.stdout, re.MULTILINE)[:1]
    assert SAID_OF_CARELESS[fault] in line
    place = ("--fault", fault, "--start", "earlier-run", "--seed", "5", "--at", failure)
    assert line in enumerated("--pipeline", "careless", *place).stdout


def test_each_changing_call_is_seen_with_its_path_and_in_its_order(stopped, tmp_path: Path) -> None:
    def change() -> None:
        os.chdir(tmp_path)
        with open("file", "w", encoding="utf-8") as file:
            file.write("text")
            file.flush()
            os.fsync(file.fileno())
        Path("file").read_text(encoding="utf-8")
        os.mkdir("folder")
        folder = os.open("folder", os.O_RDONLY)
        os.rename("file", "moved", src_dir_fd=None, dst_dir_fd=folder)
        os.unlink("moved", dir_fd=folder)
        os.rmdir("folder")

    calls: list[str] = []
    ended = stopped(change, lambda call: calls.append(f"{call.kind} {' '.join(call.paths)}") or HAPPENS)
    assert ended.status == 0, ended.output
    root = str(tmp_path)
    assert [call.replace(root, "") for call in calls if root in call] == [
        "open /file", "write /file", "sync /file", "mkdir /folder", "rename /file /folder/moved",
        "unlink /folder/moved", "unlink /folder",
    ]  # fmt: skip


def test_a_call_fails_with_the_error_or_ends_the_process_and_is_not_made(stopped, tmp_path: Path) -> None:
    def change() -> None:
        try:
            (tmp_path / "folder").mkdir()
        except OSError as error:
            raise SystemExit(error.errno) from error

    assert stopped(change, lambda call: errno.ENOSPC).status == errno.ENOSPC
    assert stopped(change, lambda call: KILL).status == -9
    assert list(tmp_path.iterdir()) == []


def test_sqlite_is_stopped_as_python_is(stopped, tmp_path: Path) -> None:
    def write() -> None:
        with closing(sqlite3.connect(tmp_path / "base")) as connection:
            connection.execute("CREATE TABLE entries (key)")

    full = stopped(write, lambda call: errno.ENOSPC if call.kind == "write" else HAPPENS)
    assert full.status == 1
    assert "database or disk is full" in full.output


# Random operations on the entries of one folder.
NAMES = st.sampled_from(["a", "b", "c"])
STEPS = st.lists(st.tuples(st.sampled_from(["write", "mkdir", "rename", "unlink"]), NAMES, NAMES))


def step(root: Path, what: str, name: str, other: str) -> None:
    path, target = root / name, root / other
    if what == "write" and not path.is_dir():
        path.write_bytes(path.read_bytes()[:100] + b"x" * 700 if path.exists() else b"new")
    elif what == "mkdir" and not path.exists():
        path.mkdir()
        (path / "inner").touch()
    elif what == "rename" and path.exists() and not target.is_dir() and not (path.is_dir() and target.exists()):
        path.rename(target)
    elif what == "unlink" and path.is_dir():
        shutil.rmtree(path)
    elif what == "unlink":
        path.unlink(missing_ok=True)


@given(steps=STEPS, seed=st.integers(0, 1000))
def test_a_power_cut_costs_nothing_that_was_synced(tmp_path_factory, steps, seed: int) -> None:
    root = tmp_path_factory.mktemp("disk")
    disk = Disk(root)
    for what, name, other in steps:
        disk.observe()
        step(root, what, name, other)
    for path in (*root.rglob("*"), root):
        disk.observe()
        disk.begin_sync(str(path))
    disk.observe()
    assert disk.after_power_cut(None) == disk.after_power_cut(random.Random(seed)) == read_tree(root)


def test_a_power_cut_may_cost_each_change_that_was_not_synced(tmp_path: Path) -> None:
    (tmp_path / "kept").write_bytes(b"old")
    disk = Disk(tmp_path)
    (tmp_path / "new").write_bytes(b"x" * 2000)
    disk.observe()
    os.replace(tmp_path / "new", tmp_path / "kept")
    disk.observe()
    assert disk.after_power_cut(None) == {"kept": b"old"}
    found = [disk.after_power_cut(random.Random(seed)) for seed in range(200)]
    contents = {content for tree in found for content in tree.values()}
    assert {b"old", b"", b"x" * 2000} < contents
    assert {tuple(tree) for tree in found} == {("kept",), ("kept", "new")}
    disk.begin_sync(str(tmp_path))
    disk.observe()
    assert {tuple(disk.after_power_cut(random.Random(seed))) for seed in range(50)} == {("kept",)}
    assert disk.after_power_cut(None) == {"kept": b""}  # its name is on the disk, its content is not


def test_without_an_exchange_a_kill_between_two_renames_is_put_right(stopped, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with replaced_folder(out) as folder:
        write_text(folder / "rows", "old")

    def write() -> None:
        with replaced_folder(out) as folder:
            write_text(folder / "rows", "new")

    def no_exchange(call: Call) -> int:
        if call.kind == "exchange":
            return errno.EINVAL
        return KILL if call.paths[-1] == str(out) and call.kind == "rename" else HAPPENS

    assert stopped(write, no_exchange).status == -9
    assert not out.exists()

    def fail() -> None:
        with replaced_folder(out):
            assert (out / "rows").read_text() == "old"
            raise InputError("the next run fails as well")

    with pytest.raises(InputError, match="as well"):
        fail()
    assert read_tree(tmp_path) == {"out": None, "out/rows": b"old"}
    assert stopped(write, lambda call: errno.EINVAL if call.kind == "exchange" else HAPPENS).status == 0
    assert read_tree(tmp_path) == {"out": None, "out/rows": b"new"}


def test_a_rename_that_fails_puts_the_earlier_folder_back(stopped, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "rows").write_text("old")

    def write() -> None:
        with replaced_folder(out) as folder:
            write_text(folder / "rows", "new")

    failed = 0

    def decide(call: Call) -> int:
        nonlocal failed
        if call.kind == "exchange":
            return errno.EINVAL
        if call.paths == (str(tmp_path / ".out.tmp"), str(out)) and not failed:
            failed += 1
            return errno.EIO
        return HAPPENS

    ended = stopped(write, decide)
    assert ended.status == 1
    assert f"cannot write {out}: Input/output error; check the disk" in ended.output
    assert read_tree(tmp_path) == {"out": None, "out/rows": b"old"}


def test_a_temporary_file_is_removed_if_its_process_is_gone_and_left_if_it_is_not(stopped, tmp_path: Path) -> None:
    def write() -> None:
        write_text(tmp_path / "rows", "new")

    assert stopped(write, lambda call: KILL if call.kind == "rename" else HAPPENS).status == -9
    assert len(list(tmp_path.iterdir())) == 1
    other = tmp_path / "others.rows.0123abcd.tmp"
    other.touch()

    def meanwhile(call: Call) -> int:
        if call.kind == "rename":
            write_text(tmp_path / "rows", "earlier")
        return HAPPENS

    assert stopped(write, meanwhile).status == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["rows", other.name])
    assert (tmp_path / "rows").read_text() == "new"


def test_a_full_disk_does_not_advise_to_delete_the_journal(stopped, tmp_path: Path) -> None:
    path = tmp_path / "answers.sqlite"
    with open_journal(path) as journal:
        journal.put("a", {"text": "x"})

    def write() -> None:
        with open_journal(path) as journal:
            journal.put("b", {"text": "y"})

    def is_full(call: Call) -> int:
        return errno.ENOSPC if call.kind == "write" and call.paths[0].endswith("-wal") else HAPPENS

    ended = stopped(write, is_full)
    assert ended.status == 1
    assert f"cannot use the journal {path}: database or disk is full; free some space" in ended.output
    assert "deleted" not in ended.output
    with open_journal(path) as journal:
        assert journal.present(["a", "b"]) == {"a"}


def test_a_disk_error_at_the_end_of_a_journal_is_an_error(stopped, tmp_path: Path) -> None:
    path = tmp_path / "answers.sqlite"
    said = tmp_path / "said"
    said.mkdir()

    def write() -> None:
        with open_journal(path) as journal:
            journal.put("a", {"text": "x"})
            (said / "put").touch()

    def fails_at_last(call: Call) -> int:
        return errno.EIO if call.kind == "sync" and (said / "put").exists() else HAPPENS

    ended = stopped(write, fails_at_last)
    assert ended.status == 1
    assert f"cannot use the journal {path}: Input/output error; check the disk" in ended.output


def test_a_lock_is_held_though_there_is_no_space_for_its_note(stopped, tmp_path: Path) -> None:
    def lock() -> None:
        held, wanted = only_process(tmp_path / "lock", "it"), only_process(tmp_path / "lock", "it")
        with held, pytest.raises(InputError, match="in use by another process"), wanted:
            pass

    ended = stopped(lock, lambda call: errno.ENOSPC if call.kind == "write" and "lock" in call.paths[0] else HAPPENS)
    assert ended.status == 0, ended.output


def test_parts_that_cannot_be_removed_do_not_become_output(stopped, tmp_path: Path) -> None:
    out = tmp_path / "out"

    def write() -> None:
        with replaced_folder(out) as folder, dropped_rows(folder / "dropped.parquet", ["why"]) as drop:
            drop(Dropped(id="1", parent_id="", reason="why", detail="", text=""))

    def decide(call: Call) -> int:
        return errno.EIO if call.kind == "unlink" and call.paths[0].endswith(".dropped.parquet.parts") else HAPPENS

    ended = stopped(write, decide)
    assert ended.status == 1
    assert "dropped.parquet: Input/output error; check the disk" in ended.output
    assert not out.exists()
    assert stopped(write, lambda call: HAPPENS).status == 0
    assert {path.name for path in out.iterdir()} == {"dropped.parquet"}


@pytest.mark.parametrize("verdict", [KILL, errno.ENOSPC], ids=["kill", "full-disk"])
def test_pruning_a_journal_is_done_or_not_done(stopped, tmp_path: Path, verdict: int) -> None:
    path = tmp_path / "journal" / "answers.sqlite"
    with open_journal(path) as journal:
        journal.put("kept", {"text": "x"}, model="new")
        journal.put("gone", {"text": "x"}, model="old")
    tree = read_tree(path.parent)
    number = num_calls = 0
    while number <= num_calls:  # the last run is undisturbed
        number += 1
        num_calls = 0

        def decide(call: Call, first: int = number) -> int:
            nonlocal num_calls
            num_calls += 1
            return verdict if num_calls >= first and call.kind != "unlink" else HAPPENS

        write_tree(path.parent, tree)
        ended = stopped(lambda: prune_journal(path, keep_models={"new"}) and None, decide)
        with open_journal(path) as journal:
            found = journal.present(["kept", "gone"])
        assert found in ({"kept", "gone"}, {"kept"})
        assert "may be deleted" not in ended.output
    assert found == {"kept"}
    assert ended.status == 0, ended.output
