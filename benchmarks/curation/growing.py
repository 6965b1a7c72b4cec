"""How time grows with the number of rows."""

import math
from collections.abc import Sequence


def steepest(points: Sequence[tuple[int, float]]) -> float | None:
    """The greater of the whole growth's power and its last step's: what lies beyond the largest run is no better."""
    whole, last = exponent(points), exponent(points[-2:])
    return whole if whole is None or last is None else max(whole, last)


def exponent(points: Sequence[tuple[int, float]]) -> float | None:
    """The power of the number of rows with which time grows: the slope of the logarithms, by least squares.

    Args:
        points: rows and seconds of each run.

    Returns:
        The slope, 1 for linear growth; None for fewer than two sizes.
    """
    logs = [(math.log(rows), math.log(seconds)) for rows, seconds in points]
    if len({rows for rows, _ in logs}) < 2:
        return None
    mean_rows = sum(rows for rows, _ in logs) / len(logs)
    mean_seconds = sum(seconds for _, seconds in logs) / len(logs)
    covariance = sum((rows - mean_rows) * (seconds - mean_seconds) for rows, seconds in logs)
    return covariance / sum((rows - mean_rows) ** 2 for rows, _ in logs)
