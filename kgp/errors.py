"""Errors meant for the user: one sentence, no traceback, a fixed exit status."""


class KgpError(ValueError):
    """Something about a file, a data set or a run that the user has to know. Exit status 1.

    The message is one sentence that names the file or argument, what was expected and what was
    given.
    """

    exit_status = 1


class UsageError(KgpError):
    """An option or argument that cannot be accepted as given. Exit status 2."""

    exit_status = 2
