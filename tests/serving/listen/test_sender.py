import pytest
from pydicom.uid import EnhancedSRStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian, MRImageStorage, RLELossless
from pynetdicom import build_context

from kgp.errors import UsageError
from serving.listen.sender import ACCEPTED, LATER, REFUSED, Destination, NotReached, parse_destination, send_files


@pytest.fixture
def files(image, tmp_path):
    """Two MR images and a structured report, as files."""
    paths = []
    for number, kind in enumerate((MRImageStorage, EnhancedSRStorage, MRImageStorage), 1):
        paths.append(tmp_path / f"{number}.dcm")
        image(number=number, kind=kind).save_as(paths[-1], enforce_file_format=True)
    return paths


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ARCHIVE@10.0.0.5:104", Destination("ARCHIVE", "10.0.0.5", 104)),
        (" MY PACS @pacs.example:11112", Destination("MY PACS", "pacs.example", 11112)),
        ("A@[::1]:104", Destination("A", "::1", 104)),
    ],
)
def test_destinations(text, expected):
    assert parse_destination(text, "--forward") == expected


@pytest.mark.parametrize(
    "text", ["", "ARCHIVE", "ARCHIVE@host", "ARCHIVE@:104", "A@host:0", "A@host:70000", "A@host:x"]
)
def test_what_is_no_destination(text):
    with pytest.raises(UsageError, match="--forward expects AET@host:port"):
        parse_destination(text, "--forward")


@pytest.mark.parametrize("title", ["", " ", "SEVENTEEN-LETTERS", "A\\B", "Ä", "A\nB"])
def test_what_is_no_title(title):
    with pytest.raises(UsageError, match="--forward: .* is no AE title"):
        parse_destination(f"{title}@host:104", "--forward")


def test_files_are_sent(archive, files):
    there = archive()
    answers = list(send_files(files, Destination("ARCHIVE", "127.0.0.1", there.port), "KGP"))
    assert [(answer.path, answer.verdict) for answer in answers] == [(path, ACCEPTED) for path in files]
    assert there.received == ["1.2.3.1.1", "1.2.3.1.2", "1.2.3.1.3"]


@pytest.mark.parametrize(
    ("status", "verdict"),
    [(0xB000, ACCEPTED), (0xA700, LATER), (0xA900, REFUSED), (0xC123, REFUSED), (0x0124, REFUSED)],
)
def test_answers(archive, files, status, verdict):
    there = archive(status_of=lambda kind: status)
    (answer,) = send_files(files[:1], Destination("ARCHIVE", "127.0.0.1", there.port), "KGP")
    assert (answer.verdict, answer.status) == (verdict, status)


def test_a_kind_that_is_not_supported_is_refused_alone(archive, files):
    there = archive(contexts=[build_context(MRImageStorage, ImplicitVRLittleEndian)])
    answers = list(send_files(files, Destination("ARCHIVE", "127.0.0.1", there.port), "KGP"))
    assert [answer.verdict for answer in answers] == [ACCEPTED, REFUSED, ACCEPTED]
    there = archive(contexts=[build_context(EnhancedSRStorage, ExplicitVRLittleEndian)])
    answers = list(send_files(files[:1], Destination("ARCHIVE", "127.0.0.1", there.port), "KGP"))
    assert [(answer.verdict, answer.status) for answer in answers] == [(REFUSED, 0x0122)]


def test_compressed_files_stay_compressed(archive, image, tmp_path):
    image(syntax=RLELossless).save_as(tmp_path / "rle.dcm", enforce_file_format=True)
    for syntax, verdict in ((RLELossless, ACCEPTED), (ExplicitVRLittleEndian, REFUSED)):
        there = archive(contexts=[build_context(MRImageStorage, syntax)])
        (answer,) = send_files([tmp_path / "rle.dcm"], Destination("ARCHIVE", "127.0.0.1", there.port), "KGP")
        assert answer.verdict == verdict


def test_a_destination_that_is_not_there(files, receiver):
    with pytest.raises(NotReached, match=r"A@127.0.0.1:1 cannot be reached"):
        list(send_files(files, Destination("A", "127.0.0.1", 1), "KGP"))
    with pytest.raises(NotReached, match="rejects the association"):
        list(send_files(files, Destination("WRONG", "127.0.0.1", receiver().port), "KGP"))


def test_a_destination_that_goes_away(archive, files):
    there = archive()
    answers = send_files(files, Destination("ARCHIVE", "127.0.0.1", there.port), "KGP")
    assert next(answers).verdict == ACCEPTED
    there.stop()
    with pytest.raises(NotReached):
        list(answers)
