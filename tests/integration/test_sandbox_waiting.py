"""Programs that only wait keep no core from the others, in real containers."""

import pytest

from selfcodealign.sandbox import Limits, Program, Sandbox, SandboxSettings, Status, open_sandbox

pytestmark = pytest.mark.sandbox

ASLEEP = "import time\ndef f(x):\n    time.sleep(600)\n    return x\nassert f({0}) == {0}\n"
WAITING_FOR_A_LOCK = (
    "import threading\nlock = threading.Lock()\nlock.acquire()\ndef f(x):\n    lock.acquire()\n    return x\n"
    "assert f({0}) == {0}\n"
)
NAPS = (
    "import time\ndef f(x):\n    time.sleep(0.5)\n    end = time.process_time() + 0.5\n"
    "    while time.process_time() < end:\n        pass\n    return x\nassert f({0}) == {0}\n"
)
QUICK = "def f(x):\n    return x\nassert f({0}) == {0}\n"


def run(texts: list[str], timeout_s: float) -> list[tuple[int, str]]:
    """Positions and statuses, as they come, of a sandbox that has one core."""
    settings = SandboxSettings(num_workers=1, limits=Limits(timeout_s=timeout_s, memory_mib=512))
    programs = [Program(str(number), text.format(number)) for number, text in enumerate(texts)]
    with open_sandbox(settings) as sandbox:
        return ended(sandbox, programs)


def ended(sandbox: Sandbox, programs: list[Program]) -> list[tuple[int, str]]:
    return [(index, verdict.status) for index, verdict in sandbox.run_as_completed(programs)]


@pytest.mark.parametrize("waiting", [ASLEEP, WAITING_FOR_A_LOCK])
def test_programs_behind_one_that_waits_are_run_meanwhile(waiting: str) -> None:
    found = run([waiting] + [QUICK] * 60, timeout_s=15.0)
    place = [index for index, _ in found].index(0)
    assert found[place] == (0, Status.TIMEOUT)
    assert place >= 50  # all but those that were in its container already
    assert {status for index, status in found if index} == {Status.PASSED}


def test_a_program_that_waits_and_goes_on_gets_the_verdict_that_it_gets_alone() -> None:
    found = dict(run(([NAPS] + [QUICK] * 9) * 6, timeout_s=20.0))
    assert len(found) == 60
    assert set(found.values()) == {Status.PASSED}


def test_many_waiting_programs_all_break_their_limit_and_no_other_does() -> None:
    found = dict(run(([ASLEEP] + [QUICK] * 3) * 12, timeout_s=1.0))
    expected = {index: Status.PASSED if index % 4 else Status.TIMEOUT for index in range(48)}
    assert found == expected
