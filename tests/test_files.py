"""kgp.files: a reader never sees half a file."""

import errno
import hashlib
import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from kgp.errors import KgpError
from kgp.files import (
    atomic_folder,
    atomic_path,
    read_json,
    read_table,
    remove_fragments,
    sha256,
    write_array,
    write_json,
    write_table,
    write_text,
)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_atomic_path_shows_the_file_only_when_the_block_has_ended(tmp_path):
    target = tmp_path / "deep" / "weights.h5"
    with atomic_path(target) as temporary:
        temporary.write_text("new")
        assert temporary.parent == target.parent
        assert temporary.name.endswith(".weights.h5")
        assert not target.exists()
    assert target.read_text() == "new"
    assert names(target.parent) == ["weights.h5"]


@pytest.mark.parametrize("stop", [ValueError, OSError, KeyboardInterrupt])
def test_atomic_path_keeps_the_earlier_file_when_the_block_raises(tmp_path, stop):
    target = tmp_path / "file.txt"
    target.write_text("old")
    with pytest.raises(stop), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise stop
    assert target.read_text() == "old"
    assert names(tmp_path) == ["file.txt"]


def test_atomic_folder_appears_whole(tmp_path):
    target = tmp_path / "prepared"
    with atomic_folder(target) as temporary:
        (temporary / "a").write_text("1")
        assert not target.exists()
    assert names(target) == ["a"]
    assert names(tmp_path) == ["prepared"]


def test_rights_are_those_of_the_umask(tmp_path):
    before = os.umask(0o077)
    try:
        write_text(tmp_path / "file", "of a patient")
        with atomic_folder(tmp_path / "folder"):
            pass
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o700


def test_atomic_folder_keeps_one_that_appeared_meanwhile(tmp_path):
    target = tmp_path / "prepared"
    with pytest.raises(KgpError, match="prepared was made by another process meanwhile"), atomic_folder(target):
        target.mkdir()
        (target / "theirs").write_text("1")
    assert names(target) == ["theirs"]
    assert names(tmp_path) == ["prepared"]


def test_atomic_folder_does_not_replace_a_file(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(KgpError, match="is not a folder"), atomic_folder(tmp_path / "file", overwrite=True):
        pass
    assert names(tmp_path) == ["file"]


def test_atomic_folder_refuses_an_existing_one(tmp_path):
    target = tmp_path / "prepared"
    target.mkdir()
    with pytest.raises(KgpError, match="prepared exists already"), atomic_folder(target):
        pass
    assert names(tmp_path) == ["prepared"]


def test_atomic_folder_replaces_an_existing_one_on_demand(tmp_path):
    target = tmp_path / "prepared"
    target.mkdir()
    (target / "old").write_text("1")
    with atomic_folder(target, overwrite=True) as temporary:
        (temporary / "new").write_text("2")
    assert names(target) == ["new"]


def test_atomic_folder_keeps_the_earlier_one_when_the_block_raises(tmp_path):
    target = tmp_path / "prepared"
    target.mkdir()
    (target / "old").write_text("1")
    with pytest.raises(RuntimeError), atomic_folder(target, overwrite=True) as temporary:
        (temporary / "new").write_text("2")
        raise RuntimeError
    assert names(target) == ["old"]
    assert names(tmp_path) == ["prepared"]


def test_fragments_of_killed_writers_go_and_nothing_else(tmp_path):
    kept = {".lock", ".tries", "trial.json", ".0123456.short", ".notahexa.name"}
    for name in (*kept, ".01234567.trial.json"):
        (tmp_path / "a" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "a" / name).touch()
    with pytest.raises(OSError), atomic_folder(tmp_path / "a" / "case") as folder:  # noqa: PT011 - stands in for a kill
        (folder / ".89abcdef.inside").touch()
        fragment = folder.name
        shutil.copytree(folder, tmp_path / "a" / ".fedcba98.case")
        raise OSError
    assert re.fullmatch(r"\.[0-9a-f]{8}\.case", fragment)
    remove_fragments(tmp_path)
    assert {path.name for path in (tmp_path / "a").iterdir()} == kept


def test_write_text_is_utf8(tmp_path):
    write_text(tmp_path / "t.txt", "ä\n")
    assert (tmp_path / "t.txt").read_bytes() == b"\xc3\xa4\n"


def test_json_takes_numpy_values_and_paths(tmp_path):
    path = tmp_path / "values.json"
    write_json(path, {"a": np.float32(0.5), "b": np.arange(2), "c": Path("x/y"), "d": (1, 2), "e": np.bool_(True)})
    assert read_json(path) == {"a": 0.5, "b": [0, 1], "c": "x/y", "d": [1, 2], "e": True}


def test_json_has_no_nan_and_leaves_the_earlier_file(tmp_path):
    path = tmp_path / "values.json"
    write_json(path, 1)
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(path, float("nan"))
    with pytest.raises(TypeError, match="cannot write a set as JSON"):
        write_json(path, {1})
    assert json.loads(path.read_text()) == 1
    assert names(tmp_path) == ["values.json"]


def test_read_json_names_a_missing_file(tmp_path):
    with pytest.raises(KgpError, match=r"none\.json is missing\."):
        read_json(tmp_path / "none.json")


@pytest.mark.parametrize("content", [b"", b'{"a": 1', b"\xff\xfe\x00"])
def test_read_json_refuses_what_is_not_json(tmp_path, content):
    (tmp_path / "bad.json").write_bytes(content)
    with pytest.raises(KgpError, match=r"bad\.json is not a JSON file"):
        read_json(tmp_path / "bad.json")


def test_sha256_is_that_of_the_bytes(tmp_path):
    (tmp_path / "b").write_bytes(b"kgp")
    assert sha256(tmp_path / "b") == hashlib.sha256(b"kgp").hexdigest()


def test_table_leaves_missing_cells_empty(tmp_path):
    write_table([{"a": 1}, {"a": 2, "b": "x,y"}], tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == 'a,b\n1,\n2,"x,y"\n'


def test_a_table_with_a_byte_order_mark_short_lines_and_cells_too_many(tmp_path):
    (tmp_path / "t.csv").write_bytes(b'\xef\xbb\xbfa,b\r\n1\r\n2,"x\ny",z\r\n')
    table = read_table(tmp_path / "t.csv", ("a",))
    assert table.columns == ("a", "b") and table.lines == [2, 4]
    assert table.rows == [{"a": "1", "b": ""}, {"a": "2", "b": "x\ny"}]
    assert read_table(tmp_path / "t.csv", missing_cell=None).rows[0] == {"a": "1", "b": None}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"t\.csv is missing\."),
        (b"\xff\xfe\x00", r"t\.csv is not a table: "),
        (b"a,c\n1,2\n", r"t\.csv lacks the column 'b'; needed are a, b\."),
        (b"", r"t\.csv lacks the column 'a'"),
    ],
)
def test_tables_that_cannot_be_read(tmp_path, content, message):
    if content is not None:
        (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(KgpError, match=message):
        read_table(tmp_path / "t.csv", ("a", "b"))


def test_arrays_come_back(tmp_path):
    array = np.arange(12, dtype=np.float32).reshape(3, 4).T
    write_array(tmp_path / "a.npy", array)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), array)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_called_so(tmp_path):
    (tmp_path / "a.npy").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left") as caught:
        write_array(tmp_path / "a.npy", np.zeros(100_000))
    assert caught.value.errno == errno.ENOSPC
