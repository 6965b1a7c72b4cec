"""What a power cut leaves: of a file only what was brought to the disk, of a folder only names that were."""

import os
import shutil
import sqlite3
from pathlib import Path

import pytest

import selfcodealign.journal
from selfcodealign.files import replaced_folder, write_text
from selfcodealign.journal import Journal, open_journal


class Disk:
    """Notes what has been synced, and what a power cut would leave of a journal that is open."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events: list[tuple[str, str]] = []
        self.sizes: dict[str, int] = {}
        sync, replace = os.fsync, os.replace

        def noted_sync(descriptor: int) -> None:
            sync(descriptor)
            path = os.readlink(f"/proc/self/fd/{descriptor}")
            self.events.append(("sync", path))
            self.sizes[path] = os.fstat(descriptor).st_size

        def noted_replace(source: Path, target: Path) -> None:
            replace(source, target)
            self.events.append(("rename", str(target)))

        monkeypatch.setattr(os, "fsync", noted_sync)
        monkeypatch.setattr(os, "replace", noted_replace)

    def after_power_cut(self, journal: Path, folder: Path) -> Path:
        """The journal as it would be found: its log ends where it was synced last."""
        folder.mkdir()
        found = folder / journal.name
        shutil.copy(journal, found)
        log = Path(f"{journal}-wal")
        (folder / log.name).write_bytes(log.read_bytes()[: self.sizes.get(str(log), 0)])
        return found


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def put(journal: Journal, *numbers: int) -> None:
    for number in numbers:
        journal.put(str(number), {"text": "x" * 300, "n": number})


def entries(path: Path) -> set[str]:
    with open_journal(path) as journal:
        return journal.present(str(number) for number in range(1000))


def test_a_power_cut_costs_at_most_the_entries_of_one_second(tmp_path, disk, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(selfcodealign.journal.time, "monotonic", lambda: now[0])
    path = tmp_path / "j.sqlite"
    with open_journal(path) as journal:
        put(journal, 0)
        now[0] += 0.9
        put(journal, 1, 2)
        assert entries(disk.after_power_cut(path, tmp_path / "within")) == {"0"}
        now[0] += 0.2
        put(journal, 3)
        assert entries(disk.after_power_cut(path, tmp_path / "after")) == {"0", "1", "2", "3"}
        now[0] += 0.5
        put(journal, 4)
    # Closed: everything is in the file itself, and there is no log.
    assert entries(path) == {"0", "1", "2", "3", "4"}
    assert ("sync", str(tmp_path)) in disk.events


def test_a_journal_is_whole_wherever_its_log_ends(tmp_path):
    path = tmp_path / "j.sqlite"
    with open_journal(path) as journal:
        put(journal, *range(30))
        log = Path(f"{path}-wal").read_bytes()
        for part in range(0, len(log), 997):
            cut = tmp_path / str(part)
            cut.mkdir()
            shutil.copy(path, cut / path.name)
            (cut / f"{path.name}-wal").write_bytes(log[:part])
            found = entries(cut / path.name)
            assert found == {str(number) for number in range(len(found))}
            with sqlite3.connect(cut / path.name) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_file_is_on_the_disk_before_it_takes_its_place(tmp_path, disk):
    write_text(tmp_path / "file", "text")
    (first, synced), *rest = disk.events
    assert (first, Path(synced).parent) == ("sync", tmp_path)
    assert rest == [("rename", str(tmp_path / "file")), ("sync", str(tmp_path))]
    assert disk.sizes[synced] == 4


def test_a_folder_is_on_the_disk_before_it_takes_its_place(tmp_path, disk):
    with replaced_folder(tmp_path / "out") as folder:
        (folder / "deep").mkdir()
        (folder / "deep/file").write_text("text")
        written = {str(folder), str(folder / "deep"), str(folder / "deep/file")}
    place = disk.events.index(("rename", str(tmp_path / "out")))
    assert {path for kind, path in disk.events[:place] if kind == "sync"} == written
    assert disk.events[place + 1] == ("sync", str(tmp_path))
