"""One training that every system does in its own way, and what it is made from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from benchmarks.training.workload import ObjectiveName, Row, load_workload
from selfcodealign.errors import InputError
from selfcodealign.models import end_of_turn_token, ensure_chat_template
from selfcodealign.training.plan import plan_steps
from selfcodealign.training_params import FinetuneModel

Method = Literal["full", "lora"]
Optimizer = Literal["adafactor", "adamw_torch"]
Padding = Literal["longest", "max_length"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One training.

    Attributes:
        model: folder of the model to start from.
        settings: of the training; its `batch_size` divides the rows, and its `micro_batch_size` the batch.
        rows: the training rows; one pass over them is the whole training.
        held: rows that the trained model is scored by.
        seed: of the order of the rows and of the adapters.
        padding: what the peer pads to.
        num_real: rows that come from a run of the pipeline.
    """

    model: Path
    settings: FinetuneModel
    rows: Sequence[Row]
    held: Sequence[Row]
    seed: int
    padding: Padding = "longest"
    num_real: int = 0

    @property
    def plan(self) -> list[list[int]]:
        """The rows of each optimizer step, the same for every system."""
        return plan_steps(len(self.rows), self.settings.batch_size, 1.0, self.seed)


def make_settings(
    objective: ObjectiveName,
    method: Method,
    *,
    optimizer: Optimizer,
    num_rows: int,
    num_steps: int,
    micro_batch_size: int,
    max_length: int,
) -> FinetuneModel:
    """The settings of the training; those that no option sets are the paper's, or the pipeline's defaults.

    Raises:
        InputError: the rows cannot be split into equal steps, or a step into equal micro-batches.
    """
    if num_steps < 2:
        raise InputError(f"--steps {num_steps}: the first step is a warm-up, so at least 2 are needed")
    if num_rows % num_steps:
        raise InputError(f"--rows {num_rows} is not a multiple of --steps {num_steps}")
    batch_size = num_rows // num_steps
    if batch_size % min(micro_batch_size, batch_size):
        raise InputError(
            f"a step has {batch_size} rows (--rows over --steps), which --micro {micro_batch_size} does not divide"
        )
    return FinetuneModel(
        objective=objective,
        method=method,
        min_examples=1,
        optimizer=optimizer,
        scheduler="linear",
        warmup_share=0.05,
        batch_size=batch_size,
        micro_batch_size=min(micro_batch_size, batch_size),
        epochs=1.0,
        max_length=max_length,
        packing=False,
        save_steps=num_steps,
    )


def load_tokenizer(model: Path) -> Any:
    """The tokenizer of a model folder, with a chat template.

    Raises:
        InputError: the folder has no model with a tokenizer.
    """
    from transformers import AutoTokenizer

    if not (model / "config.json").exists():
        raise InputError(f"{model} has no model; run `dvc repro import_model`, or name a folder with --model")
    try:
        tokenizer = AutoTokenizer.from_pretrained(model)
    except (OSError, ValueError, KeyError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"the tokenizer in {model} cannot be loaded ({reason})") from error
    ensure_chat_template(tokenizer)
    return tokenizer


def make_job(
    model: Path,
    pairs: Path | None,
    settings: FinetuneModel,
    *,
    num_rows: int,
    num_held: int,
    seed: int,
    padding: Padding,
) -> Job:
    """Read the rows of a training.

    Raises:
        InputError: the objective is grpo, which has no peer; `max_length` padding with dpo, whose peer pads to the
            longest row; or as `load_tokenizer` and `load_workload`.
    """
    if settings.objective == "grpo":
        raise InputError("objective grpo generates most of the time and has no peer here; use sft or dpo")
    if settings.objective == "dpo" and padding == "max_length":
        raise InputError("--pad max_length works with --objective sft only: TRL's collator pads to the longest")
    tokenizer = load_tokenizer(model)
    workload = load_workload(
        settings.objective,
        pairs,
        tokenizer,
        num_rows=num_rows,
        num_held=num_held,
        max_length=settings.max_length,
        end_token=end_of_turn_token(tokenizer),
        seed=seed,
    )
    return Job(
        model=model,
        settings=settings,
        rows=workload.rows,
        held=workload.held,
        seed=seed,
        padding=padding,
        num_real=workload.num_real,
    )
