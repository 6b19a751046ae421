"""Serving the page from this machine, to this machine unless told otherwise."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Awaitable, Callable

from gqn_rl.errors import UserError

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before Gradio is imported

import gradio as gr
import uvicorn
from fastapi import FastAPI, Request, Response

from experiments.explorer.page.layout import STYLE, theme

POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "worker-src 'self' blob:",
        "connect-src 'self' data: blob:",
    ]
)
"""Content-Security-Policy: a browser that shows this page asks no other host for anything."""
LARGEST_UPLOAD = "1mb"


def open_port(host: str, port: int) -> socket.socket:
    """A socket that waits at an address; port 0 is any free one.

    Raises:
        UserError: when the port is in use or cannot be had, or the host is not of this machine.
    """
    if not 0 <= port <= 65535:
        raise UserError(f"port is {port}, expected 0 to 65535")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        waiting = socket.socket(family, kind, protocol)
        waiting.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        waiting.bind(address)
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno == errno.EADDRINUSE:
            reason = "it is in use; choose another with --port"
        raise UserError(f"cannot serve on port {port} of {host!r}: {reason}") from error
    return waiting


def make_app(page: gr.Blocks) -> FastAPI:
    """The page as an application that tells browsers to stay on this machine."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.middleware("http")
    async def stay_here(
        request: Request, answer: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        response = await answer(request)
        response.headers["Content-Security-Policy"] = POLICY
        return response

    return gr.mount_gradio_app(
        app, page, path="/", theme=theme(), css=STYLE, footer_links=[], ssr_mode=False,
        max_file_size=LARGEST_UPLOAD,
    )  # fmt: skip


def serve(app: FastAPI, waiting: socket.socket) -> None:
    """Answer until interrupted; pages that are still open are not waited for."""
    config = uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[waiting])
