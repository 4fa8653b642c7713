"""kgp.scans.not_nifti: what stands where a NIfTI file is expected."""

import gzip

import nibabel
import numpy as np
import pytest

from kgp.errors import KgpError
from kgp.scans.not_nifti import what_stands_instead
from kgp.scans.volume import read_volume


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("a.nii", b"", "is empty"),
        ("a.nii.gz", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "is a Git LFS pointer"),
        ("a.nii", b"/annex/objects/SHA256E-s1--0.nii\n", "is a git-annex pointer"),
        ("a.nii.gz", b"\n  <!DOCTYPE html>\n<html></html>", "is a web page"),
        ("a.nii.gz", b"<html><body>404</body></html>", "is a web page"),
        ("a.nii.gz", b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "is an XML text"),
        ("a.nii.gz", b'{"message": "Forbidden"}', "is a JSON text"),
        ("a.nii", b"PK\x03\x04rest", "is a zip archive"),
        ("a.nii", bytes(1024), "holds nothing but zeros"),
        ("a.nii", b"x" * 1024, "does not begin as a NIfTI file"),
        ("a.nii.gz", gzip.compress(bytes(1024), mtime=0), "holds nothing but zeros"),
        ("a.nii.gz", gzip.compress(b"text" * 300, mtime=0), "does not begin as a NIfTI file"),
        ("a.nii.gz", gzip.compress(b"x" * 900, mtime=0)[:12], "is cut short or damaged"),
        ("a.nii.gz", b"not gzip at all", "does not begin as a NIfTI file"),
    ],
)
def test_what_cannot_be_nifti(tmp_path, name, content, what):
    path = tmp_path / name
    path.write_bytes(content)
    assert what_stands_instead(path).startswith(what)
    with pytest.raises(KgpError, match=f"{name} cannot be read as NIfTI: it {what}"):
        read_volume({"T1": path})


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_nifti_is_nifti(tmp_path, kind, name):
    nibabel.save(kind(np.zeros((3, 3, 3), np.int16), np.eye(4)), tmp_path / name)
    assert what_stands_instead(tmp_path / name) == ""


def test_a_wrong_ending(tmp_path):
    nibabel.save(nibabel.Nifti1Image(np.zeros((3, 3, 3), np.int16), np.eye(4)), tmp_path / "a.nii")
    plain = (tmp_path / "a.nii").read_bytes()
    (tmp_path / "b.nii.gz").write_bytes(plain)
    (tmp_path / "c.nii").write_bytes(gzip.compress(plain))
    assert what_stands_instead(tmp_path / "b.nii.gz") == "is not compressed, so its name has to end in .nii"
    assert what_stands_instead(tmp_path / "c.nii") == "is compressed, so its name has to end in .nii.gz"


def test_a_link_without_a_target_and_no_file_at_all(tmp_path):
    (tmp_path / "a.nii").symlink_to(tmp_path / "nowhere")
    assert what_stands_instead(tmp_path / "a.nii").startswith("is a link to a file that is not there")
    assert what_stands_instead(tmp_path / "b.nii") == ""
