"""Numbers and names as people read them. Everything here returns plain text, which the page escapes."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

STAGES: dict[str, str] = {
    "import_model": "Import model",
    "import_generator": "Import generator",
    "import_benchmarks": "Import benchmarks",
    "collect_seeds": "Collect functions",
    "filter_seeds": "Filter seeds",
    "generate_concepts": "Name concepts",
    "generate_instructions": "Write tasks",
    "generate_responses": "Answer tasks",
    "validate_responses": "Run in sandbox",
    "resample_responses": "Answer tasks again",
    "select_examples": "Select pairs",
    "finetune_model": "Fine-tune",
    "evaluate_model": "Evaluate",
}
"""The stages in the order of the data, as the page calls them."""

BENCHMARKS: dict[str, str] = {"humaneval_plus": "HumanEval+", "mbpp_plus": "MBPP+", "humaneval": "HumanEval"}
MODELS: dict[str, str] = {"base": "Base model", "aligned": "Aligned model"}


def whole(value: object) -> str:
    """A count with thousands separators; an en dash for a missing one."""
    return f"{value:,.0f}" if is_number(value) else "\u2013"


def decimal(value: object, digits: int = 1) -> str:
    """A number with fixed digits; an en dash for a missing one."""
    return f"{value:,.{digits}f}" if is_number(value) else "\u2013"


def percent(share: object, digits: int = 1) -> str:
    """A share from 0 to 1 as a percentage; an en dash for a missing one."""
    return f"{share * 100:.{digits}f}%" if is_number(share) else "\u2013"


def points(delta: object) -> str:
    """A difference of two shares as signed percentage points."""
    if not is_number(delta):
        return "\u2013"
    return f"{_signed_points(delta)} points"


def point_range(low: float, high: float) -> str:
    """An interval of differences of two shares as signed percentage points: `-1.0 to +3.2`, with a true minus sign."""
    return f"{_signed_points(low)} to {_signed_points(high)}"


def _signed_points(delta: float) -> str:
    rounded = round(delta * 100, 1)
    sign = "+" if rounded > 0 else "\u2212" if rounded < 0 else "\u00b1"
    return f"{sign}{abs(rounded):.1f}"


def p_value(value: object) -> str:
    """A p-value, never as zero."""
    if not is_number(value):
        return "\u2013"
    return "< 0.001" if value < 0.001 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def duration(seconds: object) -> str:
    """A time span in the two units that matter."""
    if not is_number(seconds):
        return "\u2013"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min" if minutes else f"{hours:,} h"


def words(key: str) -> str:
    """A snake_case key as words: `no_docstring` becomes `no docstring`."""
    return key.replace("_", " ").strip() or "unnamed"


def plural(count: int, noun: str) -> str:
    """A count with its noun: `1 pair`, `1,200 pairs`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def listed(reasons: Mapping[str, int], most: int = 2) -> str:
    """The most frequent reasons with their counts on one line."""
    ranked = sorted(((count, name) for name, count in reasons.items() if count), key=lambda item: (-item[0], item[1]))
    shown = [f"{words(name)} {count:,}" for count, name in ranked[:most]]
    rest = sum(count for count, _ in ranked[most:])
    return ", ".join([*shown, *([f"other {rest:,}"] if rest else [])])


def setting(value: Any) -> str:
    """A value of the params file as it would be written there."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {setting(item)}" for key, item in value.items()) or "{}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(setting(item) for item in value) or "[]"
    return str(value)


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value is a finite number (True and False are none)."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
