"""Workers of a search and their signs of life: processes on one host or on several.

A worker on this host is alive while its process is. One on another host is alive while it touches
its file in the shared folder; ages are differences between times that the file server gave, so
the hosts' clocks need not agree.
"""

from __future__ import annotations

import os
import threading
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from gqn_rl.errors import UserError

FOLDER = "workers"
BEATS = 4
"""How often a worker gives a sign of life while others would still wait for one."""


@dataclass(frozen=True)
class Identity:
    """A process, among all hosts and for all time.

    Attributes:
        name: of the worker; unique.
        machine: boot, process namespace and user that the pid belongs to; "" where not known.
        pid, started: process number, and when it began in ticks since boot: numbers are reused.
    """

    name: str
    machine: str
    pid: int
    started: int

    @classmethod
    def own(cls) -> Identity:
        """A new one for this process."""
        pid = os.getpid()
        return cls(uuid.uuid4().hex, machine(), pid, started(pid) or 0)


class Worker:
    """This process as a worker of the search in a folder; a context manager.

    Args:
        folder: of the search, on a file system that all workers share.
        timeout: seconds without a sign of life after which a worker of another host is dead.

    Attributes:
        identity: plain data, to be noted beside what the worker does.
    """

    def __init__(self, folder: Path, timeout: float) -> None:
        self._folder, self._timeout = folder / FOLDER, timeout
        self._identity = Identity.own()
        self._file = self._folder / self._identity.name
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    @property
    def identity(self) -> dict[str, Any]:
        return asdict(self._identity)

    def __enter__(self) -> Worker:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file.touch()
        except OSError as error:
            reason = error.strerror
            raise UserError(f"cannot write to {str(self._folder)!r}: {reason}") from error
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._file.unlink(missing_ok=True)

    def is_alive(self, identity: dict[str, Any] | None) -> bool:
        """Whether the worker of that identity is; None stands for one that is not known."""
        if identity is None:
            return False
        other = Identity(**identity)
        if other.machine and other.machine == self._identity.machine:
            return started(other.pid) == other.started
        try:
            self._file.touch()
            age = self._file.stat().st_mtime - (self._folder / other.name).stat().st_mtime
        except FileNotFoundError:
            return False
        return age < self._timeout

    def _beat(self) -> None:
        while not self._ended.wait(self._timeout / BEATS):
            try:
                self._file.touch()
            except OSError:  # a file server that is away for a moment; the next beat may reach it
                continue


def machine() -> str:
    """What tells apart hosts and containers, whose process numbers must not be mixed up, and users,
    who may not see each other's processes."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}/{os.getuid()}"
    except OSError:
        return ""


def started(pid: int) -> int | None:
    """When a process began, in ticks since boot; None where it does not run (any more)."""
    try:
        content = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The name, in brackets, may hold anything; after it come the state and, 19 on, the time.
    fields = content.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])
