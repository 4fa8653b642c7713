"""kgp.data.source_files: the digest of a data set's files."""

import logging
import os
import shutil

import pytest

from kgp.data import source_files
from kgp.data.source_files import files_digest, own_files


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    (folder / "sub").mkdir(parents=True)
    for name in ("a.png", "b.png", "sub/c.png"):
        (folder / name).write_text(name)
    return folder


@pytest.fixture
def read(monkeypatch):
    """Names of the files that are read from now on; what was remembered may be new."""
    names, original = [], source_files.sha256

    def counted(path):
        names.append(path.name)
        return original(path)

    monkeypatch.setattr(source_files, "sha256", counted)
    monkeypatch.setattr(source_files, "_SETTLED_SECONDS", 0.0)
    return names


def test_names_and_bytes_count_and_nothing_else(data, tmp_path):
    first = files_digest(data, (), tmp_path / "memory")
    shutil.copytree(data, tmp_path / "copy")
    os.utime(tmp_path / "copy" / "a.png", (1, 1))
    assert files_digest(tmp_path / "copy", (), tmp_path / "memory") == first
    (data / "a.png").rename(data / "d.png")
    assert files_digest(data, (), tmp_path / "memory") != first
    (data / "d.png").rename(data / "a.png")
    assert files_digest(data, (), tmp_path / "memory") == first
    (data / "a.png").write_text("A.png")
    assert files_digest(data, (), tmp_path / "memory") != first


def test_what_was_read_is_remembered_until_it_changes(data, tmp_path, read):
    first = files_digest(data, (), tmp_path / "memory")
    assert sorted(read) == ["a.png", "b.png", "c.png"]
    assert files_digest(data, (), tmp_path / "memory") == first and len(read) == 3
    (data / "b.png").write_text("other")
    assert files_digest(data, (), tmp_path / "memory") != first and read[3:] == ["b.png"]
    for memo in (tmp_path / "memory").iterdir():
        memo.write_text("[[[")
    files_digest(data, (), tmp_path / "memory")
    assert len(read) == 7


def test_what_has_just_changed_is_not_remembered(data, tmp_path, read, monkeypatch):
    monkeypatch.setattr(source_files, "_SETTLED_SECONDS", 3600.0)
    files_digest(data, (), tmp_path / "memory")
    files_digest(data, (), tmp_path / "memory")
    assert len(read) == 6


def test_files_that_a_table_names_elsewhere(data, tmp_path):
    outside = tmp_path / "t1.nii"
    outside.write_text("1")
    digests = [files_digest(data, named, tmp_path / "memory") for named in ((), (data / "a.png",), (outside,))]
    assert digests[0] == digests[1] != digests[2]
    outside.rename(tmp_path / "t2.nii")
    assert files_digest(data, (tmp_path / "t2.nii",), tmp_path / "memory") == digests[2]
    (tmp_path / "t2.nii").write_text("2")
    assert files_digest(data, (tmp_path / "t2.nii",), tmp_path / "memory") != digests[2]
    assert files_digest(data, (tmp_path / "gone.nii",), tmp_path / "memory") == digests[0]


def test_a_file_that_may_not_be_read_is_no_obstacle(data, tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(path)

    before = files_digest(data, (), tmp_path / "memory")
    monkeypatch.setattr(source_files, "sha256", refuse)
    assert files_digest(data, (), tmp_path / "other") != before


def test_runs_and_prepared_slices_are_not_the_data(data):
    before = own_files(data)
    for name in ("run/model.weights.h5", "prepared/x/cohort.json", "all/folds.json", ".hidden/file"):
        (data / name).parent.mkdir(parents=True)
        (data / name).touch()
    (data / "all" / "metrics.json").touch()
    assert own_files(data) == before


def test_long_reading_says_how_far_it_is(data, tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    files_digest(data, (), tmp_path / "memory")
    assert caplog.text == ""
    monkeypatch.setattr(source_files, "_QUIET_SECONDS", 0.0)
    files_digest(data, (), tmp_path / "elsewhere")
    assert "data was prepared before: 0.0 of 0.0 GB read, 0 s left" in caplog.text
