"""Keys of type checks cover what determines a program's errors, and no packages that it does not import."""

import importlib.metadata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfcodealign.seeds import type_environment
from selfcodealign.seeds.type_environment import TypeEnvironment, imported_packages

USES_RICH = "from rich.text import Text\n\n\ndef f(text: Text) -> str:\n    return text.plain\n"
PLAIN = "import json\n\n\ndef f(text: str) -> object:\n    return json.loads(text)\n"


def distribution(folder: Path, name: str, version: str, requires: str = "", modules: str = "") -> None:
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}")
    (info / "top_level.txt").write_text(modules)


class Site:
    """A folder of installed packages that replaces those of this environment."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.packages: dict[str, tuple[str, str, str]] = {
            "basedpyright": ("1.40.2", "", "basedpyright"),
            "rich": ("15.0.0", "Requires-Dist: Pygments>=2\nRequires-Dist: ipywidgets; extra == 'jupyter'\n", "rich"),
            "Pygments": ("2.21.0", "", "pygments"),
            "ipywidgets": ("8.0", "", "ipywidgets"),
            "unrelated": ("1.0", "", "unrelated"),
        }
        self._folder, self._monkeypatch, self._number = folder, monkeypatch, 0

    def digest(self, program: str) -> str:
        self._number += 1
        folder = self._folder / str(self._number)
        folder.mkdir()
        for name, (version, requires, modules) in self.packages.items():
            distribution(folder, name, version, requires, modules)
        found = list(importlib.metadata.distributions(path=[str(folder)]))
        with self._monkeypatch.context() as patch:
            patch.setattr(type_environment.importlib.metadata, "distributions", lambda: found)
            return TypeEnvironment("pyright").of(program)

    def bump(self, name: str) -> None:
        _, requires, modules = self.packages.get(name, ("", "", ""))
        self.packages[name] = ("99.0", requires, modules)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    return Site(tmp_path, monkeypatch)


@pytest.mark.parametrize("name", ["rich", "Pygments", "basedpyright", "types-Pygments", "rich-stubs"])
def test_what_types_come_from_decides(site: Site, name: str):
    before = site.digest(USES_RICH)
    site.bump(name)
    assert site.digest(USES_RICH) != before


@pytest.mark.parametrize(("program", "name"), [(USES_RICH, "unrelated"), (USES_RICH, "ipywidgets"), (PLAIN, "rich")])
def test_what_a_program_does_not_import_decides_nothing(site: Site, program: str, name: str):
    before = site.digest(program)
    site.bump(name)
    site.packages["another"] = ("1.0", "", "another")
    assert site.digest(program) == before


def test_a_package_that_is_installed_later_decides(site: Site):
    program = "import later\n"
    before = site.digest(program)
    site.packages["later"] = ("1.0", "", "later")
    assert site.digest(program) != before


def test_the_settings_of_the_checker_and_the_checker_decide(monkeypatch: pytest.MonkeyPatch):
    digests = {TypeEnvironment(checker).of(PLAIN) for checker in ("pyright", "pyrefly", "ty")}
    changed = dict(type_environment.TYPE_CHECKERS)
    tool = changed["pyright"]
    changed["pyright"] = type(tool)(
        tool.module, tool.settings_file, tool.settings + " ", tool.arguments, tool.environment, tool.errors
    )
    monkeypatch.setattr(type_environment, "TYPE_CHECKERS", changed)
    assert len(digests | {TypeEnvironment("pyright").of(PLAIN)}) == 4


@given(names=st.sets(st.sampled_from(["os", "json", "numpy", "rich", "a_b"])), depth=st.integers(0, 3))
def test_imports_are_found_at_any_depth(names: set[str], depth: int):
    lines = [f"import {name}.sub as x" if len(name) % 2 else f"from {name}.sub import y" for name in sorted(names)]
    program = "".join("    " * level + f"def f{level}():\n" for level in range(depth))
    program += "\n".join("    " * depth + line for line in [*lines, "from . import z", "pass"])
    assert imported_packages(program) == names


@given(st.text())
def test_any_text_has_a_digest(text: str):
    assert isinstance(imported_packages(text), set)
