"""Telling what was done to read an image and may be wrong."""

import logging
from collections.abc import Sequence

from kgp.files import printable

_log = logging.getLogger(__name__)


def warn_of_notes(name: str, notes: Sequence[str]) -> None:
    """Logs notes on a file or folder as warnings.

    Args:
        name: what the notes are on.
        notes: sentences that each begin with a verb, as in `kgp.scans.volume.Volume`.
    """
    for note in notes:
        _log.warning("%s %s", printable(name), note)
