"""Adaptive sampling: which samples are asked for depends on the verdicts, and on nothing else."""

import random
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from selfcodealign.generation import Answer, Rejection, RejectReason, Request
from selfcodealign.generation.waves import Waves

CONTINUED = "+tests"


class PlannedJudge:
    """Verdicts that were fixed beforehand, given back in an order of chance."""

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        self._waiting: list[tuple[str, bool]] = []

    def submit(self, name: str, program: str, code: str) -> None:
        assert code == "code"
        self._waiting.append((name, program == "good"))

    def verdicts(self, *, wait: bool) -> list[tuple[str, bool]]:
        least = 1 if wait and self._waiting else 0
        self._draw.shuffle(self._waiting)
        count = self._draw.randint(least, len(self._waiting))
        found, self._waiting = self._waiting[:count], self._waiting[count:]
        return found


def answer(text: str) -> Answer:
    return Answer(text, "stop", 1, 0, 1)


def run(plan: dict[str, list[str]], *, wave_size: int, stop_after: int, draw: random.Random) -> tuple[Waves, list[str]]:
    """Ask in waves, with up to three requests in flight that end in an order of chance.

    Args:
        plan: for each task what its samples come to: `good`, `bad`, `no code`, `refused`, or `short good`, an answer
            that has to be continued.
        wave_size: see `Waves`.
        stop_after: see `Waves`.
        draw: decides every order.

    Returns:
        The waves, and the ids of the requests that were asked for.
    """
    outcomes = {f"{task}-{index}": text for task, texts in plan.items() for index, text in enumerate(texts)}

    def follow_up(request: Request, found: Answer) -> Request | None:
        return Request(request.id + CONTINUED, "", 0) if found.text.startswith("short") else None

    def program_of(found: Answer, continuation: Answer | None) -> tuple[str, str] | None:
        assert (continuation is not None) == found.text.startswith("short")
        text = found.text.removeprefix("short ")
        return (text, "code") if text in {"good", "bad"} else None

    waves = Waves(wave_size, stop_after, program_of, follow_up, PlannedJudge(draw))
    for task, texts in plan.items():
        waves.add_task(task, [Request(f"{task}-{index}", "", 0) for index in range(len(texts))])
    return waves, asked_of(waves, outcomes, draw)


def asked_of(waves: Waves, outcomes: dict[str, str], draw: random.Random) -> list[str]:
    asked: list[str] = []
    in_flight: list[Request] = []
    requests: Iterator[Request | None] = iter(waves)
    is_exhausted = False
    while in_flight or not is_exhausted:
        while not is_exhausted and len(in_flight) < 3:
            try:
                request = next(requests)
            except StopIteration:
                is_exhausted = True
                break
            if request is None:
                assert in_flight, "there is nothing to wait for"
                break
            asked.append(request.id)
            in_flight.append(request)
        if in_flight:
            ended = in_flight.pop(draw.randrange(len(in_flight)))
            text = outcomes[ended.id.removesuffix(CONTINUED)]
            refused = Rejection(RejectReason.ENGINE_REFUSED, "")
            is_continued = ended.id.endswith(CONTINUED)
            waves.tell(ended, refused if text == "refused" else answer("tests" if is_continued else text))
    return asked


def expected(texts: list[str], wave_size: int, stop_after: int) -> int:
    """How many samples of a task are asked for: whole waves until enough have passed."""
    num_asked = 0
    while num_asked < len(texts) and sum(text.endswith("good") for text in texts[:num_asked]) < stop_after:
        num_asked = min(num_asked + wave_size, len(texts))
    return num_asked


TEXTS = st.sampled_from(["good", "bad", "no code", "refused", "short good", "short bad"])


@settings(deadline=None, max_examples=200)
@given(
    st.dictionaries(st.sampled_from("abcdef"), st.lists(TEXTS, max_size=7), max_size=6),
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(0, 10**6),
)
def test_whole_waves_are_asked_until_enough_have_passed_whatever_the_order(
    plan: dict[str, list[str]], wave_size: int, stop_after: int, seed: int
) -> None:
    draw = random.Random(seed)
    waves, asked = run(plan, wave_size=wave_size, stop_after=stop_after, draw=draw)
    assert len(asked) == len(set(asked))
    counts = {task: expected(texts, wave_size, stop_after) for task, texts in plan.items()}
    samples = {name for name in asked if not name.endswith(CONTINUED)}
    assert samples == {f"{task}-{index}" for task, count in counts.items() for index in range(count)}
    continued = {name for name in samples if plan[name[0]][int(name[2:])].startswith("short")}
    assert {name.removesuffix(CONTINUED) for name in asked if name.endswith(CONTINUED)} == continued
    found = waves.counts()
    assert found["samples_asked"] == sum(counts.values())
    assert found["samples_saved"] == sum(map(len, plan.values())) - sum(counts.values())
    passes = {task: sum(text.endswith("good") for text in texts[: counts[task]]) for task, texts in plan.items()}
    assert found["tasks_with_enough_passes"] == sum(count >= stop_after for count in passes.values())


def test_a_continuation_goes_before_requests_that_have_not_begun() -> None:
    plan = {"a": ["short good"], **{name: ["bad"] for name in "bcdefghijklm"}}
    _, asked = run(plan, wave_size=1, stop_after=1, draw=random.Random(0))
    assert asked.index("a-0" + CONTINUED) < asked.index("m-0")
