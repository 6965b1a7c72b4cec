"""Finished experiments: which exist, and whether one still is what a run of a set would give.

DVC stores an experiment as a commit under `refs/exps/<baseline>/<name>`, with params, metrics and `dvc.lock` in it.
They are read from there with git alone: no experiment is checked out.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

from selfcodealign.errors import InputError
from selfcodealign.experiments.git import differs, file_at, git
from selfcodealign.experiments.pipeline import PARAMS, Pipeline, parse_pipeline, value_at
from selfcodealign.experiments.plan import ArmRun
from selfcodealign.params import Params, parse_params

_EXPERIMENT = re.compile(r"^refs/exps/[0-9a-f]{2}/[0-9a-f]{38,62}/([^/]+)$")


class State(StrEnum):
    """What exists of a run."""

    DONE = "done"
    OUTDATED = "outdated"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Experiment:
    """A DVC experiment: its name, and its commit."""

    name: str
    commit: str


@dataclass(frozen=True, slots=True)
class Finished:
    """A run and its experiment.

    Attributes:
        run: the run.
        state: whether the experiment has the params and the code of the working tree.
        experiment: the newest one that has, else the newest of that name; None if there is none.
    """

    run: ArmRun
    state: State
    experiment: Experiment | None


def list_experiments(folder: Path) -> list[Experiment]:
    """All experiments of a repository, on any baseline, newest first.

    Raises:
        InputError: the folder is not a git repository.
    """
    listed = git(folder, "for-each-ref", "--sort=-committerdate", "--format=%(objectname) %(refname)", "refs/exps/")
    found = []
    for line in listed.splitlines():
        commit, _, ref = line.partition(" ")
        if match := _EXPERIMENT.match(ref):
            found.append(Experiment(match[1], commit))
    return found


def find_finished(
    folder: Path, runs: Sequence[ArmRun], pipeline: Pipeline, experiments: Sequence[Experiment]
) -> list[Finished]:
    """What exists of each run.

    Args:
        folder: the repository; its working tree is what experiments are compared with.
        runs: the runs to look for.
        pipeline: of the working tree.
        experiments: of `list_experiments`.
    """
    found = []
    for run in runs:
        own = [one for one in experiments if one.name == run.name]
        current = next((one for one in own if _is_current(folder, one, run, pipeline)), None)
        state = State.DONE if current else State.OUTDATED if own else State.MISSING
        found.append(Finished(run, state, current or (own[0] if own else None)))
    return found


def metrics_at(folder: Path, experiment: Experiment, path: str) -> dict[str, Any]:
    """A metrics file of an experiment; empty if it has none."""
    text = file_at(folder, experiment.commit, path)
    try:
        loaded = json.loads(text) if text else {}
    except ValueError:
        loaded = {}
    return loaded if isinstance(loaded, dict) else {}


def lock_at(folder: Path, commit: str) -> dict[str, Any]:
    """The stages of the `dvc.lock` in a commit; empty if there is none."""
    try:
        stages = (yaml.safe_load(file_at(folder, commit, "dvc.lock") or "") or {}).get("stages")
    except (yaml.YAMLError, AttributeError):
        stages = None
    return stages if isinstance(stages, dict) else {}


def _is_current(folder: Path, experiment: Experiment, run: ArmRun, pipeline: Pipeline) -> bool:
    """Whether the experiment has the run's params, and the stages and sources of the working tree."""
    params = _params_at(folder, experiment.commit)
    if params is None or _deciding(params, pipeline) != _deciding(run.params, pipeline):
        return False
    try:
        stages = parse_pipeline(file_at(folder, experiment.commit, "dvc.yaml") or "")
    except InputError:
        return False
    return stages.is_equivalent(pipeline) and not differs(folder, experiment.commit, pipeline.sources)


def _params_at(folder: Path, commit: str) -> Params | None:
    """The params of an experiment; None if today's code cannot read them."""
    try:
        return parse_params(yaml.safe_load(file_at(folder, commit, PARAMS) or ""), PARAMS)
    except (InputError, yaml.YAMLError):
        return None


def _deciding(params: Params, pipeline: Pipeline) -> Mapping[str, Any]:
    """The params that decide results; how fast and where they are made does not count."""
    values = params.model_dump(mode="json")
    return {key: value_at(values, key) for key in pipeline.params}
