"""A copy of the repository's pipeline in which real DVC runs, with stand-ins for the commands that take long."""

import itertools
import os
import pickle
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from dvc.repo import Repo
from ruamel.yaml import YAML

import stages.scan_inputs
from selfcodealign.inputs import Inputs, read_inputs
from selfcodealign.inputs.benchmark_names import OVERRIDE_VARIABLES

SCAN_ARGUMENTS = (
    Path("params.yaml"),
    Path("constraints.txt"),
    Path("data/import_benchmarks"),
    Path("metrics/scan_inputs"),
)
ROOT = Path(__file__).parents[2]
COPIED = ("selfcodealign", "stages", "pairs", "dvc.yaml", "params.yaml", "constraints.txt", "README.md", ".dvcignore")

# Runs scan_inputs and import_benchmarks for real. Any other stage only notes its name and writes its outputs, with new
# content each time, as if whatever it reads decided what it writes. No network: nothing listens on the discard port.
PYTHON = """#!/bin/sh
echo "$DVC_STAGE" >> {ran}
case "$2" in stages.scan_inputs | stages.import_benchmarks) exec {python} "$@" ;; esac
while read -r out; do
    rm -rf "$out"
    case "$out" in
        *.json) mkdir -p "$(dirname "$out")"; echo "{{\\"run\\": $$}}" > "$out" ;;
        *) mkdir -p "$out"; echo $$ > "$out/written" ;;
    esac
done < "{outs}/$DVC_STAGE"
"""
PARSED: dict[str, bytes] = {}
OFFLINE = {"https_proxy": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}


@dataclass(frozen=True)
class PipelineCopy:
    """The copy, and what is done with it.

    Attributes:
        folder: the repository.
        bin: a folder with the `python` that stages are run with.
    """

    folder: Path
    bin: Path

    @property
    def _ran(self) -> Path:
        return self.bin / "ran"

    def reproduce(self, *targets: str) -> set[str]:
        """Run `dvc repro` and return the stages that ran, scan_inputs aside."""
        self._ran.write_text("")
        self._write_outs()
        with at(self.folder, self.bin) as repo:
            repo.reproduce(targets or None)
        return set(self._ran.read_text().split()) - {"scan_inputs"}

    def copied(self, parent: Path) -> "PipelineCopy":
        """The same pipeline once more, in the same state, with what lies beside it."""
        shutil.copytree(self.folder.parent, parent, symlinks=True)
        return PipelineCopy(parent / self.folder.name, self.bin)

    def scanned(self) -> dict[str, Inputs]:
        """Scan the inputs, and return what was found for each stage."""
        with at(self.folder, self.bin):
            stages.scan_inputs.main(*SCAN_ARGUMENTS)
            return read_inputs(Path("metrics/scan_inputs"))

    @staticmethod
    def changed(repo: Repo) -> set[str]:
        """Scan the inputs, and return the other stages that DVC would run because of their own dependencies."""
        stages.scan_inputs.main(*SCAN_ARGUMENTS)
        return set(repo.status()) - {"scan_inputs"}

    def set_params(self, values: dict[str, Any]) -> None:
        """Change values of params.yaml by dotted key."""
        path = self.folder / "params.yaml"
        loaded = yaml.safe_load(path.read_text())
        for key, value in values.items():
            *sections, last = key.split(".")
            target = loaded
            for section in sections:
                target = target[section]
            target[last] = value
        path.write_text(yaml.safe_dump(loaded, sort_keys=False))

    def _write_outs(self) -> None:
        """For each stage a file with the paths of its outputs."""
        stages = yaml.safe_load((self.folder / "dvc.yaml").read_text())["stages"]
        evaluated = yaml.safe_load((self.folder / "params.yaml").read_text())["evaluate_model"]
        for name, stage in stages.items():
            paths = [path for kind in ("outs", "metrics") for one in stage.get(kind, []) for path in one]
            items = itertools.product(evaluated["models"], evaluated["benchmarks"]) if "matrix" in stage else [None]
            for item in items:
                text = "".join(f"{path}\n" for path in paths)
                if item is not None:
                    text = text.replace("${item.model}", item[0]).replace("${item.benchmark}", item[1])
                (self.bin / "outs" / (name if item is None else f"{name}@{item[0]}-{item[1]}")).write_text(text)


@contextmanager
def _yaml_parsed_once() -> Iterator[None]:
    """Let DVC parse a text once: it parses the params again for each stage, which takes most of the time."""
    load = YAML.load

    def load_once(self: YAML, stream: Any) -> Any:
        if self.typ != ["safe"] or not isinstance(stream, str):
            return load(self, stream)
        if stream not in PARSED:
            PARSED[stream] = pickle.dumps(load(self, stream))
        return pickle.loads(PARSED[stream])  # noqa: S301 - written above

    YAML.load = load_once
    try:
        yield
    finally:
        YAML.load = load


@contextmanager
def at(folder: Path, programs: Path) -> Iterator[Repo]:
    """DVC's repository in a folder that is the working folder, with the environment of its stages."""
    before = dict(os.environ)
    os.environ.update(PATH=f"{programs}{os.pathsep}{before['PATH']}", SHELL="/bin/sh", **OFFLINE)
    os.environ["XDG_CACHE_HOME"] = str(programs / "cache")  # where EvalPlus keeps what it downloads
    os.environ["DVC_SITE_CACHE_DIR"] = str(programs / "site")
    for variable in ("DVC_ROOT", "DVC_STAGE", *OVERRIDE_VARIABLES.values()):
        os.environ.pop(variable, None)
    try:
        with _yaml_parsed_once(), chdir(folder), Repo() as repo:
            yield repo
    finally:
        os.environ.clear()
        os.environ.update(before)


def copy_pipeline(parent: Path) -> PipelineCopy:
    """Copy what DVC reads of the repository, as it is in the working tree, to `<parent>/repository`."""
    folder, programs = parent / "repository", parent / "bin"
    folder.mkdir(parents=True)
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    for name in (".dvc/config", "data/.gitignore", "models/.gitignore"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    (programs / "outs").mkdir(parents=True)
    python = programs / "python"
    python.write_text(PYTHON.format(python=sys.executable, ran=programs / "ran", outs=programs / "outs"))
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    git(folder, "init", "--quiet")
    return PipelineCopy(folder, programs)


def git(folder: Path, *arguments: str) -> None:
    """Run git with a committer of its own."""
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True)
