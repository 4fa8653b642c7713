"""Numbers and intervals as text."""

from collections.abc import Sequence


def number(value: float | None, digits: int = 3) -> str:
    """A number with so many digits after the point, or a dash for None."""
    return "–" if value is None else f"{value:.{digits}f}"


def interval(ends: Sequence[float | None] | None, digits: int = 3) -> str:
    """An interval as "LOW to HIGH"; empty where an end is missing."""
    if ends is None or None in ends:
        return ""
    return f"{number(ends[0], digits)} to {number(ends[1], digits)}"
