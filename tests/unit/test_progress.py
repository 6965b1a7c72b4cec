"""What is said of long work: how far it is, how fast it goes, and how long it will take."""

import logging

import pytest

from selfcodealign import progress as module
from selfcodealign.progress import progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that have passed; lines come as often as they can."""
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(module, "LINE_EVERY_S", 0.0)
    return now


def test_rows_that_took_no_work_are_done_and_say_nothing_of_the_rate(clock, caplog):
    with caplog.at_level(logging.INFO), progress("answers", 100) as shown:
        clock[0] = 10.0
        shown.skip(80)
        shown.advance(10, note="5 tokens/s")
    assert caplog.messages == ["answers: 90/100, 1.0/s, 10 s left 5 tokens/s"]


def test_without_a_total_no_end_is_foretold(clock, caplog):
    with caplog.at_level(logging.INFO), progress("answers") as shown:
        clock[0] = 2.0
        shown.advance(3)
    assert caplog.messages == ["answers: 3, 1.5/s"]


def test_rows_that_come_up_on_the_way_are_counted_in(clock, caplog):
    with caplog.at_level(logging.INFO), progress("answers", 2) as shown:
        clock[0] = 3.0
        shown.expect(4)
        shown.advance(3)
    assert caplog.messages == ["answers: 3/4, 1.0/s, 1 s left"]
