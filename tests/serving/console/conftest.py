"""A console with known answers: FLAIR above a threshold is a tumour, pixel by pixel."""

import pytest

from kgp.scans.dicom.contrast_rules import read_rules
from serving.console.study import LoadedConsole


@pytest.fixture
def console(bright_runtime):
    """Makes a console whose network takes slices of any size."""

    def make(threshold=1.5, size=0):
        model = {"name": "bright", "version": "0.1.0", "sha256": "ab" * 32}
        runtime = bright_runtime(threshold, size)
        runtime.batch = 1  # as LiteRT's
        return LoadedConsole(runtime, model, read_rules())

    return make
