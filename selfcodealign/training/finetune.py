"""The fine-tuning itself: check, train, resume, save."""

import dataclasses
import logging
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfcodealign.errors import InputError, SelfCodeAlignError
from selfcodealign.models import (
    ModelCard,
    end_of_turn_token,
    ensure_chat_template,
    quiet_transformers,
    read_card,
)
from selfcodealign.params import FinetuneModel
from selfcodealign.records import Dropped, Example
from selfcodealign.training.checkpoints import last_whole_checkpoint
from selfcodealign.training.curve import LossPoint, loss_curve
from selfcodealign.training.preflight import check_prepared_rows
from selfcodealign.training.rows import TokenRow, tokenise_examples
from selfcodealign.training.saving import library_versions, save_aligned
from selfcodealign.training.trainer import Precision, build_trainer, choose_precision, load_model

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingResult:
    """What a training did.

    Attributes:
        num_examples: pairs trained on.
        dropped: pairs that were not, each with its reason.
        curve: one point an optimizer step, those before a restart included.
        num_sequences: rows of the training set after packing.
        num_supervised_tokens: tokens that the loss sees in one pass over the data.
        num_steps: optimizer steps in all.
        resumed_from_step: the step of the checkpoint that this run went on from; 0 if from none.
        train_seconds: wall time of the steps of this run.
        tokens_per_second: prompt and answer tokens read a second in this run; 0 if no step was left to do.
        masked_row: one row as text, what the loss sees between `<<` and `>>`.
        share_weights_changed: share of weights that differ from the base model's in bfloat16.
        precision: device and number formats.
    """

    num_examples: int
    dropped: list[Dropped]
    curve: list[LossPoint]
    num_sequences: int
    num_supervised_tokens: int
    num_steps: int
    resumed_from_step: int
    train_seconds: float
    tokens_per_second: float
    masked_row: str
    share_weights_changed: float
    precision: Precision


def finetune_model(
    base: Path,
    examples: Sequence[Example],
    settings: FinetuneModel,
    *,
    seed: int,
    destination: Path,
    checkpoints: Path,
) -> TrainingResult:
    """Fine-tune a model on training pairs, with the loss on the answers only.

    One process on one device: a GPU if there is one, else the CPU. A run that was killed goes on from its last whole
    checkpoint when it is called again with the same `checkpoints`; the caller removes that folder when all is done.

    Args:
        base: the model folder to start from, with its card.
        examples: the training pairs.
        settings: hyper-parameters.
        seed: of data order, dropout and adapter initialisation.
        destination: the model folder to make: bf16 safetensors, tokenizer with chat template, card, settings.
        checkpoints: folder for the checkpoints of exactly this training (`checkpoint_folder`).

    Returns:
        Counts, the loss curve, and one masked row for people.

    Raises:
        InputError: too few usable pairs, settings that contradict each other or the model, a wrong mask, a loss that is
            not finite, no memory or no space.

    Source: SelfCodeAlign (arXiv 2410.24198), section 3 and appendix: completion-only loss, Adafactor, linear decay.
    """
    card = read_card(base)
    if card.context_length and settings.max_length > card.context_length:
        raise InputError(
            f"finetune_model.max_length = {settings.max_length} is over the {card.context_length} tokens that"
            f" {card.name} can attend to; lower it"
        )
    with quiet_transformers(), ExitStack() as stack:
        tokenizer, end_token, template_added = _load_tokenizer(base)
        rows, dropped = tokenise_examples(examples, tokenizer, max_length=settings.max_length, end_token=end_token)
        _check_enough(rows, dropped, settings.min_examples)
        precision = choose_precision(settings.method)
        model = load_model(base, settings, precision)
        trainer = build_trainer(model, tokenizer, rows, settings, precision=precision, seed=seed, folder=checkpoints)
        masked_row = check_prepared_rows(trainer.train_dataset, rows, tokenizer, end_token=end_token)
        resume_from = last_whole_checkpoint(checkpoints)
        seconds = _train(trainer, resume_from, stack)
        curve = loss_curve(trainer.state.log_history)
        resumed_from_step = _step_of(resume_from)
        changed = save_aligned(
            trainer.model,
            tokenizer,
            base=base,
            base_card=card,
            settings=_resolved(settings, card, precision, seed, trainer, end_token, template_added),
            end_token=end_token,
            destination=destination,
        )
    return TrainingResult(
        num_examples=len(rows),
        dropped=dropped,
        curve=curve,
        num_sequences=len(trainer.train_dataset),
        num_supervised_tokens=sum(row.num_supervised for row in rows),
        num_steps=int(trainer.state.global_step),
        resumed_from_step=resumed_from_step,
        train_seconds=round(seconds, 2),
        tokens_per_second=round(_tokens_since(curve, resumed_from_step) / max(seconds, 1e-9), 1),
        masked_row=masked_row,
        share_weights_changed=round(changed, 6),
        precision=precision,
    )


