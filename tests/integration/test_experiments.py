"""`selfcodealign experiments` on a small repository with a real git and a real DVC: runs, a kill, and the tables."""

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PIPELINE = """
stages:
  select_examples:
    cmd: python stage.py select_examples
    deps: [stage.py]
    params: [seed, select_examples]
    outs: [data/pairs.txt: {persist: true}]
    metrics: [metrics/select_examples.json: {cache: false, persist: true}]
  finetune_model:
    cmd: python stage.py finetune_model
    deps: [stage.py, data/pairs.txt]
    params: [seed, finetune_model]
    outs: [models/aligned.txt: {persist: true}]
    metrics:
      - metrics/finetune_model.json: {cache: false, persist: true}
      - metrics/summary.json: {cache: false, persist: true}
"""

STAGE = """
import json, os, sys, time
from pathlib import Path
import yaml

stage, root = sys.argv[1], Path(os.environ["DVC_ROOT"])
params = yaml.safe_load(Path("params.yaml").read_text())
with (root / "started.txt").open("a") as stream:
    stream.write(stage + "\\n")
pairs = {"passing": 12, "failing": 174, "all": 186}[params["select_examples"]["keep"]]
training = params["finetune_model"]
for folder in ("data", "metrics", "models"):
    Path(folder).mkdir(exist_ok=True)

def write(name, **values):
    Path("metrics", name + ".json").write_text(json.dumps(values))

if stage == "select_examples":
    Path("data/pairs.txt").write_text(str(pairs))
    write(stage, rows_out=pairs)
else:
    while (root / "hold").exists():
        time.sleep(0.1)
    if training["lora_rank"] == 13:
        sys.exit("error: no adapter has rank 13; set finetune_model.lora_rank")
    difference = 0.01 * (training["seed"] or 2)
    Path("models/aligned.txt").write_text(str(training))
    write(stage, kept="base" if training["method"] == "full" else "step 7", train_loss=[0.5, 0.25])
    write(
        "summary",
        pairs=pairs,
        pooled={"difference": difference, "interval_95": [difference - 0.03, difference + 0.03], "num_tasks": 542},
        benchmarks={"humaneval_plus": {"base": 0.5, "aligned": 0.5 + difference}},
    )
"""

SETS = """
demo:
  description: a few ways
  arms:
    failing: {description: answers that fail, overrides: [select_examples.keep=failing]}
    lora: {description: adapters, overrides: [finetune_model.method=lora, finetune_model.learning_rate=5e-6]}
    broken: {description: a rank that fails, overrides: [finetune_model.lora_rank=13]}
seeded:
  description: training seeds
  seeds: [1, 3]
  arms:
    full: {description: all weights}
"""


