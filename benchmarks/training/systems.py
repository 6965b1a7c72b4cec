"""The systems that are measured: ours, and the padded trainer. Each runs in a process of its own."""

import itertools
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.training.flops import ModelSize, model_size, synchronize
from benchmarks.training.held_loss import answer_log_probs, held_loss
from benchmarks.training.job import Job, load_tokenizer
from selfcodealign.errors import InputError
from selfcodealign.models import quiet_transformers
from selfcodealign.training.objectives import OBJECTIVES
from selfcodealign.training.trainer import Precision, choose_precision, load_model

OURS = "ours"
PEER = "padded trainer"
ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One training of one system.

    Attributes:
        name: the system.
        seconds: wall time of each optimizer step, from the end of the one before; loading and saving are in none.
        losses: training loss of each step, as the system reports it.
        loss_before: held-out loss of the base model.
        loss_after: held-out loss of the trained model.
        num_tokens: tokens that went through the model, without padding.
        num_positions: the same with padding.
        size: weights of the model.
        peak_mib: greatest memory up to the last step, MiB: of the process, or of the GPU.
    """

    name: str
    seconds: list[float]
    losses: list[float]
    loss_before: float
    loss_after: float
    num_tokens: int
    num_positions: int
    size: ModelSize
    peak_mib: float

    @property
    def padding_share(self) -> float:
        """Share of the positions that are padding."""
        return 1 - self.num_tokens / self.num_positions


class CountingCollator:
    """A collator that counts the positions of its batches.

    Args:
        collate: the collator.
    """

    def __init__(self, collate: Callable[[Any], dict[str, Any]]) -> None:
        self._collate = collate
        self.num_tokens = 0
        self.num_positions = 0

    def __call__(self, rows: Any) -> dict[str, Any]:
        """Collate rows, and count."""
        batch = self._collate(rows)
        self.num_positions += batch["input_ids"].numel()
        self.num_tokens += int(batch["attention_mask"].sum())
        return batch


def in_own_process(function: Callable[..., ResultT], *arguments: object) -> ResultT:
    """Call a function in a new process, so that memory and threads of the systems do not mix.

    Raises:
        InputError: the process was killed.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        try:
            return pool.submit(function, *arguments).result()
        except BrokenProcessPool as error:
            raise InputError(
                "a training was killed, probably for lack of memory; lower --micro or --max-length, or use --method"
                " lora"
            ) from error


def train(name: str, job: Job) -> Measured:
    """Train with one system, in this process."""
    with ready_trainer(name, job) as (trainer, precision):
        counting = CountingCollator(trainer.data_collator)
        trainer.data_collator = counting
        reference = answer_log_probs(_plain(trainer), job.held)
        seconds = run_steps(trainer, precision.device)
        peak_mib = _peak_mib(precision.device)
        log_probs = answer_log_probs(_plain(trainer), job.held)
        return Measured(
            name=name,
            seconds=seconds,
            losses=[float(entry["loss"]) for entry in trainer.state.log_history if "loss" in entry],
            loss_before=held_loss(job.held, reference, reference, job.settings),
            loss_after=held_loss(job.held, log_probs, reference, job.settings),
            num_tokens=counting.num_tokens,
            num_positions=counting.num_positions,
            size=model_size(_plain(trainer)),
            peak_mib=peak_mib,
        )


@contextmanager
def ready_trainer(name: str, job: Job) -> Iterator[tuple[Any, Precision]]:
    """The trainer of a system, before its first step; it writes no checkpoints.

    Yields:
        The trainer and its precision.
    """
    from transformers import PrinterCallback, set_seed
    from transformers.trainer_utils import SaveStrategy

    with quiet_transformers(), tempfile.TemporaryDirectory() as folder:
        os.environ["TQDM_DISABLE"] = "1"  # of TRL's reference pass
        set_seed(job.seed)
        tokenizer = load_tokenizer(job.model)
        precision = choose_precision(job.settings.method)
        model = load_model(job.model, job.settings, precision)
        trainer = _build(name, model, tokenizer, job, precision, Path(folder))
        trainer.args.save_strategy = SaveStrategy.NO
        trainer.remove_callback(PrinterCallback)
        yield trainer, precision


def run_steps(trainer: Any, device: str) -> list[float]:
    """Train; returns the seconds of each optimizer step."""
    from transformers import TrainerCallback

    ends: list[float] = []

    class StepClock(TrainerCallback):
        def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
            ends.append(time.perf_counter())

        def on_step_end(self, *args: Any, **kwargs: Any) -> None:
            synchronize(device)
            ends.append(time.perf_counter())

    trainer.add_callback(StepClock())
    trainer.train()
    return [end - start for start, end in itertools.pairwise(ends)]


def _build(name: str, model: Any, tokenizer: Any, job: Job, precision: Precision, folder: Path) -> Any:
    from benchmarks.training.padded import build_padded_preference_trainer, build_padded_trainer

    settings = job.settings
    if name == OURS:
        build = OBJECTIVES[settings.objective].build_trainer
        return build(model, tokenizer, job.rows, settings, precision=precision, seed=job.seed, folder=folder)
    peer = build_padded_trainer if settings.objective == "sft" else build_padded_preference_trainer
    return peer(model, tokenizer, job, precision, folder)


def _plain(trainer: Any) -> Any:
    """The model without the autocast that accelerate puts around its forward pass."""
    return trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)


def _peak_mib(device: str) -> float:
    """The greatest memory so far, MiB; a process's `ru_maxrss` would count its parent's in."""
    if device == "cuda":
        import torch

        return float(torch.cuda.max_memory_allocated()) / 2**20
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024
