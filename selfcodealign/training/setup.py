"""The start of a training: pairs are read, checked and split, and the model is loaded."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfcodealign.errors import InputError
from selfcodealign.models import ModelCard, end_of_turn_token, ensure_chat_template, read_card
from selfcodealign.records import Dropped
from selfcodealign.training.holdout import split_holdout
from selfcodealign.training.objectives import OBJECTIVES, Objective, Pairs
from selfcodealign.training.scoring import Scorer
from selfcodealign.training.trainer import Precision, Reward, choose_precision, load_model
from selfcodealign.training_params import FinetuneModel

Validation = Callable[[Pairs], Scorer]
"""Makes the scorer of a training from its held-out pairs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """A training that is ready to start; `scorer` is what its validation made, or None without one."""

    card: ModelCard
    tokenizer: Any
    end_token: int
    template_added: bool
    objective: Objective
    rows: list[Any]
    held_out: list[Any]
    dropped: list[Dropped]
    precision: Precision
    trainer: Any
    masked_row: str
    scorer: Scorer | None


def set_up(
    base: Path,
    pairs: Pairs,
    settings: FinetuneModel,
    seed: int,
    checkpoints: Path,
    validation: Validation | None,
    reward: Reward | None,
) -> Setup:
    """Read, check and split the pairs, and load the model."""
    objective = OBJECTIVES[settings.objective]
    if objective.is_rewarded and reward is None:
        raise InputError(
            f"finetune_model.objective {settings.objective} needs a reward, such as the sandbox's CodeReward"
        )
    card = read_card(base)
    if card.context_length and settings.max_length > card.context_length:
        raise InputError(
            f"finetune_model.max_length = {settings.max_length} is over the {card.context_length} tokens that"
            f" {card.name} can attend to; lower it"
        )
    tokenizer, end_token, template_added = _load_tokenizer(base)
    usable, dropped = objective.tokenise(pairs, tokenizer, max_length=settings.max_row_length, end_token=end_token)
    _check_enough(usable, dropped, settings.min_examples)
    rows, held_out = split_holdout(usable, pairs, settings.holdout_share, seed)
    scorer = validation(_pairs_of(held_out, pairs)) if validation else None
    precision = choose_precision(settings.method)
    model = load_model(base, settings, precision)
    rewarded = {"reward": reward, "end_token": end_token} if objective.is_rewarded else {}
    trainer = objective.build_trainer(
        model, tokenizer, rows, settings, precision=precision, seed=seed, folder=checkpoints, **rewarded
    )
    return Setup(
        card=card,
        tokenizer=tokenizer,
        end_token=end_token,
        template_added=template_added,
        objective=objective,
        rows=rows,
        held_out=held_out,
        dropped=dropped,
        precision=precision,
        trainer=trainer,
        masked_row=objective.check(trainer, rows, tokenizer, end_token),
        scorer=scorer,
    )


def _pairs_of(rows: Sequence[Any], pairs: Pairs) -> Pairs:
    """The pairs that rows were made from."""
    ids = {row.id for row in rows}
    found: list[Any] = [pair for pair in pairs if pair.id in ids]
    return found


def _load_tokenizer(base: Path) -> tuple[Any, int, bool]:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base)
    template_added = ensure_chat_template(tokenizer)
    return tokenizer, end_of_turn_token(tokenizer), template_added


def _check_enough(rows: Sequence[Any], dropped: Sequence[Dropped], min_examples: int) -> None:
    if len(rows) >= min_examples:
        return
    counts = Counter(row.reason for row in dropped)
    reasons = "".join(f"; {count} {reason}" for reason, count in sorted(counts.items()))
    raise InputError(
        f"{len(rows)} usable training pairs (of {len(rows) + len(dropped)}{reasons}) are fewer than"
        f" finetune_model.min_examples = {min_examples}; take more seeds (filter_seeds.max_seeds) or samples"
        " (generate_responses.num_samples), or for objective dpo the pairs of an earlier run"
        " (select_examples.shipped_pairs)"
    )
