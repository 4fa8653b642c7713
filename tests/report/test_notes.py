"""kgp.report.notes: notes in the log."""

import logging

from kgp.report.notes import warn_of_notes


def test_each_note_is_a_warning(caplog):
    warn_of_notes("scan.nii", ["has no qform.", "has turned axes."])
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (logging.WARNING, "scan.nii has no qform."),
        (logging.WARNING, "scan.nii has turned axes."),
    ]


def test_a_name_in_an_unknown_encoding(caplog):
    warn_of_notes("M\udcfcller.png", ["has no qform."])
    assert caplog.records[0].getMessage() == "M?ller.png has no qform."
