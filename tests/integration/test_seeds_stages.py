"""The seed stages as commands, on real code, with the real type checker, `datasets` and worker processes."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from selfcodealign.errors import InputError
from selfcodealign.parallel import ordered_map
from selfcodealign.params import TypeCheckerName, Workers
from selfcodealign.records import Dropped, Seed, read_rows, write_rows
from selfcodealign.seeds import (
    CollectReason,
    DownloadedPackages,
    HubFiles,
    Origin,
    PermittedLicences,
    Skipped,
    SourceFile,
    extract_functions,
    type_errors,
)

REPOSITORY = Path(__file__).parents[2]


def params_file(folder: Path, collect: dict[str, Any], **filters: Any) -> Path:
    values = yaml.safe_load((REPOSITORY / "params.yaml").read_text(encoding="utf-8"))
    values["collect_seeds"] = {"licences": ["MIT", "PSF-2.0", "BSD-3-Clause"], **collect}
    values["filter_seeds"].update(benchmark_text=False, max_seeds=10, **filters)
    path = folder / "params.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path


def stage(name: str, folder: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", f"stages.{name}", "--params", str(folder / "params.yaml")]
    command += ["--out", str(folder / name), "--metrics", str(folder / f"{name}.json"), *options]
    return subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )


def check_refusal(answer: subprocess.CompletedProcess[str], exit_code: int, text: str) -> None:
    (line,) = [line for line in answer.stderr.splitlines() if line.startswith("error: ")]
    assert text in line
    assert "Traceback" not in answer.stderr
    assert answer.returncode == exit_code


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both stages, run once on two small packages."""
    folder = tmp_path_factory.mktemp("seeds")
    params_file(folder, {"python": {"standard_library": False, "packages": ["networkx", "funcy", "hypothesis"]}})
    for name, options in (
        ("collect_seeds", []),
        ("filter_seeds", ["--seeds", f"{folder}/collect_seeds/seeds.parquet"]),
    ):
        answer = stage(name, folder, *options, DVC_ROOT=str(folder))
        assert answer.returncode == 0, answer.stderr
    return folder


@pytest.mark.parametrize("name", ["collect_seeds", "filter_seeds"])
def test_rows_in_are_rows_out_and_dropped_rows(run: Path, name: str) -> None:
    metrics = json.loads((run / f"{name}.json").read_text())
    seeds, dropped = read_rows(run / name / "seeds.parquet", Seed), read_rows(run / name / "dropped.parquet", Dropped)
    assert metrics["rows_out"] == len(seeds) > 0
    assert metrics["rows_in"] == len(seeds) + sum(metrics["dropped"].values())
    refused = sum(metrics.get("files_dropped", {}).values()) + sum(metrics.get("packages_dropped", {}).values())
    assert len(dropped) == sum(metrics["dropped"].values()) + refused


def test_a_package_of_another_licence_gives_no_seed(run: Path) -> None:
    assert json.loads((run / "collect_seeds.json").read_text())["packages_dropped"] == {"licence_not_permitted": 1}
    assert {row.package for row in read_rows(run / "collect_seeds/seeds.parquet", Seed)} == {"networkx", "funcy"}


def test_every_seed_ends_at_lines_that_exist(run: Path) -> None:
    for seed in read_rows(run / "collect_seeds/seeds.parquet", Seed):
        lines = Path(seed.path).read_text(encoding="utf-8").splitlines()
        assert seed.path.endswith(seed.file)
        assert seed.code.endswith("\n".join(lines[seed.first_line - 1 : seed.last_line]))


def test_ten_good_seeds_remain(run: Path) -> None:
    seeds = read_rows(run / "filter_seeds/seeds.parquet", Seed)
    assert len(seeds) == 10
    assert all(seed.docstring for seed in seeds)
    assert type_errors([seed.code for seed in seeds]) == [None] * 10


