"""Stage select_examples: from judged responses to training pairs."""

import logging
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from selfcodealign.curation import (
    EXAMPLES_FILE,
    PREFERENCES_FILE,
    SHIPPED_FOLDER,
    CardFacts,
    SelectionSettings,
    SelectReason,
    ShippedReason,
    is_written_by,
    pair_preferences,
    read_shipped,
    select_examples,
    summarise,
    take_shipped,
    write_card,
    write_croissant,
    write_hits,
)
from selfcodealign.evaluation import load_all_texts, read_missing, read_others
from selfcodealign.files import replaced_folder
from selfcodealign.params import load_params
from selfcodealign.records import (
    Agreement,
    Concepts,
    ConsensusTests,
    Example,
    Instruction,
    Preference,
    Response,
    Seed,
    Strength,
    Verdict,
    by_id,
    read_rows,
    with_consensus,
    write_rows,
)
from selfcodealign.stage import run_stage, stage_run, write_step

NAME = "select_examples"
DATA = Path("data")

logger = logging.getLogger(__name__)


def main(
    params_path: Annotated[Path, typer.Option("--params", help="Params file; section select_examples.")] = Path(
        "params.yaml"
    ),
    responses_path: Annotated[Path, typer.Option("--responses", help="Responses to select from.")] = DATA
    / "generate_responses/responses.parquet",
    verdicts_path: Annotated[Path, typer.Option("--verdicts", help="What the sandbox saw of each.")] = DATA
    / "validate_responses/verdicts.parquet",
    consensus_path: Annotated[Path, typer.Option("--consensus", help="Tests that responses were judged by.")] = DATA
    / "validate_responses/consensus.parquet",
    resampled_path: Annotated[Path, typer.Option("--resampled", help="Folder of further responses, judged.")] = DATA
    / "resample_responses",
    strengths_path: Annotated[Path, typer.Option("--strengths", help="How strong their tests are.")] = DATA
    / "validate_responses/strength.parquet",
    agreements_path: Annotated[Path, typer.Option("--agreements", help="Whether they pass each other's tests.")] = DATA
    / "validate_responses/agreement.parquet",
    instructions_path: Annotated[Path, typer.Option("--instructions", help="Tasks of the responses.")] = DATA
    / "generate_instructions/instructions.parquet",
    concepts_path: Annotated[Path, typer.Option("--concepts", help="Concepts, counted for the card.")] = DATA
    / "generate_concepts/concepts.parquet",
    seeds_path: Annotated[Path, typer.Option("--seeds", help="Seeds, for the lineage.")] = DATA
    / "filter_seeds/seeds.parquet",
    benchmarks_path: Annotated[Path, typer.Option("--benchmarks", help="Imported benchmarks.")] = DATA
    / "import_benchmarks",
    shipped_path: Annotated[Path, typer.Option("--shipped", help="Sets of shipped pairs.")] = SHIPPED_FOLDER,
    out: Annotated[Path, typer.Option(help="Folder of the dataset: examples, preferences, dropped, hits, card.")] = DATA
    / NAME,
    metrics_path: Annotated[Path, typer.Option("--metrics", help="Counts, yields, lengths, hits.")] = Path(
        f"metrics/{NAME}.json"
    ),
) -> None:
    """Select training pairs from the judged responses, and write them as a dataset with its card.

    A response is kept if it passed with live, related (and, if asked for, strong) tests, has no placeholder, answers a
    task that is not too long, holds no text of an evaluated benchmark, and repeats no other pair; one a task.
    `dropped.parquet` says of every other response why not. `datasets.load_dataset("data/select_examples")` reads the
    pairs; `croissant.json` describes them for machines.

    The further responses of `resample_responses` are selected from as well, except where `choice` or a minimum needs
    strength or agreement of the tests.

    `preferences.parquet` pairs kept answers with failing answers to the same task, for finetune_model.objective dpo,
    followed by the pairs of `shipped_pairs`.
    """
    params = load_params(params_path)
    section = params.select_examples
    settings = SelectionSettings(**section.model_dump(exclude={"shipped_pairs"}), seed=params.seed)
    consensus = by_id(read_rows(consensus_path, ConsensusTests))
    # Strength and agreement are measured for the first responses only.
    is_measured = settings.needs_strength or "agreed" in settings.criteria
    resampled = [] if is_measured else read_rows(resampled_path / "responses.parquet", Response)
    responses = [*with_consensus(read_rows(responses_path, Response), consensus), *resampled]
    verdicts = by_id([*read_rows(verdicts_path, Verdict), *read_rows(resampled_path / "verdicts.parquet", Verdict)])
    # Without consensus tests every response was judged by its own.
    shared_tests = {*consensus, *(row.id for row in resampled)}
    strengths = by_id(read_rows(strengths_path, Strength)) if settings.needs_strength else {}
    agreements = by_id(read_rows(agreements_path, Agreement)) if "agreed" in settings.criteria else {}
    instructions = by_id(read_rows(instructions_path, Instruction))
    seeds = by_id(read_rows(seeds_path, Seed))
    shipped, foreign = _read_sets(shipped_path, section.shipped_pairs, params.import_model.name)
    num_concepts = len(read_rows(concepts_path, Concepts))
    root = Path(os.environ.get("DVC_ROOT", "."))
    benchmarks = load_all_texts(benchmarks_path, [root / name for name in params.import_benchmarks.folders])
    with stage_run(NAME, metrics_path) as run:
        selection = select_examples(
            responses, verdicts, instructions, seeds, benchmarks, settings, strengths, agreements, params.workers
        )
        pairing = pair_preferences(
            selection,
            responses,
            verdicts,
            instructions,
            benchmarks,
            settings,
            params.workers,
            shared_tests=shared_tests,
        )
        taken = take_shipped(shipped, pairing.preferences, benchmarks, settings.preference_match)
        reasons = Counter(row.reason for row in selection.dropped)
        facts = CardFacts(
            funnel=[
                ("seeds", len(seeds)),
                ("concept lists", num_concepts),
                ("tasks", len(instructions)),
                ("answers", len(responses)),
                ("answers that passed", sum(verdict.status == "passed" for verdict in verdicts.values())),
                ("pairs", len(selection.examples)),
            ],
            dropped=reasons,
            benchmarks=Counter(text.benchmark for text in benchmarks),
            absent_benchmarks=[*read_missing(benchmarks_path), *read_others(benchmarks_path).absent],
            hits=selection.hits,
            settings={**section.model_dump(), "seed": params.seed},
        )
        with replaced_folder(out) as folder:
            write_step(run, folder / EXAMPLES_FILE, selection.examples, Example, selection.dropped)
            write_rows(folder / PREFERENCES_FILE, [*pairing.preferences, *taken.preferences], Preference)
            write_hits(folder / "decontamination.jsonl", selection.hits)
            write_card(folder, selection.examples, facts)
            write_croissant(folder, selection.examples)
        run.rows(
            rows_in=len(responses),
            rows_out=len(selection.examples),
            dropped={reason.value: reasons[reason.value] for reason in SelectReason},
        )
        run.record(**summarise(selection, responses, verdicts, instructions), preferences=pairing.summary())
        if resampled:
            run.record(resampled_responses=len(resampled))
        dropped = {**taken.dropped, ShippedReason.OTHER_MODEL.value: len(foreign)}
        by_set = Counter(pair.origin for pair in taken.preferences)
        run.record(shipped_pairs={"pairs": len(taken.preferences), "by_set": dict(by_set), "dropped": dropped})


def _read_sets(root: Path, names: Sequence[str], model: str) -> tuple[list[Preference], list[Preference]]:
    """The pairs of shipped sets: those of this run's model, and those of other models, which are not used."""
    own: list[Preference] = []
    foreign: list[Preference] = []
    for name in names:
        pairs = read_shipped(root, name)
        if is_written_by(root, name, model):
            own += pairs
        else:
            logger.warning("shipped pairs %s are not used: they are answers of another model than %s", name, model)
            foreign += pairs
    return own, foreign


if __name__ == "__main__":
    run_stage(main)
