"""How `sphinx-build -W docs site` makes the documentation."""

from docutils.nodes import SkipNode
from latex2mathml.converter import convert

from qpcjax import __version__

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
exclude_patterns = ["site"]

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


def setup(app):
    """Sphinx calls this."""
    app.add_html_math_renderer("mathml", draw("inline"), draw("block"))
    app.connect("autodoc-skip-member", is_alias)