def _load_tokenizer(base: Path) -> tuple[Any, int, bool]:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base)
    template_added = ensure_chat_template(tokenizer)
    return tokenizer, end_of_turn_token(tokenizer), template_added


def _check_enough(rows: Sequence[TokenRow], dropped: Sequence[Dropped], min_examples: int) -> None:
    if len(rows) >= min_examples:
        return
    counts = Counter(row.reason for row in dropped)
    reasons = "".join(f"; {count} {reason}" for reason, count in sorted(counts.items()))
    raise InputError(
        f"{len(rows)} usable training pairs (of {len(rows) + len(dropped)}{reasons}) are fewer than"
        f" finetune_model.min_examples = {min_examples}; take more seeds (filter_seeds.max_seeds) or samples"
        " (generate_responses.num_samples)"
    )


def _train(trainer: Any, resume_from: Path | None, stack: ExitStack) -> float:
    """Run the trainer; returns the seconds that it took."""
    import torch
    from safetensors import SafetensorError

    from selfcodealign.training.callback import ProgressCallback

    trainer.add_callback(ProgressCallback(stack))
    if resume_from is not None:
        logger.info("finetune_model: going on from %s", resume_from.name)
    started = time.monotonic()
    try:
        trainer.train(resume_from_checkpoint=str(resume_from) if resume_from else None)
    except torch.OutOfMemoryError as error:
        raise InputError(
            "out of GPU memory; lower finetune_model.micro_batch_size, set gradient_checkpointing, or method: lora"
        ) from error
    except SelfCodeAlignError:
        raise
    except (OSError, SafetensorError) as error:
        raise InputError(
            f"cannot write or read the checkpoints in {trainer.args.output_dir} ({error}); free some space"
        ) from error
    return time.monotonic() - started


def _step_of(checkpoint: Path | None) -> int:
    return int(checkpoint.name.rpartition("-")[2]) if checkpoint else 0


def _tokens_since(curve: Sequence[LossPoint], step: int) -> int:
    before = max((point.tokens for point in curve if point.step <= step), default=0)
    return (curve[-1].tokens if curve else 0) - before


def _resolved(
    settings: FinetuneModel,
    card: ModelCard,
    precision: Precision,
    seed: int,
    trainer: Any,
    end_token: int,
    template_added: bool,
) -> dict[str, Any]:
    """Everything that was set or chosen, as it goes into `training_settings.json`."""
    return {
        **settings.model_dump(),
        "seed": seed,
        "base": dataclasses.asdict(card),
        "precision": dataclasses.asdict(precision),
        "gradient_accumulation_steps": trainer.args.gradient_accumulation_steps,
        "num_steps": int(trainer.state.max_steps),
        "warmup_steps": int(trainer.args.warmup_steps),
        "end_of_turn_token": end_token,
        "chat_template_added": template_added,
        "libraries": library_versions(),
    }
