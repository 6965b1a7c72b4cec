"""Ours beside the padded trainer: rounds in turns, and the figures from them."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.training.flops import ModelSize, peak_flops, step_flops
from benchmarks.training.job import Job
from benchmarks.training.systems import OURS, PEER, Measured, in_own_process, train
from benchmarks.training.workload import Tokens, count_tokens
from selfcodealign.errors import InputError
from selfcodealign.progress import progress
from selfcodealign.training.trainer import Precision, choose_precision

WARM_UP_STEPS = 1
NUM_RESAMPLES = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What was measured.

    Attributes:
        job: what was trained.
        precision: of the training.
        rounds: one training per system and round, by system.
        step_tokens: tokens of each optimizer step.
        peak_flops: fastest matrix product of the machine, operations per second.
    """

    job: Job
    precision: Precision
    rounds: dict[str, list[Measured]]
    step_tokens: list[Tokens]
    peak_flops: float

    @property
    def size(self) -> ModelSize:
        """The weights of the model."""
        return self.rounds[OURS][0].size

    def seconds(self, name: str) -> list[float]:
        """Seconds of each step of a system, all rounds, without the warm-up."""
        return [value for run in self.rounds[name] for value in run.seconds[WARM_UP_STEPS:]]

    def seconds_per_step(self, name: str) -> float:
        """Mean seconds of a step."""
        seconds = self.seconds(name)
        return sum(seconds) / len(seconds)

    def tokens_per_second(self, name: str) -> Tokens:
        """Tokens per second, rounded: all, and those that the loss sees."""
        counted = self.step_tokens[WARM_UP_STEPS:]
        seconds = sum(self.seconds(name)) / len(self.rounds[name])
        return Tokens(
            round(sum(step.all for step in counted) / seconds),
            round(sum(step.supervised for step in counted) / seconds),
        )

    def share_of_peak(self, name: str) -> float:
        """Operations that the steps need per second, as a share of `peak_flops`."""
        needed = sum(step_flops(self.size, step) for step in self.step_tokens[WARM_UP_STEPS:])
        return needed * len(self.rounds[name]) / sum(self.seconds(name)) / self.peak_flops

    def loss(self, name: str) -> float:
        """Held-out loss of the trained model, mean over the rounds."""
        losses = [run.loss_after for run in self.rounds[name]]
        return sum(losses) / len(losses)

    @property
    def loss_difference(self) -> float:
        """By how much the two losses differ, as a share of the peer's."""
        return abs(self.loss(OURS) - self.loss(PEER)) / abs(self.loss(PEER))

    @property
    def ratio(self) -> float:
        """The peer's time over ours: above 1, ours is faster."""
        return sum(self.seconds(PEER)) / sum(self.seconds(OURS))

    @property
    def ratio_interval(self) -> tuple[float, float]:
        """95 % bootstrap interval of `ratio`, over steps and rounds; both systems' times of a step stay together."""
        pairs = list(zip(self.seconds(PEER), self.seconds(OURS), strict=True))
        draw = random.Random(0)  # noqa: S311 - not cryptographic
        ratios = []
        for _ in range(NUM_RESAMPLES):
            peer, ours = zip(*draw.choices(pairs, k=len(pairs)), strict=True)
            ratios.append(sum(peer) / sum(ours))
        ratios.sort()
        return ratios[round(0.025 * NUM_RESAMPLES)], ratios[round(0.975 * NUM_RESAMPLES) - 1]

    def peak_mib(self, name: str) -> float:
        """The greatest memory of a system, MiB."""
        return max(run.peak_mib for run in self.rounds[name])

    def as_keys(self) -> dict[str, object]:
        """The line of JSON; without a suffix a figure is ours."""
        settings = self.job.settings
        ours, peer = self.tokens_per_second(OURS), self.tokens_per_second(PEER)
        return {
            "vs_padded_trainer": round(self.ratio, 2),
            "vs_interval_95": [round(bound, 2) for bound in self.ratio_interval],
            "tokens_per_second": ours.all,
            "tokens_per_second_peer": peer.all,
            "supervised_tokens_per_second": ours.supervised,
            "supervised_tokens_per_second_peer": peer.supervised,
            "seconds_per_step": round(self.seconds_per_step(OURS), 3),
            "seconds_per_step_peer": round(self.seconds_per_step(PEER), 3),
            "share_of_peak": round(self.share_of_peak(OURS), 4),
            "share_of_peak_peer": round(self.share_of_peak(PEER), 4),
            "peak_gflops": round(self.peak_flops / 1e9, 1),
            "precision": product_dtype(self.precision),
            "loss_difference": round(self.loss_difference, 5),
            "loss_base": round(self.rounds[OURS][0].loss_before, 5),
            "loss": round(self.loss(OURS), 5),
            "loss_peer": round(self.loss(PEER), 5),
            "padding_share": round(self.rounds[OURS][0].padding_share, 4),
            "padding_share_peer": round(self.rounds[PEER][0].padding_share, 4),
            "peak_memory_mib": round(self.peak_mib(OURS)),
            "peak_memory_mib_peer": round(self.peak_mib(PEER)),
            "objective": settings.objective,
            "method": settings.method,
            "optimizer": settings.optimizer,
            "rows": len(self.job.rows),
            "steps": len(self.step_tokens),
            "rounds": len(self.rounds[OURS]),
        }


def compare(job: Job, num_rounds: int) -> Comparison:
    """Train with both systems in turns: ours, peer, peer, ours, and so on; the peak is measured before and after.

    Raises:
        InputError: a training was killed, or the two systems train different weights.
    """
    precision = choose_precision(job.settings.method)
    dtype = product_dtype(precision)
    peak = in_own_process(peak_flops, dtype, precision.device)
    rounds: dict[str, list[Measured]] = {OURS: [], PEER: []}
    with progress("trainings", 2 * num_rounds) as bar:
        for name in turns(num_rounds):
            rounds[name].append(in_own_process(train, name, job))
            bar.advance(note=name)
    peak = max(peak, in_own_process(peak_flops, dtype, precision.device))
    return to_comparison(job, precision, rounds, peak)


def to_comparison(job: Job, precision: Precision, rounds: dict[str, list[Measured]], peak: float) -> Comparison:
    """The figures of finished trainings.

    Raises:
        InputError: the two systems train different weights.
    """
    sizes = {run.size for runs in rounds.values() for run in runs}
    if len(sizes) != 1:
        raise InputError(f"the systems do not train the same weights, so their times cannot be compared: {sizes}")
    step_tokens = [count_tokens([job.rows[index] for index in step]) for step in job.plan]
    return Comparison(job=job, precision=precision, rounds=rounds, step_tokens=step_tokens, peak_flops=peak)


def turns(num_rounds: int) -> Iterator[str]:
    """The order of the trainings; each system is first in every second round."""
    for number in range(num_rounds):
        order: Sequence[str] = (OURS, PEER) if number % 2 == 0 else (PEER, OURS)
        yield from order


def product_dtype(precision: Precision) -> str:
    """The number format of the training's matrix products."""
    return "bfloat16" if precision.is_autocast else precision.weights
