"""How the pages of this folder become the site that `make docs` builds."""

from __future__ import annotations

import re
from typing import Any

project = "gqn_rl"
author = "gqn_rl contributors"
copyright = author

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["examples", "results"]
# Names under "Attributes:" are looked up too, and several classes may have one of the same name.
suppress_warnings = ["ref.python"]

# Pages link to each other as files, `[agents](agents.md)`, which a plain git host follows too.
myst_heading_anchors = 3
myst_url_schemes = ("http", "https", "mailto")

html_theme = "furo"
html_title = "gqn_rl"
html_static_path: list[str] = []
html_copy_source = False
html_show_sphinx = False

# Docstrings write `name` for code; what this reference documents becomes a link.
default_role = "py:obj"
napoleon_use_ivar = True
napoleon_use_rtype = False
autodoc_default_options = {"members": True, "member-order": "bysource", "show-inheritance": True}
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 80

ARRAY = re.compile(
    r"(?:numpy\.)?ndarray\[(?:tuple\[Any, \.\.\.\]|Any), (?:numpy\.)?dtype\[(.*?)\]\]"
)
MARKED = re.compile(r"~(?:\w+\.)+(\w+)")
CODE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
LINKED = re.compile(r"[A-Za-z]\w*(\.\w+)*")


def as_rst(app: Any, what: str, name: str, subject: Any, options: Any, lines: list[str]) -> None:
    """Docstrings are plain text with `code`: say so where reStructuredText reads something else.

    What cannot be the name of something in this reference is code and no link, and a single star,
    as in (n, *shape), is a star. Examples stay what they are, up to the empty line after them.
    """
    in_example = False
    for index, line in enumerate(lines):
        in_example = bool(line.strip()) and (in_example or line.lstrip().startswith(">>>"))
        if in_example:
            continue
        text = CODE.sub(lambda found: _code(found[1]), line)
        lines[index] = text.replace("*", r"\*") if text.count("*") == 1 else text


def _code(text: str) -> str:
    plain = text.islower() and "." not in text and "_" not in text
    return f"``{text}``" if plain or not LINKED.fullmatch(text) else f"`{text}`"


def shorten_arrays(
    app: Any, what: str, name: str, subject: Any, options: Any, signature: str, result: str
) -> tuple[str, str]:
    """`NDArray[float64]` as the source has it, and not what it stands for.

    Sphinx reads no types in a signature with a default such as <factory>; its marks go, too.
    """
    if "<" in (signature or ""):
        signature = MARKED.sub(r"\1", signature)
    return tuple(text and ARRAY.sub(r"NDArray[\1]", text) for text in (signature, result))  # type: ignore[return-value]


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", as_rst, priority=100)  # before napoleon
    app.connect("autodoc-process-signature", shorten_arrays)
