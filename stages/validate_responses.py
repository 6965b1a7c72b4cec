"""Stage validate_responses: run each response with its tests in the sandbox."""

import time
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from selfcodealign.files import replaced_folder
from selfcodealign.journal import Journal, open_journal
from selfcodealign.params import Params, load_params
from selfcodealign.progress import progress
from selfcodealign.records import (
    Agreement,
    ConsensusTests,
    Dropped,
    Instruction,
    Response,
    Seed,
    Strength,
    Verdict,
    by_id,
    read_rows,
    with_consensus,
    write_rows,
)
from selfcodealign.sandbox import (
    Program,
    RunCounts,
    Sandbox,
    SandboxSettings,
    Status,
    measure_agreement,
    measure_consensus,
    measure_seed_tests,
    measure_strength,
    open_sandbox,
    passing_subjects,
    run_journalled,
    sandbox_settings,
    summarise_strength,
)
from selfcodealign.stage import cache_folder, run_stage, stage_run

NAME = "validate_responses"


def main(
    params_path: Annotated[
        Path, typer.Option("--params", help="Params file; sections `sandbox` and `validate_responses`.")
    ] = Path("params.yaml"),
    responses_path: Annotated[Path, typer.Option("--responses", help="Responses to run.")] = Path(
        "data/generate_responses/responses.parquet"
    ),
    instructions_path: Annotated[Path, typer.Option("--instructions", help="Their tasks, for tests: seed.")] = Path(
        "data/generate_instructions/instructions.parquet"
    ),
    seeds_path: Annotated[Path, typer.Option("--seeds", help="The seeds of the tasks, for tests: seed.")] = Path(
        "data/filter_seeds/seeds.parquet"
    ),
    out: Annotated[Path, typer.Option(help="Folder for verdicts, dropped, consensus, strength and agreement.")] = Path(
        "data"
    )
    / NAME,
    metrics_path: Annotated[Path, typer.Option("--metrics", help="Counts by status, rate.")] = Path(
        f"metrics/{NAME}.json"
    ),
) -> None:
    """Run each response together with its tests in the sandbox, and record what became of it.

    A response passes if its program runs past its last statement and at least one assertion about its own code is
    executed. Verdicts are journalled as they arrive: a run that was killed asks only for the rest. Responses that the
    sandbox itself could not judge, after retries, are dropped with the reason `sandbox_error`.

    With `validate_responses.tests` = consensus, the responses to a task are judged by the assertions that several of
    them pass, whichever response wrote them. With `seed` they are judged by the calls in their tests, with expected
    values that the code of the task's seed computes. `consensus.parquet` has these tests.

    With `validate_responses.test_strength`, mutants of each passing response are run with its tests, to see how many
    the tests notice, and so is the response with markers in its branches, to see how many the tests take. With
    `validate_responses.agreement`, each passing response is run with the tests of its task's other passing responses.
    """
    loaded = load_params(params_path)
    responses = read_rows(responses_path, Response)
    settings = sandbox_settings(loaded.sandbox)
    with stage_run(NAME, metrics_path) as run:
        with open_sandbox(settings) as sandbox, open_journal(cache_folder() / "verdicts.sqlite") as journal:
            started = time.monotonic()
            consensus: list[ConsensusTests] = []
            num_asked = 0
            if loaded.validate_responses.is_shared:
                if loaded.validate_responses.tests == "seed":
                    codes = _seed_codes(instructions_path, seeds_path)
                    consensus, tried = _find_seed_tests(sandbox, responses, codes, journal)
                else:
                    consensus, tried = _find_consensus(sandbox, responses, journal)
                responses = with_consensus(responses, by_id(consensus))
                run.record(consensus=_consensus_figures(responses, consensus, tried))
                num_asked = tried.asked
            verdicts, counts = _judge(sandbox, responses, journal)
            num_asked += counts.asked
            seconds = time.monotonic() - started
            run.record(isolation=sandbox.isolation, image=sandbox.image_id)
        strengths: list[Strength] = []
        if loaded.validate_responses.test_strength:
            strengths, found = _measure(responses, verdicts, settings, loaded)
            run.record(test_strength=found)
        agreements: list[Agreement] | None = None
        if loaded.validate_responses.agreement:
            agreements, asked = _agree(responses, verdicts, settings)
            run.record(agreement=asked)
        kept = [verdict for verdict in verdicts if verdict.status != Status.SANDBOX_ERROR]
        with replaced_folder(out) as folder:
            write_rows(folder / "verdicts.parquet", kept, Verdict)
            write_rows(folder / "dropped.parquet", _dropped(responses, verdicts), Dropped)
            write_rows(folder / "consensus.parquet", consensus, ConsensusTests)
            write_rows(folder / "strength.parquet", strengths, Strength)
            if agreements is not None:
                write_rows(folder / "agreement.parquet", agreements, Agreement)
        statuses = Counter(verdict.status for verdict in kept)
        num_lost = len(verdicts) - len(kept)
        run.rows(rows_in=len(responses), rows_out=len(kept), dropped={str(Status.SANDBOX_ERROR): num_lost})
        run.record(
            statuses={str(status): statuses[status] for status in Status if status != Status.SANDBOX_ERROR},
            asked=counts.asked,
            from_journal=counts.from_journal,
            duplicates=counts.duplicates,
            programs_per_second=round(num_asked / seconds, 2) if num_asked else None,
        )


