"""What `dvc.yaml` says about the stages: which params and which files decide what they make."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from selfcodealign.errors import InputError

PARAMS = "params.yaml"
TEMPLATED = re.compile(r"\$\{([\w.]+)\}")


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The stages of a `dvc.yaml`.

    Attributes:
        stages: what the file says of each stage, by name, in the order of the data.
    """

    stages: Mapping[str, Mapping[str, Any]]

    @property
    def params(self) -> set[str]:
        """The params that decide results: those that stages track, and those that the file is templated with."""
        return {key for stage in self.stages.values() for key in _params_of(stage)}

    @property
    def sources(self) -> list[str]:
        """The files and folders that stages read and no stage writes: the code, above all."""
        written = [path for stage in self.stages.values() for path in _written(stage)]
        read = {path for stage in self.stages.values() for path in _paths(stage.get("deps", [])) if "$" not in path}
        return sorted(path for path in read if path != PARAMS and not any(overlap(path, out) for out in written))

    def metrics_of(self, targets: Iterable[str]) -> set[str]:
        """The metrics files that running these targets writes, with those they depend on; no targets: all stages."""
        wanted = set(targets) or set(self.stages)
        for name in reversed(list(self.stages)):
            stages = [self.stages[one] for one in wanted]
            read = [path for stage in stages for path in _paths(stage.get("deps", []))]
            if any(overlap(path, out) for path in read for out in _written(self.stages[name])):
                wanted.add(name)
        return {path for name in wanted for path in _paths(self.stages[name].get("metrics", []))}

    def first_changed(self, keys: Iterable[str]) -> int:
        """The position of the earliest stage that depends on one of these params; the number of stages if none does."""
        changed = list(keys)
        for position, stage in enumerate(self.stages.values()):
            if any(_nested(key, tracked) for key in changed for tracked in _params_of(stage)):
                return position
        return len(self.stages)

    def is_equivalent(self, other: "Pipeline") -> bool:
        """Whether both pipelines have the same stages, descriptions aside."""
        return _without_descriptions(self.stages) == _without_descriptions(other.stages)


def parse_pipeline(text: str, where: str = "dvc.yaml") -> Pipeline:
    """The pipeline of a `dvc.yaml`.

    Raises:
        InputError: it is not YAML, or it has no stages.
    """
    try:
        stages = yaml.safe_load(text)["stages"]
        return Pipeline({str(name): dict(stage) for name, stage in stages.items()})
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{where} has no valid stages; check it with `dvc stage list`") from error


def load_pipeline(folder: Path) -> Pipeline:
    """The pipeline of the repository in `folder`.

    Raises:
        InputError: `dvc.yaml` is missing or not valid.
    """
    try:
        return parse_pipeline((folder / "dvc.yaml").read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"dvc.yaml cannot be read ({error.strerror}); run this in the repository") from error


def value_at(params: Mapping[str, Any], key: str) -> Any:
    """The value of a dotted key; None if the params lack it."""
    found: Any = params
    for part in key.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def overlap(one: str, other: str) -> bool:
    """Whether two paths are the same, or one is inside the other."""
    first, second = PurePosixPath(one), PurePosixPath(other)
    return first.is_relative_to(second) or second.is_relative_to(first)


def _params_of(stage: Mapping[str, Any]) -> set[str]:
    tracked = {key for key in stage.get("params", []) if isinstance(key, str)}
    return tracked | {key for key in TEMPLATED.findall(str(stage)) if not key.startswith(("item", "key"))}


def _paths(entries: Iterable[Any]) -> list[str]:
    """Paths of `deps`, `outs` or `metrics`: an entry with settings is a mapping with its path as the only key."""
    return [str(next(iter(entry))) if isinstance(entry, Mapping) else str(entry) for entry in entries]


def _written(stage: Mapping[str, Any]) -> list[str]:
    """What a stage writes, a templated path up to the folder before its first template."""
    paths = [path for kind in ("outs", "metrics", "plots") for path in _paths(stage.get(kind, []))]
    return [path if "$" not in path else str(PurePosixPath(path.partition("$")[0] + "_").parent) for path in paths]


def _nested(key: str, other: str) -> bool:
    return f"{key}.".startswith(f"{other}.") or f"{other}.".startswith(f"{key}.")


def _without_descriptions(stages: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: {key: value for key, value in stage.items() if key != "desc"} for name, stage in stages.items()}
