"""Where the time of an optimizer step goes: parts by timers, and operators by torch's profiler."""

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.training.flops import synchronize
from benchmarks.training.job import Job
from benchmarks.training.systems import ready_trainer, run_steps

LAYERS, HEAD, BACKWARD, CLIP, UPDATE, REST = "layers", "head", "backward", "clip", "update", "rest"
PARTS = {
    LAYERS: "forward pass of the layers",
    HEAD: "output layer and loss; ours with sft: their gradients too",
    BACKWARD: "backward pass",
    CLIP: "norm of the gradients",
    UPDATE: "optimizer",
    REST: "rest: batches, log, zeroed gradients",
}


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator of a profiled step.

    Attributes:
        name: as torch calls it.
        seconds: time in the operator itself, without the operators that it calls; of the GPU where there is one.
        calls: how often it ran.
    """

    name: str
    seconds: float
    calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakdown:
    """The time of a system's steps.

    Attributes:
        name: the system.
        parts: mean seconds per step of each of `PARTS`, without the first step and the profiled one.
        operators: of the last step, the slowest first. The profiler slows that step down.
    """

    name: str
    parts: dict[str, float]
    operators: list[Operator]

    @property
    def whole(self) -> float:
        """Mean seconds of a step."""
        return sum(self.parts.values())


class PartTimer:
    """Adds up the seconds of parts of a step.

    Args:
        device: cpu or cuda; a GPU is waited for at the borders of each part.
    """

    def __init__(self, device: str) -> None:
        self._device = device
        self._started: dict[str, float] = {}
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def start(self, part: str) -> None:
        """A part begins."""
        synchronize(self._device)
        self._started[part] = time.perf_counter()

    def stop(self, part: str) -> None:
        """A part ends."""
        synchronize(self._device)
        self._seconds[part] += time.perf_counter() - self._started.pop(part)

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, as a part."""

        def call(*args: Any, **kwargs: Any) -> Any:
            self.start(part)
            result = function(*args, **kwargs)
            self.stop(part)
            return result

        return call

    def take(self) -> dict[str, float]:
        """The seconds since the last call."""
        seconds = dict(self._seconds)
        self._seconds.clear()
        return seconds


def break_down(name: str, job: Job, num_operators: int) -> Breakdown:
    """Train with one system in this process, and time the parts of its steps; the last step is profiled.

    Args:
        name: the system.
        job: a training of at least three steps.
        num_operators: operators to return.
    """
    import torch
    from transformers import TrainerCallback

    steps: list[dict[str, float]] = []
    with ready_trainer(name, job) as (trainer, precision):
        timer = PartTimer(precision.device)
        _watch(trainer, timer)
        activities = [torch.profiler.ProfilerActivity.CPU]
        if precision.device == "cuda":
            activities.append(torch.profiler.ProfilerActivity.CUDA)
        profiler: Any = torch.profiler.profile(activities=activities)

        class StepParts(TrainerCallback):
            def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
                optimizer = getattr(kwargs["optimizer"], "optimizer", kwargs["optimizer"])
                optimizer.register_step_pre_hook(lambda *_: timer.start(UPDATE))
                optimizer.register_step_post_hook(lambda *_: timer.stop(UPDATE))

            def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
                if state.global_step == state.max_steps - 1:
                    profiler.start()

            def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
                if state.global_step == state.max_steps:
                    profiler.stop()
                steps.append(timer.take())

        trainer.add_callback(StepParts())
        seconds = run_steps(trainer, precision.device)
        operators = _operators(profiler.key_averages(), precision.device)[:num_operators]
    parts = mean_parts(steps[1:-1], seconds[1:-1])
    return Breakdown(name=name, parts=parts, operators=operators)


def mean_parts(steps: Sequence[dict[str, float]], seconds: Sequence[float]) -> dict[str, float]:
    """The mean seconds per step of each of `PARTS`.

    Args:
        steps: seconds by timer of each step; that of `HEAD` runs around that of `LAYERS`.
        seconds: of each step as a whole.
    """
    means = {part: sum(step.get(part, 0.0) for step in steps) / len(steps) for part in PARTS}
    means[HEAD] -= means[LAYERS]
    means[REST] = sum(seconds) / len(seconds) - sum(means.values())
    return means


def _watch(trainer: Any, timer: PartTimer) -> None:
    model = trainer.model
    causal = model.get_base_model() if hasattr(model, "get_base_model") else model
    causal.base_model.register_forward_pre_hook(lambda *_: timer.start(LAYERS))
    causal.base_model.register_forward_hook(lambda *_: timer.stop(LAYERS))
    trainer.compute_loss = timer.timed(HEAD, trainer.compute_loss)
    trainer.accelerator.backward = timer.timed(BACKWARD, trainer.accelerator.backward)
    trainer.accelerator.clip_grad_norm_ = timer.timed(CLIP, trainer.accelerator.clip_grad_norm_)


def _operators(averages: Sequence[Any], device: str) -> list[Operator]:
    column = "self_device_time_total" if device == "cuda" else "self_cpu_time_total"
    found = [Operator(event.key, getattr(event, column) / 1e6, int(event.count)) for event in averages]
    return sorted(found, key=lambda operator: operator.seconds, reverse=True)
