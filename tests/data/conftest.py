"""A source made of given slices, for tests of what is done with any source."""

import dataclasses
import zlib

import numpy as np
import pytest

from kgp.data.sources.source import SourceSlice
from kgp.errors import KgpError


@dataclasses.dataclass
class ListSource:
    """Cases given as lists of slices.

    A case given as text cannot be read, for the reason that the text gives.
    """

    content: dict
    contrasts: tuple = ("T1", "FLAIR")
    faults: tuple = ()
    name: str = "list"

    def cases(self):
        return list(self.content)

    def read(self, case):
        if isinstance(self.content[case], str):
            raise KgpError(self.content[case])
        yield from self.content[case]

    def check(self):
        return list(self.faults)


def _piece(identifier, patient="p", label=0, image=None, mask=None, **fields):
    if image is None:
        image = np.random.default_rng(zlib.crc32(identifier.encode())).integers(1, 200, (8, 8, 2)).astype(np.uint8)
    return SourceSlice(
        id=identifier,
        patient=patient,
        group=fields.pop("group", patient),
        label=label,
        label_name=["healthy", "tumour", "other"][label],
        image=image,
        mask=mask,
        **fields,
    )


@pytest.fixture
def piece():
    """Makes a slice; 8x8 noise of two contrasts where no image is given."""
    return _piece


@pytest.fixture
def list_source():
    """Makes a source of {case: [slice, ...] or reason}."""
    return ListSource


@pytest.fixture
def three_patients(piece):
    """Content of a source without a flaw: three patients with a healthy and a tumour slice each."""
    mask = np.zeros((8, 8), bool)
    mask[2:5, 3:6] = True
    return {
        name: [piece(f"{name}_0", name, 0, mask=np.zeros((8, 8), bool)), piece(f"{name}_1", name, 1, mask=mask)]
        for name in ("a", "b", "c")
    }
