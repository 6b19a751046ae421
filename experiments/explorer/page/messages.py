"""Lines of text on the page; whatever is shown was escaped here."""

from __future__ import annotations

import base64
import html


def error_html(error: Exception) -> str:
    """A message about what was wrong with an input."""
    return f'<p class="problem" role="alert">{html.escape(str(error))}</p>'


def download_html(name: str, content: str, text: str) -> str:
    """A link that saves a text as a file; the page holds it, and the server keeps nothing."""
    data = base64.b64encode(content.encode()).decode()
    return (
        f'<p class="note"><a download="{html.escape(name)}" '
        f'href="data:text/csv;base64,{data}">{html.escape(text)}</a></p>'
    )


def note_html(title: str, text: str) -> str:
    """A title, which may be empty, and an explanation."""
    head = f"<h3>{html.escape(title)}</h3>" if title else ""
    return f'{head}<p class="note">{html.escape(text)}</p>'


def outcome_html(text: str, right: bool | None) -> str:
    """What became of an answer; None where it was neither right nor wrong."""
    kind = {True: "right", False: "wrong", None: "plain"}[right]
    return f'<p class="outcome {kind}">{html.escape(text)}</p>'
