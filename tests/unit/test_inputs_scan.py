"""What a scan of the external inputs finds: contents decide, places and times do not, and what is absent is kept."""

import gzip
import importlib.metadata
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from evaluation_tasks import jsonl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selfcodealign.errors import InputError, PrerequisiteError
from selfcodealign.evaluation import import_benchmarks, load_benchmark
from selfcodealign.inputs import (
    BenchmarkPlaces,
    FileDigests,
    InputPlaces,
    Inputs,
    deciding_packages,
    read_inputs,
    read_pins,
    scan_inputs,
    scanned_stages,
    write_inputs,
)
from selfcodealign.inputs.benchmark_files import connection_failure
from selfcodealign.inputs.digests import sha256_of
from selfcodealign.inputs.folder_digests import folder_digest
from selfcodealign.inputs.source_folders import head_commit
from selfcodealign.params import ImportBenchmarks, Params, parse_params
from selfcodealign.seeds.licences import PermittedLicences
from selfcodealign.seeds.sources import Folder

ROOT = Path(__file__).parents[2]
LONG_AGO_NS = 1_700_000_000_000_000_000


class Machine:
    """A machine with a folder of inputs and no network, and scans of it, each of which knows the last one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.earlier: dict[str, Inputs] = {}
        self.tried: list[float | str] = []
        self.network: dict[str, str] | None = None
        self.places = BenchmarkPlaces(
            overrides={},
            folders=[folder / "benchmarks"],
            downloads=folder / "downloads",
            evalplus_cache=folder / "evalplus",
            imported=[folder / "imported"],
        )

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def scan(self, **changes: Any) -> dict[str, Inputs]:
        places = InputPlaces(
            path_of=lambda name: self.folder / name,
            benchmarks=self.places,
            digests=self.folder / "digests",
            connect=self._connect,
            download=self._download,
        )
        self.earlier = scan_inputs(make_params(**changes), {}, places, self.earlier)
        return self.earlier

    def _connect(self, timeout_s: float) -> str:
        self.tried.append(timeout_s)
        return "no network" if self.network is None else ""

    def _download(self, name: str, folder: Path) -> str:
        self.tried.append(name)
        if name not in (self.network or {}):
            return "not found"
        self.write(f"{folder.relative_to(self.folder)}/{self.network[name]}", jsonl(3))
        return ""


def make_params(**changes: Any) -> Params:
    loaded = yaml.safe_load((ROOT / "params.yaml").read_text())
    loaded["collect_seeds"]["python"]["packages"] = []
    for key, value in changes.items():
        section, _, name = key.partition("__")
        loaded[section][name] = value
    return parse_params(loaded, "here")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def benchmarks(found: dict[str, Inputs]) -> Inputs:
    loaded: Inputs = found["import_benchmarks"]["benchmarks"]
    return loaded


def test_every_scanned_stage_has_its_file_in_the_pipeline_and_reads_it():
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    written = [Path(path).stem for one in stages["scan_inputs"]["outs"] for path in one]
    assert written == scanned_stages(make_params())
    for name in written:
        assert f"metrics/scan_inputs/{name}.json" in stages[name]["deps"]


def test_every_package_that_decides_something_is_pinned():
    params = make_params(filter_seeds__judge=True)
    pins = read_pins(ROOT / "constraints.txt")
    named = {name for names in deciding_packages(params).values() for name in names}
    # vLLM's build for GPUs is pinned in pyproject.toml, to the release of the build for CPUs.
    assert named - set(pins) == {"vllm"}


def test_a_scan_with_nothing_new_is_the_same_and_writes_nothing(machine, tmp_path):
    machine.write("corpus.jsonl", "{}")
    first = machine.scan(collect_seeds__files=["corpus.jsonl"])
    write_inputs(tmp_path / "out", first)
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    assert read_inputs(tmp_path / "out") == first
    write_inputs(tmp_path / "out", machine.scan(collect_seeds__files=["corpus.jsonl"]))
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()} == before
    (tmp_path / "out/collect_seeds.json").write_text("{")
    write_inputs(tmp_path / "out", first)
    assert read_inputs(tmp_path / "out") == first


def test_two_machines_with_the_same_inputs_find_the_same(tmp_path):
    found = []
    for name in ("here", "somewhere/else"):
        machine = Machine(tmp_path / name)
        machine.write("benchmarks/deep/MbppPlus-v0.2.0.jsonl", jsonl(2))
        machine.write("corpus.jsonl", "{}")
        machine.write("code/a/b.py", "x = 1")
        machine.write("model/config.json", "{}")
        found.append(
            machine.scan(
                collect_seeds__files=["corpus.jsonl"],
                collect_seeds__folders=["code"],
                import_model__source="path",
                import_model__name="model",
            )
        )
        assert str(tmp_path) not in json.dumps(found)
        time.sleep(0.01)
    assert found[0] == found[1]


def test_an_input_that_never_was_there_is_none_and_counts_once_it_is(machine):
    found = machine.scan(collect_seeds__files=["later.jsonl"])
    assert found["collect_seeds"]["files"] == {"later.jsonl": None}
    machine.write("later.jsonl", "{}")
    assert machine.scan(collect_seeds__files=["later.jsonl"])["collect_seeds"]["files"]["later.jsonl"]


def test_an_empty_folder_where_there_was_source_counts_as_absent(machine, caplog):
    path = machine.write("disk/a.py", "x = 1")
    before = machine.scan(collect_seeds__folders=["disk"])
    path.unlink()
    assert machine.scan(collect_seeds__folders=["disk"]) == before
    assert "collect_seeds: disk is not on this machine" in caplog.text


def test_an_input_that_cannot_be_read_is_one_line(machine):
    machine.write("folder.jsonl/inside", "")
    with pytest.raises(InputError, match=r"folder\.jsonl cannot be read \(Is a directory\)") as caught:
        machine.scan(collect_seeds__files=["folder.jsonl"])
    assert "\n" not in str(caught.value)


def test_a_stand_in_is_never_frozen(machine, caplog):
    assert benchmarks(machine.scan()) == {"humaneval_plus": None, "mbpp_plus": None}
    assert "put MbppPlus-v*.jsonl.gz into a folder of import_benchmarks.folders" in caplog.text
    again = machine.scan()
    assert benchmarks(again) == {"humaneval_plus": None, "mbpp_plus": None}
    first, second = machine.tried
    assert isinstance(first, float)
    assert isinstance(second, float)
    assert second <= 3.0 < first
    machine.network = {"humaneval_plus": "evalplus/HumanEvalPlus-v0.1.10.jsonl"}
    found = benchmarks(machine.scan())
    assert (found["humaneval_plus"] or {})["version"] == "v0.1.10"
    assert found["mbpp_plus"] is None
    machine.write("benchmarks/MbppPlus-v0.2.0.jsonl", jsonl(2))
    machine.tried.clear()
    found = benchmarks(machine.scan())
    assert None not in found.values()
    assert machine.tried == []


def test_what_was_imported_is_kept_without_its_file_and_a_stand_in_is_not(machine):
    path = machine.write("benchmarks/MbppPlus-v0.2.0.jsonl.gz", "")
    path.write_bytes(gzip.compress(jsonl(2).encode()))
    with_file = benchmarks(machine.scan())
    wanted = ImportBenchmarks(names=["mbpp_plus", "humaneval_plus"])
    import_benchmarks(wanted, machine.folder / "imported", machine.places, download_timeout_s=0.001)
    path.unlink()
    machine.earlier = {}
    without = benchmarks(machine.scan())
    assert without["mbpp_plus"] == with_file["mbpp_plus"]
    assert without["humaneval_plus"] is None
    # The import itself keeps it too, as it was.
    before = load_benchmark(machine.folder / "imported", "mbpp_plus")
    import_benchmarks(wanted, machine.folder / "again", machine.places, download_timeout_s=0.001)
    assert load_benchmark(machine.folder / "again", "mbpp_plus") == before
    (machine.folder / "imported/mbpp_plus.jsonl").write_text(jsonl(1))
    assert benchmarks(machine.scan())["mbpp_plus"] is None


def test_a_run_without_any_benchmark_to_evaluate_ends_at_once(machine):
    with pytest.raises(PrerequisiteError, match="there is no benchmark to evaluate"):
        machine.scan(evaluate_model__benchmarks=["mbpp_plus"])
    machine.scan(evaluate_model__benchmarks=["humaneval_plus", "mbpp_plus"])  # HumanEval stands in


def test_an_override_variable_that_does_not_name_a_file_is_an_error(machine):
    machine.places = BenchmarkPlaces(
        overrides={"MBPP_OVERRIDE_PATH": "/nowhere"}, folders=[], downloads=Path("x"), evalplus_cache=Path("x")
    )
    with pytest.raises(InputError, match="MBPP_OVERRIDE_PATH=/nowhere is not a file"):
        machine.scan()


def test_packages_that_seeds_are_taken_from_count_as_pinned_or_else_as_installed(machine):
    python = {"standard_library": False, "packages": ["pytest", "absent-package", "*"]}
    found = machine.scan(collect_seeds__python=python)["collect_seeds"]["packages"]
    assert found["pytest"] == importlib.metadata.version("pytest")
    assert found["absent-package"] is None
    assert found["*"].startswith("sha256:")


def test_a_constraints_file_is_read_as_pip_reads_it(tmp_path):
    path = tmp_path / "constraints.txt"
    path.write_text("# text\nruamel.yaml==0.19.1\nTorch==2.13.0 ; sys_platform == 'linux'  # why\nfree>=1\n\n")
    assert read_pins(path) == {"ruamel-yaml": "0.19.1", "torch": "2.13.0"}
    with pytest.raises(InputError, match="name the constraints file"):
        read_pins(tmp_path / "absent.txt")


def counted(path: Path, calls: list[Path]) -> str:
    calls.append(path)
    return sha256_of(path)


def test_a_file_is_read_again_only_if_it_may_have_changed(tmp_path):
    path, calls = tmp_path / "file", []
    path.write_text("one")

    def digest(path: Path) -> str:
        return counted(path, calls)

    def scan() -> str:
        digests = FileDigests(tmp_path / "digests.json")
        found = digests.of(path, digest)
        digests.save()
        return found

    first = scan()
    scan()
    assert len(calls) == 2  # it was written a moment ago, and may be written again within the clock's tick
    time.sleep(2.1)
    assert [scan(), scan(), scan()] == [first] * 3
    assert len(calls) == 3
    before = path.stat()
    path.write_text("two")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert scan() != first
    (tmp_path / "digests.json").write_text('{"a": 1}')
    assert scan() == sha256_of(path)


NAMES = st.sampled_from(["a.py", "b.py", "LICENSE", "pyproject.toml", "notes.txt", "test_a.py", "data.bin"])
FOLDERS = st.sampled_from(["", "one/", "one/two/", "node_modules/", ".hidden/"])
TREES = st.dictionaries(st.tuples(FOLDERS, NAMES).map("".join), st.sampled_from(["", "x = 1\n", "MIT License\n"]))


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(TREES, TREES)
def test_trees_from_which_different_seeds_are_collected_have_different_digests(one, other):
    import tempfile

    found = []
    for tree in (one, other):
        with tempfile.TemporaryDirectory() as name:
            root = Path(name) / "root"
            root.mkdir()
            for path, text in tree.items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(text)
            items = [
                repr(item).replace(name, "") for item in Folder(root, PermittedLicences(["MIT"]), assumed_licence="MIT")
            ]
            found.append((items, folder_digest(root, FileDigests(Path(name) / "digests.json"))))
    if found[0][0] != found[1][0]:
        assert found[0][1] != found[1][1]
    if one == other:
        assert found[0] == found[1]


def test_links_and_pipes_in_a_folder_are_neither_followed_nor_opened(tmp_path):
    (tmp_path / "secret").write_text("x")
    root = tmp_path / "root"
    root.mkdir()
    plain = folder_digest(root, FileDigests(tmp_path / "d"))
    (root / "link.py").symlink_to(tmp_path / "secret")
    (root / "loop").symlink_to(root)
    os.mkfifo(root / "pipe.py")
    found = folder_digest(root, FileDigests(tmp_path / "d"))
    assert found["files"] == 3
    assert found != plain
    (tmp_path / "secret").write_text("y")
    assert folder_digest(root, FileDigests(tmp_path / "d")) == found


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments]
    return subprocess.run(command, check=True, text=True, capture_output=True).stdout.strip()


def test_the_commit_of_a_checkout_is_that_which_git_names(tmp_path):
    folder, linked = tmp_path / "checkout", tmp_path / "linked"
    folder.mkdir()
    git(folder, "init", "--quiet")
    assert head_commit(folder) is None
    git(folder, "commit", "--quiet", "--allow-empty", "-m", "one")
    expected = git(folder, "rev-parse", "HEAD")
    assert head_commit(folder) == expected
    git(folder, "worktree", "add", "--quiet", "-b", "other", str(linked))
    assert head_commit(linked) == expected
    git(folder, "pack-refs", "--all")
    assert head_commit(folder) == expected
    git(folder, "checkout", "--quiet", "--detach")
    assert head_commit(folder) == expected
    assert head_commit(tmp_path) is None


class Silent(BaseHTTPRequestHandler):
    status = 200

    def do_HEAD(self) -> None:
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def server(status: int) -> Iterator[str]:
    handler = type("Handler", (Silent,), {"status": status})
    with HTTPServer(("127.0.0.1", 0), handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}/"
        listening.shutdown()
        thread.join()


def test_a_server_is_reached_or_there_is_a_reason_in_bounded_time():
    with server(200) as address:
        assert connection_failure(10.0, address) == ""
    with server(503) as address:
        assert "503" in connection_failure(10.0, address)
    with HTTPServer(("127.0.0.1", 0), Silent) as deaf:  # accepts connections, and answers nothing
        started = time.monotonic()
        assert connection_failure(0.2, f"http://127.0.0.1:{deaf.server_port}/")
        assert time.monotonic() - started < 5


def test_a_scan_imports_no_library_that_loads_or_trains():
    heavy = ("torch", "vllm", "transformers", "trl", "evalplus", "pyarrow")
    script = f"import sys, stages.scan_inputs; print([name for name in {heavy} if name in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, text=True, capture_output=True, check=True)
    assert ended.stdout.strip() == "[]"
