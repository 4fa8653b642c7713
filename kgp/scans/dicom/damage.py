"""What reading a damaged DICOM file can raise."""

import struct
import zlib

from pydicom.errors import BytesLengthException

# Raised by pydicom and its decoders for files that were cut short, changed or nested too deeply
# (RecursionError is a RuntimeError); collected with mutated files.
DAMAGE = (
    ValueError, TypeError, LookupError, AttributeError, RuntimeError, ArithmeticError, AssertionError,
    MemoryError, EOFError, struct.error, zlib.error, BytesLengthException,
)  # fmt: skip
