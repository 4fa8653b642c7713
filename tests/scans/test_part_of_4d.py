"""kgp.scans.part_of_4d: one volume of a file of several."""

from pathlib import Path

import nibabel
import numpy as np
import pytest

from kgp.errors import KgpError
from kgp.scans.part_of_4d import file_of, split_number
from kgp.scans.volume import read_volume


def write(path, shape=(4, 5, 3, 2), slope=1.0):
    data = np.arange(np.prod(shape), dtype=np.int16).reshape(shape)
    image = nibabel.Nifti1Image(data, np.diag([1.0, 2.0, 3.0, 1.0]))
    image.header.set_slope_inter(slope, 0)
    nibabel.save(image, path)
    return data


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_each_volume_is_read_by_its_number(tmp_path, name):
    data = write(tmp_path / name)
    volume = read_volume({"FLAIR": tmp_path / f"{name}[1]", "T1": tmp_path / f"{name}[0]"})
    np.testing.assert_array_equal(volume.data, data[..., [1, 0]])
    np.testing.assert_array_equal(volume.affine, np.diag([1.0, 2.0, 3.0, 1.0]))


def test_the_slope_of_the_file_is_kept(tmp_path):
    write(tmp_path / "a.nii")
    image = nibabel.load(tmp_path / "a.nii")
    plain = np.asarray(image.dataobj) * 0.5
    nibabel.save(nibabel.Nifti1Image(plain, image.affine, dtype=np.int16), tmp_path / "b.nii")
    whole = nibabel.load(tmp_path / "b.nii").get_fdata(dtype=np.float32)
    np.testing.assert_allclose(read_volume({"a": tmp_path / "b.nii[1]"}).data[..., 0], whole[..., 1], rtol=1e-6)


@pytest.mark.parametrize("number", [2, 17])
def test_a_volume_that_is_not_there(tmp_path, number):
    write(tmp_path / "a.nii")
    with pytest.raises(KgpError, match=rf"a.nii holds 4x5x3x2 values, so there is no volume \[{number}\]"):
        read_volume({"a": tmp_path / f"a.nii[{number}]"})


def test_a_file_of_one_volume_or_cut_short(tmp_path):
    write(tmp_path / "a.nii", shape=(4, 5, 3))
    with pytest.raises(KgpError, match="a.nii holds 4x5x3 values"):
        read_volume({"a": tmp_path / "a.nii[0]"})
    write(tmp_path / "b.nii")
    (tmp_path / "b.nii").write_bytes((tmp_path / "b.nii").read_bytes()[:400])
    with pytest.raises(KgpError, match="b.nii is cut short or damaged"):
        read_volume({"b": tmp_path / "b.nii[1]"})
    with pytest.raises(KgpError, match=r"c.nii\[0\] is missing"):
        read_volume({"c": tmp_path / "c.nii[0]"})


def test_a_file_that_is_called_so_is_itself(tmp_path):
    (tmp_path / "a.nii[1]").touch()
    assert split_number(tmp_path / "a.nii[1]") == (tmp_path / "a.nii[1]", None)
    assert file_of(Path("x/b.nii.gz[3]")) == Path("x/b.nii.gz")
    assert split_number(Path("b.txt[3]")) == (Path("b.txt[3]"), None)
