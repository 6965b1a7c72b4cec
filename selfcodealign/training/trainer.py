"""From our settings to TRL's: precision, hyper-parameters, adapters, the trainer itself."""

import logging
import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from selfcodealign.errors import InputError
from selfcodealign.training.plan import plan_steps, steps_per_epoch, warmup_steps
from selfcodealign.training.rows import PreferenceRow, TokenRow
from selfcodealign.training.task_rows import TaskRow
from selfcodealign.training_params import FinetuneModel

Reward = Callable[..., list[float | None]]
"""TRL's reward function: `prompts`, `completions` and the columns of the data set in, one reward per completion out."""

logger = logging.getLogger(__name__)


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
    """TRL's trainer over our rows: it packs, learns and writes checkpoints; the steps are those of `plan_steps`.

    Args:
        model: the base model.
        tokenizer: of the model; pads.
        rows: the pairs as tokens; TRL takes their labels as they are.
        settings: hyper-parameters.
        precision: of `choose_precision`.
        seed: of data order, dropout and adapter initialization.
        folder: for checkpoints.
    """
    from trl.trainer.sft_config import SFTConfig

    from selfcodealign.training.step_trainer import StepTrainer

    config = SFTConfig(
        **_common_arguments(settings, precision=precision, seed=seed, folder=folder),
        max_length=settings.max_length,
        packing=settings.packing,
    )
    use_one_gpu(config)
    trainer: Any = StepTrainer(
        model=model,
        args=config,
        train_dataset=_token_dataset([{"input_ids": row.input_ids, "labels": row.labels} for row in rows]),
        processing_class=tokenizer,
        peft_config=lora_adapters(settings),
    )
    return _planned(trainer, settings, precision=precision, seed=seed)


def build_preference_trainer(
    model: Any,
    tokenizer: Any,
    rows: Sequence[PreferenceRow],
    settings: FinetuneModel,
    *,
    precision: Precision,
    seed: int,
    folder: Path,
) -> Any:
    """TRL's trainer for preferences over our rows, with the model as it is now as its reference.

    The arguments are those of `build_trainer`.
    """
    from trl.trainer.dpo_config import DPOConfig

    from selfcodealign.training.preference_trainer import PreferenceTrainer, collator_rows

    config = DPOConfig(
        **_common_arguments(settings, precision=precision, seed=seed, folder=folder),
        max_length=settings.max_length,
        beta=settings.dpo_beta,
        precompute_ref_log_probs=True,  # no second model in memory
        disable_dropout=False,  # it is set on the model already, 0 by default
    )
    use_one_gpu(config)
    trainer: Any = PreferenceTrainer(
        model=model,
        args=config,
        train_dataset=_token_dataset(collator_rows(rows)),
        processing_class=tokenizer,
        peft_config=lora_adapters(settings),
    )
    _planned(trainer, settings, precision=precision, seed=seed).take_reference(settings.dpo_nll_weight)
    return trainer


def build_group_trainer(
    model: Any,
    tokenizer: Any,
    rows: Sequence[TaskRow],
    settings: FinetuneModel,
    *,
    precision: Precision,
    seed: int,
    folder: Path,
    reward: Reward,
    end_token: int,
) -> Any:
    """TRL's trainer for GRPO over our tasks; the loss and the scaling of the rewards are its defaults.

    The arguments are those of `build_trainer`, and `reward`, of an answer, from 0 to 1, which gets the columns `tests`
    and `id`; and `end_token`, the id of the token that ends a turn.
    """
    from datasets import Dataset

    with warnings.catch_warnings():
        # TRL imports vLLM, which is not used here, and warns about versions that it was not tested with.
        warnings.simplefilter("ignore", UserWarning)
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
        from trl.trainer.grpo_config import GRPOConfig

        from selfcodealign.training.group_trainer import GroupTrainer

    arguments = _common_arguments(settings, precision=precision, seed=seed, folder=folder)
    arguments["per_device_train_batch_size"] *= settings.grpo_samples  # TRL counts answers, we count tasks
    config = GRPOConfig(
        **arguments,
        num_generations=settings.grpo_samples,
        max_completion_length=settings.grpo_max_new_tokens,
        temperature=settings.grpo_temperature,
        beta=settings.grpo_beta,
    )
    use_one_gpu(config)
    trainer: Any = GroupTrainer(
        model=model,
        reward_funcs=reward,
        args=config,
        train_dataset=Dataset.from_list([{"id": row.id, "prompt": row.prompt, "tests": row.tests} for row in rows]),
        processing_class=tokenizer,
        peft_config=lora_adapters(settings),
    )
    trainer.end_token = end_token
    return _planned(trainer, settings, precision=precision, seed=seed)


def _token_dataset(rows: list[dict[str, list[int]]]) -> Any:
    from datasets import Dataset, Features, List, Value

    return Dataset.from_list(rows, features=Features({name: List(Value("int32")) for name in rows[0]}))


def _planned(trainer: Any, settings: FinetuneModel, *, precision: Precision, seed: int) -> Any:
    """The trainer with its steps planned, its adapters fused on a CPU, and without transformers' own progress lines."""
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)
    if settings.method == "lora" and precision.device == "cpu":
        from selfcodealign.training.fused_adapters import fuse_adapters

        fuse_adapters(trainer.model)
    num_rows = len(trainer.train_dataset)
    plan = plan_steps(num_rows, settings.batch_size, settings.epochs, seed)
    trainer.plan_training(
        plan,
        steps_per_epoch=steps_per_epoch(num_rows, settings.batch_size),
        num_warmup=warmup_steps(len(plan), settings.warmup_share),
        scheduler=settings.scheduler,
        micro_batch_size=settings.micro_batch_size,
        is_autocast=precision.is_autocast,
    )
    return trainer


def _common_arguments(settings: FinetuneModel, *, precision: Precision, seed: int, folder: Path) -> dict[str, Any]:
    """The settings that all of TRL's trainers take."""
    return dict(
        output_dir=str(folder),
        per_device_train_batch_size=settings.batch_size,
        num_train_epochs=1,  # the plan has the steps of all epochs
        learning_rate=settings.peak_learning_rate,
        optim=settings.optimizer,
        max_grad_norm=max(settings.max_grad_norm or 0.0, 0.0),
        gradient_checkpointing=settings.gradient_checkpointing,
        use_cpu=precision.device == "cpu",
        bf16=False,  # PlannedSteps casts by itself
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


def use_one_gpu(config: Any) -> None:
    """Restrict a trainer's settings to the first of several visible GPUs, and say so.

    Transformers would wrap the model in `nn.DataParallel`, which multiplies the batch by the number of GPUs.
    """
    if config.n_gpu > 1:
        logger.warning(
            "%d GPUs are visible; training uses the first one, because more would multiply finetune_model.batch_size",
            config.n_gpu,
        )
        config._n_gpu = 1  # as transformers' Trainer itself does for a model that is split over devices


def lora_adapters(settings: FinetuneModel) -> Any:
    """The settings of the adapters for peft; None for full fine-tuning."""
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
