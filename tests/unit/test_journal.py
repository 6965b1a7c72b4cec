"""The journal keeps what was finished, whatever happens next."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfcodealign.errors import InputError
from selfcodealign.journal import journal_key, open_journal


def test_what_was_put_comes_back_and_what_was_not_is_absent(tmp_path):
    with open_journal(tmp_path / "j.sqlite") as journal:
        journal.put("a", {"text": "x"})
        assert journal.get_many(["a", "b"]) == {"a": {"text": "x"}}
        assert len(journal) == 1


def test_the_first_value_of_a_key_stays(tmp_path):
    with open_journal(tmp_path / "j.sqlite") as journal:
        journal.put("a", {"n": 1})
        journal.put("a", {"n": 2})
        assert journal.get_many(["a"]) == {"a": {"n": 1}}


def test_more_keys_than_one_query_holds_are_looked_up(tmp_path):
    with open_journal(tmp_path / "j.sqlite") as journal:
        for number in range(1203):
            journal.put(str(number), {"n": number})
        assert len(journal.get_many(str(number) for number in range(2000))) == 1203


def test_a_process_killed_after_a_put_has_lost_nothing(tmp_path):
    path = tmp_path / "j.sqlite"
    script = f"""
        import os, signal
        from pathlib import Path
        from selfcodealign.journal import open_journal
        with open_journal(Path({str(path)!r})) as journal:
            for number in range(50):
                journal.put(str(number), {{"n": number}})
            os.kill(os.getpid(), signal.SIGKILL)
    """
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False, env={**os.environ})
    assert ended.returncode == -signal.SIGKILL
    with open_journal(path) as journal:
        assert len(journal) == 50


def test_a_corrupt_journal_is_one_line_that_says_it_may_be_deleted(tmp_path):
    path = tmp_path / "j.sqlite"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(InputError, match="may be deleted") as caught, open_journal(path):
        pass
    assert "\n" not in str(caught.value)


@given(st.dictionaries(st.text(), st.integers() | st.text()), st.dictionaries(st.text(), st.integers() | st.text()))
def test_keys_differ_exactly_when_what_decides_differs(first, second):
    first_key, second_key = journal_key("answer", payload=first), journal_key("answer", payload=second)
    assert (first_key == second_key) == (first == second)
    assert journal_key("verdict", payload=first) != first_key
