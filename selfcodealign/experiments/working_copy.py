"""A clone of the repository in which experiments run: the user's working tree stays as it is.

`dvc exp run` in the repository would leave each run's params behind for the next one, and a killed one leaves HEAD
detached. `dvc exp run --temp` starts in an empty folder each time, and a killed one loses its finished stages. A clone
that stays has neither problem. It shares DVC's cache with the repository.

Stages find the repository's journals and benchmark files by `DVC_ROOT`, which `dvc exp run` sets to the clone. So the
`python` that is first on the PATH of the stages is a script that sets it to the repository.
"""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from selfcodealign.errors import InputError
from selfcodealign.experiments.finished import Experiment, lock_at
from selfcodealign.experiments.git import differs, file_at, git
from selfcodealign.experiments.pipeline import Pipeline
from selfcodealign.experiments.plan import ArmRun
from selfcodealign.experiments.reuse import num_reusable, source_hashes
from selfcodealign.files import write_text
from selfcodealign.locking import note_holder

_SNAPSHOT = "refs/selfcodealign/snapshot"
_UNFINISHED = "refs/selfcodealign/unfinished/"
_STAGE = "Running stage '"


class WorkingCopy:
    """A clone with the committed state and the uncommitted changes that the repository had when this was made.

    Untracked files of the repository are not in it.

    Args:
        repository: root folder of the repository.
        folder: where the clone is or will be; only one process may use it at a time.

    Raises:
        InputError: the clone cannot be made, or the repository has no commit.
    """

    def __init__(self, repository: Path, folder: Path) -> None:
        self._repository = repository.resolve()
        self._folder = folder.resolve()
        self._head = git(self._repository, "rev-parse", "HEAD")
        self._snapshot = git(self._repository, "stash", "create") or self._head
        if not (self._folder / ".git").is_dir():
            self._make()
        # What a killed run left: DVC's notes about it, and git's lock.
        shutil.rmtree(self._folder / ".dvc/tmp", ignore_errors=True)
        (self._folder / ".git/index.lock").unlink(missing_ok=True)
        self._keep("killed")
        refs = [f"+{self._snapshot}:{_SNAPSHOT}", f"+{self._head}:{_SNAPSHOT}-head", "+refs/exps/*:refs/kept/*"]
        git(self._repository, "push", "--quiet", "--no-verify", str(self._folder), *refs)

    def run(
        self,
        run: ArmRun,
        pipeline: Pipeline,
        experiments: Sequence[Experiment],
        *,
        log: Path,
        descriptor: int,
        on_stage: Callable[[str], None],
    ) -> int:
        """Run `dvc exp run` for one run, and bring the experiment into the repository if it succeeds.

        Args:
            run: the run.
            pipeline: the stages.
            experiments: finished ones, whose stages are reused where they fit.
            log: file for everything that the command prints.
            descriptor: an open file whose lock the command shares, so that the lock outlives this process.
            on_stage: called with the name of each stage that starts.

        Returns:
            The exit status of `dvc exp run`.
        """
        self._set_up(self._best_start(run, pipeline, experiments))
        status = self._dvc(exp_run_arguments(run), log, descriptor, on_stage)
        if status:
            self._keep(run.name)
        else:
            ref = f"refs/exps/{self._head[:2]}/{self._head[2:]}/{run.name}"
            git(self._repository, "fetch", "--quiet", "--no-write-fetch-head", str(self._folder), f"+{ref}:{ref}")
        return status

    def _make(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        git(self._repository, "clone", "--quiet", "--no-checkout", str(self._repository), str(self._folder))
        for key in ("user.name", "user.email"):
            value = git(self._repository, "config", "--default", "", "--get", key)
            git(self._folder, "config", key, value or "selfcodealign")
        git(self._folder, "checkout", "--quiet", "--force", "--detach", self._head)
        local = self._repository / ".dvc/config.local"
        if local.is_file():
            shutil.copy(local, self._folder / ".dvc/config.local")
        cache = _dvc_output(self._repository, "cache", "dir")
        _dvc_output(self._folder, "cache", "dir", "--local", cache)

    def _best_start(self, run: ArmRun, pipeline: Pipeline, experiments: Sequence[Experiment]) -> str:
        """The commit whose `dvc.lock` leaves the fewest stages to run: of the snapshot or of another run."""
        commits = list(dict.fromkeys(one.commit for one in experiments))
        locks = {commit: lock_at(self._repository, commit) for commit in commits}
        current = [locks[one] for one in commits if not differs(self._repository, one, pipeline.sources)]
        candidates = {
            self._snapshot: lock_at(self._folder, self._snapshot),
            **{commit: lock_at(self._folder, commit) for commit in self._refs(_UNFINISHED, "objectname")},
            **locks,
        }
        hashes = source_hashes(current)
        return max(candidates, key=lambda commit: num_reusable(candidates[commit], run.values, hashes))

    def _set_up(self, start: str) -> None:
        """Make the clone's files those of the snapshot, with `dvc.lock` and the outputs in git as in `start`."""
        git(self._folder, "checkout", "--quiet", "--force", "--detach", self._head)
        git(self._folder, "read-tree", "--reset", "-u", self._snapshot)
        if start != self._snapshot:
            outs = [out["path"] for stage in lock_at(self._folder, start).values() for out in stage.get("outs", [])]
            tracked = [path for path in outs if file_at(self._folder, start, path) is not None]
            git(self._folder, "checkout", "--quiet", start, "--", "dvc.lock", *tracked)
        for ref in self._refs("refs/exps/", "refname"):
            git(self._folder, "update-ref", "--no-deref", "-d", ref)

    def _keep(self, name: str) -> None:
        """Keep the clone's files of the moment as a commit: stages of a run that did not end may be finished."""
        commit = git(self._folder, "stash", "create")
        if commit:
            git(self._folder, "update-ref", f"{_UNFINISHED}{name}", commit)

    def _refs(self, prefix: str, field: str) -> list[str]:
        return git(self._folder, "for-each-ref", f"--format=%({field})", prefix).splitlines()

    def _python_folder(self) -> Path:
        """A folder with a `python` that runs this interpreter with `DVC_ROOT` set to the repository."""
        script = self._folder.parent / "bin/python"
        script.parent.mkdir(exist_ok=True)
        root, python = shlex.quote(str(self._repository)), shlex.quote(sys.executable)
        write_text(script, f'#!/bin/sh\nDVC_ROOT={root} exec {python} "$@"\n')
        script.chmod(0o755)
        return script.parent

    def _dvc(self, arguments: Sequence[str], log: Path, descriptor: int, on_stage: Callable[[str], None]) -> int:
        log.parent.mkdir(parents=True, exist_ok=True)
        with (
            log.open("w", encoding="utf-8") as stream,
            subprocess.Popen(
                [sys.executable, "-m", "dvc", *arguments],
                cwd=self._folder,
                env=_environment(self._python_folder()),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                errors="replace",
                pass_fds=(descriptor,),
            ) as running,
        ):
            note_holder(descriptor, running.pid)  # if this process is killed, it runs on
            for line in running.stdout or ():
                stream.write(line)
                stream.flush()
                if line.startswith(_STAGE):
                    on_stage(line.removeprefix(_STAGE).partition("'")[0])
        return running.returncode


def exp_run_arguments(run: ArmRun) -> list[str]:
    """The arguments of `dvc` that run an arm, as a user would type them."""
    settings = [part for override in run.overrides for part in ("-S", override)]
    return ["exp", "run", "--name", run.name, *settings, *run.targets]


def _dvc_output(folder: Path, *arguments: str) -> str:
    """What a dvc command prints.

    Raises:
        InputError: it fails.
    """
    command = [sys.executable, "-m", "dvc", *arguments]
    done = subprocess.run(command, cwd=folder, env=_environment(), text=True, capture_output=True, check=False)
    if done.returncode:
        raise InputError(f"dvc {' '.join(arguments)} failed in {folder}: {done.stderr.strip()}")
    return done.stdout.strip()


def _environment(*folders: Path) -> dict[str, str]:
    """The environment of dvc, with folders that are searched for programs first; then comes this interpreter's."""
    searched = [*map(str, folders), str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    return {**os.environ, "PATH": os.pathsep.join(searched), "PYTHONUNBUFFERED": "1"}
