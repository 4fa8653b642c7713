import dataclasses

import numpy as np

from export.samples import run_samples
from kgp.run_folder import read_run


def test_samples_have_every_class(tiny_run):
    samples = run_samples(read_run(tiny_run), "validation", count=4)
    assert set(samples.targets) == {0, 1} and len(samples.images) == len(samples.masks) <= 4
    assert samples.images.dtype == np.float32 and samples.images.shape[1:] == (16, 16, 2)


def test_without_data_the_phantom_stands_in_and_that_is_said(tiny_run, caplog):
    samples = run_samples(dataclasses.replace(read_run(tiny_run), data=""), "validation", count=3)
    assert samples.source == "the phantom" and samples.images.shape == (3, 16, 16, 2)
    assert samples.targets is None and samples.masks == [None] * 3
    assert np.ptp(samples.images) > 10
    assert "phantom stand in for the validation part" in caplog.text and "was not trained here" in caplog.text
