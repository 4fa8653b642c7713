"""Loaded by the kernels that execute the notebooks: a %%bash whose cell fails where any of its commands does."""

import logging
import os
import subprocess
import sys

from IPython.core.magic import register_cell_magic

# In a notebook TensorFlow sets its own level, and warns on the standard output.
logging.getLogger("tensorflow").addFilter(lambda record: record.levelno >= logging.ERROR)

os.environ["XDG_CACHE_HOME"] = os.path.abspath(".cache")  # prepared slices stay out of the user's own cache


@register_cell_magic
def bash(line: str, cell: str) -> None:
    """Runs the cell and shows its output in one piece each; IPython's own shows pieces of 100 bytes."""
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", cell], capture_output=True, text=True)
    print(done.stdout, end="")
    print(done.stderr, end="", file=sys.stderr)
    done.check_returncode()
