"""A Sphinx extension: indented blocks and examples of our docstrings are shown as they stand, as code."""

import re
from typing import Any

from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, Any]:
    """Registers the extension, before napoleon (500) reads the docstrings."""
    app.connect("autodoc-process-docstring", show_blocks_as_code, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def show_blocks_as_code(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Marks, in place, what reStructuredText would take for a quotation.

    A block is indented and follows an empty line after text that is not. `Example:` and the lines below it are one too.
    """
    marked: list[str] = []
    before = ""  # the last line that is not empty
    for line in lines:
        starts_block = line.startswith("    ") and before and not before.startswith(" ")
        if starts_block and before == "Example:":
            marked[-1:] = ["Example::", ""]
        elif starts_block and not marked[-1] and not before.endswith("::"):
            marked += ["::", ""]
        marked.append(re.sub(r"(?<![*`\w])\*(?=\w)", r"\\*", line))  # [B, *spatial] begins no emphasis
        before = line or before
    lines[:] = marked