@dataclass(frozen=True)
class Repository:
    """A repository, and the commands that a user types in it."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        identity = {
            f"GIT_{role}_{key}": "t@example.org" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")
        }
        settings = {
            "PYTHONPATH": str(ROOT),
            "DVC_NO_ANALYTICS": "1",
            "DVC_SITE_CACHE_DIR": str(self.folder / ".cache/site"),
        }
        return {**os.environ, **identity, **settings}

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=self.folder, env=self.environment, text=True, capture_output=True, check=True
        )
        return done.stdout

    def experiments(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._command(*arguments),
            cwd=self.folder,
            env=self.environment,
            text=True,
            capture_output=True,
            check=False,
        )

    def experiments_killed(self, *arguments: str, when: Callable[[], bool]) -> None:
        """Start the command and kill it with all its children as soon as `when` holds."""
        running = subprocess.Popen(
            self._command(*arguments),
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        while not when():
            assert running.poll() is None, "the command ended before it could be killed"
            time.sleep(0.05)
        listed = subprocess.run(
            ["ps", "-o", "pid=", "-s", str(running.pid)], text=True, capture_output=True, check=True
        )
        for pid in listed.stdout.split():
            os.kill(int(pid), signal.SIGKILL)
        running.wait()

    def started(self) -> list[str]:
        """The stages that were started, in order."""
        path = self.folder / "started.txt"
        return path.read_text().split() if path.is_file() else []

    def table(self, name: str) -> dict[str, dict[str, str]]:
        ended = self.experiments("table", name, "--format", "csv")
        assert ended.returncode == 0, ended.stderr
        return {row["arm"]: row for row in csv.DictReader(io.StringIO(ended.stdout))}

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "selfcodealign.cli", "experiments", *arguments]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A repository with two stages, nothing of which has been run."""
    folder = tmp_path_factory.mktemp("experiments") / "repository"
    folder.mkdir()
    files = {"dvc.yaml": PIPELINE, "stage.py": STAGE, "experiments.yaml": SETS}
    for name, text in files.items():
        (folder / name).write_text(text)
    shutil.copy(ROOT / "params.yaml", folder)
    (folder / ".gitignore").write_text("/.cache/\n/data/\n/models/\n/hold\n/started.txt\n")
    made = Repository(folder)
    made.git("init", "-q", "-b", "main")
    (folder / ".dvc").mkdir()
    (folder / ".dvc/config").write_text("[core]\n    analytics = false\n")
    (folder / ".dvc/.gitignore").write_text("/config.local\n/tmp\n/cache\n")
    made.git("add", "-A")
    made.git("commit", "-qm", "start")
    return made


@dataclass(frozen=True)
class Story:
    """What the test file's one run left, and what it printed."""

    repository: Repository
    at_kill: list[str]
    after_kill: subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def story(repository: Repository) -> Story:
    """The set `demo`, killed in the second stage of its first arm and started again."""
    (repository.folder / "hold").touch()
    repository.experiments_killed("run", "demo", when=lambda: "finetune_model" in repository.started())
    at_kill = repository.started()
    (repository.folder / "hold").unlink()
    return Story(repository, at_kill, repository.experiments("run", "demo"))


def test_after_a_kill_the_set_continues_with_the_missing_stage_of_the_missing_arm(story: Story):
    assert story.at_kill == ["select_examples", "finetune_model"]
    # lora without its first stage, broken likewise, then failing from its first stage on: it changes the earliest one.
    assert story.repository.started()[2:] == ["finetune_model", "finetune_model", "select_examples", "finetune_model"]
    lines = story.after_kill.stdout.splitlines()
    assert [line for line in lines if line.endswith("started")] == [
        "arm 1 of 3: demo-lora: started",
        "arm 2 of 3: demo-broken: started",
        "arm 3 of 3: demo-failing: started",
    ]
    assert "arm 3 of 3: demo-failing: select_examples" in lines


def test_a_failing_arm_is_one_line_and_the_others_run(story: Story):
    failed = [line for line in story.after_kill.stdout.splitlines() if "failed" in line]
    assert len(failed) == 1
    assert failed[0].startswith("arm 2 of 3: demo-broken: failed")
    assert "error: no adapter has rank 13; set finetune_model.lora_rank" in failed[0]
    assert story.after_kill.returncode == 1
    assert "error: 1 of 3 arms failed: demo-broken" in story.after_kill.stderr


def test_the_working_tree_and_head_stay_as_they_were(story: Story):
    assert story.repository.git("status", "--porcelain") == ""
    assert story.repository.git("branch", "--show-current") == "main\n"
    assert not (story.repository.folder / "models").exists()


def test_finished_arms_are_skipped(story: Story):
    before = story.repository.started()
    again = story.repository.experiments("run", "demo", "--arms", "lora,failing")
    assert again.returncode == 0, again.stderr
    assert again.stdout.splitlines() == ["arm 1 of 2: demo-lora: done before", "arm 2 of 2: demo-failing: done before"]
    assert story.repository.started() == before


