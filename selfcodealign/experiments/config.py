"""`experiments.yaml` as typed, validated objects: named sets of arms, each a list of param overrides."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from selfcodealign.errors import InputError
from selfcodealign.settings_file import Section, first_fault, read_yaml

Name = Annotated[str, Field(pattern=r"^[a-z0-9]+([_-][a-z0-9]+)*$")]
Line = Annotated[str, Field(min_length=1, pattern=r"^[^\n]+$")]


class Arm(Section):
    """One arm of a set: how its runs differ from the other arms."""

    description: Line = Field(description="one line: what the arm is")
    overrides: list[str] = Field(default=[], description="overrides as `dvc exp run -S` takes them")


class ExperimentSet(Section):
    """Arms that are run and compared together."""

    description: Line = Field(description="one line: what the set compares")
    overrides: list[str] = Field(default=[], description="overrides that all arms share; an arm's own come after them")
    seeds: list[Annotated[int, Field(ge=0)]] = Field(
        default=[], description="each arm is run once per seed; empty: once, with the seeds of params.yaml"
    )
    seed_param: str = Field(
        default="finetune_model.seed",
        description="the param that takes the values of `seeds`; the default reruns training and evaluation only",
    )
    targets: list[str] = Field(
        default=[], description="stages to run, with those that they depend on; empty: the whole pipeline"
    )
    arms: dict[Name, Arm] = Field(min_length=1, description="the arms by name")


def load_experiments(path: Path) -> dict[str, ExperimentSet]:
    """Read and check the experiments file.

    Args:
        path: a YAML file that maps names to `ExperimentSet`.

    Returns:
        The sets by name, in the order of the file.

    Raises:
        InputError: the file is missing or not YAML, or has an unknown key or a bad value; the message names the key.
    """
    loaded = read_yaml(path, "run this in the repository, or name a file with --file")
    try:
        return TypeAdapter(dict[Name, ExperimentSet]).validate_python(loaded)
    except ValidationError as error:
        raise InputError(f"{path}: {first_fault(error)}") from error


def set_named(sets: dict[str, ExperimentSet], name: str, path: Path) -> ExperimentSet:
    """The set of that name.

    Raises:
        InputError: the set does not exist; the message lists the existing ones.
    """
    if name not in sets:
        raise InputError(f"{path} has no set {name}; it has {', '.join(sets)}")
    return sets[name]
