"""Real code with real tests of it: exemplars, answers of a run, and the reference solutions of benchmarks."""

import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.sandbox.real_programs import BENCHMARKS, ROOT, find_benchmarks
from selfcodealign.generation import as_program, load_exemplars
from selfcodealign.params import load_params
from selfcodealign.records import Response, read_rows

RESPONSES = Path("data/generate_responses/responses.parquet")
UNITTEST_MAIN = 'if __name__ == "__main__":\n    unittest.main()'


@dataclass(frozen=True, slots=True)
class Suite:
    """Code and tests of it.

    Attributes:
        id: unique within its source.
        code: the code under test.
        tests: statements that test it.
    """

    id: str
    code: str
    tests: str

    @property
    def program(self) -> str:
        """Both as one program."""
        return as_program(self.code, self.tests)


@dataclass(frozen=True, slots=True)
class Source:
    """Suites of one origin.

    Attributes:
        name: of the origin.
        suites: the suites; empty if this machine does not have them.
        is_styled: the tests are plain assertions, which can be rewritten in the style of a test framework.
    """

    name: str
    suites: Sequence[Suite]
    is_styled: bool


def sources(folders: Sequence[Path] = (), responses: Sequence[Path] = ()) -> Iterator[Source]:
    """All sources of suites, in the order of the table.

    Args:
        folders: where the files of the benchmarks are; empty: the folders of `params.yaml`.
        responses: `responses.parquet` of runs.
    """
    exemplars = [Suite(exemplar.name, exemplar.code, exemplar.tests) for exemplar in load_exemplars()]
    yield Source("exemplars", exemplars, is_styled=True)
    for path in responses:
        yield Source(f"answers in {path}", _answers(path), is_styled=True)
    listed = [str(folder) for folder in folders] or load_params(ROOT / "params.yaml").import_benchmarks.folders
    found = {benchmark.info.name: benchmark for benchmark in find_benchmarks(listed)}
    for name in BENCHMARKS:
        tasks = found[name].tasks if name in found else {}
        yield Source(name, [_evalplus(task_id, task) for task_id, task in tasks.items()], is_styled=True)
    places = [ROOT / folder for folder in listed]
    for name, file, is_styled, read in FILES:
        files = [path for place in places for path in sorted(place.rglob(file))]
        rows = _rows(files[0]) if files else []
        yield Source(name, [read(row) for row in rows], is_styled=is_styled)


def _answers(path: Path) -> list[Suite]:
    """Answers of a run with their own tests; an answer's program begins with its code.

    Raises:
        InputError: the file cannot be read.
    """
    if not path.exists():
        return []
    return [Suite(row.id, row.code, row.tests) for row in read_rows(path, Response) if row.code and row.tests]


def _evalplus(task_id: str, task: Any) -> Suite:
    tests = task.get("assertion") or f"{task['test']}\n\ncheck({task['entry_point']})"
    return Suite(task_id, task["prompt"] + task["canonical_solution"], tests)


def _humaneval(row: dict[str, Any]) -> Suite:
    return _evalplus(row["task_id"], row)


def _mbpp(row: dict[str, Any]) -> Suite:
    lines = [row.get("test_setup_code") or "", *row["test_list"], *row.get("challenge_test_list", [])]
    code = row["code"].replace("\r\n", "\n")
    return Suite(f"Mbpp/{row['task_id']}", code, "\n".join(line.replace("\r\n", "\n") for line in lines if line))


def _class_eval(row: dict[str, Any]) -> Suite:
    code = "\n".join([*row.get("import_statement", []), row["solution_code"]])
    return Suite(row["task_id"], code, f"import unittest\n{row['test']}\n\n\n{UNITTEST_MAIN}")


def _big_code_bench(row: dict[str, Any]) -> Suite:
    code = row["complete_prompt"] + row["canonical_solution"]
    return Suite(row["task_id"], code, f"import unittest\n{row['test']}\n\n\n{UNITTEST_MAIN}")


FILES = (
    ("humaneval", "HumanEval.jsonl.gz", True, _humaneval),
    ("mbpp", "mbpp.jsonl", True, _mbpp),
    ("class_eval", "ClassEval_data.json", False, _class_eval),
    ("big_code_bench", "BigCodeBench-*_hf.jsonl.gz", False, _big_code_bench),
)


def _rows(path: Path) -> list[dict[str, Any]]:
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        rows: list[dict[str, Any]] = json.loads(text)
        return rows
    return [json.loads(line) for line in text.splitlines() if line.strip()]
