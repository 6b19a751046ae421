"""Named arrays that say all about running episodes, to be saved without pickle and taken up again.

A snapshot is a flat dictionary; the names of a part's arrays begin with the part's own and a slash.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.camera.angles import CameraAngles
from envs.tasks import Trials
from gqn_rl.errors import UserError
from gqn_rl.scenes.scene import SceneBatch

Snapshot = dict[str, NDArray[Any]]
BATCHES: dict[str, type] = {
    "scenes": SceneBatch,
    "reference": SceneBatch,
    "query": CameraAngles,
    "details": dict,
}
"""The parts of `Trials` that consist of several arrays."""


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


def snapshot_of(parts: Mapping[str, Any]) -> Snapshot:
    """The snapshots of several parts, each under its name; None has none."""
    arrays: Snapshot = {}
    for name, part in parts.items():
        arrays |= {} if part is None else named(name, part.snapshot())
    return arrays


def restore_parts(parts: Mapping[str, Any], snapshot: Snapshot) -> None:
    """Inverse of `snapshot_of`."""
    for name, part in parts.items():
        if part is not None:
            part.restore(part_of(snapshot, name))


def set_arrays(owner: Any, names: tuple[str, ...], snapshot: Snapshot) -> None:
    """Replace arrays among an object's attributes by those of a snapshot of the same shape.

    Raises:
        UserError: for an array that is missing, or of another shape or type.
    """
    for name in names:
        present, given = getattr(owner, name), snapshot.get(name.lstrip("_"))
        if given is None or given.shape != present.shape or given.dtype != present.dtype:
            received = "none" if given is None else f"{given.dtype} of shape {given.shape}"
            raise UserError(
                f"the snapshot does not fit the environment: {name.lstrip('_')} is {received}, "
                f"expected {present.dtype} of shape {present.shape}"
            )
    for name in names:
        setattr(owner, name, snapshot[name.lstrip("_")])


def arrays_of(owner: Any, names: tuple[str, ...]) -> Snapshot:
    """Copies of arrays among an object's attributes, by their names without the underscore."""
    return {name.lstrip("_"): np.array(getattr(owner, name)) for name in names}


def trials_to_arrays(trials: Trials) -> Snapshot:
    """All there is to say about trials."""
    snapshot: Snapshot = {}
    for item in fields(trials):
        value = getattr(trials, item.name)
        if value is None:
            continue
        if item.name in BATCHES:
            parts = value if isinstance(value, dict) else vars(value)
            snapshot |= named(item.name, {key: np.array(array) for key, array in parts.items()})
        else:
            snapshot[item.name] = np.array(value)
    return snapshot


def trials_from_arrays(snapshot: Snapshot) -> Trials:
    """Inverse of `trials_to_arrays`."""
    parts: dict[str, Any] = {name: value for name, value in snapshot.items() if "/" not in name}
    for name, kind in BATCHES.items():
        arrays = part_of(snapshot, name)
        if arrays:
            parts[name] = kind(**arrays)
    return Trials(**parts)
