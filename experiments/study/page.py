"""The report: one HTML page that needs no other file."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape

from experiments.shared.estimates import estimate, number

__all__ = ["code", "document", "estimate", "figure", "heading", "number", "paragraph", "table"]

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
  color: #222; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
table { border-collapse: collapse; margin: 0.8rem 0; font-variant-numeric: tabular-nums; }
caption { caption-side: top; text-align: left; color: #555; padding-bottom: 0.3rem; }
th, td { padding: 0.25rem 0.7rem; border-bottom: 1px solid #ddd; text-align: right;
  vertical-align: top; }
th:first-child, td:first-child { text-align: left; }
td.text { text-align: left; }
figure { margin: 1rem 0; } figure img { max-width: 100%; } figcaption { color: #555; }
pre { background: #f4f4f4; padding: 0.6rem; overflow-x: auto; }
.wide { overflow-x: auto; }
"""


def document(title: str, body: Iterable[str]) -> str:
    """A whole page."""
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width">\n<title>{escape(title)}</title>\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def heading(text: str) -> str:
    return f"<h2>{escape(text)}</h2>"


def paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def code(text: str) -> str:
    return f"<pre>{escape(text)}</pre>"


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Cells are escaped; text that is longer than a few words is set flush left."""
    lines = [f'<div class="wide"><table><caption>{escape(caption)}</caption>', "<tr>"]
    lines += [f"<th>{escape(name)}</th>" for name in head]
    lines.append("</tr>")
    for row in rows:
        lines.append("<tr>" + "".join(_cell(value) for value in row) + "</tr>")
    lines.append("</table></div>")
    return "\n".join(lines)


def figure(svg: str, caption: str) -> str:
    """A picture inside the page."""
    data = base64.b64encode(svg.encode()).decode()
    return (
        f'<figure><img alt="{escape(caption)}" src="data:image/svg+xml;base64,{data}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _cell(value: object) -> str:
    text = str(value)
    kind = ' class="text"' if len(text) > 40 else ""
    return f"<td{kind}>{escape(text)}</td>"
