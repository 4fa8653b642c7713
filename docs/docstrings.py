"""A Sphinx extension: what our docstrings lay out by hand is shown as it stands."""

import re
from typing import Any

from sphinx.application import Sphinx

_SECTION = re.compile(r"[A-Z][\w ]*:")  # Args: and the like, which napoleon reads
_STAR = re.compile(r"(?<![*`\w])\*(?=\w)")  # as in [B, *spatial]; begins no emphasis


def setup(app: Sphinx) -> dict[str, Any]:
    """Registers the extension, before napoleon (500) reads the docstrings."""
    app.connect("autodoc-process-docstring", keep_layout, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def keep_layout(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Rewrites the lines of a docstring in place.

    Outside of Google's sections, indented paragraphs become code, and uneven ones keep their lines.
    """
    kept: list[str] = []
    in_section = False
    for paragraph in re.split(r"\n(?:[ ]*\n)+", "\n".join(lines)):
        first, *rest = paragraph.split("\n")
        if not first.startswith(" "):
            in_section = bool(_SECTION.fullmatch(first)) and first != "Example:"
        if first == "Example:":
            kept += ["", "Example::", "", *rest]
        elif first.startswith("    ") and not in_section:
            kept += ["", "::", "", first, *rest]
        else:
            text = [_STAR.sub(r"\\*", line) for line in (first, *rest)]
            kept += ["", *(text if in_section else _with_its_lines(text))]
    lines[:] = kept[1:]


def _with_its_lines(paragraph: list[str]) -> list[str]:
    """A block of lines where some are indented, as in a table of two columns; lists have their own form."""
    if re.match(r"[-*] |\d+\. ", paragraph[0]) or not any(line.startswith(" ") for line in paragraph):
        return paragraph
    return [f"  {line.strip()}" if line.startswith(" ") else f"| {line}" for line in paragraph]
