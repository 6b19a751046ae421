"""Files over HTTP, continued where an earlier attempt stopped and never shorter than promised."""

from __future__ import annotations

import base64
import os
import re
import time
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import google_crc32c

from gqn_rl.errors import UserError

BASE_URL = "https://storage.googleapis.com/gqn-dataset"
"""The public bucket with the data sets that DeepMind released with the GQN paper."""

CHUNK_SIZE = 1 << 18
TOO_MANY_REQUESTS, REQUEST_TIMEOUT, RANGE_NOT_SATISFIABLE, PARTIAL_CONTENT = 429, 408, 416, 206
LONGEST_WAIT = 60.0

Progress = Callable[[int, int], None]
"""Called with the bytes that are there and the bytes of the whole file."""


class _Interrupted(Exception):
    """Why a transfer stopped; another attempt may succeed."""


def download(
    url: str,
    target: Path,
    *,
    retries: int = 4,
    timeout: float = 30.0,
    wait: float = 1.0,
    progress: Progress = lambda done, total: None,
) -> None:
    """Fetch a file; what has arrived is kept beside it as `<target>.part` until it is whole.

    The size is checked against what the server says, and so is the CRC-32C where the server, as
    Google's storage does, names one.

    Args:
        retries: attempts in a row that bring nothing new, after the first, before giving up.
        timeout: seconds without an answer after which an attempt has failed.
        wait: seconds before the first new attempt, doubled for every further one.

    Raises:
        UserError: when the file is not there, cannot be had, keeps changing or cannot be written.
    """
    transfer = _Transfer(url, target.with_name(target.name + ".part"), timeout, progress)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _until_whole(transfer, retries, wait)
        os.replace(transfer.part, target)
    except OSError as error:  # the network's errors have become others by now
        raise UserError(f"cannot write {target}: {error.strerror}") from error


def _until_whole(transfer: _Transfer, retries: int, wait: float) -> None:
    failures, most = 0, transfer.size_on_disk()
    while True:
        try:
            transfer.attempt()
            return
        except _Interrupted as error:
            size = transfer.size_on_disk()
            failures, most = (0, size) if size > most else (failures + 1, most)
            if failures > retries:
                raise UserError(f"cannot download {transfer.url}: {error}") from error
        time.sleep(min(wait * 2 ** max(failures - 1, 0), LONGEST_WAIT))


class _Transfer:
    """One file on its way, over several attempts.

    Args:
        part: where what has arrived is kept.
    """

    def __init__(self, url: str, part: Path, timeout: float, progress: Progress) -> None:
        self.url, self.part, self.timeout, self.progress = url, part, timeout, progress
        self.total: int | None = None

    def size_on_disk(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def attempt(self) -> None:
        """Bring the part nearer to the whole; returns when it is whole."""
        response = self._open(self.size_on_disk())
        if response is not None:
            with response:
                self._receive(response)
                self._check_crc(response)

    def _open(self, there: int) -> HTTPResponse | None:
        """The answer to a request for what is missing; None when nothing is."""
        headers = {"User-Agent": "gqn_rl", "Accept-Encoding": "identity"}
        if there:
            headers["Range"] = f"bytes={there}-"
        try:
            answer: HTTPResponse = urlopen(Request(self.url, headers=headers), timeout=self.timeout)
            return answer
        except HTTPError as error:
            with error:
                self._refused(error, there)
                return None
        except (OSError, HTTPException) as error:
            raise _Interrupted(f"no connection: {getattr(error, 'reason', error)}") from error

    def _refused(self, answer: HTTPError, there: int) -> None:
        """Returns when the server has no more because everything is there."""
        if answer.code == RANGE_NOT_SATISFIABLE and there:
            match = re.fullmatch(r"bytes \*/(\d+)", answer.headers.get("Content-Range", ""))
            if match is not None and int(match[1]) == there:
                self._agree_on(there)
                return
            self.part.unlink()
            raise _Interrupted(f"{there} bytes were there, which is not what the server has")
        reason = f"the server answered {answer.code} {answer.reason}"
        if answer.code in (REQUEST_TIMEOUT, TOO_MANY_REQUESTS) or answer.code >= 500:
            raise _Interrupted(reason)
        raise UserError(f"cannot download {self.url}: {reason}")

    def _receive(self, response: HTTPResponse) -> None:
        """Write what the answer brings behind what is there, or in its place."""
        done, total = self._promised(response)
        self._agree_on(total)
        with self.part.open("r+b" if done else "wb") as file:
            file.seek(done)
            while done < total:
                self.progress(done, total)
                try:
                    chunk = response.read(min(CHUNK_SIZE, total - done))
                except (OSError, HTTPException) as error:
                    raise _Interrupted(f"{error} after {done} of {total} bytes") from error
                if not chunk:
                    raise _Interrupted(f"the server ended after {done} of {total} bytes")
                done += file.write(chunk)
            self.progress(done, total)
            file.flush()
            os.fsync(file.fileno())

    def _promised(self, response: HTTPResponse) -> tuple[int, int]:
        """Where the answer begins in the file, and the size of the whole file."""
        length = response.headers.get("Content-Length", "")
        if response.status != PARTIAL_CONTENT:  # the server ignores ranges: from the beginning
            if not length.isdecimal():
                raise UserError(f"cannot download {self.url}: the server does not say its size")
            return 0, int(length)
        stated = response.headers.get("Content-Range", "")
        match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", stated)
        first, last, total = map(int, match.groups()) if match else (-1, -1, -1)
        consistent = last + 1 == total and length in ("", str(total - first))
        if first != self.size_on_disk() or not consistent:
            self.part.unlink()
            raise _Interrupted(f"the server answered with {length or 'any'} bytes of {stated!r}")
        return first, total

    def _agree_on(self, total: int) -> None:
        """Refuse a file whose size changes between attempts."""
        if self.total not in (None, total):
            self.part.unlink(missing_ok=True)
            raise UserError(
                f"cannot download {self.url}: the server says {total} bytes, but said {self.total}"
            )
        self.total = total

    def _check_crc(self, response: HTTPResponse) -> None:
        """Compare with the CRC-32C of the whole file, if the server names one."""
        stated = ",".join(response.headers.get_all("x-goog-hash", []))
        match = re.search(r"crc32c=([A-Za-z0-9+/]{6}==)", stated)
        if match is None:
            return
        crc = 0
        with self.part.open("rb") as file:
            while chunk := file.read(CHUNK_SIZE):
                crc = google_crc32c.extend(crc, chunk)
        if crc != int.from_bytes(base64.b64decode(match[1]), "big"):
            self.part.unlink()
            raise _Interrupted("what arrived has another CRC-32C than the server says")
