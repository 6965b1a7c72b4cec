"""Test data for the report: files as the stages write them, for an invented run. None of it was measured."""

import hashlib
import json
import random
from pathlib import Path
from typing import Any

from selfcodealign.evaluation import BenchmarkInfo
from selfcodealign.evaluation.benchmarks import write_manifest
from selfcodealign.records import Example, Instruction, Message, Response, Verdict, row_id, write_rows

HOSTILE = "<script>document.title = 'owned'</script><img src=http://outside.invalid/x.png onerror=alert(1)>"

TASKS = [
    ("Write a function `merge_intervals` that merges overlapping intervals and returns them in order.", "function"),
    ("Implement a class `RingBuffer` with a fixed capacity that overwrites its oldest item when it is full.", "class"),
    ("Write a program that reads lines of `name,score` and prints the three best names.", "program"),
    ("Write a function `roman` that turns a number from 1 to 3999 into a Roman numeral.", "function"),
    ("Implement a class `Matrix` with addition, multiplication and transposition, and clear errors.", "class"),
    ("Write a function `longest_run` that returns the longest run of equal items in a list.", "function"),
]
ANSWER = """To merge the intervals, sort them by their start and extend the last one while they overlap.

1. Sort by `start`.
2. Compare with the last merged interval.

```python
def merge_intervals(intervals: list[tuple[int, int]]) -> list[tuple[int, int]]:
    \"\"\"Merge overlapping intervals.\"\"\"
    merged: list[tuple[int, int]] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            # They overlap: extend the last one.
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged
```
"""
TESTS = """assert merge_intervals([(1, 3), (2, 6), (8, 10)]) == [(1, 6), (8, 10)]
assert merge_intervals([]) == []
assert merge_intervals([(1, 4), (4, 5)]) == [(1, 5)], "touching intervals are one"
"""
STATUSES = {"passed": 30, "failed": 40, "error": 20, "timeout": 3, "vacuous": 5, "syntax": 2}
SOLUTIONS = {
    True: "def common(first, second):\n    # Sets drop repeated items.\n    found = set(first) & set(second)\n"
    "    return sorted(found)\n",
    False: "def common(first, second):\n    found = []\n    for item in first:\n        if item in second:\n"
    "            found.append(item)\n    return sorted(found)\n",
}
"""A solution that passes and one that does not."""
BENCHMARKS = (("humaneval_plus", "HumanEval", 164), ("mbpp_plus", "Mbpp", 378))
"""Setting, prefix of the task ids, and number of tasks."""
SEEDS = [
    ("requests", "2.32.3", "Apache-2.0", "requests/utils.py"),
    ("rich", "14.0.0", "MIT", "rich/cells.py"),
    ("python", "3.11.2", "PSF-2.0", "statistics.py"),
    ("networkx", "3.4.2", "BSD-3-Clause", "networkx/algorithms/shortest_paths/unweighted.py"),
]


def build_run(root: Path, *, num_pairs: int = 23, with_benchmarks: bool = True) -> None:
    """Write the files of a run below `root`, in the places that the stages use."""
    draw = random.Random(7)
    data, metrics = root / "data", root / "metrics"
    examples, instructions, responses, verdicts = [], [], [], []
    kinds = [(c, d) for c in ("function", "class", "program") for d in ("easy", "medium", "hard")]
    for index in range(46):
        category, difficulty = kinds[(index * 7) % 9]
        task = TASKS[index % len(TASKS)][0]
        task += " Explain the steps, handle empty input and wrong types, and keep it short." * draw.randint(0, 3)
        instruction = _instruction(index, category, difficulty, task)
        instructions.append(instruction)
        for sample in range(draw.randint(2, 8)):
            response = _response(instruction, sample, draw.randint(90, 480))
            responses.append(response)
            status = draw.choices(("passed", "failed", "error", "timeout", "vacuous", "syntax"), (30, 40, 20, 3, 5, 2))[
                0
            ]
            verdicts.append(_verdict(response, status, draw.random()))
            taken = {example.instruction_id for example in examples}
            if status == "passed" and len(examples) < num_pairs and instruction.id not in taken:
                examples.append(_example(instruction, response, index))
    write_rows(data / "generate_instructions/instructions.parquet", instructions, Instruction)
    write_rows(data / "generate_responses/responses.parquet", responses, Response)
    write_rows(data / "validate_responses/verdicts.parquet", verdicts, Verdict)
    write_rows(data / "select_examples/examples.parquet", examples, Example)
    _write_metrics(metrics, len(instructions), len(responses), verdicts, len(examples))
    _write_loss(data / "finetune_model/loss.csv", draw)
    if with_benchmarks:
        _write_evaluations(root, draw)
        _write_benchmarks(data / "import_benchmarks")


