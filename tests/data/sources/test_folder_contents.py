"""kgp.data.sources.folder_contents: visible files, and their endings in words."""

import pytest

from kgp.data.sources.folder_contents import ending, endings_in_words, visible_files


def test_hidden_files_are_passed_over_and_links_without_target_are_not(tmp_path):
    for name in ("b/x.JPG", "a.nii.gz", ".DS_Store", "__MACOSX/a.nii.gz", "b/._x.jpg", ".git/y.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "gone.nii").symlink_to(tmp_path / "nowhere")
    found = [path.relative_to(tmp_path).as_posix() for path in visible_files(tmp_path)]
    assert found == ["a.nii.gz", "b/x.JPG", "gone.nii"]
    assert endings_in_words(tmp_path) == "1 .nii.gz, 1 .jpg, 1 .nii"


def test_the_most_frequent_endings_come_first(tmp_path):
    assert endings_in_words(tmp_path) == "no file"
    for name in ("1.a", "2.a", "1.b", "1.c", "1.d", "1.e", "1.f", "1.g", "1.h", "README"):
        (tmp_path / name).touch()
    words = endings_in_words(tmp_path)
    assert words.startswith("2 .a, ") and words.endswith(", 3 others")


@pytest.mark.parametrize(("name", "expected"), [("a.NII.GZ", ".nii.gz"), ("a.b.png", ".png"), ("README", "")])
def test_endings(name, expected):
    assert ending(name) == expected
