"""From params and measurements to the cost of each step that asks the model or the sandbox.

Rates, tokens a row and yields are taken from the metrics of a finished run, a small one on the same machine, say, or of
a probe. What nothing has measured is given as an upper bound and marked so.
"""

from collections.abc import Collection
from dataclasses import dataclass
from math import comb
from pathlib import Path
from typing import Any

from selfcodealign.errors import InputError
from selfcodealign.estimate.measured import Measured, Rates, measure, read_metrics
from selfcodealign.generation import num_replicas
from selfcodealign.params import GenerateResponses, Params, Sampling

BENCHMARK_TASKS = {"humaneval_plus": 164, "mbpp_plus": 378}
# An answer without tests is taken up again once.
MOST_REQUESTS = {"generate_responses": 2}
# Programs per response, at most, that find the tests: one survey; or two per task with the code of its seed.
MOST_PROGRAMS_FOR_TESTS = {"consensus": 1, "seed": 2}


@dataclass(frozen=True, slots=True)
class StepEstimate:
    """The cost of one step.

    Attributes:
        step: stage name.
        requests: requests to the model, or programs for the sandbox.
        prompt_tokens: tokens of the prompts, cached ones included; 0 for the sandbox.
        output_tokens: tokens to be generated; 0 for the sandbox.
        rows: rows that come out.
        hours: expected wall time; None where no rate is known.
        is_measured: False: counts are upper bounds, because no finished run was at hand.
        num_without_cost: answers of the finished run whose time is unknown; the hours take them to be as fast as the
            others.
    """

    step: str
    requests: int
    prompt_tokens: int
    output_tokens: int
    rows: int
    hours: float | None
    is_measured: bool
    num_without_cost: int = 0


@dataclass(frozen=True, slots=True)
class Assumed:
    """What is said rather than measured.

    Attributes:
        num_seeds: seeds that go into S->C; None: what the params say, or else what the finished run had.
        rates: of one engine on the hardware in question; each server or replica has them. None: as measured.
        pass_rate: share of the samples asked for that pass; None: as measured.
    """

    num_seeds: int | None = None
    rates: Rates | None = None
    pass_rate: float | None = None


def estimate_run(params: Params, metrics: Path, assumed: Assumed = Assumed()) -> list[StepEstimate]:
    """Estimate every step of a run that asks the model or the sandbox.

    Args:
        params: the run to judge.
        metrics: folder with the metrics of a finished run; it may be empty or missing.
        assumed: what is not to be taken from there.

    Raises:
        InputError: neither the params nor the metrics say how many seeds there will be, or a metrics file is damaged.
    """
    run = _Run(params, metrics, assumed)
    seeds = (
        assumed.num_seeds
        or params.filter_seeds.max_seeds
        or read_metrics(metrics / "filter_seeds.json").get("rows_out")
    )
    if not seeds:
        raise InputError(
            "filter_seeds.max_seeds is null and no run has counted the seeds: give their number with --seeds"
        )
    steps = []
    sources = seeds
    if params.generate_instructions.source == "concepts":
        steps.append(run.sampling("generate_concepts", seeds, params.generate_concepts))
        sources = steps[-1].rows
    tasks = sources
    if params.generate_instructions.source != "functions":
        steps.append(run.sampling("generate_instructions", sources, params.generate_instructions))
        tasks = steps[-1].rows
    samples = round(tasks * expected_samples(params.generate_responses, run.pass_rate))
    steps.append(run.sampling("generate_responses", samples, params.generate_responses))
    responses = steps[-1].rows
    steps.append(run.validation(responses, samples))
    if params.validate_responses.test_strength:
        steps.append(run.test_strength(steps[-1].rows))
    if params.resample_responses.num_samples and params.validate_responses.is_shared:
        steps.append(run.resampling(tasks))
    steps.append(run.selection(tasks, responses, samples))
    steps += [
        run.evaluation(model, benchmark)
        for model in params.evaluate_model.models
        for benchmark in params.evaluate_model.benchmarks
    ]
    return steps