def _instruction(index: int, category: str, difficulty: str, task: str) -> Instruction:
    return Instruction(
        id=row_id("task", index), parent_id=row_id("concepts", index), seed_id=row_id("seed", index),
        concepts=["sorting", "interval arithmetic", "list traversal"], category=category, difficulty=difficulty,
        language="Python", instruction=task, exemplar_set=0,
    )  # fmt: skip


def _response(instruction: Instruction, sample: int, tokens: int) -> Response:
    answer = ANSWER + "\nThe cost is that of sorting.\n" * (tokens % 6)
    return Response(
        id=row_id(instruction.id, sample), instruction_id=instruction.id, seed_id=instruction.seed_id,
        sample_index=sample, response=answer, code="", tests=TESTS, program="", output_tokens=tokens,
    )  # fmt: skip


def _verdict(response: Response, status: str, seconds: float) -> Verdict:
    return Verdict(
        id=response.id, status=status, seconds=seconds, assertions=3, stdout="", stderr="",
        isolation="docker/runsc-ptrace",
    )  # fmt: skip


def _example(instruction: Instruction, response: Response, index: int) -> Example:
    package, version, licence, file = SEEDS[index % 4]
    answer = response.response + (f"\n{HOSTILE}\n\n```python\nname = '{HOSTILE}'\n```\n" if index == 0 else "")
    return Example(
        id=row_id(response.id), messages=[Message(role="user", content=instruction.instruction),
        Message(role="assistant", content=answer)], instruction=instruction.instruction, response=answer,
        tests=response.tests, category=instruction.category, difficulty=instruction.difficulty,
        concepts=instruction.concepts, status="passed", kept_because="only_candidate", response_id=response.id,
        instruction_id=instruction.id, seed_id=instruction.seed_id, package=package, version=version, licence=licence,
        file=file, first_line=40 + index, last_line=58 + index,
    )  # fmt: skip


def _write_metrics(folder: Path, tasks: int, answers: int, verdicts: list[Verdict], pairs: int) -> None:
    statuses: dict[str, int] = {}
    for verdict in verdicts:
        statuses[verdict.status] = statuses.get(verdict.status, 0) + 1
    stages: dict[str, dict[str, Any]] = {
        "import_model": {
            "seconds": 41.2, "name": "invented-coder-0.5b", "parameters": 494_032_768, "dtype": "bfloat16",
            "licence": "Apache-2.0",
        },
        "import_benchmarks": {"seconds": 0.8},
        "collect_seeds": {
            "seconds": 38.5, "rows_in": 41873, "rows_out": 3000,
            "dropped": {"no_docstring": 21044, "too_short": 9120, "not_drawn": 5012, "too_long": 2380,
                        "licence_not_permissive": 1204, "syntax_error": 113},
        },
        "filter_seeds": {
            "seconds": 96.3, "rows_in": 3000, "rows_out": 48,
            "dropped": {"no_return_value": 702, "system_import": 540, "type_errors": 486, "no_arguments": 211,
                        "not_drawn": 913, "near_duplicate": 64, "bad_word": 31, "benchmark_text": 5},
        },
        "generate_concepts": _generation(48, 48, {"truncated": 0}, 74.0, 24, 1711, 0.93),
        "generate_instructions": _generation(48, tasks, {"no_task": 1, "too_long": 1}, 131.0, 0, 4010, 0.91),
        "generate_responses": {"tasks": tasks} | _generation(
            tasks * 10, answers, {"no_tests": tasks * 10 - answers - 60, "truncated": 41, "syntax": 19},
            612.0, 120, 121804, 0.72,
        ),
        "validate_responses": {
            "seconds": 33.1, "rows_in": answers, "rows_out": answers, "dropped": {}, "statuses": statuses,
            "programs_per_second": 41.2, "asked": answers - 22, "from_journal": 22, "isolation": "docker/runsc-ptrace",
        },
        "select_examples": {
            "seconds": 3.4, "rows_in": answers, "rows_out": pairs,
            "dropped": {"not_passed": answers - statuses.get("passed", 0), "not_drawn": 30,
                        "near_duplicate": max(statuses.get("passed", 0) - 30 - pairs, 0)},
        },
        "finetune_model": {
            "seconds": 301.0, "rows_in": pairs, "rows_out": pairs, "dropped": {}, "tokens_per_second": 71.4,
        },
    }  # fmt: skip
    for stage, values in stages.items():
        _write_json(folder / f"{stage}.json", {"stage": stage, **values})


