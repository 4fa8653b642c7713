import pytest

from serving.listen.durable import make_private_folder, move_folder_durably, write_file_durably


def test_a_file_appears_whole_in_a_folder_of_its_owner(tmp_path):
    write_file_durably(tmp_path / "new" / "file", [b"ab", memoryview(b"cd")], tmp_path)
    assert (tmp_path / "new" / "file").read_bytes() == b"abcd"
    assert (tmp_path / "new").stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_a_file_that_cannot_be_written_stays_as_it_was(tmp_path):
    def pieces():
        yield b"xy"
        raise OSError("No space left on device")

    write_file_durably(tmp_path / "file", [b"abcd"], tmp_path)
    with pytest.raises(OSError, match="No space left"):
        write_file_durably(tmp_path / "file", pieces(), tmp_path)
    assert (tmp_path / "file").read_bytes() == b"abcd"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_folder_is_moved_with_all_below_it(tmp_path):
    make_private_folder(tmp_path / "work" / "1" / "dicom")
    (tmp_path / "work" / "1" / "dicom" / "a.dcm").write_bytes(b"a")
    move_folder_durably(tmp_path / "work" / "1", tmp_path / "results" / "study" / "1")
    assert (tmp_path / "results" / "study" / "1" / "dicom" / "a.dcm").read_bytes() == b"a"
    assert list((tmp_path / "work").iterdir()) == []
