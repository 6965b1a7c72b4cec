"""Bytes by what they are for, and how they read in a message."""

from collections.abc import Iterable
from dataclasses import dataclass

GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Part:
    """One part of what a stage needs.

    Attributes:
        what: what takes the bytes, such as `weights`.
        num_bytes: how many.
    """

    what: str
    num_bytes: int


def format_gib(num_bytes: float) -> str:
    """A number of bytes as GiB with one decimal, such as `2.5 GiB`."""
    return f"{num_bytes / GIB:.1f} GiB"


def format_parts(parts: Iterable[Part]) -> str:
    """The parts with their sizes, largest first, such as `2.0 GiB KV cache, 1.8 GiB weights`; equal names are added."""
    totals: dict[str, int] = {}
    for part in parts:
        totals[part.what] = totals.get(part.what, 0) + part.num_bytes
    largest_first = sorted(totals.items(), key=lambda item: -item[1])
    return ", ".join(f"{format_gib(num_bytes)} {what}" for what, num_bytes in largest_first if num_bytes)
