"""Silence of the DICOM libraries, whose messages quote names and other values of headers."""

import contextlib
import logging
import warnings
from collections.abc import Iterator

_LIBRARIES = ("highdicom", "pydicom", "pynetdicom")
_SILENT = logging.CRITICAL + 1


def silence_libraries() -> None:
    """Silences the DICOM libraries, and all of Python's warnings.

    Which library a warning is from cannot be found out reliably.
    """
    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(_SILENT)
    warnings.simplefilter("ignore")


@contextlib.contextmanager
def quiet_libraries() -> Iterator[None]:
    """As `silence_libraries`, for the block only."""
    levels = {name: logging.getLogger(name).level for name in _LIBRARIES}
    with warnings.catch_warnings():
        try:
            silence_libraries()
            yield
        finally:
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)
