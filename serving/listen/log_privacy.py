"""Keeps values of headers out of the logs of a long-running process."""

import builtins
import errno
import functools
import logging
import os
import re
import sys
import threading
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

import kgp
import serving
from kgp.scans.dicom.privacy import silence_libraries

_log = logging.getLogger(__name__)
_PLACES = (  # of the source that reads a study and makes its result
    ".", "scans", "scans/dicom", "heatmap", "prediction", "report", "runtime", "console", "dicom_output", "listen",
)  # fmt: skip
_LEFT_OUT = "..."
_QUOTED = re.compile(  # a value may hold a quote of its own; the last kind is text that was read as numbers
    r"(?<!\w)'.*?'(?!\w|')|\"[^\"]*\"|\[\d+(?:, \d+){3,}\]"
)
_TOKEN = re.compile(r"\d+(?:[./-]\d+){2,}|\d+\.\d+|[^\W_]+")  # a date or UID, a number, a word
_NO_VALUE = re.compile(r"\d{1,5}(?:\.\d{1,6})?|[0-9a-f]{32}")  # a small number, the name of a study or an object
_DOCSTRING, _TEXT = re.compile(r'""".*?"""', re.DOTALL), re.compile(r'"(?:[^"\\\n]|\\.)*"')  # of a source file
_known: set[str] = set()


class _OwnWordsOnly(logging.Filter):
    """Passes messages of this package, which quote nothing, and only the own words of all others."""

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(__package__):
            raised, _, trace = record.exc_info or (None, None, None)
            kind = f" ({raised.__name__} in {where_raised(trace)})" if raised else ""
            record.msg, record.args = own_words(record.getMessage()) + kind, ()
            record.exc_info = record.exc_text = record.stack_info = None
        return True


def keep_values_out_of_logs(known: Iterable[str] = ()) -> None:
    """Silences the DICOM libraries in this process for good, and filters what all others log.

    A thread that ends by an error logs the kind of error and its line only.

    Args:
        known: texts whose words may be logged besides the program's own, such as the names of
            contrasts.
    """
    _known.update(_words(known))
    _vocabulary()  # now, and not when files or memory may be short
    from pynetdicom import _config

    _config.LOG_HANDLER_LEVEL = "none"
    silence_libraries()
    for handler in (*logging.getLogger().handlers, logging.lastResort):
        if handler is not None:
            handler.addFilter(_OwnWordsOnly())
    threading.excepthook = lambda arguments: _log.error(
        "a thread ended by %s in %s", arguments.exc_type.__name__, where_raised(arguments.exc_traceback)
    )
    sys.unraisablehook = lambda arguments: _log.error(
        "%s in %s was ignored", arguments.exc_type.__name__, where_raised(arguments.exc_traceback)
    )


def own_words(text: str, folder: Path | None = None) -> str:
    """A message without the values of headers that it may quote: only the program's own words stay.

    Whatever a message quotes, and each word and long number that stands in no text of this program,
    becomes "...". So a message that somebody adds one day cannot give a name away.

    Args:
        text: the message.
        folder: paths of files in it are shortened to those below it.
    """
    shown = text.replace(f"{folder}{os.sep}", "") if folder else text
    shown = _QUOTED.sub(_LEFT_OUT, shown)
    shown = _TOKEN.sub(lambda found: found[0] if _is_own(found[0]) else _LEFT_OUT, shown)
    return re.sub(r"\.\.\.(?:\W*\.\.\.)+", _LEFT_OUT, shown)


def where_raised(trace: TracebackType | None) -> str:
    """Where an error was raised, as FILE:LINE."""
    frames = traceback.extract_tb(trace)
    return f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else "an unknown place"


def _is_own(token: str) -> bool:
    return token.lower() in _vocabulary() | _known or bool(_NO_VALUE.fullmatch(token))


@functools.cache
def _vocabulary() -> frozenset[str]:
    """The words of the program's messages in lower case, and of what the system and DICOM call
    errors and kinds of objects.
    """
    from pydicom.uid import UID_dictionary

    texts = [os.strerror(number) for number in errno.errorcode]
    texts += [name for name in dir(builtins) if name.endswith(("Error", "Exception"))]
    texts += [names[0] for names in UID_dictionary.values()]
    for package in (kgp, serving):
        top = Path(package.__path__[0])
        for place in _PLACES:
            for path in top.glob(f"{place}/*.py"):
                texts += _TEXT.findall(_DOCSTRING.sub("", path.read_text(encoding="utf-8")))
    return _words(texts)


def _words(texts: Iterable[str]) -> frozenset[str]:
    return frozenset(token.lower() for text in texts for token in re.findall(r"[^\W_]+", text))
