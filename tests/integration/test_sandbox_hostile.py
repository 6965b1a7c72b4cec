"""Hostile programs in real gVisor: each gets its right status, the next program passes, the host is unchanged."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from hostile import HOST_FILE, HOST_PORT, HOST_SOCKET, MARKER, SAFE_THEMES, THEMES, Hostile
from hostile_host import Doors, open_doors, system_state

from selfcodealign.records import Verdict
from selfcodealign.sandbox import Limits, Program, SandboxSettings, open_sandbox
from selfcodealign.sandbox.docker import CONTAINER_LABEL, Docker, docker_host
from selfcodealign.sandbox.pool import SECOND_LOOK_FACTOR

pytestmark = pytest.mark.sandbox

LIMITS = Limits(timeout_s=2.0, memory_mib=512, max_output_bytes=100_000, max_processes=32, max_file_mib=16)
# Two halves, each in a sandbox with one worker: what runs after a program runs in its container.
NUM_HALVES = 2
NAMED = {f"{theme}: {program.name}": program for theme, programs in THEMES.items() for program in programs}
WITH_OWN_CODE = "honest"  # the theme whose programs test code of their own
SAFE = {name: program for name, program in NAMED.items() if name.partition(":")[0] in SAFE_THEMES}


@dataclass(frozen=True)
class Outcome:
    """Verdicts by name: of the programs, and of those that ran right after them; and the host before and afterwards."""

    verdicts: dict[str, Verdict]
    after: dict[str, Verdict]
    before_state: dict[str, object]
    after_state: dict[str, object]
    visits: list[str]


def run_all(programs: dict[str, Hostile], runtime: str, folder: Path, num_halves: int) -> Outcome:
    """Run each program, and after it the one that must not notice it."""
    host_file = folder / f"{MARKER}.txt"
    host_file.write_text("a secret of the host")
    names = list(programs)
    halves = [names[start::num_halves] for start in range(num_halves)]
    with open_doors(folder) as doors, ThreadPoolExecutor(num_halves) as pool:
        before_state = system_state()
        parts = list(pool.map(lambda half: run_half(half, programs, runtime, host_file, doors), halves))
        after_state = system_state()
        visits = list(doors.visits)
    verdicts = {verdict.id: verdict for part in parts for verdict in part}
    return Outcome(
        {name: verdicts[name] for name in names},
        {name: verdicts[f"after {name}"] for name in names},
        before_state,
        after_state,
        visits,
    )


def run_half(
    names: list[str], programs: dict[str, Hostile], runtime: str, host_file: Path, doors: Doors
) -> list[Verdict]:
    """Run some of the programs, one after the other in one container."""
    asked = []
    for name in names:
        source = programs[name].source
        for placeholder, value in ((HOST_FILE, host_file), (HOST_PORT, doors.port), (HOST_SOCKET, doors.path)):
            source = source.replace(placeholder, str(value))
        asked += [Program(name, source), Program(f"after {name}", programs[name].after)]
    settings = SandboxSettings(runtime=runtime, limits=LIMITS, num_workers=1)
    with open_sandbox(settings) as sandbox:
        return list(sandbox.run(asked))


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return run_all(NAMED, "runsc", tmp_path_factory.mktemp("hostile"), NUM_HALVES)


@pytest.fixture(scope="module")
def plain_outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return run_all(SAFE, "runc", tmp_path_factory.mktemp("hostile_plain"), 1)


def test_there_are_programs_of_every_kind_and_their_names_differ() -> None:
    assert len(NAMED) == sum(len(programs) for programs in THEMES.values())
    assert len(NAMED) >= 90
    assert all(programs for programs in THEMES.values())


@pytest.mark.parametrize("name", NAMED)
def test_a_hostile_program_gets_its_status_and_the_next_one_passes(name: str, outcome: Outcome) -> None:
    check(name, outcome)


@pytest.mark.parametrize("name", SAFE)
def test_plain_containers_give_the_same_verdicts(name: str, plain_outcome: Outcome) -> None:
    check(name, plain_outcome)


def check(name: str, outcome: Outcome) -> None:
    verdict, after = outcome.verdicts[name], outcome.after[name]
    right = NAMED[name].statuses
    if "passed" in right and not name.startswith(f"{WITH_OWN_CODE}:"):
        right |= {"vacuous"}
    assert verdict.status in right, verdict.stderr[-500:]
    assert after.status == "passed", after.stderr[-500:]


def test_no_cheat_passes(outcome: Outcome) -> None:
    passed = {name for name, verdict in outcome.verdicts.items() if verdict.status == "passed"}
    assert passed - {name for name, program in NAMED.items() if "passed" in program.statuses} == set()


def test_the_host_is_unchanged_and_none_of_its_doors_was_reached(outcome: Outcome) -> None:
    assert outcome.after_state == outcome.before_state
    assert outcome.visits == []


def test_no_container_is_left(outcome: Outcome) -> None:
    assert outcome.verdicts
    label = f"--filter=label={CONTAINER_LABEL}={os.getpid()}"
    assert Docker(docker_host()).run("ps", "--all", "--quiet", label) == ""


def test_an_endless_program_costs_no_more_than_its_time() -> None:
    with open_sandbox(SandboxSettings(limits=LIMITS, num_workers=1)) as sandbox:
        started = time.monotonic()
        (verdict,) = sandbox.run([Program("p", "while True:\n    pass")])
        assert verdict.status == "timeout"
        # On an overloaded machine it gets a second look, with more time.
        assert LIMITS.timeout_s <= verdict.seconds < SECOND_LOOK_FACTOR * LIMITS.timeout_s + 2
        assert time.monotonic() - started < LIMITS.timeout_s + 30
