"""From our settings to TRL's: precision, hyper-parameters, adapters, the trainer itself."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from selfcodealign.errors import InputError
from selfcodealign.params import FinetuneModel
from selfcodealign.training.rows import TokenRow

SCHEDULERS = {"linear": "linear", "cosine": "cosine", "constant": "constant_with_warmup"}


@dataclass(frozen=True, slots=True)
class Precision:
    """How numbers are held while training.

    Attributes:
        device: cuda or cpu.
        weights: dtype in which the model is loaded.
        is_autocast: matrix products run in bfloat16.
    """

    device: Literal["cuda", "cpu"]
    weights: Literal["float32", "bfloat16"]
    is_autocast: bool


def choose_precision(method: Literal["full", "lora"]) -> Precision:
    """The precision that learns, on the device that is there.

    Weights that are trained are float32. bfloat16 keeps 8 bits of a number: at a weight of 0.02 its steps are 1.2e-4,
    so that an update of 1e-5 is rounded away, and training at the paper's rate would change next to nothing. The frozen
    weights under LoRA take no updates and stay in bfloat16 on a GPU; the adapters are float32 either way.

    A CPU casts only where it multiplies bfloat16 in hardware (AMX, AVX512-BF16): elsewhere such products are emulated.
    A layer of the 0.5B model (400 x 896 x 4864) took 136 ms a core in bfloat16 on AVX-512 alone, 32 ms in float32.
    """
    import torch

    if torch.cuda.is_available():
        return Precision("cuda", "bfloat16" if method == "lora" else "float32", is_autocast=True)
    return Precision("cpu", "float32", is_autocast=_has_bf16_instructions())


def _has_bf16_instructions() -> bool:
    """Whether this CPU multiplies bfloat16 in hardware."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:  # no Linux: assume the slower machine
        return False
    return "amx_bf16" in flags or "avx512_bf16" in flags


def load_model(folder: Path, settings: FinetuneModel, precision: Precision) -> Any:
    """Load the base model for training, with its dropout set.

    Raises:
        InputError: the folder holds no model that transformers can load.
    """
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        config = AutoConfig.from_pretrained(folder)
        for key, value in config.to_dict().items():
            # attention_dropout, residual_dropout (StarCoder2), attn_pdrop (GPT-2) ...: some base models ship with 0.1
            if ("dropout" in key or key.endswith("_pdrop")) and isinstance(value, int | float):
                setattr(config, key, settings.dropout)
        return AutoModelForCausalLM.from_pretrained(folder, config=config, dtype=precision.weights)
    except (OSError, ValueError, KeyError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{folder} cannot be loaded for training ({reason}); remake it with `dvc repro`") from error


def build_trainer(
    model: Any,
    tokenizer: Any,
    rows: Sequence[TokenRow],
    settings: FinetuneModel,
    *,
    precision: Precision,
    seed: int,
    folder: Path,
) -> Any:
    """TRL's trainer over our rows: it packs, batches, learns and writes checkpoints.

    Args:
        model: the base model.
        tokenizer: of the model; pads.
        rows: the pairs as tokens; TRL takes their labels as they are.
        settings: hyper-parameters.
        precision: of `choose_precision`.
        seed: of data order, dropout and adapter initialisation.
        folder: for checkpoints.

    Raises:
        InputError: batch_size is no multiple of micro_batch_size, or warmup_share is 1.
    """
    from datasets import Dataset, Features, List, Value
    from transformers import PrinterCallback
    from trl.trainer.sft_trainer import SFTTrainer

    config = _sft_config(settings, precision=precision, seed=seed, folder=folder)
    tokens = List(Value("int32"))
    columns = {"input_ids": [row.input_ids for row in rows], "labels": [row.labels for row in rows]}
    trainer = SFTTrainer(
        model=model,
        args=config,
        train_dataset=Dataset.from_dict(columns, features=Features({"input_ids": tokens, "labels": tokens})),
        processing_class=tokenizer,
        peft_config=_adapters(settings),
    )
    trainer.remove_callback(PrinterCallback)
    # A share of less than one step is no warm-up: transformers would round it up, and learn nothing in the first step
    trainer.args.warmup_steps = int(num_optimizer_steps(trainer) * settings.warmup_share)
    return trainer


def num_optimizer_steps(trainer: Any) -> int:
    """Optimizer steps of the whole training; the last step of an epoch may have a smaller batch."""
    batches = len(trainer.get_train_dataloader())
    accumulation: int = trainer.args.gradient_accumulation_steps
    epochs: float = trainer.args.num_train_epochs
    return math.ceil(max(math.ceil(batches / accumulation), 1) * epochs)


def _sft_config(settings: FinetuneModel, *, precision: Precision, seed: int, folder: Path) -> Any:
    from trl.trainer.sft_config import SFTConfig

    if settings.batch_size % settings.micro_batch_size:
        raise InputError(
            f"finetune_model.batch_size = {settings.batch_size} is no multiple of micro_batch_size ="
            f" {settings.micro_batch_size}; change one of them"
        )
    if settings.warmup_share >= 1.0:
        raise InputError("finetune_model.warmup_share = 1.0 leaves no step at the full rate; choose less than 1")
    return SFTConfig(
        output_dir=str(folder),
        per_device_train_batch_size=settings.micro_batch_size,
        gradient_accumulation_steps=settings.batch_size // settings.micro_batch_size,
        num_train_epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        optim=settings.optimizer,
        lr_scheduler_type=SCHEDULERS[settings.scheduler],
        max_length=settings.max_length,
        packing=settings.packing,
        gradient_checkpointing=settings.gradient_checkpointing,
        use_cpu=precision.device == "cpu",
        bf16=precision.is_autocast,
        seed=seed,
        data_seed=seed,
        save_strategy="steps",
        save_steps=settings.save_steps,
        save_total_limit=1,  # the earlier one goes only after the newer one is whole
        logging_steps=1,
        logging_nan_inf_filter=False,
        disable_tqdm=True,
        report_to="none",
        dataloader_pin_memory=precision.device == "cuda",
    )


def _adapters(settings: FinetuneModel) -> Any:
    if settings.method == "full":
        return None
    from peft import LoraConfig

    return LoraConfig(
        r=settings.lora_rank,
        lora_alpha=2 * settings.lora_rank,
        lora_dropout=settings.dropout,
        target_modules="all-linear",  # the attention and MLP projections; never the output layer
        task_type="CAUSAL_LM",
    )
