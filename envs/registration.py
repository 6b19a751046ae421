"""Gymnasium ids: every task with every kind of control."""

from __future__ import annotations

import gymnasium

TASK_IDS = {
    "GQNShepard": "recognition",
    "GQNShepardMentalRotation": "mental_rotation",
    "GQNShepardViewPrediction": "view_prediction",
}
"""Stem of the id to the name of the task."""

CONTROL_IDS = {"": "discrete", "Continuous": "continuous"}
"""What follows the stem to the name of the control."""

ENVIRONMENTS = {
    f"{stem}{suffix}-v0": {"task": task, "control": control}
    for stem, task in TASK_IDS.items()
    for suffix, control in CONTROL_IDS.items()
}
"""Id to the arguments that make it what it is; every other argument is the user's."""

ENV_IDS = tuple(ENVIRONMENTS)


def register_all() -> None:
    """Register every id; doing it again changes nothing.

    Entry points are strings, so that specs survive JSON. There is no TimeLimit: the look budget is
    part of the task, and the environment ends the episode itself.
    """
    for env_id, arguments in ENVIRONMENTS.items():
        if env_id in gymnasium.registry:
            continue
        gymnasium.register(
            id=env_id,
            entry_point="envs.scene_env:SceneEnv",
            vector_entry_point="envs.scene_vector_env:SceneVectorEnv",
            kwargs=arguments,
        )
