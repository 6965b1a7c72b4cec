"""The training objectives: for each one its pairs, its rows, its trainer, its mask check and its held-out loss."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from selfcodealign.errors import InputError
from selfcodealign.records import Dropped, Example, Preference
from selfcodealign.training.preflight import check_prepared_rows
from selfcodealign.training.rows import IGNORED, PreferenceRow, TokenRow, tokenise_examples, tokenise_preferences
from selfcodealign.training.task_rows import TaskRow, tasks_of_examples
from selfcodealign.training.trainer import build_group_trainer, build_preference_trainer, build_trainer

Pairs = Sequence[Example] | Sequence[Preference]


@dataclass(frozen=True, slots=True)
class Objective:
    """One objective.

    Attributes:
        kind: the record that it trains on.
        to_rows: turns such records into rows of tokens; see `tokenise_examples`.
        build_trainer: makes a trainer over the rows with its steps planned; see `trainer.build_trainer`.
        check: checks what the loss will see. Arguments: trainer, rows, tokenizer, end-of-turn token. Returns a row as
            text, with the part that the loss sees between `<<` and `>>`.
        holdout_loss: takes the trainer and held-out rows before training, and returns the function that computes their
            loss with the weights of the moment; None: the objective has no loss on given answers.
        answers: the rows' prompts with an answer each, on which the trained model is compared with its base; none if
            the model samples its answers itself.
        is_rewarded: it samples answers and needs a reward; its `build_trainer` also takes `reward` and `end_token`.
    """

    kind: type[Example] | type[Preference]
    to_rows: Callable[..., tuple[list[Any], list[Dropped]]]
    build_trainer: Callable[..., Any]
    check: Callable[[Any, Sequence[Any], Any, int], str]
    holdout_loss: Callable[[Any, Sequence[Any]], Callable[[], float]] | None
    answers: Callable[[Sequence[Any]], list[TokenRow]]
    is_rewarded: bool = False

    def tokenise(
        self, pairs: Pairs, tokenizer: Any, *, max_length: int, end_token: int
    ) -> tuple[list[Any], list[Dropped]]:
        """The usable pairs as rows of tokens, and the dropped pairs with their reasons.

        Raises:
            InputError: a pair is not of the kind that the objective trains on.
        """
        other = next((pair for pair in pairs if not isinstance(pair, self.kind)), None)
        if other is not None:
            raise InputError(
                f"the training pairs are {type(other).__name__} rows; finetune_model.objective needs"
                f" {self.kind.__name__} rows"
            )
        return self.to_rows(pairs, tokenizer, max_length=max_length, end_token=end_token)


def _check_examples(trainer: Any, rows: Sequence[TokenRow], tokenizer: Any, end_token: int) -> str:
    return check_prepared_rows(trainer.train_dataset, rows, tokenizer, end_token=end_token)


def _example_loss(trainer: Any, held_out: Sequence[TokenRow]) -> Callable[[], float]:
    """The mean over all supervised tokens."""
    rows = [{"input_ids": row.input_ids, "labels": row.labels} for row in held_out]
    return lambda: float(trainer.mean_loss(rows))


def _check_preferences(trainer: Any, rows: Sequence[PreferenceRow], tokenizer: Any, end_token: int) -> str:
    """Checks both sides of each pair, as TRL's collator makes them."""
    batches = [trainer.data_collator([row]) for row in trainer.train_dataset]
    shown = []
    for side, given in enumerate(([row.chosen for row in rows], [row.rejected for row in rows])):
        prepared = [_side(batch, side) for batch in batches]
        shown.append(check_prepared_rows(prepared, given, tokenizer, end_token=end_token))
    return f"chosen:\n{shown[0]}\n\nrejected:\n{shown[1]}"


def _preference_loss(trainer: Any, held_out: Sequence[PreferenceRow]) -> Callable[[], float]:
    """The mean loss of the pairs; their rewards go into the trainer's log."""
    from selfcodealign.training.preference_trainer import collator_rows

    rows = trainer.with_reference(collator_rows(held_out))

    def loss_now() -> float:
        loss, sums = trainer.score_pairs(rows)
        trainer.state.log_history.append({"step": trainer.state.global_step, **sums.log_entry("holdout")})
        return float(loss)

    return loss_now


def _check_tasks(trainer: Any, rows: Sequence[TaskRow], tokenizer: Any, end_token: int) -> str:
    """Shows a prompt as the model gets it; its answer is sampled, so there is no mask to check."""
    return f"{rows[0].prompt}<<{trainer.num_generations} sampled answers>>"


def _side(batch: dict[str, Any], side: int) -> dict[str, Any]:
    """One side of a collated pair, without padding, with the labels that the loss sees."""
    is_token = batch["attention_mask"][side].bool()
    input_ids = batch["input_ids"][side][is_token]
    labels = input_ids.masked_fill(batch["completion_mask"][side][is_token] == 0, IGNORED)
    return {"input_ids": input_ids.tolist(), "labels": labels.tolist()}


OBJECTIVES = {
    "sft": Objective(Example, tokenise_examples, build_trainer, _check_examples, _example_loss, list),
    "dpo": Objective(
        Preference,
        tokenise_preferences,
        build_preference_trainer,
        _check_preferences,
        _preference_loss,
        lambda rows: [row.chosen for row in rows],
    ),
    "grpo": Objective(
        Example, tasks_of_examples, build_group_trainer, _check_tasks, None, lambda rows: [], is_rewarded=True
    ),
}
