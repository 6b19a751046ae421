"""Named arrays that say all about running episodes, to be saved without pickle and taken up again.

A snapshot is a flat dictionary; the names of a part's arrays begin with the part's own and a slash.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gqn_rl.errors import UserError

Snapshot = dict[str, NDArray[Any]]


class Resumable(Protocol):
    """What can be saved, and taken up again to the bit."""

    def snapshot(self) -> Snapshot:
        """Copies of all that changes."""
        ...

    def restore(self, snapshot: Snapshot) -> None:
        """Go on where the snapshot was taken; its arrays are handed over.

        Raises:
            UserError: for a snapshot of something else.
        """
        ...


def named(part: str, arrays: Mapping[str, NDArray[Any]]) -> Snapshot:
    """The arrays under the name of a part."""
    return {f"{part}/{name}": array for name, array in arrays.items()}


def part_of(snapshot: Mapping[str, NDArray[Any]], part: str) -> Snapshot:
    """Inverse of `named`: what stands under a part's name, in fresh arrays."""
    start = f"{part}/"
    return {
        name.removeprefix(start): np.array(array)
        for name, array in snapshot.items()
        if name.startswith(start)
    }


def snapshot_of(parts: Mapping[str, Resumable | None]) -> Snapshot:
    """The snapshots of several parts, each under its name; None has none."""
    arrays: Snapshot = {}
    for name, part in parts.items():
        arrays |= {} if part is None else named(name, part.snapshot())
    return arrays


def restore_parts(parts: Mapping[str, Resumable | None], snapshot: Snapshot) -> None:
    """Inverse of `snapshot_of`."""
    for name, part in parts.items():
        if part is not None:
            part.restore(part_of(snapshot, name))


def require_layout(present: Snapshot, given: Snapshot) -> None:
    """Refuse arrays that cannot take the place of those there are.

    Raises:
        UserError: for an array that is missing or too many, or of another shape or type.
    """
    for name in sorted(present.keys() | given.keys()):
        expected, received = (_kind(arrays.get(name)) for arrays in (present, given))
        if received != expected:
            raise UserError(
                f"the snapshot does not fit the environment: {name} is {received}, "
                f"expected {expected}"
            )


def set_arrays(owner: Any, names: tuple[str, ...], snapshot: Snapshot) -> None:
    """Replace arrays among an object's attributes by those of a snapshot of the same shape.

    Raises:
        UserError: for an array that is missing, or of another shape or type; nothing has changed
            then.
    """
    present = arrays_of(owner, names)
    given = {name: snapshot[name] for name in present if name in snapshot}
    require_layout(present, given)
    for name in names:
        setattr(owner, name, given[name.lstrip("_")])


def arrays_of(owner: Any, names: tuple[str, ...]) -> Snapshot:
    """Copies of arrays among an object's attributes, by their names without the underscore."""
    return {name.lstrip("_"): np.array(getattr(owner, name)) for name in names}


def _kind(array: NDArray[Any] | None) -> str:
    return "none" if array is None else f"{array.dtype} of shape {array.shape}"
