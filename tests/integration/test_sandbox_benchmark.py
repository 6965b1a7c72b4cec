"""The sandbox as it is measured: parity of runtimes, a longer run that leaves nothing, the benchmark's last line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.sandbox.flat import run_long
from benchmarks.sandbox.parity import compare_runtimes
from benchmarks.sandbox.real_programs import exemplar_programs, find_benchmarks, reference_programs
from selfcodealign.sandbox import Limits

pytestmark = pytest.mark.sandbox

ROOT = Path(__file__).parents[2]
# Of each benchmark; `python -m benchmarks.sandbox parity` takes all of them.
NUM_TASKS = 60


def test_gvisor_and_plain_containers_give_real_programs_the_same_status() -> None:
    references = [reference_programs(benchmark)[:NUM_TASKS] for benchmark in find_benchmarks()]
    programs = [*exemplar_programs(), *(program for listed in references for program in listed)]
    parity = compare_runtimes(programs, Limits(timeout_s=10.0))
    assert [difference.as_dict() for difference in parity.differences if not difference.is_unsteady] == []
    assert parity.num_programs == len(programs) >= NUM_TASKS + 24
    assert parity.statuses == {"passed": len(programs)}


def test_a_run_of_a_thousand_programs_leaves_nothing_behind() -> None:
    run = run_long(1000)
    assert run.left == {"containers": [], "folders": [], "processes": []}
    assert run.wrong == ()
    assert len(run.parts) == 10
    assert run.growth_mib < 64


def test_the_benchmark_ends_with_one_line_of_json_and_all_systems_judge_alike() -> None:
    command = [sys.executable, "-m", "benchmarks.sandbox", "--copies=1", "--programs=20", "--rounds=1", "--sample=8"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    *table, line = done.stdout.splitlines()
    figures = json.loads(line)
    for keys in (figures, figures["mixed"]):
        assert keys["judged_differently"] == {}
        for name in ("vs_docker_run", "vs_runsc_exec", "vs_unisolated_pool", "programs_per_second"):
            assert keys[name] > 0
    # One start each costs more than one start for all, whatever the machine.
    assert figures["vs_docker_run"] > 3
    assert figures["isolation"].startswith("docker/runsc")
    assert any("unisolated pool" in row for row in table)
    parts = figures["ms_per_program_and_core"]["ours"]
    total = parts["between"] + parts["process"] + parts["compile"] + parts["run"]
    assert total == pytest.approx(parts["whole"], abs=0.1)
