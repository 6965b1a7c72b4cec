"""Stands in for `wget` (a downloader): EvalPlus imports it and has no use for it offline."""

from typing import Any, NoReturn


def download(*arguments: Any, **options: Any) -> NoReturn:
    """Refuse: the sandbox has no network, so a file cannot be fetched."""
    raise RuntimeError(f"the sandbox has no network: wget.download{arguments} {options} was asked for")
