"""kgp.progress: lines of the log."""

import time

from kgp.progress import show_progress


def test_a_line_for_each_tenth(caplog):
    caplog.set_level("INFO")
    started = time.monotonic() - 10
    for done in range(1, 96):
        show_progress("Checked", done, 95, started)
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0].startswith("Checked 9 of 95 cases, ") and lines[-1] == "Checked 95 of 95 cases, 0 s left."
    assert len(lines) == 10


def test_a_short_task_has_its_last_line_alone(caplog):
    caplog.set_level("INFO")
    started = time.monotonic()
    for done in range(1, 21):
        show_progress("Prepared", done, 20, started)
    assert [record.getMessage() for record in caplog.records] == ["Prepared 20 of 20 cases, 0 s left."]
