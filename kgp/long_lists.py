"""Lists of faults that may be as long as a data set."""

from collections.abc import Sequence

MOST_LINES = 20


def shortened(lines: Sequence[str], what: str) -> list[str]:
    """The first MOST_LINES lines, and one that counts the others, such as "... and 143 more warnings".

    Args:
        what: what the lines are, as it stands behind "more".
    """
    left = len(lines) - MOST_LINES
    return [*lines[:MOST_LINES], *([f"... and {left} more {what}"] if left > 0 else [])]
