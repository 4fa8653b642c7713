"""kgp.data.prepared_folders: listed, found by content, in use, removed."""

import os
import subprocess
import sys

import pytest

from kgp.data.prepare import prepare
from kgp.data.prepared_folders import find_content, in_use, list_prepared, note_use, remove_leftovers, remove_prepared
from kgp.errors import KgpError

NAME = "slices-0123456789"


@pytest.fixture
def cohort(tmp_path, list_source, three_patients):
    return prepare(list_source(three_patients), tmp_path / "cache" / NAME, made_from="/data/slices")


def test_what_is_listed(cohort, tmp_path, list_source, three_patients):
    cache = tmp_path / "cache"
    prepare(list_source({"a": three_patients["a"]}), cache / "mine")
    (cache / "notes").mkdir()
    (cache / "file").touch()
    os.utime(cohort.folder / "cohort.json", (1e9, 1e9))
    os.utime(cache / "mine" / "cohort.json", (1.1e9, 1.1e9))
    newest, oldest = list_prepared(cache)
    assert (newest.folder.name, newest.data, newest.slices, newest.by_cache) == ("mine", "", 2, False)
    assert (oldest.folder.name, oldest.data, oldest.slices, oldest.by_cache) == (NAME, "/data/slices", 6, True)
    assert oldest.made == oldest.used == 1e9
    assert oldest.size == sum(path.stat().st_size for path in cohort.folder.rglob("*") if path.is_file())
    note_use(cohort.folder)
    newest, _ = list_prepared(cache)
    assert newest.folder == cohort.folder and newest.used > newest.made == 1e9
    assert list_prepared(tmp_path / "nothing") == []


def test_found_by_content(cohort, tmp_path):
    caches = [tmp_path / "nothing", tmp_path / "cache"]
    assert find_content(cohort.content, caches) == cohort.folder
    assert find_content("ab" * 32, caches) is None
    assert find_content("", caches) is None


def test_removed_as_a_whole(cohort):
    cache = cohort.folder.parent
    remove_prepared(cohort.folder)
    assert list(cache.iterdir()) == []
    with pytest.raises(KgpError, match="cache has no prepared folder 'slices-0123456789'"):
        remove_prepared(cohort.folder)


@pytest.mark.parametrize("content", [None, "{", "[]", '{"format": "other"}'])
def test_what_is_no_prepared_folder_is_kept(tmp_path, content):
    folder = tmp_path / "mine"
    folder.mkdir()
    if content:
        (folder / "cohort.json").write_text(content)
    with pytest.raises(KgpError, match="mine is not a prepared folder"):
        remove_prepared(folder)
    assert folder.is_dir()


def test_what_is_in_use_is_kept(cohort):
    message = f"{NAME} is used by a training that is running, so it is not removed"
    with in_use(cohort.folder), in_use(cohort.folder), pytest.raises(KgpError, match=message):
        remove_prepared(cohort.folder)
    assert not list(cohort.folder.glob(".in-use-*"))
    remove_prepared(cohort.folder)


def test_a_training_that_was_killed_uses_nothing(cohort):
    script = f"""
import os, signal
from pathlib import Path
from kgp.data.prepared_folders import in_use
with in_use(Path({str(cohort.folder)!r})):
    os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", script], check=False)
    assert len(list(cohort.folder.glob(".in-use-*"))) == 1
    remove_prepared(cohort.folder)


def test_what_a_killed_preparation_left(cohort, tmp_path):
    cache = tmp_path / "cache"
    for name in (f".01234567.{NAME}", f".89abcdef.{NAME}", ".files", ".01234567.mine"):
        (cache / name / "slices").mkdir(parents=True)
        for path in (cache / name / "slices", cache / name):
            os.utime(path, (1e9, 1e9))
    os.utime(cache / f".89abcdef.{NAME}" / "slices")
    assert remove_leftovers(cache) == 1
    assert {path.name for path in cache.iterdir()} == {NAME, f".89abcdef.{NAME}", ".files", ".01234567.mine"}


def test_nothing_is_written_into_a_folder_that_the_cache_did_not_make(tmp_path, list_source, three_patients):
    folder = prepare(list_source(three_patients), tmp_path / "mine").folder
    with in_use(folder):
        assert not list(folder.glob(".*"))
