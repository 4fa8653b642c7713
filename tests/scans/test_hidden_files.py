"""kgp.scans.hidden_files: what macOS, Windows and hidden folders leave among the data."""

import pytest

from kgp.scans.hidden_files import is_hidden, visible_below, visible_entries

HIDDEN = [
    ".DS_Store", "._a.png", ".hidden/a.png", "__MACOSX/a.png", "a/__MACOSX/b/._c.nii", "__macosx", "Thumbs.db",
    "a/thumbs.DB", "desktop.ini", "ehthumbs.db",
]  # fmt: skip


@pytest.mark.parametrize("path", HIDDEN)
def test_hidden(path):
    assert is_hidden(path)


@pytest.mark.parametrize(
    "path", ["a.png", "a/b.nii.gz", "./a.png", "../a.png", "a.b", "_a", "__MACOSX_a", "Thumbs.png"]
)
def test_not_hidden(path):
    assert not is_hidden(path)


def test_what_is_seen_of_a_folder(tmp_path):
    root = tmp_path / ".cache"  # a hidden folder above the data hides nothing
    for name in [*(name for name in HIDDEN if name != "__macosx"), "b.png", "a.png", "c/d.png"]:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    assert [path.name for path in visible_entries(root)] == ["a", "a.png", "b.png", "c"]
    assert sorted(path.name for path in visible_below(root, "*.png")) == ["a.png", "b.png", "d.png"]
