"""kgp.scans.dicom.files: folders, archives and files."""

import os
import zipfile

import pytest

from kgp.errors import KgpError
from kgp.scans.dicom.files import open_study, shown_text


def contents(*sources):
    with open_study(list(sources)) as files:
        return {file.name.rpartition("/")[2]: file.open().read() for file in files}


def test_all_below_a_folder(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "1").write_bytes(b"one")
    (tmp_path / "2").write_bytes(b"two")
    (tmp_path / ".3").write_bytes(b"hidden")
    os.mkfifo(tmp_path / "pipe")  # reading it would wait for ever
    (tmp_path / "a" / "round").symlink_to(tmp_path)
    assert contents(tmp_path) == {"1": b"one", "2": b"two"}


def test_a_part_of_a_folder_that_cannot_be_read(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "gone").symlink_to(tmp_path / "nowhere")
    with pytest.raises(KgpError, match=r"a/gone cannot be read: No such file or directory\.$"):
        contents(tmp_path)
    scandir = os.scandir

    def refusing(path):  # as a folder of somebody else; root may read it all the same
        if path == str(tmp_path / "a"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(KgpError, match=r"/a cannot be read: Permission denied\.$"):
        contents(tmp_path)


def test_members_of_an_archive(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("../../../etc/1", b"one")
        archive.writestr("__MACOSX/2", b"hidden")
        archive.writestr("folder/", b"")
    assert contents(tmp_path / "a.zip") == {"1": b"one"}
    (tmp_path / "a.zip").rename(tmp_path / "archive")  # told by its first bytes too
    assert contents(tmp_path / "archive") == {"1": b"one"}


def test_an_archive_that_unpacks_to_too_much(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("1", bytes(80 << 20))
    with pytest.raises(KgpError, match=r"bomb.zip would unpack to 80 MiB from 0.1 MiB, which is more than is read"):
        contents(tmp_path / "bomb.zip")


def test_an_archive_that_lies_about_sizes(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("1", b"x" * 1000)
    content = path.read_bytes()
    path.write_bytes(content.replace((1000).to_bytes(4, "little"), (100).to_bytes(4, "little")))
    with pytest.raises(KgpError, match=r"a.zip:1 cannot be unpacked"):
        contents(path)


@pytest.mark.parametrize("content", [b"PK\3\4 and then nothing of the kind", b""])
def test_an_archive_that_is_none(tmp_path, content):
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(KgpError, match=r"a.zip cannot be read as a zip archive"):
        contents(tmp_path / "a.zip")


def test_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name, message in (("gone", "gone is missing"), ("pipe", "pipe is not a file or folder")):
        with pytest.raises(KgpError, match=message):
            contents(tmp_path / name)


def test_names_of_files_cannot_steer_a_terminal():
    assert shown_text("a\x1b[2Jb\n" + "c" * 300) == "a?[2Jb?" + "c" * 193


def test_a_file_that_is_too_large(tmp_path):
    with open(tmp_path / "IM1", "wb") as stream:
        stream.truncate(3 << 30)  # takes no room on the disk
    with pytest.raises(KgpError, match=r"IM1 is 3.0 GiB large, more than is read"):
        contents(tmp_path)
