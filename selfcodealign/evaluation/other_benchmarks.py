"""Benchmarks that a run does not evaluate and keeps out of its training data all the same.

Their files are read where they lie, in the folders of the settings, and never copied: some of them ask for that. What
was found is listed with its digest, so that a later stage reads the same text or says that it is gone.
"""

import gzip
import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from selfcodealign.errors import InputError
from selfcodealign.evaluation.benchmarks import BenchmarkText, load_benchmark_texts, task_docstring
from selfcodealign.files import write_text
from selfcodealign.inputs.benchmark_names import OTHER_FILES, files_of_other, find_other

OTHERS = "others.json"

logger = logging.getLogger(__name__)

Row = Mapping[str, Any]
Texts = tuple[str, str, str]
"""Prompt, solution and description of a task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherFile:
    """One file of a benchmark that is only compared with.

    Attributes:
        name: name of the benchmark, such as `ds1000`.
        file: the file's name; it lies in one of the folders of the settings.
        sha256: digest of the file as it lies there.
        tasks: tasks in it.
    """

    name: str
    file: str
    sha256: str
    tasks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Others:
    """What was found of the benchmarks that are only compared with.

    Attributes:
        files: their files, by name and file.
        absent: names of those of which there is no file: nothing was compared with them.
    """

    files: Sequence[OtherFile] = ()
    absent: Sequence[str] = ()


def _humaneval(row: Row) -> Texts:
    return row["prompt"], row["canonical_solution"], task_docstring(row["prompt"], row["entry_point"])


def _humaneval_pack(row: Row) -> Texts:
    return row["prompt"], row["canonical_solution"], row["docstring"]


def _mbpp(row: Row) -> Texts:
    text = row.get("text") or row["prompt"]
    return "\n".join([text, *row["test_list"]]), row["code"], text


def _ds1000(row: Row) -> Texts:
    return row["prompt"], row["reference_code"], row["prompt"].split("\nA:\n")[0].removeprefix("Problem:\n")


def _class_eval(row: Row) -> Texts:
    return row["skeleton"], row["solution_code"], row["class_description"].strip().strip('"')


def _can_it_edit(row: Row) -> Texts:
    described = (row["instruction_descriptive"], row["instruction_lazy"])
    return row["before"], row["after"], "\n\n".join(described)


def _big_code_bench(row: Row) -> Texts:
    prompt = row.get("complete_prompt") or row["prompt"]
    return prompt, row["canonical_solution"], row.get("instruct_prompt") or row["instruction"]


def _live_code_bench(row: Row) -> Texts:
    question = row.get("question_content") or row["prompt"]
    return question, "", question.split("Question:", 1)[-1]


def _apps(row: Row) -> Texts:
    solutions = row.get("solutions") or []
    listed = json.loads(solutions) if isinstance(solutions, str) and solutions else solutions
    return row["question"], "\n\n".join(listed[:1]), row["question"]


def _gsm8k(row: Row) -> Texts:
    return row["question"], "", row["question"]


_READERS: dict[str, Callable[[Row], Texts]] = {
    "humaneval": _humaneval,
    "humaneval_plus": _humaneval,
    "humaneval_pack": _humaneval_pack,
    "mbpp": _mbpp,
    "mbpp_plus": _humaneval,
    "evo_eval": _humaneval,
    "ds1000": _ds1000,
    "class_eval": _class_eval,
    "can_it_edit": _can_it_edit,
    "big_code_bench": _big_code_bench,
    "live_code_bench": _live_code_bench,
    "apps": _apps,
    "gsm8k": _gsm8k,
}
OTHER_BENCHMARKS = tuple(_READERS)
"""Names of the benchmarks whose files can be read."""


def find_others(names: Sequence[str], folders: Sequence[Path]) -> Others:
    """Find the files of benchmarks in some folders, searched recursively.

    One line of the log names all that are absent, with the files that would do.

    Args:
        names: which of `OTHER_BENCHMARKS`.
        folders: those that do not exist are skipped.

    Returns:
        Every file that belongs to one of the benchmarks, and the names of those that have none.

    Raises:
        InputError: a file is not readable as that benchmark.
    """
    found: list[OtherFile] = []
    absent: list[str] = []
    for name in dict.fromkeys(names):
        paths = find_other(name, folders)
        if not paths:
            absent.append(name)
        for path in paths:
            data = path.read_bytes()
            tasks = sum(1 for _ in _texts(name, path.name, data))
            found.append(OtherFile(name=name, file=path.name, sha256=hashlib.sha256(data).hexdigest(), tasks=tasks))
    if absent:
        logger.warning(
            "NOT kept out of the training data, for want of their files in %s: %s; put them there and run again",
            ", ".join(map(str, folders)) or "import_benchmarks.folders",
            ", ".join(f"{name} ({OTHER_FILES[name]})" for name in absent),
        )
    return Others(files=found, absent=absent)


def texts_in(folder: Path) -> list[BenchmarkText]:
    """The texts of all benchmarks whose files lie in a folder.

    Raises:
        InputError: a file is not readable as its benchmark, or there is none.
    """
    names = [name for name in OTHER_BENCHMARKS if any(files_of_other(name, folder))]
    if not names:
        raise InputError(f"{folder} holds no file of {', '.join(OTHER_BENCHMARKS)}; name their folder")
    return [
        text
        for name in names
        for path in sorted(files_of_other(name, folder), key=lambda path: path.name)
        for text in _texts(name, path.name, path.read_bytes())
    ]


def write_others(folder: Path, others: Others) -> None:
    """List what was found beside the imported benchmarks; nothing is written if nothing was asked for."""
    if others != Others(files=[], absent=[]):
        write_text(folder / OTHERS, json.dumps(asdict(others), indent=2) + "\n")


def read_others(folder: Path) -> Others:
    """What `write_others` listed; nothing if there is no list.

    Raises:
        InputError: the list is not readable.
    """
    path = folder / OTHERS
    if not path.is_file():
        return Others()
    try:
        listed = json.loads(path.read_bytes())
        return Others(files=[OtherFile(**entry) for entry in listed["files"]], absent=listed["absent"])
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path} is not readable ({error}); rerun import_benchmarks") from error


def load_all_texts(folder: Path, folders: Sequence[Path]) -> list[BenchmarkText]:
    """The texts that training data must not hold: of the imported benchmarks, and of those that are listed beside them.

    Args:
        folder: the folder that `import_benchmarks` wrote.
        folders: where the listed files lie.

    Raises:
        InputError: an imported benchmark is missing or changed, or a listed file is not in the folders any more.
    """
    texts = load_benchmark_texts(folder)
    for entry in read_others(folder).files:
        texts += _texts(entry.name, entry.file, _listed_bytes(entry, folders))
    return texts


def _listed_bytes(entry: OtherFile, folders: Sequence[Path]) -> bytes:
    for path in (path for folder in folders for path in files_of_other(entry.name, folder) if path.name == entry.file):
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() == entry.sha256:
            return data
    raise InputError(
        f"{entry.file} of {entry.name}, as it was when benchmarks were imported, is in none of the folders"
        f" {', '.join(map(str, folders))}: put it there, or rerun import_benchmarks"
    )


def _texts(name: str, file: str, data: bytes) -> Iterator[BenchmarkText]:
    read = _READERS[name]
    number = 0
    try:
        for number, row in enumerate(_rows(file, data), start=1):
            prompt, solution, description = read(row)
            yield BenchmarkText(
                benchmark=name,
                task_id=_task_id(row, number),
                prompt=_plain(prompt),
                solution=_plain(solution),
                docstring=_plain(description),
            )
    except (KeyError, TypeError, ValueError, AttributeError, OSError, EOFError) as error:
        raise InputError(f"{file}, task {number}: no task of {name} ({error!r}); get the file anew") from error


def _rows(file: str, data: bytes) -> list[Row]:
    text = (gzip.decompress(data) if file.endswith(".gz") else data).decode("utf-8", "replace")
    if file.removesuffix(".gz").endswith(".json"):
        return list(json.loads(text))
    return [json.loads(line) for line in text.split("\n") if line.strip()]


def _task_id(row: Row, number: int) -> str:
    metadata = row.get("metadata")
    inner = metadata.get("problem_id") if isinstance(metadata, dict) else None
    names = (row.get(key) for key in ("task_id", "full_name", "question_id", "problem_id", "id"))
    return str(next((name for name in (*names, inner) if name is not None), number))


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
