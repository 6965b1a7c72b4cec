"""The seed stages as commands, on real code, with the real type checker, `datasets` and worker processes."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from selfcodealign.parallel import ordered_map
from selfcodealign.params import Workers
from selfcodealign.records import Dropped, Seed, read_rows
from selfcodealign.seeds import HubFiles, PermittedLicences, SourceFile, type_errors

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
        answer = stage(name, folder, *options)
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
    assert stage("collect_seeds", tmp_path, "--num-workers", "1").returncode == 0
    for table in ("seeds.parquet", "dropped.parquet"):
        assert (tmp_path / "collect_seeds" / table).read_bytes() == (run / "collect_seeds" / table).read_bytes()


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


def test_a_dataset_is_streamed_row_by_row(tmp_path: Path) -> None:
    licences = "max_stars_repo_licenses"
    rows = [
        {"content": "def f(x):\n    return x\n", licences: ["MIT"], "max_stars_repo_path": "a.py"},
        {
            "content": "def g(x):\n    return x\n",
            licences: ["GPL-2.0-only"],
            "max_stars_repo_path": "b",
        },
        {"content": "def h(x):\n    return x\n", licences: ["MIT"], "max_stars_repo_path": "c.py"},
    ]
    (tmp_path / "train.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    found = list(HubFiles(str(tmp_path), PermittedLicences(["MIT"]), max_files=2))
    assert [isinstance(item, SourceFile) for item in found] == [True, False]
    assert isinstance(found[0], SourceFile)
    assert (found[0].origin.source, found[0].origin.licence, found[0].file) == ("hub", "MIT", "a.py")


TYPED: list[tuple[str, str | None]] = [
    ("def f(x: int) -> int:\n    return x + 1\n", None),
    ("def f(x):\n    return x.anything\n", None),
    ("import networkx as nx\ndef f(x):\n    return nx.Graph(x)\n", None),
    ("def f(x: int) -> str:\n    return x\n", "reportReturnType"),
    ("def f(x):\n    return nowhere(x)\n", "reportUndefinedVariable"),
    ("import no_such_module\ndef f(x):\n    return no_such_module.a(x)\n", "reportMissingImports"),
    ("import math\ndef f(x):\n    return math.no_such_function(x)\n", "reportAttributeAccessIssue"),
    ("# type: ignore\ndef f(x: int) -> str:\n    return x  # type: ignore\n", "reportReturnType"),
    ("# pyright: basic\ndef f(x: int) -> str:\n    return x  # pyright: ignore\n", "reportReturnType"),
]


@pytest.fixture(scope="module")
def checked() -> dict[str, str | None]:
    """All programs in one run, as in the stage; each must be judged by itself."""
    programs = [program for program, _ in TYPED]
    return dict(zip(programs, type_errors(programs), strict=True))


@pytest.mark.parametrize(("program", "rule"), TYPED)
def test_type_errors_are_found_and_comments_do_not_hide_them(
    program: str, rule: str | None, checked: dict[str, str | None]
) -> None:
    error = checked[program]
    assert (error is None) if rule is None else (error is not None and error.startswith(f"{rule}: "))


def double_or_die(number: int) -> int:
    if number == 300:
        os._exit(1)
    return 2 * number


def test_an_item_that_kills_its_process_costs_only_itself() -> None:
    results = list(
        ordered_map(double_or_die, range(500), workers=Workers(num_workers=2), on_crash=lambda number: -number)
    )
    assert results == [-300 if number == 300 else 2 * number for number in range(500)]


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
    started = time.monotonic()

    def is_under_way() -> bool:
        if name == "collect_seeds":
            return time.monotonic() - started > 1.5
        return (tmp_path / ".filter_seeds.tmp" / ".dropped.parquet.parts" / "no_docstring").exists()

    killed(name, tmp_path, is_under_way, *options, cache=tmp_path)
    assert not (tmp_path / name / "seeds.parquet").exists()
    assert stage(name, tmp_path, *options, DVC_ROOT=str(tmp_path)).returncode == 0
    for file in sorted((run / name).iterdir()):
        assert (tmp_path / name / file.name).read_bytes() == file.read_bytes()
    assert {path.name for path in (tmp_path / name).iterdir()} == {path.name for path in (run / name).iterdir()}