def expected_samples(settings: GenerateResponses, pass_rate: float | None) -> float:
    """Samples that a task is asked for on average: `num_samples`, or with `stop_after` until so many have passed.

    Each sample is taken to pass with the same probability. If tasks differ much, more are needed.

    Args:
        settings: the `generate_responses` section.
        pass_rate: share of the samples that pass; None: not known, an upper bound is wanted.
    """
    if settings.stop_after is None or pass_rate is None:
        return settings.num_samples
    asked = 0.0
    for start in range(0, settings.num_samples, settings.wave_size):
        goes_on = sum(
            comb(start, passed) * pass_rate**passed * (1 - pass_rate) ** (start - passed)
            for passed in range(min(settings.stop_after, start + 1))
        )
        asked += goes_on * min(settings.wave_size, settings.num_samples - start)
    return asked


class _Run:
    """The estimates of one run's steps."""

    def __init__(self, params: Params, metrics: Path, assumed: Assumed) -> None:
        self._params = params
        self._metrics = metrics
        self._rates = assumed.rates
        self._validated = read_metrics(metrics / "validate_responses.json")
        self.pass_rate = assumed.pass_rate if assumed.pass_rate is not None else self._measured_pass_rate()

    def _measured_pass_rate(self) -> float | None:
        statuses = self._validated.get("statuses", {})
        judged = sum(statuses.values())
        samples = read_metrics(self._metrics / "generate_responses.json").get("rows_in", judged)
        return statuses.get("passed", 0) / samples if judged and samples else None

    def sampling(self, step: str, rows_in: int, settings: Sampling) -> StepEstimate:
        """A generation step."""
        metrics = read_metrics(self._metrics / f"{step}.json")
        measured = measure(metrics, metrics.get("rows_in", 0), metrics.get("rows_out", 0))
        replicas = num_replicas(self._params.engine)
        return self._asking(step, rows_in, settings.max_new_tokens, measured, replicas)

    def resampling(self, tasks: int) -> StepEstimate:
        """Further responses: to the measured share of the tasks, or to all of them where nothing is measured."""
        metrics = read_metrics(self._metrics / "resample_responses.json")
        had = sum(metrics.get(name, 0) for name in ("tasks", "tasks_without_tests", "tasks_solved"))
        share = metrics["tasks"] / had if had else 1.0
        settings = self._params.resample_responses
        return self.sampling("resample_responses", round(tasks * share * settings.num_samples), settings)

    def evaluation(self, model: str, benchmark: str) -> StepEstimate:
        """A model on a benchmark: always in process, by one engine, and then the scoring."""
        settings = self._params.evaluate_model
        solutions = settings.num_samples * (settings.max_tasks or BENCHMARK_TASKS[benchmark])
        metrics = read_metrics(self._metrics / "evaluate_model" / f"{model}-{benchmark}.json")
        num_samples = metrics.get("num_samples", 0)
        scoring = solutions * metrics["scoring"]["seconds"] / num_samples if num_samples else 0.0
        measured = measure(metrics, num_samples, num_samples)
        step = f"evaluate_model {model} {benchmark}"
        return self._asking(step, solutions, settings.max_new_tokens, measured, replicas=1, more_seconds=scoring)

    def _asking(
        self,
        step: str,
        rows_in: int,
        max_new_tokens: int,
        measured: Measured | None,
        replicas: int,
        more_seconds: float = 0.0,
    ) -> StepEstimate:
        a_row = measured or self._most(step, max_new_tokens)
        prompt_tokens, output_tokens = rows_in * a_row.prompt_tokens, rows_in * a_row.output_tokens
        seconds = None if measured is None or measured.seconds is None else rows_in * measured.seconds
        if self._rates is not None:
            seconds = self._rates.seconds(prompt_tokens * (1 - a_row.cached_share), output_tokens) / replicas
        return StepEstimate(
            step=step,
            requests=round(rows_in * a_row.requests),
            prompt_tokens=round(prompt_tokens),
            output_tokens=round(output_tokens),
            rows=round(rows_in * a_row.rows),
            hours=None if seconds is None else (seconds + a_row.fixed_seconds + more_seconds) / 3600,
            is_measured=measured is not None,
            num_without_cost=a_row.num_without_cost if self._rates is None else 0,
        )

    def _most(self, step: str, max_new_tokens: int) -> Measured:
        """What a row costs at most."""
        requests = MOST_REQUESTS.get(step, 1)
        prompt_tokens = requests * max(0, self._params.engine.max_model_len - max_new_tokens)
        return Measured(1.0, requests, prompt_tokens, 0.0, requests * max_new_tokens, 0.0, 0.0)

    def validation(self, programs: int, samples: int) -> StepEstimate:
        """The programs of all responses and those that find their tests; its rows are the responses that pass."""
        passed = programs if self.pass_rate is None else round(samples * self.pass_rate)
        if self._params.validate_responses.is_shared:
            tried, rows_in = self._validated.get("consensus", {}).get("programs", 0), self._validated.get("rows_in", 0)
            most = MOST_PROGRAMS_FOR_TESTS[self._params.validate_responses.tests]
            programs = round(programs * (1 + (tried / rows_in if rows_in else most)))
        if self._params.generate_responses.stop_after is not None:
            # The sandbox has run them while the model generated.
            return StepEstimate("validate_responses", programs, 0, 0, passed, 0.0, self.pass_rate is not None)
        return self._programs("validate_responses", programs, passed, self._validated.get("programs_per_second"))

    def test_strength(self, passing: int) -> StepEstimate:
        """Of each passing response its mutants, as many as there may be, and once more with markers in its branches."""
        found = self._validated.get("test_strength", {})
        most = self._params.validate_responses.max_mutants
        per_response = (found["mutants"] / found["responses"] if found.get("responses") else most) + 1
        rate = found.get("programs_per_second") or self._validated.get("programs_per_second")
        return self._programs("validate_responses test_strength", round(passing * per_response), passing, rate)

    def _programs(self, step: str, programs: int, rows: int, rate: float | None) -> StepEstimate:
        hours = programs / rate / 3600 if rate else None
        return StepEstimate(step, programs, 0, 0, rows, hours, is_measured=rate is not None)

    def _share_of_samples(self, found: Collection[dict[str, Any]]) -> float | None:
        """The pass rate at which independent samples solve as many tasks as the measured ones did.

        Passes cluster: an easy task has several, a hard one none. So this is lower than the pass rate itself.
        """
        tasks = sum(group.get("tasks", 0) for group in found)
        solved = sum(group.get("tasks_with_pass", 0) for group in found)
        generation = read_metrics(self._metrics / "generate_responses.json")
        num_samples = generation.get("rows_in", 0) / generation["tasks"] if generation.get("tasks") else 0.0
        if not tasks or not num_samples or solved > tasks:
            return None
        return float(1 - (1 - solved / tasks) ** (1 / num_samples))

    def selection(self, tasks: int, responses: int, samples: int) -> StepEstimate:
        """The pairs: of the responses with the wanted verdict one a task, or all, and of these what is selected."""
        settings = self._params.select_examples
        passed = responses if self.pass_rate is None else samples * self.pass_rate
        wanted = {"passing": passed, "failing": responses - passed, "all": responses}[settings.keep]
        metrics = read_metrics(self._metrics / "select_examples.json")
        found = metrics.get("yields", {}).values()
        if settings.one_per_task and tasks and samples:
            # Of N samples at least one is wanted, also where waves may end before the last.
            share = self._share_of_samples(found) if settings.keep == "passing" else None
            share = min(1.0, wanted / samples) if share is None else share
            wanted = tasks * (1 - (1 - share) ** self._params.generate_responses.num_samples)
        had = sum(group["tasks_with_pass" if settings.one_per_task else "passed"] for group in found)
        is_measured = settings.keep == "passing" and had > 0 and self.pass_rate is not None
        pairs = wanted * min(1.0, metrics["rows_out"] / had) if is_measured else wanted
        pairs = min(pairs, settings.max_examples or pairs)
        hours = metrics.get("seconds", 0.0) / 3600
        return StepEstimate("select_examples", 0, 0, 0, round(pairs), hours if metrics else None, is_measured)
