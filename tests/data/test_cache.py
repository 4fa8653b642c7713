"""kgp.data.cache: prepared once, and found again by content."""

import os
import shutil

import numpy as np
import pytest

from kgp.data.cache import cached_cohort
from kgp.data.cohort import read_cohort
from kgp.data.prepare import prepare
from kgp.data.sources.slices import SlicesSource
from kgp.errors import KgpError
from kgp.files import read_json


def write_slices(folder, names=("s0", "s1")):
    """A folder with index.csv."""
    folder.mkdir(exist_ok=True)
    lines = ["id,image,label,label_name,patient"]
    for number, name in enumerate(names):
        np.save(folder / f"{name}.npy", np.random.default_rng(number).integers(0, 99, (8, 8, 2)).astype(np.uint8))
        lines.append(f"{name},{name}.npy,{number},label{number},p{number}")
    (folder / "index.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_the_cache_is_made_once_and_again_when_the_data_change(tmp_path):
    data, cache = write_slices(tmp_path / "data"), tmp_path / "cache"
    first = cached_cohort(data, size=0, cache=cache)
    assert first.folder.parent == cache and first.folder.name.startswith("data-")
    date = (first.folder / "cohort.csv").stat().st_mtime_ns
    assert cached_cohort(data, size=0, cache=cache) == first
    assert (first.folder / "cohort.csv").stat().st_mtime_ns == date
    others = [
        cached_cohort(data, size=4, cache=cache),
        cached_cohort(data, size=0, cache=cache, contrasts=("T1", "T2")),
    ]
    assert others[1].contrasts == ("T1", "T2")
    write_slices(data, ("s0", "s1", "s2"))
    others.append(cached_cohort(data, size=0, cache=cache))
    assert len(others[2].rows) == 3
    assert len({cohort.folder for cohort in (first, *others)}) == 4


def test_the_same_data_elsewhere_and_with_other_times_are_found_by_content(tmp_path):
    first = cached_cohort(write_slices(tmp_path / "data"), size=0, cache=tmp_path / "cache")
    shutil.copytree(tmp_path / "data", tmp_path / "other" / "renamed")
    for path in (tmp_path / "other" / "renamed").iterdir():
        os.utime(path, (1, 1))
    again = cached_cohort(tmp_path / "other" / "renamed", size=0, cache=tmp_path / "cache")
    assert again.folder == first.folder
    assert (first.name, again.name) == (str(tmp_path / "data"), str(tmp_path / "other" / "renamed"))


def test_a_byte_changed_behind_equal_size_and_time_is_seen(tmp_path):
    data = write_slices(tmp_path / "data")
    before = cached_cohort(data, size=0, cache=tmp_path / "cache")
    path = data / "s0.npy"
    status, content = path.stat(), bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    after = cached_cohort(data, size=0, cache=tmp_path / "cache")
    assert after.folder != before.folder and after.content != before.content


def test_another_table_is_other_data(tmp_path):
    """The kind of source that takes a table may read files that lie outside of the folder."""
    nibabel = pytest.importorskip("nibabel")
    folders = []
    for number in (1, 2):
        place = tmp_path / str(number)
        (place / "data").mkdir(parents=True)
        volume = np.random.default_rng(number).integers(1, 99, (8, 8, 8)).astype(np.int16)
        nibabel.Nifti1Image(volume, np.eye(4)).to_filename(place / "t1.nii")
        (place / "data" / "volumes.csv").write_text("case,patient,label,label_name,T1\na,a,1,x,../t1.nii\n")
        folders.append(cached_cohort(place / "data", size=0, cache=tmp_path / "cache").folder)
    table = tmp_path / "table.csv"
    table.write_text("case,patient,label,label_name,T1\na,a,2,y,1/t1.nii\n")
    folders.append(cached_cohort(tmp_path / "1" / "data", size=0, cache=tmp_path / "cache", csv=table).folder)
    assert len(set(folders)) == 3


def test_a_cache_that_cannot_be_written_to_is_read(tmp_path, monkeypatch):
    data, cache = write_slices(tmp_path / "data"), tmp_path / "cache"
    first = cached_cohort(data, size=0, cache=cache)

    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr("kgp.data.source_files.write_json", refuse)
    monkeypatch.setattr("pathlib.Path.touch", refuse)
    assert cached_cohort(data, size=0, cache=cache) == first


def test_the_default_is_the_users_cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    cohort = cached_cohort(write_slices(tmp_path / "data"), size=0)
    assert cohort.folder.parent.is_relative_to(tmp_path / "xdg")


def test_data_are_called_as_from_the_working_directory(tmp_path, monkeypatch, caplog):
    caplog.set_level("INFO")
    monkeypatch.chdir(tmp_path)
    assert cached_cohort(write_slices(tmp_path / "data"), size=0, cache=tmp_path / "cache").name == "data"
    assert "into cache/data-" in caplog.text


def test_what_kgp_leaves_among_the_data_does_not_change_them(tmp_path):
    data = write_slices(tmp_path / "data")
    first = cached_cohort(data, size=0, cache=data / "prepared").folder
    (data / "runs" / "a" / "tensorboard").mkdir(parents=True)
    (data / "__MACOSX").mkdir()
    for name in ("runs/a/model.weights.h5", "runs/a/tensorboard/events", ".hidden", "__MACOSX/s0.npy", "Thumbs.db"):
        (data / name).touch()
    assert cached_cohort(data, size=0, cache=data / "prepared").folder == first
    (data / "more.npy").touch()
    assert cached_cohort(data, size=0, cache=data / "prepared").folder != first


def test_what_was_left_out_is_said_again(tmp_path, caplog):
    data = write_slices(tmp_path / "data", ("s0", "s1", "s2"))
    (data / "s1.npy").write_bytes(b"")
    np.save(data / "s2.npy", np.zeros((8, 8, 2)))
    folder = cached_cohort(data, size=0, cache=tmp_path / "cache").folder
    caplog.clear()
    cached_cohort(data, size=0, cache=tmp_path / "cache")
    told = [record.message for record in caplog.records]
    assert told == [
        f"Without 1 case(s) that could not be read; {folder / 'cohort.json'} lists them.",
        f"Without 1 black slice(s); {folder / 'cohort.json'} lists them.",
    ]


def test_what_another_training_prepares_meanwhile_is_taken(tmp_path, monkeypatch):
    data, cache = write_slices(tmp_path / "data"), tmp_path / "cache"
    first = cached_cohort(data, size=0, cache=tmp_path / "first").folder
    theirs = cache / first.name
    read, started = SlicesSource.read, []

    def slow(source, case):
        if not started:
            started.append(shutil.copytree(first, theirs))
            (theirs / "mark").touch()
        return read(source, case)

    monkeypatch.setattr(SlicesSource, "read", slow)
    assert cached_cohort(data, size=0, cache=cache).folder == theirs and (theirs / "mark").exists()
    assert [path.name for path in cache.iterdir() if path.name[0] != "."] == [first.name]


def test_the_cache_of_the_phantom(tmp_path, monkeypatch):
    from kgp.data.sources import phantom

    small = phantom.PhantomSource(patients=2, size=32, slices=2)
    monkeypatch.setattr(phantom, "PhantomSource", lambda: small)
    cohort = cached_cohort(None, size=0, cache=tmp_path)
    assert cohort.folder.name.startswith("phantom-") and len(cohort.rows) == 4
    assert cached_cohort(None, size=0, cache=tmp_path) == cohort


def test_a_prepared_folder_is_taken_as_it_is(tmp_path, list_source, three_patients):
    cohort = prepare(list_source(three_patients), tmp_path / "out")
    assert cached_cohort(tmp_path / "out", size=0, cache=tmp_path / "c") == cohort == read_cohort(tmp_path / "out")
    assert cached_cohort(tmp_path / "out", size=8, cache=tmp_path / "c", contrasts=("T1", "FLAIR")) == cohort
    with pytest.raises(KgpError, match="out was prepared at 8x8, not at --size 16"):
        cached_cohort(tmp_path / "out", size=16, cache=tmp_path)
    with pytest.raises(KgpError, match="out was prepared with the contrasts T1, FLAIR, not with T2"):
        cached_cohort(tmp_path / "out", size=0, cache=tmp_path, contrasts=("T2",))
    assert not (tmp_path / "c").exists()


def test_persons_that_may_stand_in_training_and_test_are_warned_of_each_time(tmp_path, caplog):
    data = write_slices(tmp_path / "data", [f"s{number}" for number in range(12)])
    image = np.load(data / "s3.npy").astype(np.float32)
    np.save(data / "s11.npy", image[:, ::-1] * 3 + 7)
    header = read_json(cached_cohort(data, size=0, cache=tmp_path / "cache").folder / "cohort.json")
    caplog.clear()
    cached_cohort(data, size=0, cache=tmp_path / "cache")
    told = [record.message for record in caplog.records]
    assert told == header["warnings"]
    alike = "all: 1 slice(s) are nearly the same picture as one of another patient, such as s11 and s3; in training and test"
    assert [sentence for sentence in told if sentence.startswith(alike)]
    assert [sentence for sentence in told if sentence.startswith("all: the 12 slices have 12 patients; where several")]
