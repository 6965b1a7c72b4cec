"""Stage finetune_model: train the model on the selected pairs."""

import csv
import dataclasses
import io
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from selfcodealign.files import replaced_folder, write_text
from selfcodealign.models import ModelCard, hidden_size, read_card
from selfcodealign.params import Params, load_params
from selfcodealign.records import Dropped, Example, Preference, read_rows, write_rows
from selfcodealign.requirements import (
    check_memory,
    check_space,
    dvc_copies,
    has_cpu_build,
    training_memory,
    training_writes,
)
from selfcodealign.sandbox import CodeReward, prepare_sandbox, sandbox_settings
from selfcodealign.stage import StageRun, cache_folder, repository_folder, run_stage, stage_run
from selfcodealign.training import (
    DropReason,
    GroupPoint,
    LossPoint,
    RewardPoint,
    ScorePoint,
    TrainingResult,
    Validation,
    checkpoint_folder,
    finetune_model,
    mean_groups,
    mean_rewards,
    pass_rate_scorer,
    suites_by_task,
)
from selfcodealign.training_params import FinetuneModel

NAME = "finetune_model"


def main(
    params_path: Annotated[Path, typer.Option("--params", help="params file")] = Path("params.yaml"),
    base: Annotated[Path, typer.Option(help="model folder to start from")] = Path("models/base"),
    examples: Annotated[
        Path, typer.Option(help="training pairs, for sft and grpo; their tests, for executed validation")
    ] = Path("data/select_examples/examples.parquet"),
    preferences: Annotated[Path, typer.Option(help="preference pairs, for objective dpo")] = Path(
        "data/select_examples/preferences.parquet"
    ),
    out: Annotated[Path, typer.Option(help="trained model: safetensors, tokenizer, chat template, card")] = Path(
        "models/aligned"
    ),
    data: Annotated[
        Path,
        typer.Option(help="folder for loss.csv, scores.csv, rewards.csv (dpo, grpo), masked_row.txt, dropped.parquet"),
    ] = Path("data/finetune_model"),
    metrics: Annotated[Path, typer.Option(help="metrics of the stage")] = Path("metrics/finetune_model.json"),
    cache: Annotated[Path | None, typer.Option(help="folder for checkpoints; default: .cache")] = None,
) -> None:
    """Fine-tune the model with TRL, loss on the answers only (params: finetune_model, seed, sandbox).

    Before training it checks the masks of every row: the end of the turn is learned, the prompt is not, no token is
    lost. A killed run resumes from its last checkpoint. masked_row.txt shows one row as the loss sees it.

    A share of the pairs is held out (holdout_share). The weights with the best score on them are saved: those of some
    step, or the base model's if no step improves it. The metrics and the last log line say which were kept. The score
    is the loss, or, with validation executed, the share of sampled answers that pass their task's tests in the sandbox.

    With objective dpo it trains on preference pairs: a passing and a failing answer of the same task. With objective
    grpo it samples answers to the tasks of the training pairs, and the sandbox rewards those that pass their tests.
    """
    params = load_params(params_path)
    settings = params.finetune_model
    is_dpo = settings.objective == "dpo"
    pairs = read_rows(preferences, Preference) if is_dpo else read_rows(examples, Example)
    card = read_card(base)
    seed = params.seed if settings.seed is None else settings.seed
    checkpoints = checkpoint_folder(cache or cache_folder(), card, pairs, settings, seed)
    _check_machine(params, base, card, out=out, checkpoints=checkpoints)
    # The sandbox opens at the first answer: without executed validation and grpo, never.
    with stage_run(NAME, metrics) as run, CodeReward(sandbox_settings(params.sandbox), mode="share") as reward:
        result = finetune_model(
            base,
            pairs,
            settings,
            seed=seed,
            destination=out,
            checkpoints=checkpoints,
            validation=_executed_validation(examples, reward.in_mode("strict"), settings, seed),
            reward=reward,
        )
        with replaced_folder(data) as folder:
            write_text(folder / "loss.csv", _csv(LossPoint, result.curve))
            write_text(folder / "scores.csv", _csv(ScorePoint, result.scores))
            if is_dpo:
                write_text(folder / "rewards.csv", _csv(RewardPoint, result.rewards))
            if result.groups:
                write_text(folder / "rewards.csv", _csv(GroupPoint, result.groups))
            write_text(folder / "masked_row.txt", result.masked_row + "\n")
            write_rows(folder / "dropped.parquet", result.dropped, Dropped)
        run.record(objective=settings.objective)
        _record(run, result, rows_in=len(pairs))
        if is_dpo:
            run.record(rewards=_rewards(result))
        if result.groups:
            run.record(groups=_groups(result))
    shutil.rmtree(checkpoints, ignore_errors=True)


