import numpy as np
import pytest

from kgp.data.cohort import read_image, read_mask
from kgp.errors import KgpError, UsageError
from kgp.report.slice_to_explain import slice_of_file, slice_of_run


def test_a_picture_is_fitted(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((20, 24, 2), np.float32))
    chosen = slice_of_file(tmp_path / "a.npy", ("T1", "FLAIR"), 16)
    assert chosen.image.shape == (16, 16, 2) and chosen.truth is None and chosen.name == "a.npy"
    with pytest.raises(KgpError, match=r"b.npy does not exist"):
        slice_of_file(tmp_path / "b.npy", ("T1", "FLAIR"), 16)


def test_a_slice_of_the_runs_data_has_its_mask(tiny_run, tiny_cohort):
    chosen = slice_of_run(tiny_run, "p00_1", "refined")
    row = next(row for row in tiny_cohort.rows if row.id == "p00_1")
    np.testing.assert_array_equal(chosen.image, read_image(tiny_cohort, row))
    np.testing.assert_array_equal(chosen.truth, read_mask(tiny_cohort, row))


@pytest.mark.parametrize("place", ["http://localhost:8501/v1/models/kgp", None])
def test_only_a_run_has_data_of_its_own(tmp_path, place):
    with pytest.raises(UsageError, match="is no run folder, so it has no data of its own; name an INPUT"):
        slice_of_run(place or tmp_path, None, "refined")
