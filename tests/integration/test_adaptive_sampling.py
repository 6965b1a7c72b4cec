"""Adaptive sampling on the real engine and the real sandbox: a task ends with its first pass, and a rerun is free."""

from functools import partial
from pathlib import Path

import pytest

from selfcodealign.generation import StepResult, generate_answers, load_prompt_format, make_responses
from selfcodealign.journal import open_journal
from selfcodealign.params import Engine, GenerateResponses
from selfcodealign.records import Instruction, Response
from selfcodealign.sandbox import Limits, Program, SandboxSettings, Status, open_sandbox, open_stream, run_journalled

pytestmark = [pytest.mark.engine, pytest.mark.sandbox]

ENGINE = Engine(max_model_len=2048, max_num_seqs=8, kv_cache_gib=1)
SANDBOX = SandboxSettings(limits=Limits(memory_mib=512), num_workers=1)
SETTINGS = GenerateResponses(
    temperature=0.7,
    top_p=1.0,
    max_new_tokens=160,
    num_exemplars=1,
    num_exemplar_sets=1,
    num_samples=4,
    stop_after=1,
    wave_size=2,
)
TASKS = [
    "Write a function `add(a, b)` that returns the sum of two numbers.",
    "Write a function `double(x)` that returns twice the number `x`.",
    "Write a function `first(items)` that returns the first item of a list.",
    "Prove Fermat's last theorem in a class `Proof` without methods.",
]


def instruction(number: int, text: str) -> Instruction:
    return Instruction(
        id=f"i{number}",
        parent_id=f"c{number}",
        seed_id=f"s{number}",
        concepts=[],
        category="function",
        difficulty="easy",
        language="Python",
        instruction=text,
        exemplar_set=0,
    )


def generate(model: Path, folder: Path) -> StepResult[Response]:
    with (
        open_sandbox(SANDBOX) as sandbox,
        open_journal(folder / "verdicts.sqlite") as verdicts,
        open_stream(sandbox, verdicts) as judge,
    ):
        return make_responses(
            [instruction(number, text) for number, text in enumerate(TASKS)],
            SETTINGS,
            seed=1,
            prompt_format=load_prompt_format(model, "chat"),
            ask=partial(
                generate_answers,
                model_folder=model,
                engine=ENGINE,
                journal_path=folder / "answers.sqlite",
                what="responses",
            ),
            judge=judge,
        )


def test_a_task_gets_whole_waves_until_one_answer_passes_and_a_rerun_asks_for_nothing(
    small_model: Path, tmp_path: Path
):
    result = generate(small_model, tmp_path)
    assert result.saved["tasks"] == len(TASKS)
    assert result.saved["samples_asked"] == len(result.rows) + len(result.dropped)
    assert result.saved["samples_asked"] + result.saved["samples_saved"] == len(TASKS) * SETTINGS.num_samples

    with open_sandbox(SANDBOX) as sandbox, open_journal(tmp_path / "verdicts.sqlite") as journal:
        verdicts, counts = run_journalled(
            sandbox, [Program.of_code(row.id, row.program, row.code) for row in result.rows], journal
        )
    assert counts.asked == 0, "a verdict was not journalled, or under another key"
    passed = [row for row, verdict in zip(result.rows, verdicts, strict=True) if verdict.status == Status.PASSED]
    assert len({row.instruction_id for row in passed}) == result.saved["tasks_with_enough_passes"]
    assert passed, "the small model solved none of the easy tasks: nothing was shown"
    for number in range(len(TASKS)):
        passes = {row.sample_index for row in passed if row.instruction_id == f"i{number}"}
        known = {row.sample_index for row in result.rows if row.instruction_id == f"i{number}"}
        assert not passes or max(known) <= (min(passes) // 2) * 2 + 1, "asked for more after a pass"

    again = generate(small_model, tmp_path)
    assert (again.usage.asked, again.usage.start_seconds) == (0, 0)
    assert again.usage.cost.as_metrics() == result.usage.cost.as_metrics()
    assert result.usage.cost.nanoseconds == round(result.usage.seconds * 1e9)
    assert again.rows == result.rows
    assert again.dropped == result.dropped
    assert again.saved == result.saved
