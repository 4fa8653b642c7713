"""Which values of a mask are tumour, also where a tool before changed them.

Whole numbers up to HIGHEST_LABEL are labels, and any above 0 is tumour. What a scale slope or noise
left of a label is rounded. A mask of two levels (0 and 255, 0 and 0.5) is cut at half of the upper
one, also where resampling or JPEG put values between and around them. Notes tell of all that
changes a value.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kgp.data.sources.mask_levels import BELOW, BETWEEN, regions_between, share_between, upper_level
from kgp.errors import KgpError
from kgp.files import printable

HIGHEST_LABEL = 20
_FEW_LEVELS = 8
_EXACT = 1e-5  # what float32 leaves of a scaled whole number
_NEAR = 0.1  # of a label: noise, or the steps of a scale slope; resampling leaves more
_MOST_UNDERSHOOT = 0.35  # of the highest value; splines reach a quarter
_FAINT = 0.1  # a mask with no higher value is as likely noise around 0 as a mask that was divided
_BINARY = 1.25  # up to here a mask that is not whole is of 0 and 1, with what ringing adds
# Regions of values between 0 and the upper level: of labels, or of a picture that is no mask.
_SAME, _SIMILAR = 1e-3, 0.05  # by how much of the upper level the values of a region differ
_LEAST_REGIONS, _MOST_REGIONS = 0.1, 0.3  # of the values between the levels
# Whole labels without regions: whole numbers that were interpolated and made whole again.
_FEWEST_REGIONS, _LEAST_BETWEEN = 0.02, 20
_MOST_BETWEEN = 0.5  # of the values well above 0 of one label; more are of several that are thin
_MOST_LABELS = 0.5  # of values far below the upper level; ringing makes no regions
_MOST_TUMOUR = 0.5  # of a mask; no tumour fills half of a picture, but an inverted mask does
_PATCH = 256  # pixels of a picture below which it may be cut from inside a tumour


def tumour_mask(
    values: np.ndarray, path: Path, unit: str = "pixels", no_tumour: Sequence[int] = ()
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Where a mask says that there is tumour, and notes on what was done to tell.

    Args:
        values: [H, W] or [X, Y, Z] of any real type.
        path: the file, for messages.
        unit: what the values are of: "pixels" or "voxels".
        no_tumour: labels above 0 that are no tumour either.

    Returns:
        bool of the shape of `values`, and sentences that each begin with a verb.

    Raises:
        KgpError: values are not finite or below 0, or it cannot be told which of them are tumour.
    """
    if values.dtype != np.float32:
        values = values.astype(np.float32 if values.dtype.itemsize <= 2 else np.float64)
    if not np.isfinite(values).all():
        raise KgpError(f"{path} is a mask with values that are not finite (NaN or infinity).")
    lowest, top = float(values.min()), float(values.max())
    if lowest <= -0.5 and (lowest <= -_MOST_UNDERSHOOT * top or (top <= HIGHEST_LABEL and lowest == round(lowest))):
        raise KgpError(f"{path} is a mask with the value {lowest:.4g} where 0 and labels above are expected.")
    labels, note = _labels(values, top, path, unit)
    mask = labels > 0
    if no_tumour:
        mask &= ~np.isin(labels, no_tumour)
    name = printable(path.name)
    notes = [f"has a mask ({name}) {note}"] if note else []
    share = float((labels > 0).mean())
    if share > _MOST_TUMOUR and mask.size >= _PATCH:
        notes.append(f"has a mask ({name}) above 0 in {share:.0%} of its {unit}; it may be inverted.")
    return mask, tuple(notes)


def _labels(values: np.ndarray, top: float, path: Path, unit: str) -> tuple[np.ndarray, str]:
    """Whole numbers of the shape and type of `values`, and what is to follow "has a mask"."""
    others = values[values != 0]
    if others.size == 0:
        return np.zeros_like(values), ""
    levels = np.unique(others)
    distance = float(np.abs(others - _rounded(others)).max())
    is_whole = distance <= _EXACT * max(1.0, top)
    are_labels = top <= HIGHEST_LABEL + 0.5
    if top <= 0:
        return np.zeros_like(values), _rounding(others, unit)
    if is_whole and are_labels:
        return _rounded(values), _doubt_about_labels(values, levels)
    if len(levels) == 1:
        return _one_level(values, top, others.size == values.size, path, unit)
    if top < _FAINT:
        raise _faint(path, top)
    if are_labels and distance <= _NEAR:
        return _rounded(values), _rounding(others, unit)
    level = upper_level(others, top)
    if top > _BINARY:
        regions, _ = regions_between(values, level or top, _SAME)
        if are_labels and (
            regions >= _FEWEST_REGIONS or share_between(others[others > BETWEEN[0] * top], level or top) > _MOST_BETWEEN
        ):
            return _rounded(values), _rounding(others, unit)
        if is_whole and regions >= _LEAST_REGIONS:
            listed = f"levels {_listed(levels)}" if len(levels) <= _FEW_LEVELS else f"{len(levels)} levels"
            return (values > 0).astype(values.dtype), f"with the {listed} above 0; all are taken for tumour."
    return _cut(values, _upper(values, others, level, top, path), len(levels), unit)


