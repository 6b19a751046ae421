"""The report: one HTML page that needs no other file."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

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


def number(value: float) -> str:
    """Three digits, with thousands set apart."""
    if value >= 1000:
        return f"{round(value):,}"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def estimate(found: dict[str, Any]) -> str:
    """Such as "4.2 (3.1 to 5.0)", or what is known instead: "> 4.2 (from 3.1)".

    Args:
        found: a number of `experiments.study.summary.summarise`.
    """
    least, most = found["at_least"], found["at_most"]
    if found["value"] is not None:
        return number(found["value"]) + _interval(found["interval"])
    if most is None and least <= 0:
        return "unknown"
    if most is None:
        return f"> {number(least)}" + _from(found["interval"], least)
    if least <= 0:
        return f"< {number(most)}"
    return f"{number(least)} to {number(most)}, not known better"


def _interval(ends: Sequence[float | None] | None) -> str:
    if ends is None:
        return ""
    low, high = ("unknown" if end is None else number(end) for end in ends)
    return f" ({low} to {high})"


def _from(ends: Sequence[float | None] | None, least: float) -> str:
    """The lower end of the interval of a lower bound."""
    low = ends[0] if ends else None
    return "" if low is None or low >= least else f" (from {number(low)})"


def _cell(value: object) -> str:
    text = str(value)
    kind = ' class="text"' if len(text) > 40 else ""
    return f"<td{kind}>{escape(text)}</td>"
