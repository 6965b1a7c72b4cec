"""The pairs that are trained on: those of a run, filled up with made ones, as tokens."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from selfcodealign.errors import InputError
from selfcodealign.generation import load_exemplars
from selfcodealign.records import Example, Message, Preference, derived_seed, read_rows, row_id
from selfcodealign.training import PreferenceRow, TokenRow
from selfcodealign.training.objectives import OBJECTIVES

ObjectiveName = Literal["sft", "dpo"]
Row = TokenRow | PreferenceRow
Pair = Example | Preference

PAIRS: dict[ObjectiveName, Path] = {
    "sft": Path("data/select_examples/examples.parquet"),
    "dpo": Path("data/select_examples/preferences.parquet"),
}
MAX_TASKS = 3  # exemplars that a made pair strings together
SPARE = 4  # made pairs per needed row: some are over `max_length`


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What every system trains on and is scored by.

    Attributes:
        rows: the training rows.
        held: rows that no system trains on.
        num_real: rows of both kinds that come from a run; the others are made from the packaged exemplars.
    """

    rows: list[Row]
    held: list[Row]
    num_real: int


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of some rows, without padding.

    Attributes:
        all: prompts and answers.
        supervised: those that the loss sees.
    """

    all: int
    supervised: int


def count_tokens(rows: Sequence[Row]) -> Tokens:
    """The tokens of rows; a preference pair is two sequences, each with the prompt."""
    sequences = [sequence for row in rows for sequence in sequences_of(row)]
    return Tokens(
        sum(len(sequence.input_ids) for sequence in sequences), sum(sequence.num_supervised for sequence in sequences)
    )


def sequences_of(row: Row) -> list[TokenRow]:
    """What the model reads of a row: the row itself, or the chosen and the rejected side."""
    return [row] if isinstance(row, TokenRow) else [row.chosen, row.rejected]


def load_workload(
    objective: ObjectiveName,
    pairs: Path | None,
    tokenizer: Any,
    *,
    num_rows: int,
    num_held: int,
    max_length: int,
    end_token: int,
    seed: int,
) -> Workload:
    """Read pairs and turn them into rows; the same arguments give the same rows.

    Args:
        objective: decides which kind of pairs is read.
        pairs: a file with such pairs; None: the pipeline's own, where it has been written.
        tokenizer: of the model, with a chat template.
        num_rows: rows to train on.
        num_held: rows to hold out.
        max_length: tokens of a sequence at most; longer pairs are left out.
        end_token: id of the token that ends a turn.
        seed: of the draw, and of made pairs.

    Raises:
        InputError: the file cannot be read, or too few pairs fit into `max_length`.
    """
    needed = num_rows + num_held
    path = pairs or PAIRS[objective]
    kind = OBJECTIVES[objective].kind
    real: Sequence[Pair] = read_rows(path, kind) if pairs is not None or path.exists() else []
    rows = _to_rows(objective, real, tokenizer, max_length, end_token)
    num_real = min(len(rows), needed)
    if len(rows) < needed:
        made = made_pairs(objective, (needed - len(rows)) * SPARE, seed)
        rows += _to_rows(objective, made, tokenizer, max_length, end_token)[: needed - len(rows)]
    if len(rows) < needed:
        raise InputError(
            f"{len(rows)} pairs have at most --max-length {max_length} tokens, fewer than --rows {num_rows} and --held"
            f" {num_held} together; raise --max-length"
        )
    drawn = random.Random(derived_seed(seed, "benchmark rows")).sample(rows, needed)  # noqa: S311 - not cryptographic
    return Workload(rows=drawn[num_held:], held=drawn[:num_held], num_real=num_real)


def made_pairs(objective: ObjectiveName, count: int, seed: int) -> list[Pair]:
    """Pairs of mixed lengths: each strings together one to `MAX_TASKS` of the packaged exemplars.

    The rejected answer of a preference pair has the last task answered with another exemplar's answer.

    Args:
        objective: `sft` makes examples, `dpo` preferences.
        count: number of pairs.
        seed: of the draws.
    """
    known = load_exemplars()
    pairs: list[Pair] = []
    for number in range(count):
        draw = random.Random(derived_seed(seed, "made pair", number))  # noqa: S311 - not cryptographic
        *tasks, other = draw.sample(known, draw.randint(1, MAX_TASKS) + 1)
        instruction = "\n\n".join(task.instruction for task in tasks)
        answers = [task.response for task in tasks]
        lineage: dict[str, Any] = {
            "id": row_id("made pair", seed, number),
            "instruction": instruction,
            "category": tasks[0].category,
            "difficulty": tasks[0].difficulty,
            "instruction_id": row_id("made task", seed, number),
            "seed_id": tasks[0].name,
            "package": "selfcodealign",
            "version": "",
            "licence": "Apache-2.0",
        }
        chosen = "\n\n".join(answers)
        if objective == "sft":
            pairs.append(_example(lineage, chosen))
        else:
            rejected = "\n\n".join([*answers[:-1], other.response])
            pairs.append(
                Preference(
                    **lineage,
                    chosen=chosen,
                    rejected=rejected,
                    rejected_status="failed",
                    chosen_id="chosen",
                    rejected_id="rejected",
                )
            )
    return pairs


def _example(lineage: dict[str, Any], response: str) -> Example:
    return Example(
        **lineage,
        messages=[
            Message(role="user", content=lineage["instruction"]),
            Message(role="assistant", content=response),
        ],
        response=response,
        tests="",
        concepts=[],
        status="passed",
        kept_because="passing",
        response_id="response",
        file="",
        first_line=1,
        last_line=1,
    )


def _to_rows(
    objective: ObjectiveName, pairs: Sequence[Pair], tokenizer: Any, max_length: int, end_token: int
) -> list[Row]:
    if not pairs:
        return []
    rows, _ = OBJECTIVES[objective].to_rows(pairs, tokenizer, max_length=max_length, end_token=end_token)
    return list(rows)