def _doubt_about_labels(values: np.ndarray, levels: np.ndarray) -> str:
    """What may be wrong with a mask of whole labels, in words; "" where nothing is."""
    if len(levels) > _FEW_LEVELS:
        return f"of {len(levels)} labels; all are taken for tumour."
    if 1 < len(levels) == levels[-1]:  # all from 1 up, as interpolation makes them
        share, between = regions_between(_rounded(values).astype(np.int8), float(levels[-1]), 0.0)
        if between >= _LEAST_BETWEEN and share < _FEWEST_REGIONS:
            return (
                f"with labels between 0 and {levels[-1]:g} on borders only, as resampling leaves them; all are taken "
                "for tumour."
            )
    return ""


def _one_level(values: np.ndarray, level: float, everywhere: bool, path: Path, unit: str) -> tuple[np.ndarray, str]:
    """Labels of a mask of one level beside 0, or of nothing else."""
    if everywhere and level <= HIGHEST_LABEL:
        if abs(level - round(level)) > _NEAR:
            raise KgpError(f"{path} is a mask of {level:.4g} all over, which may mean tumour or none.")
        return _rounded(values), _rounding(values.ravel(), unit)
    if level < _FAINT:
        raise _faint(path, level)
    return _cut(values, level, 1, unit)


def _upper(values: np.ndarray, others: np.ndarray, level: float | None, top: float, path: Path) -> float:
    """The upper level of a mask of two.

    Raises:
        KgpError: there is no such level, or there are regions of others.
    """
    if top <= _BINARY:
        # Probabilities are of 0 and 1 whatever the highest is; a mask of 0 and 0.5 has a plateau, or
        # little between.
        is_level = level is not None and (level == top or share_between(others, level) <= 0.5)
        return level if level is not None and is_level and level <= 0.6 else 1.0
    if top <= HIGHEST_LABEL + 0.5:
        return float(round(level or top))
    if (
        level is None
        or regions_between(values, level, _SIMILAR)[0] >= _MOST_REGIONS
        or (values.min() == 0 and _labels_beside(values, level))
    ):
        raise KgpError(
            f"{path} is a mask with values up to {top:.6g} that are not of two levels; save it with 0 where there is "
            "no tumour and 1 where there is."
        )
    return level


def _labels_beside(values: np.ndarray, level: float) -> bool:
    """Whether labels stand beside a level far above them: 1, 2 and 255 for what is left out."""
    is_label = (values >= 1) & (values == _rounded(values)) & (values < BELOW[1] * level)
    share, count = regions_between(values * is_label, level, 0.0, BELOW)
    return count >= _LEAST_BETWEEN and share >= _MOST_LABELS


def _cut(values: np.ndarray, upper: float, levels: int, unit: str) -> tuple[np.ndarray, str]:
    """A mask cut at half of its upper level; that level where it is a label, else 1."""
    mask = values >= upper / 2
    label = max(round(upper), 1) if upper <= HIGHEST_LABEL + 0.5 else 1
    dropped = int(((values > 0) & ~mask).sum())
    note = ""
    if dropped or levels > _FEW_LEVELS or abs(upper - round(upper)) > _EXACT * upper:
        found = f", with {levels} levels above 0 where one is expected" if levels > 1 else ""
        note = f"of two levels, 0 and {upper:.6g}{found}; it was cut at half of {upper:.6g}"
        note += f", and {dropped:,} {unit} above 0 are no tumour." if dropped else "."
    return label * mask.astype(values.dtype), note


def _rounding(others: np.ndarray, unit: str) -> str:
    """How many of the values that are not 0 were rounded, in words."""
    rounded = _rounded(others)
    changed = np.abs(others - rounded) > _EXACT * np.maximum(1.0, rounded)
    to_zero, to_labels = int((changed & (rounded == 0)).sum()), int((changed & (rounded != 0)).sum())
    example = float(np.median(others[changed])) if changed.any() else 0.0
    counts = [f"{to_zero:,} {unit} were rounded to 0"] if to_zero or not to_labels else []
    counts += [f"{to_labels:,} {unit} were rounded to labels"] if to_labels else []
    return f"with values that are not whole (e.g. {example:.6g}); {' and '.join(counts)}."


def _rounded(values: np.ndarray) -> np.ndarray:
    """The nearest whole numbers, halves upwards."""
    return np.floor(values + 0.5)


def _faint(path: Path, top: float) -> KgpError:
    return KgpError(
        f"{path} is a mask with no value above {top:.4g}, which may be noise or a mask that was divided; save it with 0 "
        "where there is no tumour and 1 where there is."
    )


def _listed(levels: np.ndarray) -> str:
    return ", ".join(f"{level:g}" for level in levels)
