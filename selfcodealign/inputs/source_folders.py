"""Folders of Python source that seeds are collected from: which entries count, and the commit of a checkout."""

import os
import re
import subprocess
from pathlib import Path

LICENSE_FILE = re.compile(r"(?:LICEN[CS]E|COPYING|UNLICENSE)(?:[-._].*)?$", re.IGNORECASE)
PROJECT_FILE = "pyproject.toml"
_LEFT_OUT = frozenset({"__pycache__", "node_modules", "build", "dist", "site-packages", "venv", "env"})
_COMMIT = re.compile(r"[0-9a-f]{40,64}")
_GIT_TIMEOUT_S = 30


def sorted_entries(folder: Path | str) -> "list[os.DirEntry[str]] | OSError":
    """The entries of a folder by name, or the error that kept it from being read."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        return error


def is_entered(name: str) -> bool:
    """Whether a subfolder of this name may hold source."""
    return not name.startswith(".") and name not in _LEFT_OUT


def head_commit(folder: Path) -> str | None:
    """The commit that a checkout stands at; None if it has none. No hook and no program of the checkout runs."""
    git = folder / ".git"
    try:
        head = (git / "HEAD").read_text(encoding="utf-8").strip()
        reference = head.removeprefix("ref: ")
        found = head if reference == head else (git / reference).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        found = ""
    # A linked worktree, packed references: git knows where they are.
    return found if _COMMIT.fullmatch(found) else _commit_by_git(folder)


def _commit_by_git(folder: Path) -> str | None:
    command = ["git", "-c", f"safe.directory={folder}", "-C", str(folder), "rev-parse", "--verify", "HEAD"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=_GIT_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None
