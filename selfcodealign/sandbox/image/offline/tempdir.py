"""Stands in for `tempdir` (temporary folders for downloads): EvalPlus imports it and has no use for it offline."""

from typing import Any, NoReturn


def TempDir(  # noqa: N802 - the name of the real one
    *arguments: Any, **options: Any
) -> NoReturn:
    """Refuse: the sandbox has no network, so there is nothing to unpack."""
    raise RuntimeError(f"the sandbox has no network: tempdir.TempDir{arguments} {options} was asked for")
