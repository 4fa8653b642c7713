"""The content digest of a prepared cohort: equal slices have equal digests, wherever they lie and
whatever their files are called.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence

import numpy as np

from kgp.data.cohort import SliceRow


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
        del values["plane"]  # which no network sees, and earlier versions did not read
        digest.update(json.dumps(values, sort_keys=True).encode())
    return digest.hexdigest()
