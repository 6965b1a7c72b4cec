"""Stage resample_responses: further responses to the tasks with consensus tests, judged by these tests."""

import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from selfcodealign.curation import ChosenTasks, choose_tasks
from selfcodealign.files import replaced_folder
from selfcodealign.generation import StepResult, load_prompt_format, make_ask, resample_responses
from selfcodealign.journal import open_journal
from selfcodealign.models import read_card
from selfcodealign.params import Params, load_params
from selfcodealign.progress import progress
from selfcodealign.records import (
    ConsensusTests,
    Dropped,
    Instruction,
    Response,
    Verdict,
    by_id,
    read_rows,
    with_consensus,
    write_rows,
)
from selfcodealign.sandbox import (
    Program,
    RunCounts,
    Status,
    open_sandbox,
    prepare_sandbox,
    run_journalled,
    sandbox_settings,
)
from selfcodealign.stage import StageRun, cache_folder, count_by, run_stage, stage_run

NAME = "resample_responses"
DATA = Path("data")

logger = logging.getLogger(__name__)


def main(
    params_path: Annotated[
        Path, typer.Option("--params", help="Params file; sections resample_responses and sandbox.")
    ] = Path("params.yaml"),
    instructions_path: Annotated[Path, typer.Option("--instructions", help="Tasks.")] = DATA
    / "generate_instructions/instructions.parquet",
    responses_path: Annotated[Path, typer.Option("--responses", help="Their responses so far.")] = DATA
    / "generate_responses/responses.parquet",
    verdicts_path: Annotated[Path, typer.Option("--verdicts", help="Verdicts on these responses.")] = DATA
    / "validate_responses/verdicts.parquet",
    consensus_path: Annotated[Path, typer.Option("--consensus", help="Consensus tests of these responses.")] = DATA
    / "validate_responses/consensus.parquet",
    model: Annotated[Path, typer.Option(help="Folder of the generator model.")] = Path("models/generator"),
    out: Annotated[Path, typer.Option(help="Folder for responses, verdicts and dropped responses.")] = DATA / NAME,
    metrics: Annotated[Path, typer.Option(help="Metrics file.")] = Path("metrics") / f"{NAME}.json",
) -> None:
    """Sample further responses to the tasks that have consensus tests, and run them with these tests.

    A task is sampled again if its responses agree on tests and at least one of them failed. The prompt is the one that
    is trained: the bare task, with one of the tests in a share of the tasks (`select_examples.shown_tests`). No tests
    are generated. Where a setting rules further responses out, the outputs are empty and the metrics have the reason.
    """
    params = load_params(params_path)
    with stage_run(NAME, metrics) as run:
        found = ChosenTasks([], 0, 0)
        if reason := _reason_to_skip(params):
            logger.info("%s: no further responses: %s", NAME, reason)
            run.record(skipped=reason)
        else:
            found = _tasks(params, instructions_path, responses_path, verdicts_path, consensus_path)
        run.record(tasks=len(found.tasks), tasks_without_tests=found.num_untested, tasks_solved=found.num_solved)
        result = _sample(params, found, model)
        verdicts = _judge(params, run, result.rows)
        judged = {verdict.id for verdict in verdicts if verdict.status != Status.SANDBOX_ERROR}
        kept = [row for row in result.rows if row.id in judged]
        dropped = [*result.dropped, *_unjudged(result.rows, verdicts)]
        with replaced_folder(out) as folder:
            write_rows(folder / "responses.parquet", kept, Response)
            write_rows(folder / "verdicts.parquet", [row for row in verdicts if row.id in judged], Verdict)
            write_rows(folder / "dropped.parquet", dropped, Dropped)
        run.rows(rows_in=len(kept) + len(dropped), rows_out=len(kept), dropped=count_by(row.reason for row in dropped))
        run.record(usage=result.usage.as_metrics(), cost=result.usage.cost.as_metrics())


def _reason_to_skip(params: Params) -> str:
    """The setting that rules further responses out; empty if none does."""
    if not params.resample_responses.num_samples:
        return "resample_responses.num_samples is 0"
    if not params.validate_responses.is_shared:
        return "validate_responses.tests is own: no tests are shared by the responses to a task"
    if params.generate_responses.layout == "few_shot":
        return "generate_responses.layout is few_shot: a response is not sampled from the bare task"
    return ""


def _tasks(params: Params, instructions: Path, responses: Path, verdicts: Path, consensus: Path) -> ChosenTasks:
    return choose_tasks(
        read_rows(instructions, Instruction),
        with_consensus(read_rows(responses, Response), tests := by_id(read_rows(consensus, ConsensusTests))),
        tests,
        by_id(read_rows(verdicts, Verdict)),
        num_samples=params.generate_responses.num_samples,
        shown_tests=params.select_examples.shown_tests,
        shown_test=params.select_examples.shown_test,
        seed=params.seed,
    )


def _sample(params: Params, found: ChosenTasks, model: Path) -> StepResult[Response]:
    if not found.tasks:
        return StepResult()
    prepare_sandbox(sandbox_settings(params.sandbox))  # now, and not after all responses were generated
    return resample_responses(
        found.tasks,
        params.resample_responses,
        is_opened=params.generate_responses.layout == "code_block",
        seed=params.seed,
        prompt_format=load_prompt_format(model, read_card(model).prompt_form),
        ask=make_ask(model, params.engine, cache_folder(), "further responses"),
    )


def _judge(params: Params, run: StageRun, responses: Sequence[Response]) -> list[Verdict]:
    verdicts, counts = list[Verdict](), RunCounts(0, 0, 0)
    if responses:
        programs = [Program.of_code(response.id, response.program, response.code) for response in responses]
        with (
            open_sandbox(sandbox_settings(params.sandbox)) as sandbox,
            open_journal(cache_folder() / "verdicts.sqlite") as journal,
            progress("programs", len({program.source for program in programs})) as shown,
        ):
            verdicts, counts = run_journalled(sandbox, programs, journal, lambda _: shown.advance())
            run.record(isolation=sandbox.isolation, image=sandbox.image_id)
    statuses = Counter(verdict.status for verdict in verdicts)
    run.record(
        statuses={str(status): statuses[status] for status in Status if status != Status.SANDBOX_ERROR},
        programs={"asked": counts.asked, "from_journal": counts.from_journal, "duplicates": counts.duplicates},
    )
    return verdicts


def _unjudged(responses: Sequence[Response], verdicts: Sequence[Verdict]) -> list[Dropped]:
    return [
        Dropped(
            id=response.id,
            parent_id=response.instruction_id,
            reason=str(Status.SANDBOX_ERROR),
            detail=verdict.stderr,
            text=response.program,
        )
        for response, verdict in zip(responses, verdicts, strict=True)
        if verdict.status == Status.SANDBOX_ERROR
    ]


if __name__ == "__main__":
    run_stage(main)
