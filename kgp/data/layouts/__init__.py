"""Layouts: data as other tools and downloads keep them, of which a table is drafted.

Nothing here is read for training: a person checks the table, and a source reads it.
"""

from pathlib import Path

from kgp.data.layouts.draft import Layout


def recognise(path: Path) -> Layout | None:
    """The layout of a folder, the most particular first; None where it is none of them."""
    from kgp.data.layouts import bids, class_folders, kaggle_3m, nnunet

    layouts = (nnunet.LAYOUT, bids.LAYOUT, kaggle_3m.LAYOUT, class_folders.LAYOUT)
    return next((layout for layout in layouts if layout.fits(path)), None)
