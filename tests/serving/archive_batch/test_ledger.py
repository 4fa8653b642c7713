import pytest

from kgp.errors import KgpError
from kgp.files import read_json, write_json
from serving.archive_batch.ledger import ArchiveLedger


@pytest.fixture
def out(tmp_path):
    """The folder of a batch with one study."""
    ledger = ArchiveLedger(tmp_path / "out")
    with ledger.claimed("identity", "runs/a", tmp_path):
        finish(ledger, "site/p1")
    return tmp_path / "out"


def finish(ledger, study):
    write_json(ledger.result(study) / "summary.json", {})
    ledger.record(study, {"study": study, "seconds": 1.0})


def claim(out, identity="identity", archive=None):
    with ArchiveLedger(out).claimed(identity, "runs/b", archive or out.parent):
        return True


def test_lines_come_in_the_order_of_names(out):
    finish(ArchiveLedger(out), "p0")
    assert ArchiveLedger(out).lines() == {name: {"study": name, "seconds": 1.0} for name in ("p0", "site/p1")}


def test_a_study_needs_both_result_and_line(out):
    ledger = ArchiveLedger(out)
    ledger.record("p2", {"study": "p2"})
    write_json(ledger.result("p3") / "summary.json", {})
    assert list(ledger.lines()) == ["site/p1"]


def test_a_damaged_line_counts_as_missing(out, caplog):
    (out / "ledger" / "site" / "p1.json").write_text('{"study": "site')
    assert ArchiveLedger(out).lines() == {}
    assert "p1.json is damaged, so its study is segmented again" in caplog.text


def test_fragments_of_killed_processes_go(out):
    fragments = [out / "studies" / "site" / ".01234567.p2", out / "ledger" / "site"]
    fragments[0].mkdir()
    (fragments[0] / "mask.nii.gz").write_bytes(b"half")
    (fragments[1] / ".89abcdef.p2.json").write_text("{")
    (fragments[1] / ".p2.tries").write_text("..")
    (out / ".fedcba98.batch.json").touch()
    assert claim(out)
    assert [path.name for path in (out / "studies" / "site").iterdir()] == ["p1"]
    assert [path.name for path in (out / "ledger" / "site").iterdir()] == ["p1.json"]
    assert not (out / ".fedcba98.batch.json").exists()


def test_only_one_batch_at_a_time(out):
    with (
        ArchiveLedger(out).claimed("identity", "runs/a", out.parent),
        pytest.raises(KgpError, match="is being written by another kgp batch"),
    ):
        claim(out)
    assert claim(out)


def test_another_model_is_refused(out):
    before = read_json(out / "batch.json")
    with pytest.raises(KgpError, match=r"holds results of another model \(runs/a\) than runs/b; name another --out"):
        claim(out, identity="other")
    assert read_json(out / "batch.json") == before


def test_another_archive_is_refused(out, tmp_path):
    with pytest.raises(KgpError, match="holds results of another archive"):
        claim(out, archive=tmp_path / "other")


def test_a_folder_with_other_things_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(KgpError, match="is not empty and holds no batch"):
        claim(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not a JSON file"),
        ("[]", "does not describe a batch"),
        ('{"format": "2"}', "does not describe a batch"),
    ],
)
def test_a_damaged_head(out, text, message):
    (out / "batch.json").write_text(text)
    with pytest.raises(KgpError, match=message):
        claim(out)
