"""Overrides in the form of `dvc exp run -S`, applied to params that are already loaded."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from selfcodealign.errors import InputError


def apply_overrides(params: Mapping[str, Any], overrides: Sequence[str], where: str) -> dict[str, Any]:
    """A copy of the params with the overrides applied, in order.

    Args:
        params: the whole params file, parsed.
        overrides: such as `select_examples.keep=failing` or `evaluate_model.benchmarks=[mbpp_plus]`.
        where: where the overrides come from; errors begin with it.

    Raises:
        InputError: an override is malformed, names a key that the params do not have, or has several values.
    """
    changed: dict[str, Any] = copy.deepcopy(dict(params))
    for override in overrides:
        key, value = _parse(override, where)
        _set(changed, key.split("."), value, f"{where}: {override!r}")
    return changed


def override_key(override: str) -> str:
    """The key that an override sets, such as `select_examples.keep`."""
    return override.partition("=")[0].strip()


def _parse(override: str, where: str) -> tuple[str, Any]:
    """The key and the value, by the parser that DVC uses."""
    from dvc.utils.hydra import to_hydra_overrides
    from hydra.errors import OverrideParseException

    try:
        (parsed,) = to_hydra_overrides([override])
    except OverrideParseException as error:
        raise InputError(f"{where}: {override!r} is not an override; write it as section.key=value") from error
    if parsed.is_add() or parsed.is_delete() or parsed.is_sweep_override():
        raise InputError(f"{where}: {override!r} must set one existing key to one value; write it as section.key=value")
    return str(parsed.key_or_group), parsed.value()


def _set(params: dict[str, Any], path: Sequence[str], value: object, override: str) -> None:
    *sections, last = path
    target: object = params
    for name in sections:
        target = target.get(name) if isinstance(target, dict) else None
    if not isinstance(target, dict) or last not in target:
        raise InputError(f"{override} sets a key that is not in params.yaml; correct its name")
    known = target[last]
    target[last] = {**known, **value} if isinstance(known, dict) and isinstance(value, dict) else value
