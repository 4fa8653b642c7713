"""What reading a damaged DICOM file can raise."""

import struct
import zlib

from pydicom.errors import BytesLengthException

# What pydicom and the decoders behind it raise for files that were cut short, changed or nested too deeply (RecursionError is
# a RuntimeError); found with mutated files.
DAMAGE = (
    ValueError, TypeError, LookupError, AttributeError, RuntimeError, ArithmeticError, AssertionError, MemoryError, EOFError,
    struct.error, zlib.error, BytesLengthException,
)  # fmt: skip
