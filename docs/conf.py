"""How `sphinx-build -W docs site` makes the documentation."""

import re
import shutil
import sys
from pathlib import Path

from docutils.nodes import SkipNode
from latex2mathml.converter import convert

from qpcjax import __version__

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import make_cli_reference  # noqa: E402

project = "qpcjax"
author = "The qpcjax authors"
project_copyright = author
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
]
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3
suppress_warnings = ["myst.xref_missing"]  # links to files of the repository, such as docs/*.toml

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "none"  # docstrings say what a value is; annotations repeat less of it
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_custom_sections = [("Fields", "params_style")]

html_theme = "furo"
html_title = f"qpcjax {version}"
html_show_copyright = False
html_static_path = ["_static"]
html_css_files = ["math.css"]
exclude_patterns = ["site", "benchmarks/data"]

html_math_renderer = "mathml"  # browsers draw it themselves: no script from elsewhere


def draw(display):
    """How a formula becomes HTML."""

    def visit(translator, node):
        translator.body.append(convert(node.astext(), display=display))
        raise SkipNode

    return visit, None


def is_alias(app, what, name, member, skip, options):
    """Leave out fields of named tuples, which the class's docstring explains."""
    return True if (member.__doc__ or "").startswith("Alias for field") else None


def make_pages(app):
    """Write the pages that come from elsewhere: the command's options, the measurements."""
    make_cli_reference.PAGE.write_text(make_cli_reference.page(), encoding="utf-8")
    copy = HERE / "benchmarks"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(HERE.parent / "benchmarks", copy, ignore=lambda _, names: not_pages(names))


def not_pages(names):
    """Everything in benchmarks/ that no page needs."""
    return [name for name in names if Path(name).suffix not in ("", ".md", ".png")]


def within_the_site(app, docname, source):
    """Links between docs/ and benchmarks/, which stand side by side in the repository."""
    if docname.startswith("benchmarks/"):
        source[0] = re.sub(r"\]\(\.\./docs/", "](../", source[0])
    else:
        source[0] = re.sub(r"\]\(\.\./benchmarks/", "](benchmarks/", source[0])


def setup(app):
    """Sphinx calls this."""
    app.connect("builder-inited", make_pages)
    app.connect("source-read", within_the_site)
    app.add_html_math_renderer("mathml", draw("inline"), draw("block"))
    app.connect("autodoc-skip-member", is_alias)
