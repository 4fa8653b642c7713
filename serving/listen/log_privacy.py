"""Keeps values of headers out of the logs of a long-running process."""

import logging
import threading
import traceback
from types import TracebackType

from kgp.scans.dicom.privacy import silence_libraries

_log = logging.getLogger(__name__)


def keep_values_out_of_logs() -> None:
    """Silences the DICOM libraries in this process for good.

    A thread that ends by an error logs the kind of error and its line only.
    """
    from pynetdicom import _config

    _config.LOG_HANDLER_LEVEL = "none"
    silence_libraries()
    threading.excepthook = lambda arguments: _log.error(
        "a thread ended by %s in %s", arguments.exc_type.__name__, where_raised(arguments.exc_traceback)
    )


def where_raised(trace: TracebackType | None) -> str:
    """Where an error was raised, as FILE:LINE."""
    frames = traceback.extract_tb(trace)
    return f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else "an unknown place"
