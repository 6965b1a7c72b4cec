"""What differs between the objectives of a training: its rows, its trainer, its checks and its held-out loss."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from selfcodealign.errors import InputError
from selfcodealign.params import FinetuneModel
from selfcodealign.records import Dropped, Example, Preference
from selfcodealign.training.preflight import check_prepared_rows
from selfcodealign.training.rows import IGNORED, PreferenceRow, TokenRow, tokenise_examples, tokenise_preferences
from selfcodealign.training.trainer import Precision, build_preference_trainer, build_trainer

Pairs = Sequence[Example] | Sequence[Preference]


class Objective(Protocol):
    """One objective, for rows of its own kind."""

    def tokenise(
        self, pairs: Pairs, tokenizer: Any, *, max_length: int, end_token: int
    ) -> tuple[list[Any], list[Dropped]]:
        """The usable pairs as tokens, and the dropped ones with their reasons.

        Raises:
            InputError: the pairs are not of the kind that the objective trains on, or there are none.
        """

    def build_trainer(
        self,
        model: Any,
        tokenizer: Any,
        rows: Sequence[Any],
        settings: FinetuneModel,
        *,
        precision: Precision,
        seed: int,
        folder: Path,
    ) -> Any:
        """A trainer over the rows, with its steps planned."""

    def check(self, trainer: Any, rows: Sequence[Any], tokenizer: Any, *, end_token: int) -> str:
        """Check what the loss will see; returns a row as text, with that part between `<<` and `>>`."""

    def holdout_loss(self, trainer: Any, held_out: Sequence[Any]) -> Callable[[], float]:
        """What computes the loss on held-out rows; called before training and after some steps."""


class SupervisedObjective:
    """`sft`: the loss is that of the selected answers."""

    def tokenise(
        self, pairs: Pairs, tokenizer: Any, *, max_length: int, end_token: int
    ) -> tuple[list[TokenRow], list[Dropped]]:
        """The usable examples as tokens, and the dropped ones."""
        examples = [pair for pair in pairs if isinstance(pair, Example)]
        if len(examples) != len(pairs):
            raise InputError("finetune_model.objective is sft, which trains on examples and not on preference pairs")
        return tokenise_examples(examples, tokenizer, max_length=max_length, end_token=end_token)

    def build_trainer(
        self,
        model: Any,
        tokenizer: Any,
        rows: Sequence[TokenRow],
        settings: FinetuneModel,
        *,
        precision: Precision,
        seed: int,
        folder: Path,
    ) -> Any:
        """TRL's SFTTrainer with planned steps."""
        return build_trainer(model, tokenizer, rows, settings, precision=precision, seed=seed, folder=folder)

    def check(self, trainer: Any, rows: Sequence[TokenRow], tokenizer: Any, *, end_token: int) -> str:
        """Check the masks of all rows."""
        return check_prepared_rows(trainer.train_dataset, rows, tokenizer, end_token=end_token)

    def holdout_loss(self, trainer: Any, held_out: Sequence[TokenRow]) -> Callable[[], float]:
        """The mean over all supervised tokens of the rows."""
        rows = [{"input_ids": row.input_ids, "labels": row.labels} for row in held_out]
        return lambda: float(trainer.mean_loss(rows))


class PreferenceObjective:
    """`dpo`: passing answers are preferred to failing ones of the same task."""

    def tokenise(
        self, pairs: Pairs, tokenizer: Any, *, max_length: int, end_token: int
    ) -> tuple[list[PreferenceRow], list[Dropped]]:
        """The usable preference pairs as tokens, and the dropped ones."""
        preferences = [pair for pair in pairs if isinstance(pair, Preference)]
        if len(preferences) != len(pairs):
            raise InputError("finetune_model.objective is dpo, which trains on preference pairs and not on examples")
        return tokenise_preferences(preferences, tokenizer, max_length=max_length, end_token=end_token)

    def build_trainer(
        self,
        model: Any,
        tokenizer: Any,
        rows: Sequence[PreferenceRow],
        settings: FinetuneModel,
        *,
        precision: Precision,
        seed: int,
        folder: Path,
    ) -> Any:
        """TRL's DPOTrainer with planned steps; the model as it is now is the reference."""
        trainer = build_preference_trainer(
            model, tokenizer, rows, settings, precision=precision, seed=seed, folder=folder
        )
        trainer.take_reference(settings.dpo_nll_weight)
        return trainer

    def check(self, trainer: Any, rows: Sequence[PreferenceRow], tokenizer: Any, *, end_token: int) -> str:
        """Check the masks of both sides, as TRL's collator makes them."""
        batches = [trainer.data_collator([row]) for row in trainer.train_dataset]
        shown = []
        for side, given in enumerate(([row.chosen for row in rows], [row.rejected for row in rows])):
            prepared = [_sequence(batch, side) for batch in batches]
            shown.append(check_prepared_rows(prepared, given, tokenizer, end_token=end_token))
        return f"chosen:\n{shown[0]}\n\nrejected:\n{shown[1]}"

    def holdout_loss(self, trainer: Any, held_out: Sequence[PreferenceRow]) -> Callable[[], float]:
        """The training's loss over all held-out pairs; their rewards go into the trainer's log."""
        from selfcodealign.training.preference_trainer import collator_rows

        rows = trainer.with_reference(collator_rows(held_out))

        def score() -> float:
            loss, sums = trainer.score_pairs(rows)
            trainer.state.log_history.append({"step": trainer.state.global_step, **sums.log_entry("holdout")})
            return float(loss)

        return score


def _sequence(batch: dict[str, Any], side: int) -> dict[str, Any]:
    """One side of a collated pair, without padding, with the labels that the loss sees."""
    is_token = batch["attention_mask"][side].bool()
    input_ids = batch["input_ids"][side][is_token]
    labels = input_ids.masked_fill(batch["completion_mask"][side][is_token] == 0, IGNORED)
    return {"input_ids": input_ids.tolist(), "labels": labels.tolist()}


OBJECTIVES: dict[str, Objective] = {"sft": SupervisedObjective(), "dpo": PreferenceObjective()}
