"""One real run of the whole DAG on small numbers, in a clone of this repository, shared by the tests."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
RUN_TIMEOUT_S = 2400

# Small numbers, the smallest model, and every well-formed answer is kept: the run must end whatever it gets right.
SMALL = {
    "import_model.name": "smollm2-135m-instruct",
    "collect_seeds.python.packages": [],
    "collect_seeds.max_functions": 600,
    "filter_seeds.max_seeds": 10,
    "generate_instructions.num_exemplars": 3,
    "generate_instructions.num_exemplar_sets": 1,
    "generate_instructions.max_new_tokens": 160,
    "generate_concepts.num_exemplars": 3,
    "generate_concepts.num_exemplar_sets": 1,
    "generate_responses.layout": "few_shot",  # so small a model seldom answers a bare task with code
    "generate_responses.num_exemplar_sets": 1,
    "generate_responses.num_samples": 3,
    "generate_responses.max_new_tokens": 320,
    "select_examples.keep": "all",
    "select_examples.shipped_pairs": [],
    "finetune_model.objective": "sft",  # a run this small has hardly a task with a passing and a failing answer
    "finetune_model.method": "full",
    "finetune_model.learning_rate": None,
    "finetune_model.min_examples": 1,
    "finetune_model.holdout_share": 0.0,  # the trained weights are kept, whatever they are worth
    "finetune_model.epochs": 1,
    "evaluate_model.max_tasks": 3,
    "evaluate_model.max_new_tokens": 120,
}


@dataclass(frozen=True)
class Clone:
    """A clone of the repository and the commands that a user types in it."""

    folder: Path
    environment: dict[str, str]

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        ended = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            text=True,
            capture_output=True,
            timeout=RUN_TIMEOUT_S,
            check=False,
        )
        if check and ended.returncode:
            pytest.fail(f"{' '.join(command)}: exit {ended.returncode}\n{ended.stdout[-3000:]}\n{ended.stderr[-5000:]}")
        return ended

    def run_and_kill(self, *command: str, when: Callable[[], bool]) -> bool:
        """Start a command and kill it with all its children, without warning, as soon as `when` holds."""
        running = subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + RUN_TIMEOUT_S
        while running.poll() is None and time.monotonic() < deadline:
            if when():
                kill_group(running.pid)
                running.wait()
                return True
            time.sleep(0.5)
        return False

    def journalled(self, name: str) -> int:
        """Entries of a journal; 0 while it does not exist."""
        path = self.folder / ".cache" / f"{name}.sqlite"
        if not path.is_file():
            return 0
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)
        try:
            return int(connection.execute("SELECT COUNT(*) FROM entries").fetchone()[0])
        except sqlite3.OperationalError:
            return 0
        finally:
            connection.close()


def kill_group(session: int) -> None:
    """SIGKILL to every process of a session, also those in process groups of their own."""
    listed = subprocess.run(["ps", "-o", "pid=", "-s", str(session)], text=True, capture_output=True, check=False)
    for pid in listed.stdout.split():
        try:
            os.kill(int(pid), signal.SIGKILL)
        except ProcessLookupError:
            continue


def clone(source: Path, folder: Path) -> Clone:
    """Clone the repository, as a user does, with the tools of this environment on the PATH."""
    subprocess.run(["git", "clone", "-q", str(source), str(folder)], check=True)
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "DVC_NO_ANALYTICS": "1",
        "GIT_AUTHOR_NAME": "test",
        "GIT_AUTHOR_EMAIL": "test@example.org",
        "GIT_COMMITTER_NAME": "test",
        "GIT_COMMITTER_EMAIL": "test@example.org",
    }
    host_file = ROOT / ".tools" / "docker-host"
    if host_file.is_file():
        environment.setdefault("DOCKER_HOST", host_file.read_text().strip())
    return Clone(folder, environment)


def set_params(path: Path, values: dict[str, object]) -> None:
    """Change values of a params file by dotted key."""
    loaded = yaml.safe_load(path.read_text())
    for key, value in values.items():
        *sections, last = key.split(".")
        target = loaded
        for section in sections:
            target = target[section]
        target[last] = value
    path.write_text(yaml.safe_dump(loaded, sort_keys=False))


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone in which the whole DAG ran, killed once in the middle of generation and once more started."""
    folder = tmp_path_factory.mktemp("end_to_end") / "clone"
    user = clone(ROOT, folder)
    benchmarks = [str((ROOT / name).resolve()) for name in ("data/external/benchmarks", "../shared/benchmarks")]
    set_params(folder / "params.yaml", {**SMALL, "import_benchmarks.folders": benchmarks})
    killed = user.run_and_kill("dvc", "repro", when=lambda: user.journalled("answers") >= KILL_AFTER_ANSWERS)
    assert killed, "the first run ended before it could be killed"
    (folder / "answers-at-kill").write_text(str(user.journalled("answers")))
    user.run("dvc", "repro")
    return user


KILL_AFTER_ANSWERS = 16
