"""Sphinx's configuration: `python -m sphinx -W --keep-going docs SITE` builds the site, without a network."""

import os
import shutil
import sys
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent))

import kgp

# The notebooks call `kgp`, which lies beside the Python that builds the site, and are quiet about TensorFlow's start.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent / "examples"), os.environ.get("PYTHONPATH", "")])
os.environ["IPYTHONDIR"] = str(Path(__file__).parent / "_kernel")

project = "kgp"
author = "The kgp developers"
copyright = "the kgp developers, Apache License 2.0"
release = version = kgp.__version__
language = "en"
smartquotes = False  # they make one dash of two, and options have two

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinxarg.ext",
    "docstrings",
]
exclude_patterns = ["_build", "_templates", "_kernel", "**/.ipynb_checkpoints"]
templates_path = ["_templates"]
nitpicky = False

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 3
myst_ref_domains = ["std", "py"]  # sphinx-argparse's own domain cannot be asked
nb_execution_mode = "force"
nb_execution_timeout = 600
nb_execution_in_temp = True
nb_execution_show_tb = True
nb_merge_streams = True

default_role = "code"
highlight_language = "none"  # of blocks that do not say what they are: commands, tables in docstrings
autosummary_generate = True
shutil.rmtree(Path(__file__).parent / "reference" / "generated", ignore_errors=True)  # pages of modules that moved
autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_default_options = {"members": True}
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_custom_sections = [("Input shape", "params_style"), ("Output shape", "params_style")]

html_title = f"kgp {release}"
html_theme = "pydata_sphinx_theme"
html_static_path = ["_static"]
html_css_files = ["kgp.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "navbar_align": "left",
    "navbar_center": ["navbar-nav"],
    "header_links_before_dropdown": 9,
    "footer_start": ["research_use"],
    "footer_center": [],
    "footer_end": ["copyright"],
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": True,
    "show_toc_level": 2,
}
html_sidebars = {"index": [], "glossary": [], "troubleshooting": [], "results": []}
copybutton_exclude = ".linenos, .gp"


def setup(app: Sphinx) -> None:
    """Registers what is done before pages are read."""
    app.connect("env-before-read-docs", spread_notebooks)


def spread_notebooks(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """Orders pages so that notebooks, which stand side by side, go to different workers of `-j`.

    Sphinx gives each worker some pages in a row.
    """
    docnames[:] = [name for start in range(12) for name in sorted(docnames)[start::12]]
