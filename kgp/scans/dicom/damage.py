"""What a damaged DICOM file can raise, and silence about what it holds."""

import contextlib
import logging
import struct
import warnings
import zlib
from collections.abc import Iterator

from pydicom.errors import BytesLengthException

_LIBRARIES = ("highdicom", "pydicom")
# What pydicom and the decoders behind it raise for files that were cut short, changed or nested too deeply (RecursionError is
# a RuntimeError); found with mutated files.
DAMAGE = (
    ValueError, TypeError, LookupError, AttributeError, RuntimeError, ArithmeticError, AssertionError, MemoryError, EOFError,
    struct.error, zlib.error, BytesLengthException,
)  # fmt: skip


@contextlib.contextmanager
def quiet_libraries() -> Iterator[None]:
    """Silences highdicom and pydicom, whose messages and warnings quote names and other values of headers."""
    loggers = [logging.getLogger(name) for name in _LIBRARIES]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