def test_the_same_rows_come_again_with_one_worker(run: Path, tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_bytes((run / "params.yaml").read_bytes())
    assert stage("collect_seeds", tmp_path, "--num-workers", "1", DVC_ROOT=str(tmp_path)).returncode == 0
    for table in ("seeds.parquet", "dropped.parquet"):
        assert (tmp_path / "collect_seeds" / table).read_bytes() == (run / "collect_seeds" / table).read_bytes()


def test_the_same_rows_come_from_another_clone(tmp_path: Path) -> None:
    tables = []
    for clone in (tmp_path / "here", tmp_path / "there"):
        (clone / "code").mkdir(parents=True)
        (clone / "code" / "m.py").write_text("def f(x):\n    return x\n", encoding="utf-8")
        params_file(clone, {"folders": [str(clone / "code")], "assumed_licence": "MIT"})
        assert stage("collect_seeds", clone, DVC_ROOT=str(clone)).returncode == 0
        tables.append(clone / "collect_seeds" / "seeds.parquet")
    assert [seed.path for seed in read_rows(tables[0], Seed)] == ["code/m.py"]
    assert tables[0].read_bytes() == tables[1].read_bytes()


def test_a_corrupt_table_of_seeds_is_one_line_and_leaves_what_was_there(run: Path, tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_bytes((run / "params.yaml").read_bytes())
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no table PAR1")
    (tmp_path / "filter_seeds").mkdir()
    (tmp_path / "filter_seeds" / "seeds.parquet").write_text("earlier")
    answer = stage("filter_seeds", tmp_path, "--seeds", f"{tmp_path}/bad.parquet")
    check_refusal(answer, 1, "bad.parquet is not a readable Parquet file")
    assert (tmp_path / "filter_seeds" / "seeds.parquet").read_text() == "earlier"


def test_an_unreachable_hub_is_one_line(tmp_path: Path) -> None:
    params_file(tmp_path, {"hub": {"name": "nobody/nothing", "subset": "data/python"}})
    check_refusal(stage("collect_seeds", tmp_path, HF_HUB_OFFLINE="1"), 2, "nobody/nothing cannot be reached")


def test_a_package_that_is_not_installed_is_downloaded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = tmp_path / "index"
    index.mkdir()
    with zipfile.ZipFile(index / "nowhere_else-1.2-py3-none-any.whl", "w") as archive:
        folder = "nowhere_else-1.2.dist-info"
        archive.writestr("nowhere_else.py", "def f(x):\n    return x\n")
        archive.writestr(
            f"{folder}/METADATA", "Metadata-Version: 2.1\nName: nowhere-else\nVersion: 1.2\nLicense: MIT\n"
        )
        archive.writestr(f"{folder}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{folder}/RECORD", "nowhere_else.py,,\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    source = DownloadedPackages(["nowhere-else==1.2"], PermittedLicences(["MIT"]), tmp_path / "wheels")
    (first,) = source
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    assert list(source) == [first]
    with pytest.raises(InputError, match=r"no wheel of nowhere-else==1\.3 .*No matching distribution"):
        list(DownloadedPackages(["nowhere-else==1.3"], PermittedLicences(["MIT"]), tmp_path / "wheels"))


STACK_V1 = {
    "licences": "max_stars_repo_licenses",
    "path": "max_stars_repo_path",
    "repository": "max_stars_repo_name",
    "revision": "max_stars_repo_head_hexsha",
}
STACK_V2 = {"licences": "detected_licenses", "path": "path", "repository": "repo_name", "revision": "revision_id"}


@pytest.mark.parametrize("columns", [STACK_V1, STACK_V2])
def test_both_versions_of_the_stack_are_streamed_with_their_licences(tmp_path: Path, columns: dict[str, str]) -> None:
    def row(path: str, *licences: str) -> dict[str, Any]:
        values = {"licences": list(licences), "path": path, "repository": "a/b", "revision": "c0ffee"}
        return {"content": "def f(x):\n    return x\n", **{columns[key]: value for key, value in values.items()}}

    rows = [row("/src/a.py", "MIT"), row("b.py", "GPL-2.0-only"), row("c.py"), row("d.py", "MIT")]
    (tmp_path / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    first, second, third = HubFiles(str(tmp_path), PermittedLicences(["MIT"]), max_files=3)
    assert isinstance(first, SourceFile)
    assert (first.origin.source, first.origin.licence, first.file) == ("hub", "MIT", "src/a.py")
    assert (first.origin.package, first.origin.version) == ("a/b", "c0ffee")
    assert isinstance(second, Skipped)
    assert second.reason == CollectReason.LICENCE_NOT_PERMITTED
    assert isinstance(third, Skipped)
    assert third.reason == CollectReason.LICENCE_UNKNOWN


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"blob_id": "9f86d0", "path": "/a.py", "detected_licenses": ["MIT"]}, "addresses of files"),
        ({"repo_name": "a/b", "files": [{"blob_id": "9f86d0"}]}, "addresses of files"),
        ({"body": "x = 1", "path": "a.py"}, "has no column 'content', but body, path"),
    ],
)
def test_a_dataset_without_text_is_one_line(tmp_path: Path, row: dict[str, Any], text: str) -> None:
    (tmp_path / "train.jsonl").write_text(json.dumps(row))
    with pytest.raises(InputError, match=text):
        list(HubFiles(str(tmp_path), PermittedLicences(["MIT"])))


