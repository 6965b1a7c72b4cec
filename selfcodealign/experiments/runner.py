"""Run the arms of a set one after the other."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from selfcodealign.errors import InputError
from selfcodealign.experiments.finished import Finished, State, find_finished, list_experiments
from selfcodealign.experiments.pipeline import Pipeline
from selfcodealign.experiments.plan import ArmRun
from selfcodealign.experiments.working_copy import WorkingCopy
from selfcodealign.locking import only_process

_TAIL_LINES = 3
_TAIL_CHARACTERS = 400


def run_arms(
    repository: Path, cache: Path, runs: Sequence[ArmRun], pipeline: Pipeline, *, report: Callable[[str], None]
) -> list[Finished]:
    """Run what is missing of these runs, in order. A run that fails does not stop the others.

    A run whose experiment has the params and the code of the working tree is skipped. After a kill, the next call
    continues with the first missing run, and that run with its first missing stage.

    Args:
        repository: root folder of the repository; its working tree stays as it is.
        cache: folder for the working copy and the logs.
        runs: of `plan_set`.
        pipeline: of the working tree.
        report: called with lines for the user: progress and failures.

    Returns:
        What exists of each run afterwards.

    Raises:
        InputError: some runs failed, another process is running experiments, or git or DVC cannot be used.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with only_process(cache / "lock", "the working copy of experiments") as descriptor:
        copy = WorkingCopy(repository, cache / "working_copy")
        before = find_finished(repository, runs, pipeline, list_experiments(repository))
        failed = []
        for position, one in enumerate(before, start=1):
            title = f"arm {position} of {len(before)}: {one.run.name}"
            if one.state is State.DONE:
                report(f"{title}: done before")
            elif not _run_one(repository, copy, one.run, pipeline, cache, descriptor, title, report):
                failed.append(one.run.name)
    if failed:
        raise InputError(
            f"{len(failed)} of {len(runs)} arms failed: {', '.join(failed)}; fix what their logs say, then run the set"
            " again: it continues with these"
        )
    return find_finished(repository, runs, pipeline, list_experiments(repository))


def _run_one(
    repository: Path,
    copy: WorkingCopy,
    run: ArmRun,
    pipeline: Pipeline,
    cache: Path,
    descriptor: int,
    title: str,
    report: Callable[[str], None],
) -> bool:
    """Run one arm; returns whether it succeeded."""
    log = cache / "logs" / f"{run.name}.log"
    started = time.monotonic()
    report(f"{title}: started")
    status = copy.run(
        run,
        pipeline,
        list_experiments(repository),
        log=log,
        descriptor=descriptor,
        on_stage=lambda stage: report(f"{title}: {stage}"),
    )
    if status:
        report(f"{title}: failed with exit status {status}: {log_tail(log.read_text(encoding='utf-8'))} (log: {log})")
    else:
        report(f"{title}: done in {time.monotonic() - started:.0f} s")
    return status == 0


def log_tail(log: str) -> str:
    """What a log says about a failure, in one line: the stage's own error, else the last lines."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("error: ")]
    return " | ".join(errors[-1:] or lines[-_TAIL_LINES:])[-_TAIL_CHARACTERS:] or "no output"
