import os

import pytest

from serving.archive_batch.studies import find_studies, study_folder


@pytest.fixture
def archive(tmp_path):
    """Studies at several depths, and folders and files that are not studies."""
    for name in (
        "p2/flair.nii.gz",
        "p10/IM1",
        "site/p1/visit/a.png",
        "site/p1/derived/b.png",
        "p3/c.npy",
        "p3/more/d.npy",
    ):
        path = tmp_path / "archive" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    (tmp_path / "archive" / "empty").mkdir()
    (tmp_path / "archive" / ".cache" / "p9").mkdir(parents=True)
    (tmp_path / "archive" / "__MACOSX" / "p2").mkdir(parents=True)
    (tmp_path / "archive" / "README.txt").write_text("an archive")
    return tmp_path / "archive"


def test_studies_have_an_order_and_nothing_below_them_is_one(archive):
    assert list(find_studies(archive)) == ["empty", "p10", "p2", "p3", "site/p1/derived", "site/p1/visit"]
    assert study_folder(archive, "site/p1/visit") == archive / "site" / "p1" / "visit"


def test_an_archive_that_is_one_study(archive):
    assert list(find_studies(archive / "p3")) == ["p3"]
    assert study_folder(archive / "p3", "p3") == archive / "p3"


def test_a_study_may_have_the_name_of_the_archive(archive):
    (archive / "p2").rename(archive / "archive")
    assert "archive" in list(find_studies(archive))
    assert study_folder(archive, "archive") == archive / "archive"


def test_links_are_followed_but_not_round_and_round(archive, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "e.png").write_bytes(b"")
    (archive / "site" / "linked").symlink_to(tmp_path / "elsewhere")
    (archive / "site" / "loop").symlink_to(archive)
    assert [name for name in find_studies(archive) if name.startswith("site")] == [
        "site/linked",
        "site/p1/derived",
        "site/p1/visit",
    ]


def test_studies_are_found_one_by_one(archive):
    studies = find_studies(archive)
    assert next(studies) == "empty"
    (archive / "site" / "p0").mkdir()
    assert "site/p0" in list(studies)


def test_a_name_in_another_encoding(tmp_path):
    os.mkdir(os.fsencode(tmp_path) + b"/M\xfcller")
    (name,) = find_studies(tmp_path)
    assert os.fsencode(name) == b"M\xfcller"
