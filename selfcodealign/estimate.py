"""What a run will cost before it starts: requests, tokens and hours of each step that asks the model or the sandbox.

Rates (tokens a second, tokens a request) and yields (rows out for rows in) are taken from the metrics of a finished
run, a small one on the same machine, say. What no run has measured is given as an upper bound and marked so.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfcodealign.errors import InputError
from selfcodealign.params import Params

BENCHMARK_TASKS = {"humaneval_plus": 164, "mbpp_plus": 378}


@dataclass(frozen=True, slots=True)
class StepEstimate:
    """The cost of one step.

    Attributes:
        step: stage name.
        requests: requests to the model, or programs for the sandbox.
        output_tokens: tokens to be generated; 0 for the sandbox.
        hours: expected wall time; None where no rate was measured.
        is_measured: False: yield and length are upper bounds, because no finished run was at hand.
    """

    step: str
    requests: int
    output_tokens: int
    hours: float | None
    is_measured: bool


def estimate_run(params: Params, metrics: Path, num_seeds: int | None = None) -> list[StepEstimate]:
    """Estimate every step of a run.

    Args:
        params: the run to judge.
        metrics: folder with the metrics of a finished run; it may be empty or missing.
        num_seeds: seeds that go into S->C; None: what the params say, or else what the finished run had.

    Raises:
        InputError: neither the params nor the metrics say how many seeds there will be.
    """
    seeds = num_seeds or params.filter_seeds.max_seeds or _read(metrics / "filter_seeds.json").get("rows_out")
    if not seeds:
        raise InputError(
            "filter_seeds.max_seeds is null and no run has counted the seeds: give their number with --seeds"
        )
    steps = []
    concepts = seeds
    if params.generate_instructions.source == "concepts":
        step, concepts = _generation("generate_concepts", seeds, params.generate_concepts.max_new_tokens, metrics)
        steps.append(step)
    step, tasks = _generation("generate_instructions", concepts, params.generate_instructions.max_new_tokens, metrics)
    steps.append(step)
    asked = tasks * params.generate_responses.num_samples
    step, responses = _generation("generate_responses", asked, params.generate_responses.max_new_tokens, metrics)
    steps.append(step)
    steps.append(_validation(responses, metrics))
    if params.validate_responses.test_strength:
        steps.append(_test_strength(responses, params.validate_responses.max_mutants, metrics))
    steps += [
        _evaluation(params, model, benchmark, metrics)
        for model in params.evaluate_model.models
        for benchmark in params.evaluate_model.benchmarks
    ]
    return steps


def _generation(step: str, requests: int, max_new_tokens: int, metrics: Path) -> tuple[StepEstimate, int]:
    """The cost of a generation step, and the rows that it will give."""
    measured = _read(metrics / f"{step}.json")
    rows_in, rows_out = measured.get("rows_in", 0), measured.get("rows_out", 0)
    rows = round(requests * rows_out / rows_in) if rows_in else requests
    estimate = _from_usage(step, requests, max_new_tokens, measured.get("usage", {}))
    return estimate, rows


def _from_usage(step: str, requests: int, max_new_tokens: int, usage: dict[str, Any]) -> StepEstimate:
    asked, rate = usage.get("asked", 0), usage.get("output_tokens_per_second", 0.0)
    if not asked or not rate:
        return StepEstimate(step, requests, requests * max_new_tokens, None, is_measured=False)
    tokens = round(requests * usage["output_tokens"] / asked)
    seconds = tokens / rate + usage.get("start_seconds", 0.0)
    return StepEstimate(step, requests, tokens, seconds / 3600, is_measured=True)


def _validation(programs: int, metrics: Path) -> StepEstimate:
    rate = _read(metrics / "validate_responses.json").get("programs_per_second")
    hours = programs / rate / 3600 if rate else None
    return StepEstimate("validate_responses", programs, 0, hours, is_measured=rate is not None)


def _test_strength(responses: int, max_mutants: int, metrics: Path) -> StepEstimate:
    """Of each passing response its mutants, as many as there may be, and once more with markers in its branches."""
    measured = _read(metrics / "validate_responses.json")
    statuses = measured.get("statuses", {})
    judged = sum(statuses.values())
    passing = round(responses * statuses.get("passed", 0) / judged) if judged else responses
    found = measured.get("test_strength", {})
    per_response = (found["mutants"] / found["responses"] if found.get("responses") else max_mutants) + 1
    programs = round(passing * per_response)
    rate = found.get("programs_per_second") or measured.get("programs_per_second")
    hours = programs / rate / 3600 if rate else None
    return StepEstimate("validate_responses test_strength", programs, 0, hours, is_measured=rate is not None)


def _evaluation(params: Params, model: str, benchmark: str, metrics: Path) -> StepEstimate:
    measured = _read(metrics / "evaluate_model" / f"{model}-{benchmark}.json")
    tasks = params.evaluate_model.max_tasks or BENCHMARK_TASKS[benchmark]
    step = f"evaluate_model {model} {benchmark}"
    return _from_usage(step, tasks, params.evaluate_model.max_new_tokens, measured.get("usage", {}))


def _read(path: Path) -> dict[str, Any]:
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is no readable metrics file ({error}); remake it with `dvc repro`") from error
    return loaded if isinstance(loaded, dict) else {}


def format_estimate(steps: Sequence[StepEstimate]) -> str:
    """A table for people, with a line that says what is measured and what is an upper bound."""
    lines = [f"{'step':<42} {'requests':>10} {'new tokens':>13} {'hours':>9}"]
    for step in steps:
        tokens = ("" if step.is_measured else "<= ") + f"{step.output_tokens:,}" if step.output_tokens else "-"
        hours = "?" if step.hours is None else f"{step.hours:.2f}"
        lines.append(f"{step.step:<42} {step.requests:>10,} {tokens:>13} {hours:>9}")
    known = sum(step.hours for step in steps if step.hours is not None)
    unknown = [step.step for step in steps if step.hours is None]
    lines.append(f"{'measured steps together':<42} {'':>10} {'':>13} {known:>9.2f}")
    if unknown:
        lines.append(f"no finished run has measured: {', '.join(unknown)}; run the pipeline once with small numbers")
    return "\n".join(lines)
