"""Small benchmarks in EvalPlus's format, written for the tests of the evaluation."""

import json
from pathlib import Path

from selfcodealign.evaluation import Benchmark, BenchmarkInfo


def task(number: int, family: str = "HumanEval") -> dict[str, object]:
    """One task: add `number`."""
    name = f"add_{number}"
    return {
        "task_id": f"{family}/{number}",
        "prompt": f'def {name}(value: int) -> int:\n    """Add {number} to the value."""\n',
        "entry_point": name,
        "canonical_solution": f"    return value + {number}\n",
        "base_input": [[1]],
        "plus_input": [[2], [3]],
        "atol": 0,
        "contract": "",
    }


def benchmark(num_tasks: int = 3, variant: str = "humaneval_plus") -> Benchmark:
    """A benchmark of that many tasks."""
    family = "Mbpp" if variant == "mbpp_plus" else "HumanEval"
    tasks = {f"{family}/{number}": task(number, family) for number in range(num_tasks)}
    info = BenchmarkInfo(
        name="mbpp_plus" if variant == "mbpp_plus" else "humaneval_plus",
        variant=variant,
        version="v0",
        source="folder",
        records=num_tasks,
        md5="0" * 32,
        licence="MIT",
    )
    return Benchmark(info, tasks)


def jsonl(num_tasks: int) -> str:
    """A benchmark file of that many tasks."""
    return "".join(json.dumps(task(number)) + "\n" for number in range(num_tasks))


def write(path: Path, text: str) -> Path:
    """Write a file and its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path
