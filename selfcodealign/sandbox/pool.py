"""The pool: containers that are kept busy, broken ones replaced, verdicts in order or as they come."""

import contextlib
import dataclasses
import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from selfcodealign.errors import SandboxError
from selfcodealign.records import Verdict
from selfcodealign.sandbox.bundle import supervisor_hash
from selfcodealign.sandbox.container import Container, ContainerError, PipeRuntime, Runtime
from selfcodealign.sandbox.cores import Cores
from selfcodealign.sandbox.known_answers import KNOWN_ANSWERS, KnownAnswer
from selfcodealign.sandbox.runtimes import make_launcher
from selfcodealign.sandbox.settings import Program, SandboxSettings, Status
from selfcodealign.sandbox.trial import SECOND_LOOK_FACTOR, Found, Trial

# Programs that a container has at a time: one runs, the next are there when it ends.
WINDOW = 4
# On top of a program's own time: killing it, cleaning up, a busy machine.
GRACE_S = 45.0
# Pauses before a container is started again: together they outlast a restart of the daemon.
START_PAUSES_S = (0.5, 2.0, 6.0, 12.0)
LOOK_EVERY_S = 0.2
# Containers for each core that programs may keep while they only wait.
SPARE_WORKERS = 3
MAX_SPARE_WORKERS = 32
# A container takes as long to start as a hundred programs and more: fewer are left to those that run already.
MIN_JOBS_FOR_SPARE = 32
# A timeout on a machine whose load is beyond twice its cores and our workers, or of a program that shared its core with
# another of ours, may be the machine's fault: the program, or the copy, is run once more, with more time.
CROWDED_SHARE = 0.25
OUT_OF_MEMORY = "(code 137)"  # in the reason of a container that was killed by the kernel


_Answers = queue.SimpleQueue[tuple[int, Verdict | SandboxError]]


@dataclass(slots=True)
class _Job:
    index: int
    program: Program
    timeout_s: float
    answers: _Answers
    faults: list[str] = field(default_factory=list)
    is_second_look: bool = False
    trial: Trial = field(default_factory=Trial)

    def answer(self, isolation: str, found: Found) -> None:
        verdict = Verdict(
            id=self.program.id,
            status=str(found.status),
            seconds=found.seconds,
            assertions=found.assertions,
            line=found.line,
            noticed=found.noticed,
            missed=found.missed,
            stdout=found.stdout,
            stderr=found.stderr,
            isolation=isolation,
        )
        self.answers.put((self.index, verdict))

    def message(self) -> dict[str, Any]:
        """The request for the run that is due: of the program, or of a copy of it."""
        return {
            "index": self.index,
            "source": self.program.source,
            "num_code_lines": self.program.num_code_lines,
            "timeout_s": self.trial.timeout_s(self.timeout_s),
            "copy": dataclasses.asdict(self.trial.copy),
        }


