"""Turns of the sandbox's workers."""

import threading
import time

from selfcodealign.sandbox.cores import Cores

SOON_S = 0.02


def take(cores: Cores, *, is_urgent: bool = False, is_warm: bool = True) -> bool:
    return cores.acquire(is_urgent=is_urgent, is_warm=is_warm, timeout_s=SOON_S)


def waiting(cores: Cores, got: list[str], name: str, *, is_urgent: bool, is_warm: bool) -> threading.Thread:
    """A worker that waits for a turn, and says when it has one."""

    def wait() -> None:
        if cores.acquire(is_urgent=is_urgent, is_warm=is_warm, timeout_s=10.0):
            got.append(name)

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(SOON_S)
    return thread


def test_there_are_as_many_turns_as_cores() -> None:
    cores = Cores(2)
    assert take(cores)
    assert take(cores)
    assert not take(cores)
    cores.release()
    assert take(cores)


def test_programs_that_wait_for_a_turn_go_before_warm_containers_and_those_before_cold_ones() -> None:
    cores, got = Cores(1), list[str]()
    assert take(cores)
    threads = [
        waiting(cores, got, "cold", is_urgent=False, is_warm=False),
        waiting(cores, got, "warm", is_urgent=False, is_warm=True),
        waiting(cores, got, "urgent", is_urgent=True, is_warm=True),
    ]
    assert cores.is_wanted
    for order in (["urgent"], ["urgent", "warm"], ["urgent", "warm", "cold"]):
        cores.release()
        while got != order and time.sleep(0.001) is None:
            assert len(got) <= len(order)
            assert got == order[: len(got)]
    for thread in threads:
        thread.join()
    assert not cores.is_wanted


def test_idle_containers_do_not_ask_others_for_their_turns() -> None:
    cores, got = Cores(1), list[str]()
    assert take(cores)
    thread = waiting(cores, got, "idle", is_urgent=False, is_warm=True)
    assert not cores.is_wanted
    cores.release()
    thread.join()


def test_a_program_that_goes_on_is_counted_as_crowding_until_another_turn_ends() -> None:
    cores = Cores(1)
    assert take(cores)
    assert cores.crowded_s == 0.0
    cores.take()
    time.sleep(SOON_S)
    assert cores.crowded_s >= SOON_S
    cores.release()
    at_the_end = cores.crowded_s
    time.sleep(SOON_S)
    assert cores.crowded_s == at_the_end
    assert not take(cores)
