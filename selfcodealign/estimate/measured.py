"""What a finished run, or a probe, has measured: what a row costs in each step, and how fast the engine was."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfcodealign.errors import InputError

SAMPLING_STEPS = ("generate_concepts", "generate_instructions", "generate_responses")


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
        seconds: wall time of generation.
        fixed_seconds: wall time of the whole step beside generation: imports, the engine's start.
    """

    rows: float
    requests: float
    prompt_tokens: float
    cached_share: float
    output_tokens: float
    seconds: float
    fixed_seconds: float


def measure(metrics: Mapping[str, Any], rows_in: int, rows_out: int) -> Measured | None:
    """What a row has cost, by a step's metrics; None: nothing was asked, or no such step has run.

    Tokens and seconds are those of the requests that were asked; those that the journal had would have cost as much.

    Args:
        metrics: the step's metrics file; may be empty.
        rows_in: rows that went in.
        rows_out: rows that came out.
    """
    usage = metrics.get("usage", {})
    if not rows_in or not usage.get("asked") or not usage.get("seconds"):
        return None
    asked_per_row = usage["requests"] / rows_in / usage["asked"]
    scoring = metrics.get("scoring", {}).get("seconds", 0.0)
    return Measured(
        rows=rows_out / rows_in,
        requests=usage["requests"] / rows_in,
        prompt_tokens=usage["prompt_tokens"] * asked_per_row,
        cached_share=usage["prefix_hit_rate"],
        output_tokens=usage["output_tokens"] * asked_per_row,
        seconds=usage["seconds"] * asked_per_row,
        fixed_seconds=max(0.0, metrics["seconds"] - usage["seconds"] - scoring),
    )


def measured_rates(folder: Path) -> Rates | None:
    """The two rates that fit all steps of a finished run that have asked the model; None: they fit none.

    Each step gives one equation, seconds = uncached prompt tokens / rate + new tokens / rate, and the squares of the
    relative errors are least. A step with few requests is slower than that: its last answers are generated alone.

    Args:
        folder: the metrics of the run.
    """
    import numpy as np

    steps = [
        (usage["prompt_tokens"] * (1 - usage["prefix_hit_rate"]), usage["output_tokens"], usage["seconds"])
        for usage in _usages(folder)
    ]
    if len(steps) < 2:
        return None
    shares = np.array([(prompt / seconds, output / seconds) for prompt, output, seconds in steps])
    (per_prompt, per_output), _, rank, _ = np.linalg.lstsq(shares, np.ones(len(shares)), rcond=None)
    if rank < 2 or per_prompt <= 0 or per_output <= 0:
        return None
    return Rates(float(1 / per_prompt), float(1 / per_output))


def _usages(folder: Path) -> Iterator[dict[str, Any]]:
    for path in [*(folder / f"{step}.json" for step in SAMPLING_STEPS), *sorted(folder.glob("evaluate_model/*.json"))]:
        usage = read_metrics(path).get("usage", {})
        if usage.get("asked") and usage.get("seconds"):
            yield usage


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