def _check_machine(params: Params, base: Path, card: ModelCard, *, out: Path, checkpoints: Path) -> None:
    """Refuse, before the model is loaded, what would fail at the first checkpoint, the first answer or by a kill."""
    settings = params.finetune_model
    width = hidden_size(base)
    if has_cpu_build("torch"):
        check_memory(
            training_memory(card.parameters, width, settings),
            who=NAME,
            fix="set finetune_model.method: lora" if settings.method == "full" else "take a smaller model",
        )
    writes = training_writes(card.parameters, width, settings, out=out, checkpoints=checkpoints)
    outputs = [write for write in writes if write.folder == out]
    check_space([*writes, *dvc_copies(outputs, repository_folder())], who=NAME)
    if settings.runs_answers:
        prepare_sandbox(sandbox_settings(params.sandbox))


def _executed_validation(examples: Path, judge: CodeReward, settings: FinetuneModel, seed: int) -> Validation | None:
    """Makes a scorer that runs answers to held-out tasks with the tests of their examples; None for validation loss."""
    if settings.validation == "loss":
        return None
    suites = suites_by_task(read_rows(examples, Example))
    return lambda held_out: pass_rate_scorer(held_out, suites, judge, settings, seed)


def _rewards(result: TrainingResult) -> dict[str, dict[str, float]]:
    """Rewards at the end: accuracy, margin and changes of log-probability, as means over pairs."""
    return {
        "train_last_epoch": mean_rewards(result.last_epoch_rewards),
        "holdout_last": mean_rewards(result.holdout_rewards_at(result.num_steps)),
        "holdout_kept": mean_rewards(result.holdout_rewards_at(result.kept_step)),
    }


def _groups(result: TrainingResult) -> dict[str, dict[str, float]]:
    """Rewards and lengths of the sampled answers at the start and at the end of the training."""
    size = result.steps_per_epoch
    return {"first_epoch": mean_groups(result.groups[:size]), "last_epoch": mean_groups(result.groups[-size:])}


Point = LossPoint | ScorePoint | RewardPoint | GroupPoint


def _csv(record: type[Point], points: Sequence[Point]) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, [spec.name for spec in dataclasses.fields(record)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(dataclasses.asdict(point) for point in points)
    return buffer.getvalue()


def _record(run: StageRun, result: TrainingResult, *, rows_in: int) -> None:
    counts = Counter(row.reason for row in result.dropped)
    run.rows(
        rows_in=rows_in,
        rows_out=result.num_examples + result.num_holdout,
        dropped={reason.value: counts[reason.value] for reason in DropReason},
    )
    run.record(
        num_train=result.num_examples,
        num_holdout=result.num_holdout,
        kept=result.kept,
        score=result.score_name,
        score_counts=result.score_counts,
        score_base=result.score_at(0),
        score_last=result.score_at(result.num_steps),
        score_kept=result.score_at(result.kept_step),
        train_loss=[round(loss, 6) for loss in result.epoch_losses],
        num_steps=result.num_steps,
        num_warmup_steps=result.num_warmup,
        resumed_from_step=result.resumed_from_step,
        num_sequences=result.num_sequences,
        num_supervised_tokens=result.num_supervised_tokens,
        tokens=result.curve[-1].tokens,
        tokens_per_second=result.tokens_per_second,
        train_seconds=result.train_seconds,
        share_weights_changed=result.change.saved,
        share_weights_changed_in_bfloat16=result.change.bfloat16,
        kl_from_base=None if result.divergence is None else round(result.divergence, 6),
        precision=dataclasses.asdict(result.precision),
    )


if __name__ == "__main__":
    run_stage(main)