TYPED: list[tuple[str, dict[TypeCheckerName, str]]] = [
    ("def f(x: int) -> int:\n    return x + 1\n", {}),
    ("def f(x):\n    return x.anything\n", {}),
    ("import networkx as nx\ndef f(x):\n    return nx.Graph(x)\n", {}),
    (
        "def f(x: int) -> str:\n    return x\n",
        {"pyright": "reportReturnType", "pyrefly": "bad-return", "ty": "invalid-explicit-return"},
    ),
    (
        "def f(x):\n    return nowhere(x)\n",
        {"pyright": "reportUndefinedVariable", "pyrefly": "unknown-name", "ty": "unresolved-reference"},
    ),
    (
        "import no_such_module\ndef f(x):\n    return no_such_module.a(x)\n",
        {"pyright": "reportMissingImports", "pyrefly": "missing-import", "ty": "import-not-found"},
    ),
    (
        "import math\ndef f(x):\n    return math.no_such_function(x)\n",
        {"pyright": "reportAttributeAccessIssue", "pyrefly": "missing-attribute", "ty": "missing-attribute"},
    ),
    *(
        (
            f"# {switch}\ndef f(x: int) -> str:\n    return x  # {comment}\n",
            {"pyright": "reportReturnType", "pyrefly": "bad-return", "ty": "invalid-explicit-return"},
        )
        for switch, comment in [
            ("type: ignore", "type: ignore"),
            ("pyright: basic", "pyright: ignore"),
            ("pyrefly: ignore-errors", "pyrefly: ignore"),
            ("mypy: ignore-errors", "ty: ignore"),
        ]
    ),
]


@pytest.mark.parametrize("checker", get_args(TypeCheckerName))
def test_type_errors_are_found_and_comments_do_not_hide_them(checker: TypeCheckerName) -> None:
    # All programs in one run, as in the stage; each must be judged by itself.
    errors = type_errors([program for program, _ in TYPED], checker=checker)
    found = [error.partition(":")[0] if error else None for error in errors]
    assert found == [rules.get(checker) for _, rules in TYPED]


@pytest.mark.parametrize("checker", get_args(TypeCheckerName))
def test_a_program_that_breaks_the_checker_costs_only_itself(checker: TypeCheckerName) -> None:
    deep = "def f(x):\n    return " + " + ".join(["x"] * 3000) + "\n"
    good = "def f(x: int) -> int:\n    return x + 1\n"
    first, broken, last = type_errors([good, deep, good], checker=checker)
    assert (first, last) == (None, None)
    assert broken is not None


@pytest.mark.sandbox
def test_the_smoke_filter_keeps_what_runs_in_the_sandbox(tmp_path: Path) -> None:
    texts = {
        "runs": "import math\ndef runs(x, y):\n    return math.hypot(x, y)\n",
        "called": "def called(x=1):\n    return x + 1\n",
        "missing": "import no_such_module\ndef missing(x):\n    return no_such_module.f(x)\n",
        "gone": "from math import no_such_name\ndef gone(x):\n    return no_such_name(x)\n",
        "raises": "def raises(x=()):\n    return x[0]\n",
        "endless": "def endless(x=1):\n    while x:\n        pass\n    return x\n",
    }
    origin = Origin(source="folder", package="p", version="1", licence="MIT")
    files = [SourceFile(origin=origin, file=f"{name}.py", path=name, text=text) for name, text in texts.items()]
    seeds = tmp_path / "seeds.parquet"
    write_rows(seeds, [row for file in files for row in extract_functions(file)], Seed)
    off = dict.fromkeys(["docstring", "types", "near_duplicates", "returns_value", "system_imports"], False)
    params = params_file(tmp_path, {}, smoke=True, min_lines=1, **off)
    values = yaml.safe_load(params.read_text())
    values["sandbox"].update(runtime="runsc-direct", timeout_s=2, num_workers=2)
    params.write_text(yaml.safe_dump(values))
    answer = stage("filter_seeds", tmp_path, "--seeds", str(seeds))
    assert answer.returncode == 0, answer.stderr
    kept = read_rows(tmp_path / "filter_seeds" / "seeds.parquet", Seed)
    assert {row.name for row in kept} == {"runs.runs", "called.called"}
    dropped = read_rows(tmp_path / "filter_seeds" / "dropped.parquet", Dropped)
    assert {row.reason for row in dropped} == {"does_not_run"}
    details = {str(row.detail).split()[1].partition(":")[0]: str(row.detail) for row in dropped}
    assert "error: ModuleNotFoundError" in details["missing.py"]
    assert "error: IndexError" in details["raises.py"]
    assert "timeout" in details["endless.py"]


