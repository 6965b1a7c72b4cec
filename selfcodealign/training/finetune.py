"""The fine-tuning itself: check, train, resume, save."""

import dataclasses
import logging
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from selfcodealign.errors import InputError, SelfCodeAlignError
from selfcodealign.models import quiet_transformers
from selfcodealign.training.checkpoints import last_whole_checkpoint
from selfcodealign.training.curve import LossPoint, epoch_losses, loss_curve
from selfcodealign.training.divergence import divergence_from_base
from selfcodealign.training.groups import check_some_varied, group_points
from selfcodealign.training.objectives import Pairs
from selfcodealign.training.plan import evaluation_steps
from selfcodealign.training.result import TrainingResult
from selfcodealign.training.rewards import reward_points
from selfcodealign.training.saving import WeightChange, library_versions, save_base, save_trained
from selfcodealign.training.scoring import BestWeights, Scorer, score_history
from selfcodealign.training.setup import Setup, Validation, set_up
from selfcodealign.training.trainer import Reward
from selfcodealign.training_params import FinetuneModel

HOLDOUT_LOSS = "holdout_loss"

logger = logging.getLogger(__name__)


def finetune_model(
    base: Path,
    pairs: Pairs,
    settings: FinetuneModel,
    *,
    seed: int,
    destination: Path,
    checkpoints: Path,
    validation: Validation | None = None,
    reward: Reward | None = None,
) -> TrainingResult:
    """Fine-tune a model on training pairs, with the loss on the answers only, and save the weights that score best.

    Objective `sft` imitates the answers of examples. Objective `dpo` raises the likelihood of the chosen answer of each
    preference pair against the rejected one's, both relative to the base model. Objective `grpo` samples answers to the
    tasks of examples, and makes those more likely that have a higher reward than the others to their task.

    One process on one device: a GPU if there is one, else the CPU. A killed run resumes from its last whole checkpoint
    when it is called again with the same `checkpoints`; the caller removes that folder when all is done.

    The model is scored before training, at the end of each epoch (or every `eval_steps`) and at the end. The weights
    with the best score are saved; if none scores better than the base model, the base model is saved. Without held-out
    pairs and a validation the last weights are.

    Args:
        base: the model folder to start from, with its card.
        pairs: what is trained on: `Example` rows for `settings.objective` sft and grpo, `Preference` rows for dpo.
        settings: hyper-parameters.
        seed: of the held-out pairs, data order, dropout and adapter initialization.
        destination: the model folder to make: safetensors, tokenizer with chat template, card, settings.
        checkpoints: folder for the checkpoints of exactly this training (`checkpoint_folder`).
        validation: makes the scorer from the held-out pairs, before the model is loaded; None: the held-out loss.
        reward: objective grpo: rewards sampled answers; TRL's signature, with the columns `tests` and `id`.

    Returns:
        Counts, losses, scores, which weights were saved, and one masked row for human readers.

    Raises:
        InputError: no pairs of the objective's kind, too few usable ones, a setting that contradicts the model, a wrong
            mask, a loss that is not finite, no memory or no space.

    Source: SelfCodeAlign (arXiv 2410.24198), section 3 and appendix: completion-only loss, Adafactor, linear decay. The
    reference keeps the last weights; early stopping on held-out data is the published cure for small data sets. DPO:
    Rafailov et al. 2023 (arXiv 2305.18290), with the likelihood term of Pang et al. 2024 (arXiv 2404.19733). GRPO:
    Shao et al. 2024 (arXiv 2402.03300), with the token-level loss of DAPO (arXiv 2503.14476), TRL's default.
    """
    if settings.objective == "dpo" and not pairs:
        raise InputError(
            "finetune_model.objective is dpo and there are no preference pairs: no task has a kept answer and a usable"
            " failing one; raise generate_responses.num_samples, or set objective: sft"
        )
    with quiet_transformers(), ExitStack() as stack:
        setup = set_up(base, pairs, settings, seed, checkpoints, validation, reward)
        trainer = setup.trainer
        scorer = setup.scorer or _holdout_loss(setup)
        best = _add_scoring(setup, scorer, settings.eval_steps, checkpoints) if scorer else None
        resume_from = last_whole_checkpoint(checkpoints)
        seconds = _train(trainer, resume_from, stack)
        kept_step = _restore_best(trainer, best)
        groups = group_points(trainer.state.log_history)
        if kept_step:
            check_some_varied(groups)
        divergence = _divergence(setup, base, settings) if kept_step else 0.0
        change = _save(setup, base, settings, seed, kept_step, destination)
    curve = loss_curve(trainer.state.log_history, trainer.steps_per_epoch)
    rewards = reward_points(trainer.state.log_history)
    num_pairs = [point.num_pairs for point in rewards if point.split == "train"] or None
    resumed_from_step = _step_of(resume_from)
    result = TrainingResult(
        num_examples=len(setup.rows),
        num_holdout=len(setup.held_out),
        dropped=setup.dropped,
        curve=curve,
        epoch_losses=epoch_losses(curve, trainer.steps_per_epoch, num_pairs),
        rewards=rewards,
        groups=groups,
        score_name=scorer.name if scorer else "",
        score_counts=dict(scorer.counts) if scorer else {},
        scores=score_history(trainer.state.log_history, scorer.name) if scorer else [],
        kept_step=kept_step,
        num_sequences=len(trainer.train_dataset),
        num_supervised_tokens=sum(row.num_supervised for row in setup.rows),
        num_steps=int(trainer.state.global_step),
        steps_per_epoch=trainer.steps_per_epoch,
        num_warmup=trainer.num_warmup,
        resumed_from_step=resumed_from_step,
        train_seconds=round(seconds, 2),
        tokens_per_second=round(_tokens_since(curve, resumed_from_step) / max(seconds, 1e-9), 1),
        masked_row=setup.masked_row,
        change=change,
        divergence=divergence,
        precision=setup.precision,
    )
    logger.info("finetune_model: %s", result.outcome)
    return result


