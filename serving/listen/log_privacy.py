"""Keeps values of headers out of the log: libraries quote names and dates in messages."""

import logging
import threading
import traceback
import warnings
from types import TracebackType

_log = logging.getLogger(__name__)
_LIBRARIES = ("pynetdicom", "pydicom", "highdicom")


def keep_values_out_of_logs() -> None:
    """Silences the DICOM libraries; a thread that ends by an error logs where, and no message.

    Python's warnings are switched off altogether, as it is not certain which library a warning is
    from.
    """
    from pynetdicom import _config

    _config.LOG_HANDLER_LEVEL = "none"
    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    warnings.simplefilter("ignore")
    threading.excepthook = lambda arguments: _log.error(
        "a thread ended by %s in %s", arguments.exc_type.__name__, where_raised(arguments.exc_traceback)
    )


def where_raised(trace: TracebackType | None) -> str:
    """Where an error was raised, as FILE:LINE."""
    frames = traceback.extract_tb(trace)
    return f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else "an unknown place"