def double_or_die(number: int) -> int:
    if number == 300:
        os._exit(1)
    return 2 * number


def test_an_item_that_kills_its_process_costs_only_itself() -> None:
    results = list(
        ordered_map(double_or_die, range(500), workers=Workers(num_workers=2), on_crash=lambda number: -number)
    )
    assert results == [-300 if number == 300 else 2 * number for number in range(500)]


ENDLESS = """
import itertools
from selfcodealign.parallel import Workers, ordered_map
for number in ordered_map(abs, itertools.count(), workers=Workers(num_workers=2)):
    print(number, flush=True)
"""


def test_a_killed_run_leaves_no_worker_behind() -> None:
    process = subprocess.Popen([sys.executable, "-c", ENDLESS], cwd=REPOSITORY, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"0\n"
    (children,) = Path(f"/proc/{process.pid}/task").glob(f"{process.pid}/children")
    workers = [
        pid for pid in children.read_text().split() if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    assert len(workers) == 2
    process.kill()
    process.wait()
    deadline = time.monotonic() + 30
    while any(is_alive(pid) for pid in workers):
        assert time.monotonic() < deadline, f"{workers} wait for ever"
        time.sleep(0.1)


def is_alive(pid: str) -> bool:
    """Whether a process runs; one that has ended may still be listed until it is reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_pool_that_breaks_between_two_results_loses_nothing() -> None:
    results = ordered_map(abs, range(2000), workers=Workers(num_workers=2), on_crash=lambda number: -number)
    first = [next(results) for _ in range(10)]
    for worker in multiprocessing.active_children():
        worker.kill()
        worker.join()
    time.sleep(0.5)  # the pool notices on a thread of its own
    assert [*first, *results] == list(range(2000))


def killed(name: str, folder: Path, is_under_way: Callable[[], bool], *options: str, cache: Path) -> None:
    """Start a stage, and kill its process the moment that its work has begun and is not done."""
    command = [sys.executable, "-m", f"stages.{name}", "--params", str(folder / "params.yaml")]
    command += ["--out", str(folder / name), "--metrics", str(folder / f"{name}.json"), *options]
    process = subprocess.Popen(command, cwd=REPOSITORY, env={**os.environ, "DVC_ROOT": str(cache)})
    while process.poll() is None and not is_under_way():
        time.sleep(0.02)
    process.kill()
    assert process.wait() == -signal.SIGKILL


@pytest.mark.parametrize("name", ["collect_seeds", "filter_seeds"])
def test_a_killed_stage_gives_the_same_rows_when_it_is_run_again(run: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "params.yaml").write_bytes((run / "params.yaml").read_bytes())
    options = ["--seeds", f"{run}/collect_seeds/seeds.parquet"] if name == "filter_seeds" else []
    under_way = {
        "collect_seeds": tmp_path / ".cache" / "collect_seeds" / "000000",
        "filter_seeds": tmp_path / ".filter_seeds.tmp" / ".dropped.parquet.parts" / "no_docstring",
    }
    killed(name, tmp_path, under_way[name].exists, *options, cache=tmp_path)
    assert not (tmp_path / name / "seeds.parquet").exists()
    assert stage(name, tmp_path, *options, DVC_ROOT=str(tmp_path)).returncode == 0
    for file in sorted((run / name).iterdir()):
        assert (tmp_path / name / file.name).read_bytes() == file.read_bytes()
    assert {path.name for path in (tmp_path / name).iterdir()} == {path.name for path in (run / name).iterdir()}
