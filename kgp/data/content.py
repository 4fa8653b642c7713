"""The content digest of a prepared cohort: equal slices have equal digests, wherever they lie and
whatever their files are called.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence

import numpy as np

from kgp.data.cohort import SliceRow

_OWN = ("own", "own_spacing_row", "own_spacing_column")


def array_digest(array: np.ndarray) -> str:
    """SHA-256 over type, shape and values of an array."""
    digest = hashlib.sha256(f"{array.dtype.str} {array.shape} ".encode())
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def cohort_digest(contrasts: Sequence[str], rows: Sequence[SliceRow], arrays: Mapping[str, str]) -> str:
    """SHA-256 over contrasts, the table and all arrays of a cohort.

    Args:
        contrasts: name of each image channel, in order.
        rows: the slices, in order.
        arrays: `array_digest` of each file that a row names.
    """
    digest = hashlib.sha256(json.dumps(list(contrasts)).encode())
    for row in rows:
        values = dataclasses.asdict(row)
        values["image"] = arrays[row.image]
        values["mask"] = arrays[row.mask] if row.mask else ""
        if row.own:
            values["own"] = arrays[row.own]
        else:  # so that the digest of what was not resized stays that of earlier versions
            values = {name: value for name, value in values.items() if name not in _OWN}
        del values["plane"]  # which no network sees, and earlier versions did not read
        digest.update(json.dumps(values, sort_keys=True).encode())
    return digest.hexdigest()


def fitted_digest(contrasts: Sequence[str], rows: Sequence[SliceRow], arrays: Mapping[str, str]) -> str:
    """`cohort_digest` without slices on their own grid, as earlier versions counted it."""
    fitted = [dataclasses.replace(row, own="", own_spacing_row=None, own_spacing_column=None) for row in rows]
    return cohort_digest(contrasts, fitted, arrays)
