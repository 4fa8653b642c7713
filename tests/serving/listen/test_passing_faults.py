import errno
import os

import numpy as np
import pytest

from kgp.errors import KgpError
from serving.listen.passing_faults import passing_fault


def hidden(error):
    """A message for users, raised in place of an error."""
    try:
        try:
            raise error
        except type(error):
            raise KgpError("The object cannot be written.") from None
    except KgpError as raised:
        return raised


def wrapped(error):
    """As pydicom wraps an error of the system: in one of its kind without a number."""
    try:
        raise OSError("with a tag and a traceback") from error
    except OSError as raised:
        return raised


@pytest.mark.parametrize(
    "number", ["ENOSPC", "EDQUOT", "EIO", "EMFILE", "ENFILE", "ENOMEM", "EROFS", "EACCES", "ESTALE"]
)
def test_errors_of_the_system_pass(number):
    code = getattr(errno, number)
    error = OSError(code, "in words")
    assert passing_fault(error) == passing_fault(hidden(error)) == passing_fault(hidden(wrapped(error)))
    assert passing_fault(error) == os.strerror(code)


def test_too_little_memory_passes():
    with pytest.raises(MemoryError) as raised:
        np.zeros(1 << 57)
    for error in (raised.value, RuntimeError("can't start new thread"), RuntimeError("std::bad_alloc")):
        assert passing_fault(error) == passing_fault(hidden(error)) == "Cannot allocate memory"


@pytest.mark.parametrize(
    "error",
    [
        KgpError("The study lacks FLAIR."),
        ValueError("memory"),
        OSError("cannot identify image file"),
        OSError(errno.EINVAL, "x"),
    ],
)
def test_what_is_wrong_with_a_study_does_not_pass(error):
    assert passing_fault(error) == passing_fault(hidden(error)) == ""
