"""kgp.scans.dicom.rules_file: the values of a file of rules."""

import pytest

from kgp.errors import UsageError
from kgp.scans.dicom.rules_file import RulesFile

KEYS = {"fixed": {"words"}}
OTHER_KEYS = {"words", "agent", "plane", "echo_time", "plain_times"}


@pytest.fixture
def rules_file(tmp_path):
    def make(text):
        path = tmp_path / "rules.ini"
        path.write_text(text, encoding="utf-8")
        return RulesFile(path, KEYS, OTHER_KEYS)

    return make


def test_values(rules_file):
    file = rules_file(
        "[fixed]\nwords =\n  a|b\n  # a remark\n  ^(?!.*d).*c\n[T1]\nplane = Axial, coronal\nagent = yes\n"
        "echo_time = none | 0 .. 60 | 260..1500\nplain_times =\n  TE 5 .. 25, TI none\n  te 1..6.5\n"
    )
    assert file.sections == ["fixed", "T1"]
    assert [bool(file.pattern("fixed", "words").search(text)) for text in ("A", "xc", "dc")] == [True, True, False]
    assert file.words("T1", "plane", ("axial", "coronal")) == ("axial", "coronal")
    assert file.yes_or_no("T1", "agent") is True and file.yes_or_no("fixed", "agent") is None
    assert file.ranges("T1", "echo_time") == (None, (0.0, 60.0), (260.0, 1500.0))
    assert file.combinations("T1", "plain_times") == (
        {"echo_time": (5.0, 25.0), "inversion_time": None},
        {"echo_time": (1.0, 6.5)},
    )
    assert file.pattern("T1", "words") is None and file.ranges("T1", "words") == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[fixed]\nagent = yes", r"\[fixed\] has the unknown key agent"),
        ("[T1]\nplane = axial, oblique", r"plane of \[T1\] has 'oblique', none of axial, coronal"),
        ("[T1]\nplain_times = TE 5, TR 9", r"plain_times of \[T1\] has 'TE 5, TR 9' where lines as TE 5 .. 25"),
        ("[T1]\nplain_times = TE 5..6.7.8", r"plain_times of \[T1\] is '5..6.7.8' where LOW .. HIGH or none"),
        ("[T1]\necho_time = 5 | 6 .. 7", r"echo_time of \[T1\] is '5 | 6 .. 7' where LOW .. HIGH or none"),
    ],
)
def test_values_that_cannot_be_used(rules_file, text, message):
    with pytest.raises(UsageError, match=message):
        file = rules_file(text)
        file.words("T1", "plane", ("axial", "coronal"))
        file.combinations("T1", "plain_times")
        file.ranges("T1", "echo_time")
