"""Boxes in PyBullet: a client with a pool of them, which the renderers of a process share."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import weakref
from collections.abc import Iterator
from typing import NamedTuple

from gqn_rl.errors import UserError
from gqn_rl.extras import require


@contextlib.contextmanager
def _silent_stderr() -> Iterator[None]:
    """Send what C code writes to the file descriptor of stderr to nowhere."""
    sys.stderr.flush()
    with open(os.devnull, "w") as nowhere:
        saved = os.dup(2)
        try:
            os.dup2(nowhere.fileno(), 2)
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)


# Importing pybullet prints its build time from C, which would end up in every command's output.
with _silent_stderr():
    pybullet = require("pybullet", "pybullet")

FAR_AWAY = (0.0, 0.0, 1000.0)
"""Where unused bodies of the pool wait, behind the far plane."""


class Placing(NamedTuple):
    """Where the cubes of a scene are, in lists, which PyBullet reads faster than arrays.

    Attributes:
        centres: xyz of each cube.
        mask: whether there is a cube.
        quaternion: how all of them are turned, xyzw.
        colours: RGBA of each.
    """

    centres: list[list[float]]
    mask: list[bool]
    quaternion: list[float]
    colours: list[list[float]]


class Bodies:
    """A physics client in DIRECT mode, never client 0, and the boxes in it.

    Every PyBullet call without a client's id reaches client 0: a script that simulates with such
    calls has it for itself. A client takes 28 MB, so that renderers of a process share one
    (`shared_bodies`). It is closed when nobody holds it any more.

    Bodies are pooled: a scene moves and recolours them. Removing and creating bodies leaks memory
    in PyBullet (35 MB over 3,000 scenes) and takes twenty times as long.

    Attributes:
        client: PyBullet's number of it.
        ids: of the bodies, in the order of a scene's cubes.
        lock: to be held from the placing of a scene until its picture is drawn.
        process: id of the process whose it is; a fork has a copy, and opens one of its own.
        is_spoilt: whether other code has been found to have changed it.
    """

    def __init__(self) -> None:
        self.client = _connect()
        # Not __del__: at exit PyBullet may be gone before this is.
        weakref.finalize(self, pybullet.disconnect, self.client)
        self.ids: list[int] = []
        self.lock = threading.Lock()
        self.process = os.getpid()
        self.is_spoilt = False
        self._shown: object = None
        self._shape = pybullet.createVisualShape(
            pybullet.GEOM_BOX, halfExtents=[0.5] * 3, physicsClientId=self.client
        )

    def show(self, scene: object, placing: Placing) -> None:
        """Move and recolour the bodies for a scene, unless they are there already.

        Args:
            scene: compared by identity with what was shown last.
        """
        if scene is self._shown:
            return
        self._shown = None  # until all of it is placed
        self._add(len(placing.mask))
        client, turned = self.client, placing.quaternion
        each = zip(self.ids, placing.centres, placing.mask, placing.colours, strict=False)
        for body, centre, used, rgba in each:
            where = centre if used else FAR_AWAY
            pybullet.resetBasePositionAndOrientation(body, where, turned, client)
            if used:
                pybullet.changeVisualShape(body, -1, rgbaColor=rgba, physicsClientId=client)
        for body in self.ids[len(placing.mask) :]:
            pybullet.resetBasePositionAndOrientation(body, FAR_AWAY, turned, client)
        self._shown = scene

    def _add(self, count: int) -> None:
        while len(self.ids) < count:
            body = pybullet.createMultiBody(
                baseVisualShapeIndex=self._shape,
                basePosition=FAR_AWAY,
                physicsClientId=self.client,
            )
            self.ids.append(body)

    def require_own(self) -> None:
        """Refuse to draw what somebody else's calls have made of this client.

        Raises:
            UserError: with how many bodies there are, and should be.
        """
        with self.lock:
            present, expected = pybullet.getNumBodies(physicsClientId=self.client), len(self.ids)
        if present != expected:
            self.is_spoilt = True  # for whoever comes next
            raise UserError(
                f"PyBullet's client {self.client}, which renderers hold, has {present} bodies, "
                f"expected {expected}: other code of this process has changed it; give its calls "
                "a client of their own, and make the renderer again"
            )


class _Shared:
    """The bodies of this process, as long as a renderer holds them."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.bodies: weakref.ref[Bodies] | None = None


_SHARED = _Shared()


def _forget() -> None:
    """In a fork: bodies are the parent's, and another of its threads may have held the lock."""
    _SHARED.lock, _SHARED.bodies = threading.Lock(), None


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_forget)


def shared_bodies() -> Bodies:
    """Those of this process: opened for the first who asks, closed once nobody holds them."""
    with _SHARED.lock:
        found = None if _SHARED.bodies is None else _SHARED.bodies()
        if found is None or found.is_spoilt:
            found = Bodies()
            _SHARED.bodies = weakref.ref(found)
        return found


def _connect() -> int:
    """A new client in DIRECT mode, never client 0."""
    client = pybullet.connect(pybullet.DIRECT)
    if client == 0:
        client = pybullet.connect(pybullet.DIRECT)
        pybullet.disconnect(0)
    if client < 0:
        raise RuntimeError("PyBullet could not open a DIRECT client")
    return int(client)
