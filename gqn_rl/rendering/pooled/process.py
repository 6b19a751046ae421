"""A rendering worker as its parent sees it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from multiprocessing.connection import Pipe
from typing import Any

from gqn_rl.errors import UserError
from gqn_rl.rendering.base import RendererIdentity
from gqn_rl.rendering.pooled import worker as pool_worker

PATIENCE = 5.0
"""Seconds that a worker gets to end by itself."""


class WorkerProcess:
    """The parent's end of a process of `pool_worker`.

    Args:
        memory: descriptor of the file of `SharedScenes`.
        given: what else `pool_worker.main` takes.

    Attributes:
        pending: requests not yet answered.
    """

    def __init__(self, memory: int, given: dict[str, Any]) -> None:
        self.pending = 0
        self._connection, theirs = Pipe()
        descriptors = {"connection": theirs.fileno(), "memory": memory}
        arguments = {**descriptors, "parent": os.getpid(), **given}
        paths = [path or os.getcwd() for path in sys.path]
        self.process = subprocess.Popen(
            [sys.executable, "-m", pool_worker.__name__, json.dumps(arguments)],
            pass_fds=tuple(descriptors.values()),
            # Found as they are here, and one thread each: the processes are the parallelism.
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the parent
        )
        theirs.close()

    def await_ready(self) -> RendererIdentity:
        """The identity of its renderer, once that is there.

        Raises:
            UserError, RuntimeError: what its construction raised, or that the process has ended.
        """
        try:
            fields = json.loads(self._receive(pool_worker.READY))
        except (EOFError, OSError) as error:
            self.end()
            raise RuntimeError(
                f"a rendering worker ended with exit code {self.process.returncode} before it "
                "could draw"
            ) from error
        return RendererIdentity(**fields | {"light_direction": tuple(fields["light_direction"])})

    def ask(self, start: int, stop: int, num_cubes: int) -> bool:
        """Have scenes drawn; False if the process is gone."""
        try:
            self._connection.send_bytes(pool_worker.REQUEST.pack(start, stop, num_cubes))
        except OSError:
            self.pending = 0
            return False
        self.pending += 1
        return True

    def wait(self) -> bool:
        """Wait for the next answer; False if the process is gone."""
        if not self.pending:
            return False
        try:
            self._receive(pool_worker.DONE)
        except (EOFError, OSError):
            self.pending = 0
            return False
        self.pending -= 1
        return True

    def dismiss(self) -> None:
        """Let the process end."""
        self._connection.close()

    def end(self) -> None:
        """Wait until the process has ended."""
        self.dismiss()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _receive(self, expected: int) -> bytes:
        answer = self._connection.recv_bytes()
        kind, rest = answer[0], answer[1:]
        if kind == pool_worker.REFUSED:
            raise UserError(rest.decode())
        if kind != expected:
            raise RuntimeError(f"a rendering worker failed:\n{rest.decode()}")
        return rest
