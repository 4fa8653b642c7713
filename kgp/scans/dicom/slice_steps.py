"""The steps from slice to slice of a stack: even, rounded, or with slices that are missing."""

import numpy as np

from kgp.errors import KgpError

_UNEVEN = 0.05  # tolerated difference of the distances, as a share of their median
_MISSING = 1.5  # from so many steps on a gap may be slices that are missing
_ABOUT = 0.25  # how far a gap may be from a multiple of the step, in steps
_UNITS = (1.0, 0.1, 0.01, 0.001)  # millimetres that positions are rounded to
_ROUNDING = 1e-6  # of floating point, as a share
_COARSEST = 0.5  # largest unit that can be told from a missing slice, as a share of the step


def check_steps(where: str, positions: np.ndarray, normal: np.ndarray) -> None:
    """Refuses slices that do not follow each other at even distances on one straight line.

    Positions that are written with few decimals (0.1 mm, or whole millimetres) may lie off the line
    by the last of these.

    Args:
        where: how messages call the series.
        positions: of at least two slices in order along the normal, [S, 3] in millimetres.
        normal: the direction in which slices are stacked, [3].

    Raises:
        KgpError: slices lie in one plane, are missing, uneven, or shifted.
    """
    steps = np.diff(positions, axis=0)
    distances = steps @ normal
    median = float(np.median(distances))
    if distances.min() < _UNEVEN * median or median <= 0:
        _refuse_one_plane(where, steps, distances)
    unit = _unit(positions)
    on_line = _off_line(positions) < unit * (1 - _ROUNDING)
    step = float(distances.mean())
    if on_line and unit <= _COARSEST * step and distances.max() < _MISSING * step * (1 - _ROUNDING):
        return
    unevenness = np.abs(distances - median)
    if unevenness.max() > _UNEVEN * median:
        if on_line and unit > _COARSEST * median:
            raise KgpError(
                f"{where} has slices {distances.min():.2f} to {distances.max():.2f} mm apart; positions in whole "
                f"multiples of {unit:g} mm do not say whether a slice is missing."
            )
        _refuse_uneven(where, distances, median, unit)
    shifts = np.linalg.norm(steps - np.median(steps, axis=0), axis=1)
    if shifts.max() > _UNEVEN * median:
        index = int(np.argmax(shifts))
        raise KgpError(
            f"{where} has slices that do not lie in one straight stack: slice {index + 2} is shifted against slice "
            f"{index + 1} otherwise than the others are."
        )


def _unit(positions: np.ndarray) -> float:
    """The coarsest unit that all coordinates are whole multiples of; 0 where there is none."""
    for unit in _UNITS:
        multiples = positions / unit
        if np.allclose(multiples, np.round(multiples), rtol=0, atol=1e-6 / unit):
            return unit
    return 0.0


def _off_line(positions: np.ndarray) -> float:
    """How far a coordinate is from even positions between the first and the last.

    Rounding brings it less than its unit off, a missing slice about half a step.
    """
    line = np.linspace(positions[0], positions[-1], len(positions))
    return float(np.abs(positions - line).max())


def _refuse_one_plane(where: str, steps: np.ndarray, distances: np.ndarray) -> None:
    index = int(np.argmin(distances))
    apart = float(np.linalg.norm(steps[index]))
    slices = f"slices {index + 1} and {index + 2}"
    if apart > abs(distances[index]) + 0.1:
        raise KgpError(
            f"{where} has {slices} in one plane, {apart:.2f} mm apart within it; a stack has one slice in a plane."
        )
    raise KgpError(
        f"{where} has two slices at one position ({slices} along the stack); one image a position is expected, of one "
        "echo, time point or weighting."
    )


def _refuse_uneven(where: str, distances: np.ndarray, median: float, unit: float) -> None:
    index = int(np.argmax(distances))
    ratios = distances / median
    multiples = np.maximum(np.round(ratios), 1)
    about = _ABOUT + min(unit / median, _ABOUT)
    if ratios.max() < _MISSING or (np.abs(ratios - multiples) > about).any():
        index = int(np.argmax(np.abs(distances - median)))
        why = "slices at uneven distances are not read"
    else:
        why = "a slice is missing" if multiples[index] == 2 else "slices are missing"
    raise KgpError(
        f"{where} has a gap of {distances[index]:.2f} mm between slices {index + 1} and {index + 2} where the others are "
        f"{median:.2f} mm apart; {why}."
    )
