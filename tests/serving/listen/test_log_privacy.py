import logging
from pathlib import Path

import pytest

from serving.listen.log_privacy import keep_values_out_of_logs, own_words

NAME = "Zzmarker"


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("The study lacks FLAIR.", "The study lacks FLAIR."),
        (
            f"it holds series 3 't1 {NAME} 01.01.1950' (6 slices, TE 14.5: T1); series 4 'flair {NAME}' (4 slices).",
            "it holds series 3 ... (6 slices, TE 14.5: T1); series 4 ... (4 slices).",
        ),
        (
            f"it holds 3 't1 O'Hara x' (6 slices); 4 '{NAME}'s' (4 slices).",
            "it holds 3 ... (6 slices); 4 ... (4 slices).",
        ),
        (f"holds pixels of the kind 1 {NAME} 16, not grey", "holds pixels of the kind 1 ... 16, not grey"),
        (f"TE {NAME}, 01.02.1950, 19500102, A4711X and 1.2.840.113619", "TE ... and ..."),
        ("has the Rows [23130, 17747, 21059, 21573]", "has the Rows ..."),
        (
            f"/data/{NAME}/inbox/{'0af3' * 8}/{'1' * 32}.dcm is missing.",
            f"inbox/{'0af3' * 8}/{'1' * 32}.dcm is missing.",
        ),
    ],
)
def test_own_words_stay_and_values_do_not(message, shown):
    assert own_words(message, Path("/data", NAME)) == shown


def test_other_packages_log_own_words_only(monkeypatch, caplog):
    """A filter of the handlers, so that no logger is forgotten."""
    monkeypatch.setattr("threading.excepthook", None)
    monkeypatch.setattr("sys.unraisablehook", None)
    monkeypatch.setattr("pynetdicom._config.LOG_HANDLER_LEVEL", "none")
    monkeypatch.setattr("serving.listen.log_privacy.silence_libraries", lambda: None)
    monkeypatch.setattr(logging.getLogger(), "handlers", [caplog.handler])
    filters = [list(handler.filters) for handler in (caplog.handler, logging.lastResort)]
    keep_values_out_of_logs(["Adc map"])
    try:
        logging.getLogger("kgp.scans").warning("ADC is series %s, %d slices: '%s'", NAME, 4, NAME)
        try:
            raise ValueError(NAME)
        except ValueError:
            logging.getLogger("other").exception("failed with %s", NAME)
        logging.getLogger("serving.listen.receiver").warning("from AE title SCANNER7")
    finally:
        caplog.handler.filters, logging.lastResort.filters = filters
    assert caplog.text.count("Adc") == 0 and "ADC is series ..., 4 slices: ..." in caplog.text
    assert "failed with ... (ValueError in test_log_privacy.py:" in caplog.text and "SCANNER7" in caplog.text
    assert NAME not in caplog.text
