"""gVisor's own release is downloaded from a real server, checked, and taken whole or not at all."""

import hashlib
import os
import platform
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from setup_scripts import NOBODY, ROOT, copy_of_setup, give_to_nobody, is_root, programs, run

RUNSC = b"#!/bin/sh\necho 'runsc version release-20990101.0'\n"
ARCHITECTURE = {"arm64": "aarch64", "amd64": "x86_64"}.get(platform.machine(), platform.machine())


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """A test's output is its failure."""


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """The folder of a release for this processor."""
    folder = tmp_path / "release" / ARCHITECTURE
    folder.mkdir(parents=True)
    (folder / "runsc").write_bytes(RUNSC)
    (folder / "runsc.sha512").write_text(f"{hashlib.sha512(RUNSC).hexdigest()}  runsc\n")
    return folder


@pytest.fixture
def mirror(release: Path) -> Iterator[str]:
    """The address of a server that has the release."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(release.parent)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def download(destination: Path, url: str, digest: str = "") -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return subprocess.run(
        [sys.executable, "-I", str(ROOT / "setup" / "gvisor.py"), str(destination)],
        env=environment | {"GVISOR_URL": url, "GVISOR_SHA512": digest},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_release_is_downloaded_and_can_be_run(mirror: str, tmp_path: Path):
    destination = tmp_path / "bin" / "runsc"
    done = download(destination, f"{mirror}/")
    assert (done.returncode, done.stderr) == (0, "")
    assert destination.read_bytes() == RUNSC
    assert "20990101" in subprocess.run([destination], capture_output=True, text=True, check=True).stdout
    assert [path.name for path in destination.parent.iterdir()] == ["runsc"]


def test_a_digest_of_the_user_s_own_replaces_the_published_one(mirror: str, release: Path, tmp_path: Path):
    (release / "runsc.sha512").unlink()
    destination = tmp_path / "runsc"
    assert download(destination, mirror, hashlib.sha512(RUNSC).hexdigest().upper()).returncode == 0
    assert destination.exists()


@pytest.mark.parametrize("pinned", ["", "0" * 128])
def test_a_changed_file_is_refused_and_what_was_there_stays(mirror: str, release: Path, tmp_path: Path, pinned: str):
    destination = tmp_path / "bin" / "runsc"
    destination.parent.mkdir()
    destination.write_text("what was there")
    if not pinned:
        (release / "runsc").write_bytes(RUNSC + b"# more\n")
    done = download(destination, mirror, pinned)
    assert done.returncode == 4
    assert done.stderr.count("\n") == 1
    assert "SHA-512" in done.stderr
    assert destination.read_text() == "what was there"
    assert [path.name for path in destination.parent.iterdir()] == ["runsc"]


@pytest.mark.parametrize("text", ["", "<html>sign in</html>", f"{'0' * 127}  runsc", f"{'0' * 128}  another"])
def test_what_is_no_digest_is_not_taken_for_one(mirror: str, release: Path, tmp_path: Path, text: str):
    (release / "runsc.sha512").write_text(text)
    done = download(tmp_path / "runsc", mirror)
    assert done.returncode == 3
    assert "runsc.sha512 holds no SHA-512" in done.stderr
    assert not (tmp_path / "runsc").exists()


@pytest.mark.parametrize("missing", ["runsc", "runsc.sha512"])
def test_a_release_with_a_part_missing_cannot_be_had(mirror: str, release: Path, tmp_path: Path, missing: str):
    (release / missing).unlink()
    done = download(tmp_path / "bin" / "runsc", mirror)
    assert done.returncode == 3
    assert (done.stderr.count("\n"), missing in done.stderr) == (1, True)
    assert not any((tmp_path / "bin").glob("*"))


@pytest.mark.parametrize("url", ["", "http://127.0.0.1:9", "nonsense", "http://no-such-host.invalid"])
def test_without_a_server_one_line_says_why(tmp_path: Path, url: str):
    done = download(tmp_path / "runsc", url)
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "runsc").exists()


@is_root
def test_without_root_set_up_puts_it_beside_the_environment_s_programs(mirror: str, tmp_path: Path):
    checkout = copy_of_setup(tmp_path / "a checkout")
    path = programs(tmp_path / "programs", lacking=["runsc"], mmdebstrap="true")
    give_to_nobody(checkout)
    done = run("docker.sh", checkout, "runsc", user=NOBODY, PATH=path, GVISOR_URL=mirror)
    assert done.returncode == 0, done.stderr
    assert (checkout / ".venv" / "bin" / "runsc").read_bytes() == RUNSC
    assert "warning" not in done.stderr
    again = run("docker.sh", checkout, "runsc", user=NOBODY, PATH=path, GVISOR_URL="http://127.0.0.1:9")
    assert (again.returncode, again.stderr) == (0, "")


@is_root
def test_a_changed_release_stops_set_up(mirror: str, release: Path, tmp_path: Path):
    (release / "runsc").write_bytes(b"something else")
    checkout = copy_of_setup(tmp_path / "a checkout")
    path = programs(tmp_path / "programs", lacking=["runsc"], mmdebstrap="true")
    give_to_nobody(checkout)
    done = run("docker.sh", checkout, "runsc", user=NOBODY, PATH=path, GVISOR_URL=mirror)
    assert done.returncode == 2
    assert "SHA-512" in done.stderr
