"""Small pipelines for the fault enumeration: real stages with a journaled step, and a faulty one as a control."""

import importlib
import itertools
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import selfcodealign.seeds.parts
import stages.collect_seeds
import stages.filter_seeds
from faults import syscalls
from selfcodealign.files import replaced_folder, write_text
from selfcodealign.journal import journal_key, open_journal
from selfcodealign.records import Seed, read_rows, write_rows
from selfcodealign.stage import cache_folder, run_stage, stage_run

REPOSITORY = Path(__file__).parents[2]
JOURNAL = ".cache/answers.sqlite"
# Two parts of the collection, so that a fault can come between them.
FILES_PER_PART = 2
# Each look at the clock is this much later: every few entries of the journal are synced, the others are not yet.
CLOCK_STEP_S = 0.3
MODULES = "modules:"

FUNCTIONS = {
    "shorten.py": '''
def shorten(text, width):
    """Cut a text to a width, and show that it was cut."""
    if len(text) <= width:
        return text
    return text[: width - 1] + "~"
''',
    "mean.py": '''
def mean(values):
    """The arithmetic mean of numbers, 0 for none."""
    total = 0.0
    for value in values:
        total += value
    return total / max(len(values), 1)
''',
    "invert.py": '''
def invert(mapping):
    """Swap the keys and the values of a mapping."""
    swapped = {}
    for key in sorted(mapping):
        swapped.setdefault(mapping[key], key)
    return swapped
''',
    "undocumented.py": """
def undocumented(first, second):
    both = [first, second]
    both.reverse()
    return tuple(both)
""",
}
EARLIER_FILES = ("invert.py", "mean.py")

# Says on a pipe what is done: "stage NAME" or "entry KEY". What has been said has to last.
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline under test.

    Attributes:
        run: runs it in the working directory, like scripts do: SystemExit after an error.
        outputs: by stage its folder and its metrics file, relative to the working directory.
    """

    run: Callable[[Say], None]
    outputs: Mapping[str, tuple[str, ...]]


def outputs_of(*names: str) -> dict[str, tuple[str, ...]]:
    """Return the output paths of stages."""
    return {name: (f"data/{name}", f"metrics/{name}.json") for name in names}


def write_inputs(root: Path, files: Iterable[str] = tuple(FUNCTIONS)) -> None:
    """Write the params and a folder with the given source files."""
    values = yaml.safe_load((REPOSITORY / "params.yaml").read_text(encoding="utf-8"))
    values["workers"]["num_workers"] = 1
    values["collect_seeds"] = {"licences": ["MIT"], "assumed_licence": "MIT", "folders": ["code"]}
    values["filter_seeds"].update(benchmark_text=False, types=False, normalised_jaccard=None)
    (root / "params.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    (root / "code").mkdir(exist_ok=True)
    for file in files:
        (root / "code" / file).write_text(FUNCTIONS[file], encoding="utf-8")


def run_stages(say: Say) -> None:
    """Collect and filter seeds, and write a journaled answer for each."""
    for name, main in (
        ("collect_seeds", stages.collect_seeds.main),
        ("filter_seeds", stages.filter_seeds.main),
        ("answer_seeds", _answer_seeds(say)),
    ):
        run_command(name, main)
        say(f"stage {name}")


def run_command(name: str, main: Callable[..., None]) -> None:
    """Run a stage's command as its script does; returns only on success."""
    sys.argv = [name]
    try:
        run_stage(main)
    except SystemExit as end:
        if end.code:
            raise


def _answer_seeds(say: Say) -> Callable[[], None]:
    """A stage that writes answers to a journal, like a generation stage."""

    def main() -> None:
        with stage_run("answer_seeds", Path("metrics/answer_seeds.json")) as run:
            seeds = read_rows(Path("data/filter_seeds/seeds.parquet"), Seed)
            answers = []
            with open_journal(cache_folder() / "answers.sqlite") as journal:
                for seed in seeds:
                    for sample in range(2):
                        key = journal_key("answer", prompt=seed.code, sample=sample)
                        answer = journal.get_many([key]).get(key)
                        if answer is None:
                            answer = {"text": f"{sample}: {seed.name[::-1]}"}
                            journal.put(key, answer, kind="answer")
                        say(f"entry {key}")
                        answers.append(answer["text"])
            with replaced_folder(Path("data/answer_seeds")) as folder:
                write_rows(folder / "seeds.parquet", seeds, Seed)
                (folder / "deep").mkdir()
                write_text(folder / "deep/answers.txt", "\n".join(answers))
            run.rows(rows_in=len(seeds), rows_out=len(seeds), dropped={})

    return main


def run_careless(say: Say) -> None:
    """Write an output in place and without a sync. The enumeration must detect this."""

    def main() -> None:
        folder = Path("data/careless")
        folder.mkdir(parents=True, exist_ok=True)
        code = sorted(path.read_text(encoding="utf-8") for path in Path("code").iterdir())
        (folder / "rows.txt").write_text("".join(code), encoding="utf-8")
        with suppress(OSError):
            Path("data/careless.tmp").touch()
            Path("data/careless.tmp").unlink()

    run_command("careless", main)
    say("stage careless")


PIPELINES = {
    "stages": Pipeline(run_stages, outputs_of("collect_seeds", "filter_seeds", "answer_seeds")),
    "careless": Pipeline(run_careless, {"careless": ("data/careless",)}),
}


def in_folder(root: Path, pipeline: Pipeline, say: Say) -> Callable[[], None]:
    """Return the body of a child process: run the pipeline in a folder with a deterministic clock."""

    def run() -> None:
        os.chdir(root)
        os.environ.pop("DVC_ROOT", None)
        ticks = itertools.count()
        time.monotonic = lambda: CLOCK_STEP_S * next(ticks)
        time.time = lambda: 1.8e9
        selfcodealign.seeds.parts.PART_FILES = FILES_PER_PART
        pipeline.run(say)

    return run


def import_all(root: Path, pipeline: Pipeline) -> None:
    """Import the modules that the pipeline imports at run time once, instead of in each child.

    Raises:
        RuntimeError: the pipeline fails.
    """
    run = in_folder(root, pipeline, unsaid)

    def run_and_list() -> None:
        run()
        sys.stdout.write(f"{MODULES} {' '.join(sys.modules)}")

    ended = syscalls.run(run_and_list)
    if ended.status != 0:
        raise RuntimeError(f"the undisturbed run fails: {ended.output}")
    for name in ended.output.partition(MODULES)[2].split():
        with suppress(ImportError):  # some are made by others, and have no file of their own
            importlib.import_module(name)


def unsaid(line: str) -> None:
    """Discard a line."""


def without_times(value: Any) -> Any:
    """Return metrics without durations."""
    if isinstance(value, dict):
        return {key: without_times(item) for key, item in value.items() if "seconds" not in key}
    return value


def pairs(outputs: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, str]]:
    """Yield each stage with each of its outputs."""
    for name, paths in outputs.items():
        for path in paths:
            yield name, path
