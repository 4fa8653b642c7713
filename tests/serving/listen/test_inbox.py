import pytest

from serving.listen.inbox import Inbox, uid_name

STUDY = uid_name("1.2.3")


@pytest.fixture
def inbox(tmp_path):
    (tmp_path / "scratch").mkdir()
    return Inbox(tmp_path / "inbox", tmp_path / "scratch")


def test_an_object_is_kept_under_names_that_tell_nothing(inbox, tmp_path):
    assert inbox.store(STUDY, "1.2.3.4", [b"ab", memoryview(b"cd")])
    (path,) = inbox.folder(STUDY).iterdir()
    assert path.read_bytes() == b"abcd"
    assert "1.2.3" not in str(path.relative_to(tmp_path)) and path.name == f"{uid_name('1.2.3.4')}.dcm"
    assert path.stat().st_mode & 0o077 == 0 and path.parent.stat().st_mode & 0o077 == 0
    assert list((tmp_path / "scratch").iterdir()) == []
    assert inbox.studies() == [STUDY]


def test_the_same_bytes_change_nothing_and_others_replace(inbox):
    inbox.store(STUDY, "1", [b"abc"])
    before = inbox.content(STUDY)
    assert not inbox.store(STUDY, "1", [b"a", b"bc"])
    assert inbox.content(STUDY) == before
    assert inbox.store(STUDY, "1", [b"xyz"])
    after = inbox.content(STUDY)
    assert after.names == before.names and after.digest != before.digest


def test_a_renewed_object_counts_as_new(inbox):
    inbox.store(STUDY, "1", [b"abc"])
    before = inbox.content(STUDY)
    inbox.renew(STUDY, "1")
    inbox.renew(STUDY, "not there")
    assert inbox.content(STUDY).digest != before.digest


def test_a_study_is_discarded_only_as_it_was_seen(inbox, tmp_path):
    inbox.store(STUDY, "1", [b"abc"])
    seen = inbox.content(STUDY)
    inbox.store(STUDY, "2", [b"def"])
    inbox.discard(STUDY, seen)
    assert len(inbox.content(STUDY).names) == 2
    inbox.discard(STUDY, inbox.content(STUDY))
    assert inbox.studies() == [] and inbox.content(STUDY).names == ()
    assert list((tmp_path / "scratch").iterdir()) == []


def test_an_inbox_that_is_not_there_yet_is_empty(inbox):
    assert inbox.studies() == [] and inbox.content(STUDY).names == ()
    inbox.discard(STUDY, inbox.content(STUDY))
