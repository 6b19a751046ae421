"""Gymnasium ids: every task with every kind of control, and the same with flat observations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import gymnasium

from gqn_rl.entry_points import find_module, is_entry_point
from gqn_rl.errors import UserError, unknown_name

TASK_IDS = {
    "GQNShepard": "recognition",
    "GQNShepardMentalRotation": "mental_rotation",
    "GQNShepardViewPrediction": "view_prediction",
}
"""Stem of the id to the name of the task."""

CONTROL_IDS = {"": "discrete", "Continuous": "continuous"}
"""Ending after the stem to the name of the control."""

HARD_TASKS: dict[str, tuple[str, dict[str, Any]]] = {
    "GQNShepardKeyhole": (
        "recognition",
        {
            "num_cubes": 10,
            "gallery": "confusable",
            "field_of_view": 1.0,
            "image_size": 16,
            "observation": "posterior",
        },
    ),
}
"""Stem of an id where one view leaves the answer open to the name of the task and the arguments
that make it so; the user's come before these."""

ENVIRONMENTS: dict[str, dict[str, Any]] = {}
"""Id to the arguments that make it what it is; every other argument is the user's."""

FLAT_IDS: dict[str, str] = {}
"""Id whose observation is one Box to the id that it is otherwise like."""

STEM = re.compile(r"\w+")
ENTRY_POINT = "envs.scene_env:SceneEnv"


def register_task(
    stem: str,
    task: str,
    controls: Mapping[str, str] = CONTROL_IDS,
    arguments: Mapping[str, Any] | None = None,
) -> tuple[str, ...]:
    """Make a task available as `<stem>-v0` and, with continuous actions, `<stem>Continuous-v0`.

    Each has a twin, `<stem>Flat-v0` and `<stem>FlatContinuous-v0`, whose observation is one Box,
    for libraries that take an id and nothing else.

    Called where the task's module is imported, it makes "module:<stem>-v0" work wherever an id
    does, worker processes and the commands' `--env-id` included. A second call changes nothing.

    Entry points are strings, so that specs survive JSON. There is no TimeLimit: the look budget is
    part of the task, and the environment ends the episode itself.

    Args:
        stem: of the ids: letters, digits and underscores.
        task: `module:class`, or a name in `envs.tasks.TASKS`.
        controls: what follows the stem to the control: `module:class`, or a name in
            `envs.camera.control.CONTROLS`.
        arguments: of the environment, plain data, where the user gives no others.

    Returns:
        The ids in the order of the controls: Discrete first.

    Raises:
        UserError: for another kind of stem, task or control, or an id that already means something
            else.
    """
    for part in (stem, *(stem + suffix for suffix in controls)):
        if not STEM.fullmatch(part):
            raise UserError(f"stem is {part!r}, expected letters, digits and underscores")
    _require("task", task, TASK_IDS)
    for control in controls.values():
        _require("control", control, CONTROL_IDS)
    for suffix, control in controls.items():
        env_id = f"{stem}{suffix}-v0"
        own = {"task": task, "control": control, **(arguments or {})}
        _register(env_id, own)
        ENVIRONMENTS[env_id] = own
        flat_id = f"{stem}Flat{suffix}-v0"
        _register(flat_id, {**own, "flatten": True})
        FLAT_IDS[flat_id] = env_id
    return tuple(f"{stem}{suffix}-v0" for suffix in controls)


def known_id(env_id: str) -> str:
    """An id of `ENVIRONMENTS` as commands and agents write it down: one name for each.

    Args:
        env_id: an id, or "module:id"; the module is imported.

    Returns:
        The id, with its module where that is not this package.

    Raises:
        UserError: for an id that is not there, or a module that cannot be imported.
    """
    module, _, name = env_id.rpartition(":")
    if module:
        find_module("env-id", env_id, module)
    if name in FLAT_IDS:
        raise UserError(
            f"env-id is {env_id!r}, which is for clients that take an id and nothing else; "
            f"expected {FLAT_IDS[name]!r}"
        )
    if name not in ENVIRONMENTS:
        raise unknown_name("env-id", env_id, ENVIRONMENTS)
    return name if module in ("", "envs") else env_id


def fixed_arguments(env_id: str) -> dict[str, Any]:
    """What makes an id, with or without its module, what it is: task, control and arguments that
    differ from the usual ones."""
    return ENVIRONMENTS[env_id.rpartition(":")[2]]


def _require(kind: str, name: str, ids: Mapping[str, str]) -> None:
    """Refuse what is neither one of the package's own nor a `module:class`."""
    if name not in ids.values() and not is_entry_point(name):
        raise unknown_name(kind, name, [*ids.values(), "module:class"])


def _register(env_id: str, arguments: dict[str, Any]) -> None:
    spec = gymnasium.registry.get(env_id)
    if spec is None:
        gymnasium.register(
            id=env_id,
            entry_point=ENTRY_POINT,
            vector_entry_point="envs.scene_vector_env:SceneVectorEnv",
            kwargs=arguments,
        )
    elif spec.entry_point != ENTRY_POINT or spec.kwargs != arguments:
        raise UserError(f"the id {env_id!r} is taken; choose another stem")


ENV_IDS = tuple(env_id for stem, task in TASK_IDS.items() for env_id in register_task(stem, task))
"""The ids that this package brings, one view of which tells nearly all there is to know."""
HARD_ENV_IDS = tuple(
    env_id
    for stem, (task, arguments) in HARD_TASKS.items()
    for env_id in register_task(stem, task, arguments=arguments)
)
"""Those where looking must pay."""
