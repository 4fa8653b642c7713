import dataclasses

import pytest

from kgp.errors import KgpError
from serving.listen.ledger import DONE, Attempt, ListenLedger


@pytest.fixture
def ledger(tmp_path):
    (tmp_path / "scratch").mkdir()
    return ListenLedger(tmp_path / "ledger", tmp_path / "scratch")


def test_runs_are_kept_in_order_and_replaced_by_number(ledger):
    first, second = Attempt(1, "abc", 3), Attempt(2, "def", 4, sent={"report.dcm": "accepted"})
    ledger.record("study", first)
    ledger.record("study", second)
    ledger.record("study", dataclasses.replace(first, state=DONE))
    assert ledger.attempts("study") == [dataclasses.replace(first, state=DONE), second]
    assert ledger.last("study") == second
    assert ledger.studies() == ["study"]


def test_a_study_that_nobody_began_has_no_runs(ledger):
    assert ledger.attempts("study") == [] and ledger.last("study") is None and ledger.studies() == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not a JSON file"),
        ("[]", "is not a ledger"),
        ('{"format": 1}', "is not a ledger"),
        ('{"format": 1, "runs": [{"number": 1}]}', "is not a ledger"),
        ('{"format": 9, "runs": []}', "has the format 9 where 1 is expected"),
    ],
)
def test_a_file_that_is_no_ledger_is_told(ledger, tmp_path, text, message):
    ledger.record("study", Attempt(1, "abc", 3))
    (tmp_path / "ledger" / "study.json").write_text(text)
    with pytest.raises(KgpError, match=message):
        ledger.attempts("study")
