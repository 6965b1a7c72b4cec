"""One process writes a journal at a time; a second one is told who has it, and a dead one holds nothing."""

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
from selfcodealign.journal import open_journal
from selfcodealign.journal_upkeep import journal_stats, prune_journal

HOLDER = """
    import sys, time
    from pathlib import Path
    from selfcodealign.journal import open_journal
    with open_journal(Path(sys.argv[1])) as journal:
        journal.put("a", {"n": 1}, kind="answer", model="m")
        print("held", flush=True)
        time.sleep(60)
"""


@pytest.fixture
def held(tmp_path: Path):
    """A journal that another process has open."""
    path = tmp_path / "j.sqlite"
    command = [sys.executable, "-c", textwrap.dedent(HOLDER), str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield path, holder
        holder.kill()


def test_a_second_process_is_told_in_one_line_who_has_the_journal(held):
    path, holder = held
    with pytest.raises(InputError) as caught, open_journal(path):
        pass
    message = str(caught.value)
    assert f"process {holder.pid} on {os.uname().nodename} since {time.strftime('%Y-', time.gmtime())}" in message
    assert str(path) in message
    assert "\n" not in message
    assert caught.value.exit_code == 1


def test_the_lock_dies_with_its_process(held):
    path, holder = held
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with open_journal(path) as journal:
        assert journal.get_many(["a"]) == {"a": {"n": 1}}


def test_one_process_cannot_open_a_journal_twice(tmp_path):
    path = tmp_path / "j.sqlite"
    with open_journal(path), pytest.raises(InputError, match=f"process {os.getpid()}"), open_journal(path):
        pass
    with open_journal(path) as journal:
        journal.put("a", {})


def test_a_note_that_is_damaged_does_not_hide_the_message(held):
    path, _ = held
    path.with_name("j.sqlite.lock").write_bytes(b"\xff{")
    with pytest.raises(InputError, match="in use by another process"), open_journal(path):
        pass


def test_statistics_can_be_read_while_a_run_writes_and_pruning_cannot_be_done(held):
    path, _ = held
    assert [(part.kind, part.model, part.rows) for part in journal_stats(path)] == [("answer", "m", 1)]
    assert len(prune_journal(path, before=time.time() + 9, is_dry_run=True)) == 1
    with pytest.raises(InputError, match="in use by process"):
        prune_journal(path, before=time.time() + 9)


def test_a_journal_that_was_damaged_in_its_middle_is_one_line_with_the_way_out(tmp_path):
    path = tmp_path / "j.sqlite"
    with open_journal(path) as journal:
        for number in range(300):
            journal.put(f"{number}", {"text": "x" * 500})
    with path.open("r+b") as opened:
        opened.seek(8192)
        opened.write(os.urandom(path.stat().st_size - 8192))
    with pytest.raises(InputError) as caught, open_journal(path) as journal:
        journal.get_many(str(number) for number in range(300))
    assert f"rm {path}*" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_value_that_is_no_json_is_one_line_with_the_way_out(tmp_path):
    path = tmp_path / "j.sqlite"
    with open_journal(path) as journal:
        journal.put("a", {})
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE entries SET value = '{'")
    with pytest.raises(InputError, match="may be deleted"), open_journal(path) as journal:
        journal.get_many(["a"])