class Sandbox:
    """Runs programs in containers, one program at a time in each. Made by `open_sandbox`.

    Attributes:
        isolation: runtime and platform, such as `docker/runsc-ptrace`.
        image_id: digest of the image; empty for runtimes without one.
    """

    def __init__(self, runtime: Runtime, settings: SandboxSettings, image_id: str) -> None:
        self.isolation = runtime.isolation
        self.image_id = image_id
        self._settings = settings
        self._jobs: queue.Queue[_Job] = queue.Queue()
        num_cores = settings.num_workers or os.cpu_count() or 1
        num_spare = min(SPARE_WORKERS * num_cores, MAX_SPARE_WORKERS)
        cores = Cores(num_cores)
        self._workers = [
            _Worker(number, runtime, settings, self._jobs, cores, is_spare=number >= num_cores)
            for number in range(num_cores + num_spare)
        ]
        for worker in self._workers:
            worker.start()

    @property
    def fingerprint(self) -> dict[str, Any]:
        """All that decides a verdict beside the program: part of the key under which verdicts are kept."""
        return {
            "isolation": self.isolation,
            "image": self.image_id,
            "supervisor": supervisor_hash(),
            "limits": dataclasses.asdict(self._settings.limits),
        }

    def run(self, programs: Iterable[Program]) -> Iterator[Verdict]:
        """Run programs; verdicts in the order of the programs.

        Raises:
            SandboxError: the self-test failed, or containers cannot be started. A program whose container keeps
                breaking down gets the status `sandbox_error` instead.
        """
        waiting: dict[int, Verdict] = {}
        following = 0
        for index, verdict in self.run_as_completed(programs):
            waiting[index] = verdict
            while following in waiting:
                yield waiting.pop(following)
                following += 1

    def run_as_completed(self, programs: Iterable[Program]) -> Iterator[tuple[int, Verdict]]:
        """Run programs; verdicts as they come.

        Programs with known answers go first: nothing is asked of a sandbox that judges those wrong.

        Yields:
            Position of the program in `programs`, counted from 0, and its verdict.

        Raises:
            SandboxError: as `run`.
        """
        listed = list(programs)
        if not listed:
            return
        self._test()
        timeout_s = self._settings.limits.timeout_s
        yield from self._ask([(program, timeout_s) for program in listed])

    def _test(self) -> None:
        limits = self._settings.limits
        asked = [(Program(known.name, known.source_for(limits)), known.timeout_s) for known in KNOWN_ANSWERS]
        answers = dict(self._ask(asked))
        for index, known in enumerate(KNOWN_ANSWERS):
            _check(known, answers[index])

    @contextmanager
    def submitting(self) -> "Iterator[Submitted]":
        """Run programs that are handed over one by one. What still waits when the block ends is not run.

        Raises:
            SandboxError: the self-test failed.
        """
        self._test()
        answers: _Answers = queue.SimpleQueue()
        try:
            yield Submitted(partial(self._put, answers), answers)
        finally:
            self._drop_waiting()

    def _ask(self, programs: list[tuple[Program, float]]) -> Iterator[tuple[int, Verdict]]:
        answers: _Answers = queue.SimpleQueue()
        for index, (program, timeout_s) in enumerate(programs):
            self._put(answers, index, program, timeout_s)
        try:
            for _ in programs:
                yield _verdict_of(answers.get())
        finally:
            # Left early: what nobody waits for is not run.
            self._drop_waiting()

    def _put(self, answers: "_Answers", index: int, program: Program, timeout_s: float | None = None) -> None:
        limits = self._settings.limits
        job = _Job(index, program, limits.timeout_s if timeout_s is None else timeout_s, answers)
        num_bytes = len(program.source.encode("utf-8", "surrogatepass"))
        if num_bytes > limits.max_source_bytes:
            text = f"the source has {num_bytes} bytes, more than {limits.max_source_bytes}"
            job.answer(self.isolation, Found(Status.SYNTAX, stderr=text))
        else:
            self._jobs.put(job)

    def _drop_waiting(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self._jobs.get_nowait()

    def close(self) -> None:
        """End all containers. Running programs are killed."""
        for worker in self._workers:
            worker.stop()
        for worker in self._workers:
            worker.join()


class Submitted:
    """Programs that were handed over one by one. Made by `Sandbox.submitting`; not for several threads."""

    def __init__(self, put: Callable[[int, Program], None], answers: _Answers) -> None:
        self._put = put
        self._answers = answers
        self._num_submitted = 0
        self._num_ended = 0

    def submit(self, program: Program) -> int:
        """Hand a program over.

        Returns:
            Its number, which comes with its verdict.
        """
        number = self._num_submitted
        self._num_submitted += 1
        self._put(number, program)
        return number

    def next_verdict(self, *, wait: bool) -> tuple[int, Verdict] | None:
        """Number and verdict of a program that has ended since the last call; None if there is none.

        Args:
            wait: wait for one, if any still runs.

        Raises:
            SandboxError: containers cannot be started.
        """
        if self._num_ended == self._num_submitted:
            return None
        try:
            ended = self._answers.get(block=wait)
        except queue.Empty:
            return None
        self._num_ended += 1
        return _verdict_of(ended)


def _verdict_of(ended: tuple[int, Verdict | SandboxError]) -> tuple[int, Verdict]:
    number, verdict = ended
    if isinstance(verdict, SandboxError):
        raise verdict
    return number, verdict


def _check(known: KnownAnswer, verdict: Verdict) -> None:
    if verdict.status != known.status:
        reason = verdict.stderr.strip().splitlines()[-1:] or ["nothing on standard error"]
        raise SandboxError(
            f"the sandbox fails its self-test: `{known.name}` should be {known.status}, is {verdict.status}"
            f" ({reason[0]}); nothing was run"
        )


class _Worker(threading.Thread):
    """Keeps one container busy, and replaces it when it is worn out or broken."""

    def __init__(
        self,
        number: int,
        runtime: Runtime,
        settings: SandboxSettings,
        jobs: "queue.Queue[_Job]",
        cores: Cores,
        *,
        is_spare: bool,
    ) -> None:
        super().__init__(name=f"sandbox-{number}", daemon=True)
        self._number = number
        self._runtime = runtime
        self._settings = settings
        self._jobs = jobs
        self._cores = cores
        self._is_spare = is_spare
        self._has_turn = False
        self._is_waiting = False  # the program that runs
        self._is_paused = False  # the container: it goes on with its next program when it is told
        self._crowded_s = 0.0  # before the program that runs
        self._container: Container | None = None
        self._num_sent = 0  # of those in flight
        self._num_run = 0  # by this container
        self._in_flight: deque[_Job] = deque()
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Let the thread run out; what it runs is killed. May be called from any thread."""
        self._stopped.set()
        container = self._container
        if container is not None and self._in_flight:
            container.kill()

    def run(self) -> None:
        """Take jobs until stopped."""
        try:
            while not self._stopped.is_set():
                self._step()
        finally:
            # Also where a defect of ours ends this thread: whoever waits must hear of it.
            self._refuse(SandboxError("a worker of the sandbox ended; the lines above say why"))
            self._discard()
            self._give_turn()

    def _refuse(self, error: SandboxError) -> None:
        for job in self._in_flight:
            job.answers.put((job.index, error))
        self._in_flight.clear()
        self._num_sent = 0

    def _step(self) -> None:
        if not self._has_turn and not self._is_waiting and not self._take_turn():
            return
        self._take_jobs()
        if not self._in_flight:
            self._give_turn()
            return
        try:
            container = self._container or self._start()
            if self._is_paused and self._has_turn:
                container.send({"go_on": True})
                self._is_paused = False
            while self._num_sent < len(self._in_flight):
                job = self._in_flight[self._num_sent]
                container.send(job.message())
                self._num_sent += 1
            message = container.receive(self._in_flight[0].timeout_s + GRACE_S)
            self._accept(message)
        except ContainerError as fault:
            if not self._stopped.is_set():
                self._recover(str(fault))
        except SandboxError as error:
            self._refuse(error)

    def _take_turn(self) -> bool:
        is_urgent, is_warm = bool(self._in_flight), self._container is not None
        if self._is_spare and not is_urgent and not is_warm and self._jobs.qsize() < MIN_JOBS_FOR_SPARE:
            self._stopped.wait(LOOK_EVERY_S)
            return False
        self._has_turn = self._cores.acquire(is_urgent=is_urgent, is_warm=is_warm, timeout_s=LOOK_EVERY_S)
        return self._has_turn

    def _give_turn(self) -> None:
        if self._has_turn:
            self._cores.release()
        self._has_turn = False

    def _take_jobs(self) -> None:
        if not self._has_turn or self._cores.is_wanted:
            return
        while len(self._in_flight) < WINDOW and not self._is_worn_out():
            try:
                if self._in_flight:
                    self._in_flight.append(self._jobs.get_nowait())
                else:
                    self._in_flight.append(self._jobs.get(timeout=LOOK_EVERY_S))
            except queue.Empty:
                return

    def _is_worn_out(self) -> bool:
        return (
            self._container is not None
            and self._num_run + len(self._in_flight) >= self._settings.programs_per_container
        )

    def _start(self) -> Container:
        """Start a container, and again after a pause if that fails.

        Raises:
            SandboxError: it failed every time.
        """
        for pause_s in (*START_PAUSES_S, None):
            try:
                container = self._runtime.start(self._settings.limits, self._number)
            except ContainerError as fault:
                if pause_s is None or self._stopped.wait(pause_s):
                    raise SandboxError(f"the sandbox cannot start a container: {fault}") from fault
            else:
                self._container = container
                self._num_run = 0
                if self._stopped.is_set():  # stopped while it started
                    raise ContainerError("stopped")
                return container
        raise RuntimeError("the last pause is None, so that the loop does not end")

    def _accept(self, message: dict[str, Any]) -> None:
        job = self._in_flight[0]
        if message.get("index") != job.index or message.get("status") == Status.SANDBOX_ERROR:
            raise ContainerError(str(message.get("stderr") or "the container answered out of turn").strip())
        if "has_turn" in message:
            self._pass_turn(has_turn=bool(message["has_turn"]))
            return
        self._in_flight.popleft()
        self._num_sent -= 1
        self._num_run += 1
        try:
            self._take_answer(job, message)
        except (KeyError, TypeError, ValueError) as error:
            self._in_flight.appendleft(job)  # it is tried again in another container
            raise ContainerError(f"the container answered nonsense: {error}") from error
        if message.get("is_spent") or (not self._in_flight and self._is_worn_out()):
            self._discard()
        self._is_waiting = False
        self._crowded_s = self._cores.crowded_s

    def _take_answer(self, job: _Job, message: dict[str, Any]) -> None:
        """A verdict, or the next copy of the program to run; its copies run in the container of the program."""
        is_real = job.trial.copy.kind == "real"
        if message["status"] == Status.TIMEOUT and is_real and not job.is_second_look and self._was_slowed(job):
            job.is_second_look = True
            job.timeout_s *= SECOND_LOOK_FACTOR
            self._jobs.put(job)
        elif message["status"] == Status.TIMEOUT and self._was_slowed(job) and job.trial.repeat_copy():
            self._in_flight.append(job)
        elif (found := job.trial.take(message)) is not None:
            job.answer(self._runtime.isolation, found)
        else:
            self._in_flight.append(job)

    def _pass_turn(self, *, has_turn: bool) -> None:
        """The running program only waits from now on, or goes on after it has waited."""
        if has_turn and not self._has_turn:
            self._cores.take()
            self._has_turn = True
        elif not has_turn:
            self._give_turn()
        self._is_waiting = self._is_paused = not has_turn

    def _was_slowed(self, job: _Job) -> bool:
        crowded_s = self._cores.crowded_s - self._crowded_s
        is_overloaded = os.getloadavg()[0] > 2 * (os.cpu_count() or 1) + self._settings.num_workers
        return is_overloaded or (self._has_turn and crowded_s > CROWDED_SHARE * job.timeout_s)

    def _recover(self, reason: str) -> None:
        """Replace the container. The program that ran is tried again, a bounded number of times."""
        self._discard()
        job = self._in_flight[0]
        job.faults.append(reason)
        if len(job.faults) >= self._settings.max_tries and all(OUT_OF_MEMORY in fault for fault in job.faults):
            # It alone ran each time: it filled what is counted by no process, such as pipes.
            text = f"the container ran out of memory {len(job.faults)} times\n"
            job.answer(self._runtime.isolation, Found(Status.MEMORY, stderr=text))
            self._in_flight.popleft()
        elif len(job.faults) >= self._settings.max_tries:
            text = f"the sandbox broke down {len(job.faults)} times, at last: {reason}"
            job.answer(self._runtime.isolation, Found(Status.SANDBOX_ERROR, stderr=text))
            self._in_flight.popleft()

    def _discard(self) -> None:
        container, self._container = self._container, None
        self._num_sent = 0
        self._num_run = 0
        self._is_waiting = self._is_paused = False
        if container is not None:
            container.close()


@contextmanager
def open_sandbox(settings: SandboxSettings) -> Iterator[Sandbox]:
    """Open the sandbox: find the runtime, build the image if it is missing, start the workers.

    All containers are gone when the block ends, however it ends.

    Args:
        settings: runtime, limits and number of workers.

    Raises:
        PrerequisiteError: the runtime, its Docker or a way to build the image is missing.
        SandboxError: Docker or the build failed.
    """
    launcher = make_launcher(settings)
    sandbox = Sandbox(PipeRuntime(launcher), settings, launcher.image_id)
    try:
        yield sandbox
    finally:
        sandbox.close()
