"""Which faults pass: those of the machine, such as a full disk, and not of the study."""

import errno
import os

# Damaged content leads to these too: a seek to before the beginning of a file, for example.
_OF_CONTENT = (errno.EINVAL, errno.EOVERFLOW, errno.EILSEQ, errno.ENAMETOOLONG)
# What OpenCV, LiteRT and Python's threads say where there is too little memory.
_SHORT_OF_MEMORY = ("memory", "alloc", "can't start new thread")


def passing_fault(error: BaseException) -> str:
    """What stood in the way, where trying again later can help; "" where it cannot.

    The system's errors count (no space left, input/output error, too many open files, no right to
    write ...) and too little memory, also where a message for users was raised in place of them.

    Args:
        error: what was raised; it and all that it was raised from are looked at.
    """
    seen: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in seen:
        seen.append(following)
        if isinstance(following, MemoryError):
            return os.strerror(errno.ENOMEM)
        if isinstance(following, OSError) and following.errno and following.errno not in _OF_CONTENT:
            return os.strerror(following.errno)
        if _is_library_short_of_memory(following):
            return os.strerror(errno.ENOMEM)
        # A message raised "from None" still has what it stands for as its context.
        following = following.__cause__ or following.__context__
    return ""


def _is_library_short_of_memory(error: BaseException) -> bool:
    is_of_library = type(error) is RuntimeError or type(error).__module__ == "cv2"
    return is_of_library and any(word in str(error) for word in _SHORT_OF_MEMORY)
