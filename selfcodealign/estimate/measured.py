"""What a finished run, or a probe, has measured: what a row costs in each step, and how fast the engine was."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfcodealign.errors import InputError

SAMPLING_STEPS = ("generate_concepts", "generate_instructions", "generate_responses", "resample_responses")


@dataclass(frozen=True, slots=True)
class Rates:
    """How fast one engine is with as many requests as it takes at the same time.

    Attributes:
        prompt_tokens_per_second: prompt tokens that are not in the prefix cache.
        output_tokens_per_second: new tokens of all requests together.
    """

    prompt_tokens_per_second: float
    output_tokens_per_second: float

    def seconds(self, prompt_tokens: float, output_tokens: float) -> float:
        """Seconds for so many prompt tokens that are not cached, and so many new ones."""
        return prompt_tokens / self.prompt_tokens_per_second + output_tokens / self.output_tokens_per_second


@dataclass(frozen=True, slots=True)
class Measured:
    """What a row that goes into a step has cost, and what has come of it.

    Attributes:
        rows: rows that came out for one that went in.
        requests: requests to the model, answers that were taken up again counted twice.
        prompt_tokens: tokens of their prompts.
        cached_share: share of these that came from the prefix cache.
        output_tokens: new tokens.
        seconds: wall time of generation; None: unknown of every answer.
        fixed_seconds: wall time of the whole step beside generation: imports, and the engine's start if the run that
            wrote the metrics started it.
        num_without_cost: answers of the step, not per row, whose time is unknown; they count as much as the others.
    """

    rows: float
    requests: float
    prompt_tokens: float
    cached_share: float
    output_tokens: float
    seconds: float | None
    fixed_seconds: float
    num_without_cost: int = 0


@dataclass(frozen=True, slots=True)
class _Answers:
    """What the answers of a finished step have cost together.

    Attributes:
        requests: how many.
        num_without_cost: those of them whose time is unknown.
        prompt_tokens: tokens of the prompts.
        cached_share: share of these that came from the prefix cache.
        output_tokens: new tokens.
        seconds: wall time of generation; None: unknown of every answer.
        has_rates: whether seconds and tokens are of the same answers.
    """

    requests: int
    num_without_cost: int
    prompt_tokens: float
    cached_share: float
    output_tokens: float
    seconds: float | None
    has_rates: bool


def measure(metrics: Mapping[str, Any], rows_in: int, rows_out: int) -> Measured | None:
    """What a row has cost, by a step's metrics; None: nothing was generated, or no such step has run.

    That is the step's `cost`, which a rerun from the journal leaves as it was. Answers whose time is unknown are taken
    to have needed as much as the others.

    Args:
        metrics: the step's metrics file; may be empty.
        rows_in: rows that went in.
        rows_out: rows that came out.
    """
    answers = _answers(metrics)
    if not rows_in or answers is None:
        return None
    scoring = metrics.get("scoring", {}).get("seconds", 0.0)
    return Measured(
        rows=rows_out / rows_in,
        requests=answers.requests / rows_in,
        prompt_tokens=answers.prompt_tokens / rows_in,
        cached_share=answers.cached_share,
        output_tokens=answers.output_tokens / rows_in,
        seconds=None if answers.seconds is None else answers.seconds / rows_in,
        fixed_seconds=max(0.0, metrics["seconds"] - metrics["usage"]["seconds"] - scoring),
        num_without_cost=answers.num_without_cost,
    )


def _answers(metrics: Mapping[str, Any]) -> _Answers | None:
    """What the answers of a step have cost together; None: it has none, or an older version asked for none."""
    cost, usage = metrics.get("cost", {}), metrics.get("usage", {})
    if cost.get("requests"):
        num_timed = cost["requests"] - cost["without_cost"]
        return _Answers(
            requests=cost["requests"],
            num_without_cost=cost["without_cost"],
            prompt_tokens=cost["prompt_tokens"],
            cached_share=cost["prefix_hit_rate"],
            output_tokens=cost["output_tokens"],
            seconds=cost["seconds"] * cost["requests"] / num_timed if num_timed else None,
            has_rates=not cost["without_cost"],
        )
    # Metrics of an older version hold the cost of those requests alone that went to the engine.
    if not usage.get("asked") or not usage.get("seconds"):
        return None
    scale = usage["requests"] / usage["asked"]
    return _Answers(
        requests=usage["requests"],
        num_without_cost=usage["requests"] - usage["asked"],
        prompt_tokens=usage["prompt_tokens"] * scale,
        cached_share=usage["prefix_hit_rate"],
        output_tokens=usage["output_tokens"] * scale,
        seconds=usage["seconds"] * scale,
        has_rates=True,
    )


def measured_rates(folder: Path) -> Rates | None:
    """The two rates that fit all steps of a finished run that have asked the model; None: they fit none.

    Each step gives one equation, seconds = uncached prompt tokens / rate + new tokens / rate, and the squares of the
    relative errors are least. A step with few requests is slower than that: its last answers are generated alone. A
    step with answers whose time is unknown gives none.

    Args:
        folder: the metrics of the run.
    """
    import numpy as np

    steps = [
        (answers.prompt_tokens * (1 - answers.cached_share), answers.output_tokens, answers.seconds)
        for answers in _measured_steps(folder)
        if answers.seconds and answers.has_rates
    ]
    if len(steps) < 2:
        return None
    shares = np.array([(prompt / seconds, output / seconds) for prompt, output, seconds in steps])
    (per_prompt, per_output), _, rank, _ = np.linalg.lstsq(shares, np.ones(len(shares)), rcond=None)
    if rank < 2 or per_prompt <= 0 or per_output <= 0:
        return None
    return Rates(float(1 / per_prompt), float(1 / per_output))


def _measured_steps(folder: Path) -> Iterator[_Answers]:
    for path in [*(folder / f"{step}.json" for step in SAMPLING_STEPS), *sorted(folder.glob("evaluate_model/*.json"))]:
        answers = _answers(read_metrics(path))
        if answers is not None:
            yield answers


def read_metrics(path: Path) -> dict[str, Any]:
    """A step's metrics; empty if it has not run.

    Raises:
        InputError: the file is damaged.
    """
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is no readable metrics file ({error}); remake it with `dvc repro`") from error
    return loaded if isinstance(loaded, dict) else {}
