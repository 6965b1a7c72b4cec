"""The few git commands that experiments need."""

import subprocess
from pathlib import Path

from selfcodealign.errors import InputError, PrerequisiteError


def git(folder: Path, *arguments: str) -> str:
    """Run a git command and return what it prints, without the final newline.

    Args:
        folder: the working folder.
        arguments: of git.

    Raises:
        InputError: git reports an error.
        PrerequisiteError: git is not installed.
    """
    done = _git(folder, *arguments)
    if done.returncode:
        reason = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise InputError(f"git {arguments[0]} failed in {folder}: {reason[-1] if reason else 'no message'}")
    return done.stdout.removesuffix("\n")


def differs(folder: Path, commit: str, paths: list[str]) -> bool:
    """Whether any of these paths differs between a commit and the working tree, uncommitted changes included."""
    return _git(folder, "diff", "--quiet", commit, "--", *paths).returncode != 0


def file_at(folder: Path, commit: str, path: str) -> str | None:
    """A file's text in a commit; None if the commit does not have it."""
    done = _git(folder, "show", f"{commit}:{path}")
    return None if done.returncode else done.stdout


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["git", "-C", str(folder), *arguments]
    try:
        return subprocess.run(command, text=True, encoding="utf-8", errors="replace", capture_output=True, check=False)
    except FileNotFoundError as error:
        raise PrerequisiteError("git is not installed; install it, with `apt-get install git` for instance") from error
