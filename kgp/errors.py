"""Errors meant for the user: one sentence, no traceback, a fixed exit status."""


class KgpError(ValueError):
    """Something about a file, a data set or a run that the user has to know. Exit status 1.

    The message is one sentence that names the file or argument, what was expected and what was
    given.

    Args:
        message: the sentence.
        for_logs: the sentence without any text of a header, where `message` holds some; for logs and
            ledgers that others than the user read.
    """

    exit_status = 1

    def __init__(self, message: str, *, for_logs: str | None = None) -> None:
        super().__init__(message)
        self.for_logs = message if for_logs is None else for_logs


class UsageError(KgpError):
    """An option or argument that cannot be accepted as given. Exit status 2."""

    exit_status = 2
