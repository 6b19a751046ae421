"""An HTTP server on this machine that serves one file, well or badly."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class FileServer:
    """What is served, and how.

    Attributes:
        content: of every path, or of those in `contents`.
        honours_range: whether a range is answered with a part.
        drop_after: close the connection after so many bytes, once per entry.
        statuses: what to answer instead, once per entry.
        claimed: size to claim instead of the true one.
        says_size: whether Content-Length is sent.
        headers: more of them.
        ranges: the Range header of every request so far, None for one without.
    """

    content: bytes = b""
    contents: dict[str, bytes] = field(default_factory=dict)
    honours_range: bool = True
    drop_after: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    claimed: int | None = None
    says_size: bool = True
    headers: dict[str, str] = field(default_factory=dict)
    ranges: list[str | None] = field(default_factory=list)
    url: str = ""

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        asked = request.headers.get("Range")
        self.ranges.append(asked)
        if self.statuses and (status := self.statuses.pop(0)):
            request.send_error(status)
            return
        if self.contents and request.path not in self.contents:
            request.send_error(404)
            return
        content = self.contents.get(request.path, self.content)
        size = len(content) if self.claimed is None else self.claimed
        match = re.fullmatch(r"bytes=(\d+)-", asked or "")
        first = int(match[1]) if match and self.honours_range else 0
        if match and self.honours_range and first >= size:
            request.send_response(416)
            request.send_header("Content-Range", f"bytes */{size}")
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        request.send_response(206 if match and self.honours_range else 200)
        if match and self.honours_range:
            request.send_header("Content-Range", f"bytes {first}-{size - 1}/{size}")
        if self.says_size:
            request.send_header("Content-Length", str(size - first))
        for name, value in self.headers.items():
            request.send_header(name, value)
        request.end_headers()
        rest = content[first:]
        request.wfile.write(rest[: self.drop_after.pop(0)] if self.drop_after else rest)


@contextmanager
def running(server: FileServer) -> Iterator[FileServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.answer(self)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        server.url = f"http://127.0.0.1:{http.server_port}"
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()
