"""Adaptive sampling: a task gets answers in waves, judged as they come, until enough of them have passed.

The next wave of a task starts when the whole one before it has been judged. So which samples are asked for depends on
the verdicts alone, not on the order in which answers or verdicts arrive: a run that was killed asks for the same ones.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from selfcodealign.generation.engine import Answer, Rejection, Request


class Judge(Protocol):
    """Runs programs while answers are being generated."""

    def submit(self, name: str, program: str, code: str) -> None:
        """Have a program run.

        Args:
            name: comes back with its verdict; need not be unique.
            program: Python source: code and tests.
            code: the code under test, with which the program begins.
        """

    def verdicts(self, *, wait: bool) -> list[tuple[str, bool]]:
        """Names and whether they passed, of programs that have been judged since the last call.

        Args:
            wait: wait for at least one.
        """


@dataclass(slots=True)
class _Task:
    """Where a task stands."""

    samples: Sequence[Request]
    num_asked: int = 0
    num_open: int = 0
    num_passed: int = 0


@dataclass(slots=True)
class Waves:
    """Requests in waves: a source for `generate_answers`.

    Of the requests only those are held that wait in a later wave or are in flight: a first wave is made when it is due.

    Attributes:
        wave_size: samples of a task that are asked for at a time.
        stop_after: passing samples after which a task is done.
        program_of: program and code of an answer and of what continues it, if anything does; None if it has none.
        follow_up: the request that an answer calls for; the answer to that one ends the sample.
        judge: judges the programs.
    """

    wave_size: int
    stop_after: int
    program_of: Callable[[Answer, Answer | None], tuple[str, str] | None]
    follow_up: Callable[[Request, Answer], Request | None]
    judge: Judge
    _tasks: dict[str, _Task] = field(default_factory=dict)
    _task_of: dict[str, str] = field(default_factory=dict)
    _continued: dict[str, Answer] = field(default_factory=dict)
    _fresh: deque[str] = field(default_factory=deque)
    _due: deque[Request] = field(default_factory=deque)
    _later: deque[Request] = field(default_factory=deque)
    _num_out: int = 0
    _num_judging: int = 0

    def add_task(self, name: str, samples: Sequence[Request]) -> None:
        """Add a task with all the samples that may be asked for, in the order in which they are.

        Args:
            name: names the task; unique.
            samples: its requests; looked at when they are due.
        """
        self._tasks[name] = _Task(samples)
        self._fresh.append(name)

    def __iter__(self) -> Iterator[Request | None]:
        """Requests as they become due; None while the next ones depend on answers that are in flight."""
        while True:
            self._take_verdicts(wait=False)
            request = self._following()
            if request is not None:
                self._num_out += 1
                yield request
            elif self._num_out:
                yield None
            elif self._num_judging:
                self._take_verdicts(wait=True)
            else:
                return

    def _following(self) -> Request | None:
        """The next request: first waves come before later ones, so that the last of these end side by side."""
        while not self._due and self._fresh:
            self._due.extend(self._wave(self._fresh.popleft()))
        queue = self._due or self._later
        return queue.popleft() if queue else None

    def tell(self, request: Request, outcome: Answer | Rejection) -> None:
        """Take note of what a request has come to."""
        self._num_out -= 1
        task = self._task_of.pop(request.id)
        begun = self._continued.pop(request.id, None)
        if isinstance(outcome, Rejection):
            self._judged(task, has_passed=False)
            return
        continuation = self.follow_up(request, outcome) if begun is None else None
        if continuation is not None:
            self._task_of[continuation.id] = task
            self._continued[continuation.id] = outcome
            # Before all that waits: its prompt is still in the prefix cache.
            self._due.appendleft(continuation)
            return
        program = self.program_of(outcome, None) if begun is None else self.program_of(begun, outcome)
        if program is None:
            self._judged(task, has_passed=False)
        else:
            self._num_judging += 1
            self.judge.submit(task, *program)

    def counts(self) -> dict[str, int]:
        """What was saved, for a stage's metrics."""
        tasks = self._tasks.values()
        num_asked = sum(task.num_asked for task in tasks)
        return {
            "tasks": len(tasks),
            "tasks_with_enough_passes": sum(task.num_passed >= self.stop_after for task in tasks),
            "samples_asked": num_asked,
            "samples_saved": sum(len(task.samples) for task in tasks) - num_asked,
        }

    def _take_verdicts(self, *, wait: bool) -> None:
        if self._num_judging:
            for name, has_passed in self.judge.verdicts(wait=wait):
                self._num_judging -= 1
                self._judged(name, has_passed=has_passed)

    def _judged(self, name: str, *, has_passed: bool) -> None:
        task = self._tasks[name]
        task.num_open -= 1
        task.num_passed += has_passed
        if not task.num_open and task.num_passed < self.stop_after:
            self._later.extend(self._wave(name))

    def _wave(self, name: str) -> Sequence[Request]:
        """The next wave of a task, which counts as asked for from now on."""
        task = self._tasks[name]
        wave = list(task.samples[task.num_asked : task.num_asked + self.wave_size])
        self._task_of.update((request.id, name) for request in wave)
        task.num_asked += len(wave)
        task.num_open = len(wave)
        return wave
