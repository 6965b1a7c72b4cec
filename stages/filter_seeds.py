"""Filter seed functions: documented, self-contained, typed, no benchmark text, no near-duplicates."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from selfcodealign.curation import Decontaminator, write_hits
from selfcodealign.dropped_rows import dropped_rows
from selfcodealign.files import replaced_folder
from selfcodealign.journal import open_journal
from selfcodealign.params import Params, load_params
from selfcodealign.records import Seed, derived_seed, scan_rows, write_rows
from selfcodealign.seeds import (
    JUDGE_MAX_NEW_TOKENS,
    FilterReason,
    Judge,
    Smoke,
    TypeCheck,
    filter_seeds,
    model_judge,
    smoke_errors,
)
from selfcodealign.stage import StageRun, cache_folder, run_stage, stage_run

NAME = "filter_seeds"


def main(
    params_path: Annotated[Path, typer.Option("--params", help="the params file")] = Path("params.yaml"),
    seeds_path: Annotated[Path, typer.Option("--seeds", help="collected seeds")] = Path(
        "data/collect_seeds/seeds.parquet"
    ),
    benchmarks: Annotated[Path, typer.Option(help="folder of the imported benchmarks")] = Path(
        "data/import_benchmarks"
    ),
    model: Annotated[Path, typer.Option(help="folder of the generator, read only if the judge is on")] = Path(
        "models/generator"
    ),
    out: Annotated[Path, typer.Option(help="folder for the seeds and the dropped rows")] = Path("data") / NAME,
    metrics: Annotated[Path, typer.Option(help="metrics file")] = Path("metrics") / f"{NAME}.json",
) -> None:
    """Keep the good functions, by the method's filters, each on or off in `filter_seeds` of the params.

    In this order: docstring, length, arguments, return value, bad words, system imports, tests, benchmark text, types
    (by type_checker), smoke (in the sandbox), near-duplicates (MinHash-LSH), the model as a judge. The cheap ones see
    every function; the last four see functions in the order of the draw until max_seeds are found. Dropped rows are
    counted by reason and kept in dropped.parquet; decontamination.jsonl lists which benchmark's task each of them held.
    What type checker, sandbox and judge said is journalled: a run that was killed does not ask them again.
    """
    params = load_params(params_path)
    settings = params.filter_seeds
    with stage_run(NAME, metrics) as run, _smoke(params, run) as smoke, _judge(params, model, run) as judge:
        with replaced_folder(out) as folder:
            with (
                dropped_rows(folder / "dropped.parquet", FilterReason) as drop,
                open_journal(cache_folder() / "types.sqlite") as journal,
            ):
                result = filter_seeds(
                    scan_rows(seeds_path, Seed),
                    settings,
                    seed=params.seed,
                    benchmarks=_benchmark_texts(benchmarks, params) if settings.benchmark_text else None,
                    judge=judge,
                    type_check=TypeCheck(settings.type_checker, journal, params.workers),
                    smoke=smoke,
                    workers=params.workers,
                    on_drop=drop,
                )
            write_rows(folder / "seeds.parquet", result.seeds, Seed)
            write_hits(folder / "decontamination.jsonl", result.hits)
        run.rows(
            rows_in=len(result.seeds) + result.counts.total(), rows_out=len(result.seeds), dropped=dict(result.counts)
        )
        run.record(
            checked=dict(result.checked),
            seconds_by_filter={reason: round(seconds, 3) for reason, seconds in result.seconds.items()},
        )


def _benchmark_texts(folder: Path, params: Params) -> Decontaminator:
    from selfcodealign.evaluation import load_all_texts

    root = Path(os.environ.get("DVC_ROOT", "."))
    return Decontaminator(load_all_texts(folder, [root / name for name in params.import_benchmarks.folders]))


@contextmanager
def _smoke(params: Params, run: StageRun) -> Iterator[Smoke | None]:
    """What runs seeds in the sandbox, its verdicts in the journal of all verdicts; None if the filter is off."""
    if not params.filter_seeds.smoke:
        yield None
        return
    from selfcodealign.sandbox import open_sandbox, sandbox_settings

    with (
        open_sandbox(sandbox_settings(params.sandbox)) as sandbox,
        open_journal(cache_folder() / "verdicts.sqlite") as journal,
    ):
        run.record(isolation=sandbox.isolation)
        yield lambda seeds: smoke_errors(seeds, sandbox, journal)


@contextmanager
def _judge(params: Params, model: Path, run: StageRun) -> Iterator[Judge | None]:
    """The model as a judge: greedy, through the journal like every answer; None if the filter is off.

    The engine is started once for all looks of the filters.
    """
    if not params.filter_seeds.judge:
        yield None
        return
    from selfcodealign.generation import Decoding, Request, Usage, check_engine, load_prompt_format, open_answers
    from selfcodealign.models import read_card

    prompt_format = load_prompt_format(model, read_card(model).prompt_form)
    check_engine(model, params.engine)  # now, and not after minutes of filters that come before the judge
    decoding = Decoding(temperature=0.0, top_p=1.0, max_new_tokens=JUDGE_MAX_NEW_TOKENS, stop=prompt_format.stop)
    journal, usage = cache_folder() / "answers.sqlite", Usage()
    with open_answers(model_folder=model, engine=params.engine, journal_path=journal, what="judgements") as session:

        def ask(questions: Sequence[tuple[str, list[dict[str, str]]]]) -> dict[str, str]:
            requests = [
                Request(seed_id, prompt_format.render(messages), derived_seed(params.seed, seed_id, "judge"))
                for seed_id, messages in questions
            ]
            generation = session.answer(requests, decoding)
            usage.include(generation.usage)
            return {seed_id: answer.text for seed_id, answer in generation.answers.items()}

        yield model_judge(ask)
    run.record(judge_usage=usage.as_metrics(), judge_cost=usage.cost.as_metrics())


if __name__ == "__main__":
    run_stage(main)
