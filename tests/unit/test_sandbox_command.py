"""Settings, daemon address and input files: what is wrong is said in one line, before anything is started."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from selfcodealign.errors import InputError, PrerequisiteError, SandboxError
from selfcodealign.sandbox import STATUS_MEANINGS, Limits, Program, SandboxSettings, Status
from selfcodealign.sandbox.command import HELP, app, read_programs
from selfcodealign.sandbox.docker import Docker, docker_host, hardening
from selfcodealign.sandbox.image import image_tag
from selfcodealign.sandbox.journalled import verdict_key


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b"{", "line 2: no valid JSON"),
        (b"[]", 'line 2: must be an object with strings "id" and "source"'),
        (b'{"id": "a"}', "line 2: must be an object"),
        (b'{"id": 1, "source": "x"}', "line 2: must be an object"),
        (b'{"id": "\xff", "source": "x"}', "line 2: no valid JSON"),
    ],
)
def test_a_bad_line_is_named_by_its_number(tmp_path: Path, line: bytes, complaint: str) -> None:
    file = tmp_path / "programs.jsonl"
    file.write_bytes(b'{"id": "a", "source": "x"}\n' + line + b"\n")
    with pytest.raises(InputError, match=complaint):
        read_programs(file)


@settings(deadline=None)
@given(st.text(max_size=30))
def test_any_source_is_read_back_as_it_was_written(source: str) -> None:
    import json
    import tempfile

    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        file.write(json.dumps({"id": "a", "source": source}) + "\n\n")
        file.flush()
        assert read_programs(Path(file.name)) == [Program("a", source)]


def test_the_command_ends_with_one_line_and_code_1_on_bad_input(tmp_path: Path) -> None:
    file = tmp_path / "programs.jsonl"
    file.write_text("nonsense\n")
    out = tmp_path / "verdicts.jsonl"
    out.write_text("earlier\n")
    result = CliRunner().invoke(app, ["run", str(file), "--out", str(out)])
    assert result.exit_code == 1
    assert result.output.strip().splitlines()[-1].startswith("error: ")
    assert "line 1" in result.output
    assert out.read_text() == "earlier\n"


def test_a_missing_file_and_an_unknown_runtime_are_one_line(tmp_path: Path) -> None:
    out = str(tmp_path / "verdicts.jsonl")
    assert CliRunner().invoke(app, ["run", str(tmp_path / "none.jsonl"), "--out", out]).exit_code == 1
    programs = tmp_path / "programs.jsonl"
    programs.write_text("")
    result = CliRunner().invoke(app, ["run", str(programs), "--out", out, "--runtime", "chroot"])
    assert result.exit_code == 1
    assert "use runsc, runsc-direct or runc" in result.output


@pytest.mark.parametrize("field", ["timeout_s", "memory_mib", "max_output_bytes", "max_processes", "max_file_mib"])
def test_limits_must_be_positive(field: str) -> None:
    with pytest.raises(InputError, match=field):
        Limits(**{field: 0})


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match="memory_mib"):
        Limits(memory_mib=10)
    with pytest.raises(InputError, match="num_workers"):
        SandboxSettings(num_workers=-1)
    with pytest.raises(InputError, match="max_tries"):
        SandboxSettings(max_tries=0)


def test_without_a_docker_client_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PrerequisiteError, match="not installed; run `make sandbox`"):
        Docker(None).runtimes()


def test_the_daemon_address_comes_from_the_environment_then_from_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    assert docker_host([tmp_path]) is None
    (tmp_path / ".tools").mkdir()
    (tmp_path / ".tools" / "docker-host").write_text("unix:///x.sock\n")
    assert docker_host([tmp_path / "elsewhere", tmp_path]) == "unix:///x.sock"
    monkeypatch.setenv("DOCKER_HOST", "tcp://there:1")
    assert docker_host([tmp_path]) == "tcp://there:1"


def test_docker_complaints_become_one_line() -> None:
    docker = Docker("unix:///x.sock")
    dead = docker.explain(
        "run", "docker: Cannot connect to the Docker daemon at unix:///x.sock.\nSee 'docker run --help'.\n"
    )
    assert isinstance(dead, PrerequisiteError)
    assert "unix:///x.sock does not answer" in str(dead)
    other = docker.explain("run", "docker: Error response: no space left on device.\nSee 'docker run --help'.\n")
    assert isinstance(other, SandboxError)
    assert "no space left" in str(other)


def test_every_container_is_cut_off_read_only_and_without_a_pids_limit() -> None:
    flags = hardening("runsc", memory_mib=1000, tmp_mib=64, owner="1")
    for flag in (
        "--runtime=runsc",
        "--network=none",
        "--read-only",
        "--cap-drop=ALL",
        "--security-opt=no-new-privileges",
    ):
        assert flag in flags
    assert not any("pids-limit" in flag or flag.lstrip("-") == "privileged" for flag in flags)


def test_the_image_tag_is_stable_and_names_content() -> None:
    assert image_tag() == image_tag()
    assert len(image_tag().partition(":")[2]) == 16


def test_the_journal_key_depends_on_program_and_fingerprint_but_not_on_the_id() -> None:
    fingerprint = {"isolation": "docker/runsc-ptrace", "image": "sha256:1", "limits": {"timeout_s": 1.0}}
    key = verdict_key(Program("a", "x"), fingerprint)
    assert key == verdict_key(Program("b", "x"), fingerprint)
    assert key != verdict_key(Program("a", "y"), fingerprint)
    assert key != verdict_key(Program("a", "x"), {**fingerprint, "image": "sha256:2"})
    assert key != verdict_key(Program("a", "x"), {**fingerprint, "limits": {"timeout_s": 2.0}})


def test_docs_and_help_give_the_meaning_of_every_status() -> None:
    page = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text(encoding="utf-8")
    assert set(STATUS_MEANINGS) == set(Status)
    for status, meaning in STATUS_MEANINGS.items():
        assert f"| `{status}` | {meaning} |" in page
        assert f"{status}: {meaning}." in HELP