def _measure(
    responses: list[Response], verdicts: list[Verdict], settings: SandboxSettings, params: Params
) -> tuple[list[Strength], dict[str, Any]]:
    with open_journal(cache_folder() / "verdicts.sqlite") as journal, progress("mutants") as shown:
        strengths, counts = measure_strength(
            passing_subjects(responses, verdicts),
            settings,
            journal,
            max_mutants=params.validate_responses.max_mutants,
            seed=params.seed,
            on_verdict=lambda _: shown.advance(),
        )
    return strengths, summarise_strength(strengths, counts)


def _find_consensus(
    sandbox: Sandbox, responses: list[Response], journal: Journal
) -> tuple[list[ConsensusTests], RunCounts]:
    with progress("answers with their task's assertions") as shown:
        return measure_consensus(sandbox, responses, journal, lambda _: shown.advance())


def _find_seed_tests(
    sandbox: Sandbox, responses: list[Response], codes: dict[str, str], journal: Journal
) -> tuple[list[ConsensusTests], RunCounts]:
    with progress("seeds with their tasks' calls") as shown:
        return measure_seed_tests(sandbox, responses, codes, journal, lambda _: shown.advance())


def _seed_codes(instructions_path: Path, seeds_path: Path) -> dict[str, str]:
    """The code of each task's seed, by the task's id."""
    codes = {seed.id: seed.code for seed in read_rows(seeds_path, Seed)}
    tasks = read_rows(instructions_path, Instruction)
    return {task.id: codes[task.seed_id] for task in tasks if task.seed_id in codes}


def _consensus_figures(responses: list[Response], consensus: list[ConsensusTests], counts: RunCounts) -> dict[str, int]:
    judged = {row.id for row in consensus}
    return {
        "tasks": len({response.instruction_id for response in responses}),
        "tasks_with_consensus": len({response.instruction_id for response in responses if response.id in judged}),
        "programs": counts.asked + counts.from_journal + counts.duplicates,
        "asked": counts.asked,
        "from_journal": counts.from_journal,
    }


def _judge(sandbox: Sandbox, responses: list[Response], journal: Journal) -> tuple[list[Verdict], RunCounts]:
    programs = [Program.of_code(response.id, response.program, response.code) for response in responses]
    passed: Counter[str] = Counter()
    with progress("programs", len({program.source for program in programs})) as shown:

        def show(verdict: Verdict) -> None:
            passed[verdict.status] += 1
            shown.advance(note=f"{passed[Status.PASSED]} passed")

        return run_journalled(sandbox, programs, journal, show)


def _agree(
    responses: list[Response], verdicts: list[Verdict], settings: SandboxSettings
) -> tuple[list[Agreement], dict[str, Any]]:
    with (
        open_sandbox(settings) as sandbox,
        open_journal(cache_folder() / "verdicts.sqlite") as journal,
        progress("answers with others' tests") as shown,
    ):
        rows, counts = measure_agreement(sandbox, responses, verdicts, journal, lambda _: shown.advance())
    figures = {
        "responses": len(rows),
        "compared": sum(row.num_compared for row in rows),
        "passed": sum(row.num_passed for row in rows),
        "asked": counts.asked,
        "from_journal": counts.from_journal,
    }
    return rows, figures


def _dropped(responses: list[Response], verdicts: list[Verdict]) -> list[Dropped]:
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
