"""What a journal holds can be seen, and what is no longer wanted can go; older journals are read as they are."""

import json
import sqlite3
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from selfcodealign.cli import app
from selfcodealign.errors import InputError
from selfcodealign.generation import model_fingerprint
from selfcodealign.journal import open_journal
from selfcodealign.journal_upkeep import format_parts, journal_stats, prune_journal

DAY_S = 24 * 3600


def fill(path: Path, rows: list[tuple[str, str, str, float]]) -> None:
    """Write entries of (key, kind, model, age in days)."""
    with open_journal(path) as journal:
        for key, kind, model, _ in rows:
            journal.put(key, {"of": key}, kind=kind, model=model)
    with sqlite3.connect(path) as connection:
        for key, _, _, age_days in rows:
            connection.execute("UPDATE entries SET created = ? WHERE key = ?", (time.time() - age_days * DAY_S, key))


def keys_of(path: Path) -> set[str]:
    with sqlite3.connect(path) as connection:
        return {key for (key,) in connection.execute("SELECT key FROM entries")}


ROWS = [
    ("old", "answer", "m1", 40.0),
    ("new", "answer", "m1", 1.0),
    ("other", "answer", "m2:served", 1.0),
    ("verdict", "verdict", "", 1.0),
]


def test_statistics_are_by_kind_and_model(tmp_path):
    fill(tmp_path / "j.sqlite", ROWS)
    parts = journal_stats(tmp_path / "j.sqlite")
    assert [(part.kind, part.model, part.rows) for part in parts] == [
        ("answer", "m1", 2),
        ("answer", "m2:served", 1),
        ("verdict", "", 1),
    ]
    assert parts[0].bytes == sum(len(key) + len(json.dumps({"of": key})) for key in ("old", "new"))
    assert parts[0].newest - parts[0].oldest == pytest.approx(39 * DAY_S, abs=60)
    assert "m2 served" in format_parts(parts)


@pytest.mark.parametrize(
    ("rule", "left"),
    [
        ({"before": time.time() - 30 * DAY_S}, {"new", "other", "verdict"}),
        ({"keep_models": ["m1"]}, {"old", "new", "verdict"}),
        ({"keep_models": ["m2"]}, {"other", "verdict"}),
        ({"keep_models": []}, {"verdict"}),
        ({"keep_models": ["m1"], "before": time.time() - 30 * DAY_S}, {"new", "verdict"}),
        ({}, {"old", "new", "other", "verdict"}),
    ],
)
def test_what_goes_is_what_is_too_old_or_of_a_model_that_is_gone(tmp_path, rule, left):
    path = tmp_path / "j.sqlite"
    fill(path, ROWS)
    announced = prune_journal(path, **rule, is_dry_run=True)
    assert keys_of(path) == {"old", "new", "other", "verdict"}
    gone = prune_journal(path, **rule)
    assert gone == announced
    assert keys_of(path) == left
    assert sum(part.rows for part in gone) == 4 - len(left)


def test_pruning_gives_the_space_back(tmp_path):
    path = tmp_path / "j.sqlite"
    with open_journal(path) as journal:
        for number in range(2000):
            journal.put(str(number), {"text": "x" * 1000})
    before = path.stat().st_size
    prune_journal(path, before=time.time() + 9)
    assert path.stat().st_size < before / 10


def old_journal(path: Path, values: dict[str, object]) -> None:
    """A journal as the first version made it: keys and values only."""
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE entries (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID")
        connection.executemany("INSERT INTO entries VALUES (?, ?)", [(k, json.dumps(v)) for k, v in values.items()])


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=st.dictionaries(st.text(alphabet="abc", min_size=1), st.integers() | st.text(), max_size=9),
    after=st.dictionaries(st.text(alphabet="abc", min_size=1), st.integers(), max_size=9),
)
def test_a_journal_of_the_first_version_keeps_all_it_had_and_takes_more(tmp_path_factory, before, after):
    path = tmp_path_factory.mktemp("journal") / "j.sqlite"
    old_journal(path, before)
    with open_journal(path) as journal:
        assert journal.get_many(before) == before
        assert journal.present([*before, *after, "absent"]) == set(before)
        for key, value in after.items():
            journal.put(key, value, kind="answer")
        assert journal.get_many([*before, *after]) == {**after, **before}
    assert sum(part.rows for part in journal_stats(path)) == len({**before, **after})
    assert prune_journal(path, before=time.time() - DAY_S) == []


def test_an_entry_can_be_replaced_when_that_is_asked_for(tmp_path):
    with open_journal(tmp_path / "j.sqlite") as journal:
        journal.put("a", {"n": 1})
        journal.put("a", {"n": 2}, replaces=True)
        assert journal.get_many(["a"]) == {"a": {"n": 2}}


def run(*arguments: object):
    return CliRunner().invoke(app, ["journal", *map(str, arguments)])


def test_the_commands_show_and_prune(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = tmp_path / "models" / "base"
    model.mkdir(parents=True)
    (model / "weights").write_text("w")
    fingerprint = model_fingerprint(model)
    fill(tmp_path / ".cache" / "answers.sqlite", [("a", "answer", fingerprint, 0.0), ("b", "answer", "gone", 0.0)])
    fill(tmp_path / ".cache" / "verdicts.sqlite", [("v", "verdict", "", 9.0)])
    shown = run("stats")
    assert shown.exit_code == 0
    assert fingerprint[:12] in shown.output
    assert "verdicts.sqlite" in shown.output
    assert "would go" in run("prune", "--gone-models", "--dry-run").output
    assert keys_of(tmp_path / ".cache" / "answers.sqlite") == {"a", "b"}
    assert run("prune", "--gone-models").exit_code == 0
    assert keys_of(tmp_path / ".cache" / "answers.sqlite") == {"a"}
    assert run("prune", "--keep-days", 5, "--journal", tmp_path / ".cache" / "verdicts.sqlite").exit_code == 0
    assert keys_of(tmp_path / ".cache" / "verdicts.sqlite") == set()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["stats"], "there is no journal"),
        (["stats", "--journal", "none.sqlite"], "there is no journal"),
        (["prune", "--journal", "none.sqlite"], "--keep-days"),
        (["prune", "--gone-models", "--journal", "none.sqlite"], "holds no model"),
    ],
)
def test_mistakes_are_one_line(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    ended = run(*arguments)
    assert ended.exit_code == 1
    assert message in ended.output
    assert ended.output.count("\n") == 1


def test_a_journal_that_is_none_is_one_line(tmp_path):
    (tmp_path / "j.sqlite").write_bytes(b"no database" * 200)
    with pytest.raises(InputError, match="may be deleted"):
        journal_stats(tmp_path / "j.sqlite")
