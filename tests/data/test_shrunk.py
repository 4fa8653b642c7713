import numpy as np

from kgp.data.cohort import read_image, read_mask
from kgp.data.shrunk import shrunk_cohort


def test_slices_are_averaged_once_and_keep_everything_else(tiny_cohort, tmp_path):
    small = shrunk_cohort(tiny_cohort, 8, tmp_path)
    assert small.shape == (8, 8, 2) and small.contrasts == tiny_cohort.contrasts and small.name == tiny_cohort.name
    for row, whole in zip(small.rows, tiny_cohort.rows, strict=True):
        assert (row.id, row.group, row.label, row.label_name) == (whole.id, whole.group, whole.label, whole.label_name)
        image = read_image(tiny_cohort, whole).reshape(8, 2, 8, 2, 2).mean(axis=(1, 3))
        np.testing.assert_allclose(read_image(small, row), image, rtol=1e-6)
        assert read_mask(small, row) is None
    made = (small.folder / "cohort.csv").stat().st_mtime_ns
    again = shrunk_cohort(tiny_cohort, 8, tmp_path)
    assert again.folder == small.folder and (again.folder / "cohort.csv").stat().st_mtime_ns == made


def test_a_cohort_of_that_size_is_itself(tiny_cohort, tmp_path):
    assert shrunk_cohort(tiny_cohort, 16, tmp_path) is tiny_cohort
    assert not list(tmp_path.iterdir())
