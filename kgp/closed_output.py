"""A reader that goes away, as in `kgp info | head`, ends a command without a word."""

import os
import select
import sys
from collections.abc import Callable

STATUS = 141  # what a shell says of a program that SIGPIPE ended


def until_closed(work: Callable[[], int]) -> int:
    """Calls `work` and writes out what it has printed.

    Returns:
        What `work` returns; STATUS where nobody reads standard output any more; 1 where it cannot
        be written for another reason, such as a full disk.
    """
    try:
        status = work()
        if sys.stdout is not None:
            sys.stdout.flush()
        return status
    except BrokenPipeError:
        if not output_is_closed():
            raise
        _discard_output()
        return STATUS
    except OSError:
        _discard_output()
        return 1


def output_is_closed() -> bool:
    """Whether standard output is a pipe that nobody reads; False where that cannot be told."""
    if not hasattr(select, "poll"):  # as on Windows
        return False
    try:
        descriptor = sys.stdout.fileno()
    except (AttributeError, ValueError, OSError):  # no output, a closed one, or one in memory
        return False
    poll = select.poll()
    poll.register(descriptor, 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _discard_output() -> None:
    """Drops what waits to be written, of which Python would complain at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
