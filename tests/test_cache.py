import os

import pytest

from kgp import cache
from kgp.data.cache import cached_cohort
from kgp.data.prepared_folders import in_use


@pytest.fixture
def folders(tmp_path, tiny_cohort, write_cohort, monkeypatch):
    """A cache with a folder of its own and one of kgp prepare --out."""
    from kgp.data.sources import phantom

    small = phantom.PhantomSource(patients=2, size=32, slices=2)
    monkeypatch.setattr(phantom, "PhantomSource", lambda: small)
    write_cohort(tmp_path / "cache" / "mine", patients=3)
    return cached_cohort(None, size=0, cache=tmp_path / "cache").folder, tmp_path / "cache" / "mine"


def command(tmp_path, *words):
    return cache.main([*words, "--cache", str(tmp_path / "cache")])


def test_list(folders, tmp_path, capsys):
    assert command(tmp_path, "list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["NAME", "SLICES", "SIZE", "MADE", "LAST", "USED", "FROM"]
    own = next(line for line in lines if line.startswith(folders[0].name))
    assert own.split()[1] == "4" and own.endswith("the built-in phantom")
    assert next(line for line in lines if line.startswith("mine")).endswith("unknown")
    assert lines[-1].endswith(f"kB in {tmp_path / 'cache'}.")


def test_an_empty_cache(tmp_path, capsys):
    assert command(tmp_path, "list") == 0
    assert command(tmp_path, "remove", "--all") == 0
    assert capsys.readouterr().out == f"Nothing is prepared in {tmp_path / 'cache'}.\n" * 2


def test_remove_by_name_and_all(folders, tmp_path, capsys):
    own, mine = folders
    left = tmp_path / "cache" / f".01234567.{own.name}"
    left.mkdir()
    os.utime(left, (1e9, 1e9))
    assert command(tmp_path, "remove", "--all") == 0
    assert capsys.readouterr().out == (
        "Removed what 1 preparation(s) left that were killed.\n"
        f"Kept mine: kgp prepare --out made it; remove it by name.\nRemoved {own.name}.\n"
    )
    assert not own.exists() and mine.exists()
    assert command(tmp_path, "remove", "mine") == 0
    assert not mine.exists()


def test_what_cannot_be_removed(folders, tmp_path, capsys):
    own, mine = folders
    (tmp_path / "cache" / "notes").mkdir()
    with in_use(own):
        assert command(tmp_path, "remove", own.name, "notes", "gone", "mine") == 1
    out, err = capsys.readouterr()
    assert out == "Removed mine.\n"
    assert "is used by a training that is running" in err
    assert "notes is not a prepared folder" in err and "has no prepared folder 'gone'" in err
    assert own.exists() and not mine.exists()


@pytest.mark.parametrize("words", [[], ["mine", "--all"], ["../cache/mine"], ["."], ["/tmp"]])
def test_bad_usage(folders, tmp_path, words, capsys):
    assert command(tmp_path, "remove", *words) == 2
    assert folders[1].exists()