def _generation(
    requests: int, rows: int, dropped: dict[str, int], seconds: float, from_journal: int, tokens: int, hits: float
) -> dict[str, Any]:
    rates = {"output_tokens_per_second": round(tokens / (seconds - 25), 1), "prefix_hit_rate": hits}
    share, spent = from_journal / requests, seconds - 25
    return {
        "seconds": seconds, "rows_in": requests, "rows_out": rows, "dropped": dropped,
        "usage": {
            "requests": requests, "asked": requests - from_journal, "from_journal": from_journal,
            "journal_share": {"answers": share, "seconds": share},
            "prompt_tokens": requests * 900, "output_tokens": tokens, "seconds": spent, **rates,
        },
        "cost": {
            "requests": requests, "without_cost": 0, "prompt_tokens": requests * 900,
            "output_tokens": round(tokens / (1 - share)), "seconds": round(spent / (1 - share), 2), **rates,
        },
    }  # fmt: skip


def _write_loss(path: Path, draw: random.Random) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["step,epoch,loss,learning_rate,tokens"]
    for step in range(1, 13):
        loss = 0.42 + 0.55 * 0.8**step + draw.uniform(-0.04, 0.04)
        lines.append(f"{step},{step / 6:.3f},{loss:.4f},{1e-5 * (1 - step / 13):.3e},{step * 1510}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write_evaluations(root: Path, draw: random.Random) -> None:
    for benchmark, family, num_tasks in BENCHMARKS:
        solved = {f"{family}/{number}": draw.random() < 0.55 for number in range(num_tasks)}
        strict = {task: draw.random() < 0.88 for task in solved}
        for model, luck in (("base", 0.0), ("aligned", 0.12)):
            tasks, verdicts = {}, {}
            for task, is_solved in solved.items():
                flips = draw.random() < (luck if not is_solved else luck / 2)
                base = is_solved != flips
                plus = base and strict[task]
                tasks[task] = {"base": "pass" if base else "fail", "plus": "pass" if plus else "fail"}
                verdicts[task] = [_verdict_on(task, passes_base=base, passes_plus=strict[task])]
            results = root / "data/evaluate_model" / model / benchmark / "results.json"
            _write_json(results, {"variant": benchmark, "version": "v0.1.10", "tasks": tasks, "eval": verdicts})
            _write_json(
                root / "metrics/evaluate_model" / f"{model}-{benchmark}.json",
                {
                    "stage": "evaluate_model",
                    "seconds": 240.0 + luck * 100,
                    "variant": benchmark,
                    "prompt_form": "chat",
                    "opening": "block",
                    "cut_short": round(21 - luck * 100),
                    "mean_output_tokens": 150.0 - luck * 100,
                    "with_comment": round(120 - luck * 100),
                },
            )


def _verdict_on(task: str, *, passes_base: bool, passes_plus: bool) -> dict[str, Any]:
    """One row of `eval` in a `results.json`; every third solution holds a script."""
    note = f"note = {HOSTILE!r}\n" if int(task.split("/")[1]) % 3 == 0 else ""
    is_timeout = bool(note) and not passes_base
    failure = {
        "kind": "timeout" if is_timeout else "wrong_value", "tests": "plus" if passes_base else "base",
        "index": int(task.split("/")[1]) % 7, "call": f"common([2, 2, 1], [1, {HOSTILE!r}, 2])",
        "expected": None if is_timeout else "[1, 2]", "outcome": None if is_timeout else "[1, 2, 2]",
        "after_earlier": False,
    }  # fmt: skip
    return {
        "task_id": task, "solution": note + SOLUTIONS[passes_base and passes_plus],
        "base_status": "pass" if passes_base else "timeout" if note else "fail",
        "plus_status": "pass" if passes_plus else "fail",
        "first_failure": None if passes_base and passes_plus else failure,
    }  # fmt: skip


def _write_benchmarks(folder: Path) -> None:
    folder.mkdir(parents=True)
    infos = []
    for benchmark, family, num_tasks in BENCHMARKS:
        lines = [json.dumps(_benchmark_task(f"{family}/{number}", number)) for number in range(num_tasks)]
        data = ("\n".join(lines) + "\n").encode()
        (folder / f"{benchmark}.jsonl").write_bytes(data)
        infos.append(
            BenchmarkInfo(
                name=benchmark, variant=benchmark, version="v0.1.10", source="folder", records=num_tasks,
                md5=hashlib.md5(data, usedforsecurity=False).hexdigest(), licence="MIT",
            )
        )  # fmt: skip
    write_manifest(folder, infos)


def _benchmark_task(task_id: str, number: int) -> dict[str, Any]:
    text = f"Return the items that two lists share, in order, case {number}. " + HOSTILE * (number % 3 == 0)
    return {
        "task_id": task_id, "prompt": f"def common(first, second):\n    \"\"\"{text}\"\"\"\n",
        "entry_point": "common", "canonical_solution": "    return sorted(set(first) & set(second))\n",
        "base_input": [], "plus_input": [], "atol": 0,
    }  # fmt: skip


def _write_json(path: Path, values: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values), encoding="utf-8")