def test_the_table_has_each_arms_figures_and_a_missing_arm_is_missing(story: Story):
    rows = story.repository.table("demo")
    assert list(rows) == ["failing", "lora", "broken"]
    assert (rows["failing"]["pairs"], rows["lora"]["pairs"]) == ("174.0", "12.0")
    assert (rows["lora"]["kept"], rows["lora"]["training_loss"]) == ("step 7", "0.25")
    assert float(rows["lora"]["difference"]) == pytest.approx(0.02)
    assert rows["broken"]["state"] == "missing"
    assert {rows["broken"][key] for key in ("pairs", "difference", "humaneval_plus_aligned", "kept")} == {""}
    text = story.repository.experiments("table", "demo").stdout
    assert "52.0%" in text
    assert "Missing" in text


def test_a_training_seed_reruns_the_training_alone_and_seeds_are_averaged(story: Story):
    before = len(story.repository.started())
    ended = story.repository.experiments("run", "seeded")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert story.repository.started()[before:] == ["finetune_model", "finetune_model"]
    row = story.repository.table("seeded")["full"]
    assert float(row["difference"]) == pytest.approx(0.02)
    assert float(row["interval_95_low"]) < 0.02 - 0.03  # wider than that of the tasks alone
    assert (float(row["humaneval_plus_aligned_lowest"]), float(row["humaneval_plus_aligned_highest"])) == (0.51, 0.53)
    page = story.repository.folder / ".cache/page.html"
    assert story.repository.experiments("table", "seeded", "--format", "html", "--out", str(page)).returncode == 0
    assert "52.0% (51.0% to 53.0%)" in page.read_text()


def test_changed_code_makes_an_experiment_outdated_and_changed_machine_settings_do_not(story: Story):
    folder = story.repository.folder
    listed = story.repository.experiments("list").stdout
    assert "3 arms: 2 done, 1 missing" in listed
    assert "1 arm, 2 runs: 2 done" in listed
    params, stage = (folder / "params.yaml").read_text(), (folder / "stage.py").read_text()
    (folder / "params.yaml").write_text(params.replace("max_num_seqs: 128", "max_num_seqs: 64"))
    assert "3 arms: 2 done, 1 missing" in story.repository.experiments("list").stdout
    (folder / "stage.py").write_text(stage + "\n# changed\n")
    assert "3 arms: 2 outdated, 1 missing" in story.repository.experiments("list").stdout
    assert "outdated" in story.repository.experiments("table", "demo").stdout
    (folder / "params.yaml").write_text(params)
    (folder / "stage.py").write_text(stage)


def test_dvc_sees_the_experiments(story: Story):
    shown = subprocess.run(
        [sys.executable, "-m", "dvc", "exp", "show", "--json"],
        cwd=story.repository.folder,
        env=story.repository.environment,
        text=True,
        capture_output=True,
        check=True,
    )
    names = {one["name"] for baseline in json.loads(shown.stdout) for one in baseline.get("experiments") or []}
    assert {"demo-lora", "demo-failing", "seeded-full-seed1", "seeded-full-seed3"} <= names


def test_a_fault_in_the_file_stops_everything_before_anything_runs(story: Story):
    before = story.repository.started()
    wrong = story.repository.folder / ".cache/wrong.yaml"
    wrong.write_text(SETS.replace("select_examples.keep=failing", "select_examples.keep=falling"))
    ended = story.repository.experiments("run", "seeded", "--file", str(wrong))
    assert ended.returncode == 1
    assert "demo.arms.failing: select_examples.keep = 'falling'" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert story.repository.started() == before


def test_an_arm_that_changes_nothing_is_an_experiment_too(story: Story):
    commit = story.repository.git("for-each-ref", "--format=%(objectname)", "refs/exps/*/*/demo-lora").strip()
    story.repository.git("checkout", commit, "--", "dvc.lock", "params.yaml", "metrics")
    (story.repository.folder / "experiments.yaml").write_text(
        "same: {description: x, arms: {as-is: {description: y}}}\n"
    )
    story.repository.git("commit", "-qam", "the results of demo-lora")
    before = story.repository.started()
    ended = story.repository.experiments("run", "same")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert story.repository.started() == before
    assert story.repository.table("same")["as-is"]["kept"] == "step 7"