def _holdout_loss(setup: Setup) -> Scorer | None:
    """The default scorer; None without held-out pairs, or for an objective without a loss on them."""
    if not setup.held_out or setup.objective.holdout_loss is None:
        return None
    loss = setup.objective.holdout_loss(setup.trainer, setup.held_out)
    return Scorer(name=HOLDOUT_LOSS, score=lambda model, tokenizer: loss())


def _add_scoring(setup: Setup, scorer: Scorer, eval_steps: int | None, checkpoints: Path) -> BestWeights:
    from selfcodealign.training.callback import ScoringCallback

    trainer = setup.trainer
    best = BestWeights(checkpoints, scorer)
    steps = evaluation_steps(len(trainer.plan), trainer.steps_per_epoch, eval_steps)
    trainer.add_callback(ScoringCallback(scorer, setup.tokenizer, best, steps))
    return best


def _restore_best(trainer: Any, best: BestWeights | None) -> int:
    """Put the best weights into the trainer's model; returns their step, 0 for the base model's."""
    last_step = int(trainer.state.global_step)
    if best is None or best.best is None:
        return last_step
    if best.best.step not in {0, last_step}:
        best.restore(trainer.model)
    return best.best.step


def _divergence(setup: Setup, base: Path, settings: FinetuneModel) -> float | None:
    rows = setup.objective.answers(setup.held_out)
    return divergence_from_base(setup.trainer.model, base, rows, settings, setup.precision)


def _save(
    setup: Setup, base: Path, settings: FinetuneModel, seed: int, kept_step: int, destination: Path
) -> WeightChange:
    resolved = _resolved(setup, settings, seed, kept_step)
    if kept_step == 0:
        return save_base(base, setup.card, resolved, destination)
    return save_trained(
        setup.trainer.model,
        setup.tokenizer,
        base=base,
        base_card=setup.card,
        settings=resolved,
        dtype=settings.save_dtype,
        end_token=setup.end_token,
        destination=destination,
    )


def _train(trainer: Any, resume_from: Path | None, stack: ExitStack) -> float:
    """Run the trainer; returns the seconds that it took."""
    import torch
    from safetensors import SafetensorError

    from selfcodealign.training.callback import ProgressCallback

    trainer.add_callback(ProgressCallback(stack))
    if resume_from is not None:
        logger.info("finetune_model: resuming from %s", resume_from.name)
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


def _resolved(setup: Setup, settings: FinetuneModel, seed: int, kept_step: int) -> dict[str, Any]:
    """Everything that was set or chosen, as it goes into `training_settings.json`."""
    trainer = setup.trainer
    return {
        **settings.model_dump(),
        "learning_rate": settings.peak_learning_rate,
        "seed": seed,
        "base": dataclasses.asdict(setup.card),
        "precision": dataclasses.asdict(setup.precision),
        "num_holdout": len(setup.held_out),
        "num_steps": len(trainer.plan),
        "steps_per_epoch": trainer.steps_per_epoch,
        "warmup_steps": trainer.num_warmup,
        "kept_step": kept_step,
        "end_of_turn_token": setup.end_token,
        "chat_template_added": setup.template_added,
        "libraries": library_versions(),
    }
