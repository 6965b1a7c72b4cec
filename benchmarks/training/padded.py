"""The peers: transformers' Trainer as the reference uses it, and TRL's DPOTrainer.

Both pad each micro-batch to its longest row, in the order of the plan. The Trainer computes logits for every position
in the model's own forward pass. Rows, order, precision, optimizer, rates and adapters are those of ours.
"""

from pathlib import Path
from typing import Any

from torch.optim.lr_scheduler import LambdaLR

from benchmarks.training.job import Job
from selfcodealign.training import PreferenceRow, TokenRow
from selfcodealign.training.plan import rate_factor, warmup_steps
from selfcodealign.training.trainer import Precision, lora_adapters, use_one_gpu
from selfcodealign.training_params import FinetuneModel


def build_padded_trainer(model: Any, tokenizer: Any, job: Job, precision: Precision, folder: Path) -> Any:
    """Transformers' own Trainer over the rows of a job.

    Source: the reference implementation of SelfCodeAlign (arXiv 2410.24198), which trains with this class and a
    collator that pads to the longest row, or to the greatest length.
    """
    from datasets import Dataset
    from transformers import DataCollatorForSeq2Seq, Trainer, TrainingArguments

    config = TrainingArguments(**_arguments(job, precision, folder))
    use_one_gpu(config)
    adapters = lora_adapters(job.settings)
    if adapters is not None:
        from peft import get_peft_model

        model = get_peft_model(model, adapters)
    rows = [job.rows[index] for step in job.plan for index in step]
    trainer: Any = Trainer(
        model=model,
        args=config,
        train_dataset=Dataset.from_list(
            [{"input_ids": row.input_ids, "labels": row.labels} for row in rows if isinstance(row, TokenRow)]
        ),
        data_collator=DataCollatorForSeq2Seq(
            tokenizer, padding=True if job.padding == "longest" else "max_length", max_length=job.settings.max_length
        ),
    )
    return _with_rates(trainer, len(job.plan), job.settings)


def build_padded_preference_trainer(model: Any, tokenizer: Any, job: Job, precision: Precision, folder: Path) -> Any:
    """TRL's own DPOTrainer over the rows of a job; only its tokenization is left out, since the rows are tokens."""
    from datasets import Dataset
    from trl.trainer.dpo_config import DPOConfig
    from trl.trainer.dpo_trainer import DPOTrainer

    from selfcodealign.training.preference_trainer import collator_rows

    class TokenDPOTrainer(DPOTrainer):
        def _prepare_dataset(self, dataset: Any, *args: Any, **kwargs: Any) -> Any:
            return dataset

    settings = job.settings
    config = DPOConfig(
        **_arguments(job, precision, folder),
        max_length=settings.max_length,
        beta=settings.dpo_beta,
        loss_type=["sigmoid", "sft"],
        loss_weights=[1.0, settings.dpo_nll_weight],
        precompute_ref_log_probs=True,
        disable_dropout=False,
    )
    use_one_gpu(config)
    rows = [job.rows[index] for step in job.plan for index in step]
    trainer: Any = TokenDPOTrainer(
        model=model,
        args=config,
        train_dataset=Dataset.from_list(collator_rows([row for row in rows if isinstance(row, PreferenceRow)])),
        processing_class=tokenizer,
        peft_config=lora_adapters(settings),
    )
    return _with_rates(trainer, len(job.plan), settings)


def _arguments(job: Job, precision: Precision, folder: Path) -> dict[str, Any]:
    settings = job.settings
    return dict(
        output_dir=str(folder),
        per_device_train_batch_size=settings.micro_batch_size,
        gradient_accumulation_steps=settings.batch_size // settings.micro_batch_size,
        num_train_epochs=1,
        learning_rate=settings.peak_learning_rate,
        optim=settings.optimizer,
        max_grad_norm=max(settings.max_grad_norm or 0.0, 0.0),
        gradient_checkpointing=settings.gradient_checkpointing,
        use_cpu=precision.device == "cpu",
        bf16=precision.is_autocast,
        seed=job.seed,
        train_sampling_strategy="sequential",  # the rows are in the order of the plan
        save_strategy="no",
        logging_steps=1,
        disable_tqdm=True,
        report_to="none",
        dataloader_pin_memory=precision.device == "cuda",
    )


def _with_rates(trainer: Any, num_steps: int, settings: FinetuneModel) -> Any:
    """The trainer with the learning rates of ours; transformers' warm-up starts at 0."""
    num_warmup = warmup_steps(num_steps, settings.warmup_share)
    trainer.create_optimizer()
    trainer.lr_scheduler = LambdaLR(
        trainer.optimizer,
        lambda step: rate_factor(step, num_steps=num_steps, num_warmup=num_warmup, scheduler=settings.scheduler),
    )
    return trainer
