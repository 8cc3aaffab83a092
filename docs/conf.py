"""The documentation site: `sphinx-build -W docs build/docs` makes it.

The pages are those that are read in the repository; `tutorials/` has notebooks that the build runs.
"""

import os
import re
import sys
from importlib.metadata import version as installed_version
from pathlib import Path

ROOT = str(Path(__file__).resolve().parents[1])
sys.path.insert(0, ROOT)  # the package of this checkout, also in notebooks
os.environ["PYTHONPATH"] = ROOT

project = "VAE experiments"
author = "the authors of vae-experiments"
release = version = installed_version("vae-experiments")

extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode", "myst_nb"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4
suppress_warnings = ["myst.xref_missing"]  # files of the repository that are no pages

nb_execution_mode = "cache"  # what has not changed is not run again
nb_execution_in_temp = True
nb_execution_timeout = 600
nb_execution_raise_on_error = True
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # signatures have them
default_role = "code"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True  # fields are told once

html_theme = "furo"
html_title = project
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = html_show_copyright = False


def plain(app, what, name, obj, options, lines):
    """Makes markup of our docstrings, which are written to be read as they are.

    Arrays (*places, channels) and |x| are no markup. Examples, and blocks that stand apart and
    further in, keep their lines.
    """
    made, before = [], ""
    for line in lines:
        if line.strip() == "Examples:":
            made += [".. rubric:: Examples", "", "::", ""]
        else:
            apart = made and not made[-1].strip() and before.strip()
            if apart and line.strip() and indent(line) > indent(before):
                made += [" " * indent(before) + "::", ""]
            made.append(escaped(line))
        before = line if line.strip() else before
    lines[:] = made


def indent(line):
    return len(line) - len(line.lstrip())


def escaped(line):
    parts = re.split(r"(`[^`]*`)", line)
    parts[::2] = [re.sub(r"[*|]|(?<=\w)_(?=\W|$)", r"\\\g<0>", part) for part in parts[::2]]
    return "".join(parts)


def setup(app):
    app.connect("autodoc-process-docstring", plain, priority=400)  # before napoleon
