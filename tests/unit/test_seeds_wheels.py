"""Wheels: read in place with their licence; hostile archives are counted and never unpacked."""

import stat
import zipfile
from pathlib import Path

import pytest
from pydantic import ValidationError

from selfcodealign.params import PythonPackages
from selfcodealign.seeds import DownloadedPackages, PermittedLicences, Skipped, SourceFile

PERMITTED = PermittedLicences(["MIT"])
PIN = "sample==1.2"
FUNCTION = "def f(x):\n    return x\n"
METADATA = "Metadata-Version: 2.4\nName: sample\nVersion: 1.2\n"


def wheel(cache: Path, licence: str = "MIT", **entries: str | bytes) -> Path:
    """A wheel where an earlier download of the pin would have left it; `__` is a slash, `_py` a suffix."""
    folder = cache / PIN
    folder.mkdir(parents=True)
    path = folder / "sample-1.2-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("sample-1.2.dist-info/METADATA", f"{METADATA}License-Expression: {licence}\n")
        for name, data in entries.items():
            archive.writestr(name.replace("__", "/").replace("_py", ".py"), data)
    return path


def items(cache: Path) -> list[SourceFile | Skipped]:
    return list(DownloadedPackages([PIN], PERMITTED, cache))


def reasons(cache: Path) -> dict[str, str]:
    return {item.file: item.reason.value for item in items(cache) if isinstance(item, Skipped)}


def only_refusal(cache: Path) -> str:
    (item,) = items(cache)
    assert isinstance(item, Skipped)
    assert (item.scope, item.package, item.version) == ("package", "sample", "1.2")
    return item.reason.value


def test_a_wheel_gives_its_files_in_order_with_version_and_licence(tmp_path: Path) -> None:
    wheel(tmp_path, sample__b_py=FUNCTION, sample__a_py=FUNCTION, sample__data="x")
    found = items(tmp_path)
    assert [item.file for item in found] == ["sample/a.py", "sample/b.py"]
    first = found[0]
    assert isinstance(first, SourceFile)
    assert (first.origin.package, first.origin.version, first.origin.licence) == ("sample", "1.2", "MIT")
    assert (first.text, first.path) == (FUNCTION, "sample-1.2-py3-none-any.whl!/sample/a.py")


def test_hostile_entries_are_counted_by_reason(tmp_path: Path) -> None:
    path = wheel(
        tmp_path,
        good_py=FUNCTION,
        nul_py=b"x = 1\0\n",
        latin_py=b"s = '\xe9'\n",
        long_py="x = '" + "a" * 30_000 + "'\n",
        bomb_py="x = 1\n" * 2_000_000,
        tests__inside_py=FUNCTION,
    )
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../../outside.py", FUNCTION)
        link = zipfile.ZipInfo("link.py")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("damaged.py", FUNCTION * 2)
    data = path.read_bytes()
    path.write_bytes(data.replace((FUNCTION * 2).encode(), (FUNCTION + FUNCTION.upper()).encode()))
    assert [item.file for item in items(tmp_path) if isinstance(item, SourceFile)] == ["../../outside.py", "good.py"]
    assert reasons(tmp_path) == {
        "bomb.py": "file_too_large",
        "damaged.py": "unreadable",
        "latin.py": "wrong_encoding",
        "link.py": "symlink",
        "long.py": "line_too_long",
        "nul.py": "nul_byte",
        "tests/inside.py": "test_file",
    }
    assert [entry.name for entry in tmp_path.rglob("*.py")] == []


def test_an_archive_inside_an_archive_is_not_opened(tmp_path: Path) -> None:
    inner = wheel(tmp_path / "inner", evil_py=FUNCTION).read_bytes()
    wheel(tmp_path, sample__nested_zip=inner, sample__a_py=FUNCTION)
    assert [item.file for item in items(tmp_path)] == ["sample/a.py"]


def test_a_wheel_of_another_licence_is_one_refusal(tmp_path: Path) -> None:
    wheel(tmp_path, licence="GPL-3.0-only", sample__a_py=FUNCTION)
    assert only_refusal(tmp_path) == "licence_not_permitted"


def states_size(path: Path, name: str, num_bytes: int) -> None:
    """Make an entry of an archive state another size than it has."""
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"changed"  # so that the directory is written again
        archive.getinfo(name).file_size = num_bytes


def test_a_wheel_that_unpacks_to_gigabytes_is_refused_unread(tmp_path: Path) -> None:
    states_size(wheel(tmp_path, bomb_py=FUNCTION), "bomb.py", 2**31)
    assert only_refusal(tmp_path) == "archive_too_large"


def test_an_entry_that_unpacks_to_more_than_it_states_is_unreadable(tmp_path: Path) -> None:
    states_size(wheel(tmp_path, bomb_py=FUNCTION * 9), "bomb.py", len(FUNCTION))
    assert reasons(tmp_path) == {"bomb.py": "unreadable"}


def test_gigantic_metadata_is_not_read(tmp_path: Path) -> None:
    states_size(wheel(tmp_path, a_py=FUNCTION), "sample-1.2.dist-info/METADATA", 2**31)
    assert only_refusal(tmp_path) == "bad_archive"


@pytest.mark.parametrize("kept_bytes", [0, 10, 200, -30])
def test_a_damaged_archive_is_one_refusal(tmp_path: Path, kept_bytes: int) -> None:
    path = wheel(tmp_path, sample__a_py=FUNCTION)
    path.write_bytes(path.read_bytes()[:kept_bytes])
    assert only_refusal(tmp_path) == "bad_archive"


def test_metadata_that_lists_files_which_are_not_there_names_no_licence(tmp_path: Path) -> None:
    record = {"sample-1.2.dist-info__RECORD": "sample-1.2.dist-info/LICENSE,,\n"}
    path = wheel(tmp_path, **record, sample__a_py=FUNCTION)
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, METADATA if name.endswith("METADATA") else data)
    assert only_refusal(tmp_path) == "licence_unknown"


@pytest.mark.parametrize("pin", ["sample", "sample>=1", "--index-url==1", "../sample==1", "sample==../1", "a==1; b"])
def test_a_download_is_one_name_at_one_version(pin: str) -> None:
    with pytest.raises(ValidationError):
        PythonPackages(standard_library=False, packages=[], downloads=[pin])
