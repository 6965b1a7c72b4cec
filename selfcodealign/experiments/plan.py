"""The runs of a set: every arm with every seed, checked against the params, in the order that reuses most."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from selfcodealign.errors import InputError
from selfcodealign.experiments.config import ExperimentSet
from selfcodealign.experiments.overrides import apply_overrides, override_key
from selfcodealign.experiments.pipeline import Pipeline
from selfcodealign.params import Params, parse_params


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmRun:
    """One run of an arm.

    Attributes:
        name: name of the DVC experiment: `SET-ARM` or `SET-ARM-seedN`.
        arm: the arm's name.
        seed: the seed of this run; None if the set has no seeds.
        overrides: of the set, the arm and the seed, as `dvc exp run -S` takes them.
        targets: stages to run; empty: all.
        values: the params of the run as they are in its params file.
        params: the same, validated and with defaults.
    """

    name: str
    arm: str
    seed: int | None
    overrides: tuple[str, ...]
    targets: tuple[str, ...]
    values: Mapping[str, Any]
    params: Params


def plan_set(name: str, chosen: ExperimentSet, params: Mapping[str, Any], pipeline: Pipeline) -> list[ArmRun]:
    """The runs of a set: those that change only late stages first, so that they reuse what the pipeline has made.

    Args:
        name: of the set.
        chosen: the set.
        params: the params file, parsed.
        pipeline: the stages, for the order of the runs and to check the targets.

    Raises:
        InputError: an override that does not fit the params, an unknown target, or two arms with the same params.
    """
    unknown = [target for target in chosen.targets if target not in pipeline.stages]
    if unknown:
        raise InputError(f"{name}.targets: dvc.yaml has no stage {unknown[0]}; it has {', '.join(pipeline.stages)}")
    seeds: Sequence[int | None] = chosen.seeds or [None]
    runs = [_run(name, chosen, arm, seed, params) for arm in chosen.arms for seed in seeds]
    _check_different(name, runs)
    changed = {arm: pipeline.first_changed(map(override_key, chosen.arms[arm].overrides)) for arm in chosen.arms}
    return sorted(runs, key=lambda run: -changed[run.arm])


def check_names(plans: Mapping[str, Sequence[ArmRun]]) -> None:
    """Check that the runs of all sets have different names.

    Raises:
        InputError: two runs would be the same experiment.
    """
    owners: dict[str, str] = {}
    for name, runs in plans.items():
        for run in runs:
            other = owners.setdefault(run.name, name)
            if other != name:
                raise InputError(f"the sets {other} and {name} both have a run {run.name}; rename one of their arms")


def choose_arms(runs: Sequence[ArmRun], arms: Sequence[str]) -> list[ArmRun]:
    """The runs of some arms; all runs if no arm is named.

    Raises:
        InputError: an arm is not in the set.
    """
    known = dict.fromkeys(run.arm for run in runs)
    unknown = [arm for arm in arms if arm not in known]
    if unknown:
        raise InputError(f"--arms: the set has no arm {unknown[0]}; it has {', '.join(sorted(known))}")
    return [run for run in runs if not arms or run.arm in arms]


def _run(name: str, chosen: ExperimentSet, arm: str, seed: int | None, params: Mapping[str, Any]) -> ArmRun:
    seeded = [] if seed is None else [f"{chosen.seed_param}={seed}"]
    overrides = (*chosen.overrides, *chosen.arms[arm].overrides, *seeded)
    where = f"{name}.arms.{arm}"
    values = apply_overrides(params, overrides, where)
    return ArmRun(
        name=f"{name}-{arm}" if seed is None else f"{name}-{arm}-seed{seed}",
        arm=arm,
        seed=seed,
        overrides=overrides,
        targets=tuple(chosen.targets),
        values=values,
        params=parse_params(values, where),
    )


def _check_different(name: str, runs: Sequence[ArmRun]) -> None:
    for position, run in enumerate(runs):
        for other in runs[:position]:
            if run.params == other.params:
                raise InputError(f"{name}: the runs {other.name} and {run.name} have the same params; remove one")
