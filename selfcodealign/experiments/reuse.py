"""Which finished state a run should start from, so that DVC has the fewest stages to run."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from selfcodealign.experiments.pipeline import PARAMS, overlap, value_at

Lock = Mapping[str, Any]
"""The stages of a `dvc.lock`, by name."""


def num_reusable(lock: Lock, params: Mapping[str, Any], hashes: Mapping[str, str]) -> int:
    """How many stages of a lock need not run again with these params.

    DVC compares all hashes when it runs, so a wrong count costs time, never a wrong result.

    Args:
        lock: the candidate.
        params: the params of the run, as they are in its file.
        hashes: of `source_hashes`: what a stage was run with is compared with them as far as they are known.

    Returns:
        The stages that were run with the same params and sources, and whose inputs all come from such stages.
    """
    writers = _writers(lock)
    known: dict[str, bool] = {}

    def is_reusable(name: str) -> bool:
        if name not in known:
            stage = lock[name]
            known[name] = (
                _has_params(stage, params)
                and _has_sources(stage, hashes)
                and all(map(is_reusable, _upstream(stage, writers)))
            )
        return known[name]

    return sum(map(is_reusable, lock))


def source_hashes(locks: Iterable[Lock]) -> dict[str, str]:
    """The hashes that DVC recorded for the files that stages read and no stage writes.

    Args:
        locks: of experiments that were run with the sources of the working tree. One may have stale stages as well, so
            the most frequent hash of a path counts.
    """
    seen: dict[str, Counter[str]] = {}
    for lock in locks:
        outs = _writers(lock)
        for dep in (dep for stage in lock.values() for dep in stage.get("deps", [])):
            if "md5" in dep and not any(overlap(dep["path"], out) for out in outs):
                seen.setdefault(dep["path"], Counter())[dep["md5"]] += 1
    return {path: counts.most_common(1)[0][0] for path, counts in seen.items()}


def _writers(lock: Lock) -> dict[str, str]:
    return {out["path"]: name for name, stage in lock.items() for out in stage.get("outs", [])}


def _has_params(stage: Mapping[str, Any], params: Mapping[str, Any]) -> bool:
    recorded = stage.get("params", {}).get(PARAMS, {})
    return all(_written(value_at(params, key)) == _written(value) for key, value in recorded.items())


def _written(value: Any) -> Any:
    """A value with its numbers as text: YAML parsers differ on whether 5e-06 is a number."""
    if isinstance(value, Mapping):
        return {key: _written(item) for key, item in value.items()}
    return [_written(item) for item in value] if isinstance(value, list) else str(value)


def _has_sources(stage: Mapping[str, Any], hashes: Mapping[str, str]) -> bool:
    return all(hashes.get(dep["path"], dep.get("md5")) == dep.get("md5") for dep in stage.get("deps", []))


def _upstream(stage: Mapping[str, Any], writers: Mapping[str, str]) -> set[str]:
    """The stages that write what a stage reads, files of a folder that it reads included."""
    read = [dep["path"] for dep in stage.get("deps", [])]
    return {name for out, name in writers.items() if any(overlap(out, path) for path in read)}
