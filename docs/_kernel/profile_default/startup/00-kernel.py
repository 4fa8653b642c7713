"""Loaded by the kernels that execute the notebooks: a %%bash whose cell fails where any of its commands does."""

import logging
import subprocess
import sys

from IPython.core.magic import register_cell_magic

logging.getLogger("tensorflow").setLevel(logging.ERROR)  # in a notebook it would warn on the standard output


@register_cell_magic
def bash(line: str, cell: str) -> None:
    """Runs the cell and shows its output in one piece each; IPython's own shows pieces of 100 bytes."""
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", cell], capture_output=True, text=True)
    print(done.stdout, end="")
    print(done.stderr, end="", file=sys.stderr)
    done.check_returncode()
