"""A process that draws for a `PooledRenderer` until its parent is gone.

It is started as a program of its own and not by `multiprocessing`: it then needs no guard around
the user's main module, works inside daemonic workers too, and imports no more than it draws with.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import traceback
from multiprocessing.connection import Connection

from gqn_rl.errors import UserError
from gqn_rl.rendering.base import single_renderer
from gqn_rl.rendering.pooled.shared_scenes import SharedScenes

REQUEST = struct.Struct("<qqq")
"""First image, the one after the last, and cubes per scene."""
READY, DONE, REFUSED, FAILED = b"rduf"
"""The first byte of an answer; READY is followed by the renderer's identity, the last two by what
went wrong."""
PATIENCE = 2.0
"""Seconds after which a worker that has nothing to do looks whether its parent still lives. Other
children of the parent may hold the other end of the connection open."""


def main(arguments: str) -> None:
    """Serve requests.

    Args:
        arguments: as JSON: connection and memory (descriptors), parent (process id), capacity,
            renderer (name), image_size and options.
    """
    given = json.loads(arguments)
    connection = Connection(given["connection"])
    try:
        _serve(connection, given)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass  # the parent has closed the connection, or is gone
    except UserError as error:
        connection.send_bytes(bytes([REFUSED]) + str(error).encode())
    except Exception:
        connection.send_bytes(bytes([FAILED]) + traceback.format_exc().encode())


def _serve(connection: Connection, given: dict) -> None:
    renderer = single_renderer(given["renderer"], given["image_size"], **given["options"])
    shared = SharedScenes(given["capacity"], given["image_size"], given["memory"])
    identity = json.dumps(renderer.identity.to_dict())
    connection.send_bytes(bytes([READY]) + identity.encode())
    while os.getppid() == given["parent"]:
        if not connection.poll(PATIENCE):
            continue
        start, stop, num_cubes = REQUEST.unpack(connection.recv_bytes())
        shared.images(start, stop)[:] = renderer.render(*shared.read(start, stop, num_cubes))
        connection.send_bytes(bytes([DONE]))


if __name__ == "__main__":
    main(sys.argv[1])
