"""Ray on this machine, or a cluster that is reached in bounded time or not at all."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gqn_rl.errors import UserError

AUTO = "auto"
"""The address of the cluster that this host is part of."""
CONNECT_SECONDS, JOIN_SECONDS = 5.0, 60.0
"""For a TCP connection to the cluster's head, and for joining it; Ray would try for minutes."""
OBJECT_STORE_BYTES = 256 * 2**20
"""Shared memory of a local Ray: some hundred rollouts. Ray's default is a third of all memory."""
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # Ray warns at every start that RLlib's env runners might not be started again. They are: the
    # arguments that it fears for are kept by RLlib as long as the algorithm lives.
    "RAY_BACKEND_LOG_LEVEL": "fatal",
}
"""What Ray is told before it is imported, unless the user has said something else."""
QUIET: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
"""What workers print stands in /tmp/ray/session_latest/logs, not amid the progress bar."""
JOIN = "import ray, sys; ray.init(address=sys.argv[1], log_to_driver=False, logging_level='ERROR')"


def imported_ray() -> Any:
    """The module with RLlib; `UserError` where it is not installed.

    It reports its use to nobody, unless the user's environment says so; see `ENVIRONMENT`.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        import ray
        import ray.rllib
    except ImportError as error:
        raise UserError('RLlib is not installed; pip install "gqn-rl[ray]"') from error
    logging.getLogger("ray.rllib").setLevel(logging.ERROR)
    return ray


@contextmanager
def cluster(address: str | None, cpus: int, gpus: float) -> Iterator[Any]:
    """Ray, for the block: `address`, or a Ray of this process's own that ends with it.

    A Ray that this process is already connected to is used and left as it is.

    Args:
        address: HOST:PORT of the cluster's head, "auto" for the cluster that this host is part
            of; None: a local one.
        cpus, gpus: what the actors ask for.

    Raises:
        UserError: without RLlib, for a cluster that cannot be joined, or one that is too small:
            Ray would wait for ever.
    """
    ray = imported_ray()
    ours = not ray.is_initialized()
    if ours:
        with kept_meaning(signal.SIGTERM), quiet_unless_it_fails():
            start(ray, cpus) if address is None else join(ray, address)
    try:
        require_room(ray.cluster_resources(), cpus, gpus)
        yield ray
    finally:
        if ours:
            ray.shutdown()


@contextmanager
def kept_meaning(number: int) -> Iterator[None]:
    """Take back what the block makes of a signal: Ray would have SIGTERM end the process at once,
    with nothing saved."""
    before = signal.getsignal(number)
    yield
    if threading.current_thread() is threading.main_thread():
        signal.signal(number, before)


@contextmanager
def quiet_unless_it_fails() -> Iterator[None]:
    """Hold back what is written to stderr, by C++ code too; it is shown after an error only."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        usual = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(usual, held.read())
            raise
        finally:
            os.dup2(usual, 2)
            os.close(usual)


def start(ray: Any, cpus: int) -> None:
    """A Ray of this process's own, on this machine alone."""
    ray.init(
        address="local",
        num_cpus=max(cpus, 1),
        include_dashboard=False,
        object_store_memory=OBJECT_STORE_BYTES,
        **QUIET,
    )


def join(ray: Any, address: str) -> None:
    """Connect to a running cluster, or raise `UserError` in bounded time."""
    if address != AUTO:
        require_listener(address)
    # Ray cannot be interrupted while it looks for a cluster, another process can.
    try:
        tried = subprocess.run(
            [sys.executable, "-c", JOIN, address], capture_output=True, timeout=JOIN_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise unreachable(address, f"no Ray answered within {JOIN_SECONDS:.0f} s") from error
    if tried.returncode:
        raise unreachable(address, reason_in(tried.stderr.decode(errors="replace")))
    ray.init(address=address, **QUIET)


def reason_in(output: str) -> str:
    """Why Ray did not join, from what it wrote: its last line hides that a token was missing."""
    if "AuthenticationError" in output:
        return "it asks for a token; set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH as on its head"
    return next(iter(reversed(output.strip().splitlines())), "Ray gave no reason")


def require_listener(address: str) -> None:
    """Refuse what is no HOST:PORT, and a port that nobody listens to."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536 or "/" in host:
        raise UserError(f"address is {address!r}, expected HOST:PORT of the cluster's head or auto")
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()
    except OSError as error:
        raise unreachable(address, error.strerror or str(error)) from error


def unreachable(address: str, reason: str) -> UserError:
    return UserError(f"cannot join the Ray cluster at {address!r}: {reason[:300]}")


def require_room(resources: dict[str, float], cpus: int, gpus: float) -> None:
    """Refuse a cluster that can never hold the actors."""
    for name, needed in (("CPU", cpus), ("GPU", gpus)):
        there = resources.get(name, 0.0)
        if there < needed:
            raise UserError(
                f"env runners and learners need {needed:g} {name}s, the Ray cluster has {there:g}"
            )
