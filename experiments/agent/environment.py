"""Environments for the agents' commands: from flags to a bridged vector environment."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gymnasium
from gymnasium.spaces import Dict, Space
from gymnasium.vector import AutoresetMode, VectorEnv

from agents.sb3_vec_env import GymnasiumVecEnv
from envs import known_id
from envs.camera.control import CameraControl
from envs.scene_vector_env import SceneVectorEnv
from envs.tasks import Task
from gqn_rl.devices import choose_device
from gqn_rl.encoders import SceneEncoder, SpatialEncoder, make_encoder
from gqn_rl.errors import UserError

MOST_ENVS = 65_536
"""Environments side by side: at more, seeds of rows would meet and no machine's memory suffices."""


@dataclass(frozen=True)
class AgentEnvironment:
    """A vector environment as Stable-Baselines3 sees it, and what the commands know about it.

    Attributes:
        bridge: the environment for agents.
        native: the Gymnasium vector environment inside.
        env_id, env_kwargs: what it was made from; the arguments are plain data.
        device: where encoder and renderer work; no part of the task.
        num_answers: K.
        encoder: what identifies the encoder's weights; None where there is no encoder.
    """

    bridge: GymnasiumVecEnv
    native: VectorEnv
    env_id: str
    env_kwargs: dict[str, Any]
    device: str
    num_answers: int
    encoder: dict[str, Any] | None

    @property
    def rows(self) -> SceneVectorEnv:
        """The environment below all wrappers."""
        return _rows_of(self.native)

    @property
    def task(self) -> Task:
        return self.rows.task

    @property
    def control(self) -> CameraControl:
        """What its actions mean, and how they are written."""
        return self.rows.control

    @property
    def facts(self) -> tuple[str, Space[Any], Space[Any], dict[str, Any] | None]:
        """What `AgentRecord.require_environment` compares: id, both spaces and the encoder."""
        native = self.native
        return (
            self.env_id,
            native.single_observation_space,
            native.single_action_space,
            self.encoder,
        )

    @property
    def volumes(self) -> dict[str, tuple[int, ...]]:
        """Observations that hold cells in the frame of the object, by key, with the shape of the
        cells; none where the answer depends on how the object stands."""
        encoder, seen = self.rows.encoder, self.native.single_observation_space
        if isinstance(encoder, SpatialEncoder) and self.task.is_turnable:
            shown = isinstance(seen, Dict) and "representation" in seen.spaces
            return {"representation": encoder.voxel_grid_shape} if shown else {}
        return {}

    @property
    def is_graded(self) -> bool:
        """Whether episodes are graded by an error and no answer is right or wrong."""
        return self.task.has_query

    @property
    def is_informed(self) -> bool:
        """Whether the observation says what views would tell about the query view."""
        prospects = self.rows.prospects
        return prospects is not None and prospects.is_informed

    @property
    def chance(self) -> float | None:
        """Accuracy of a blind guess; None where there is nothing to guess."""
        return None if self.is_graded else 1.0 / self.num_answers

    def again(self, num_envs: int | None = None, **changes: Any) -> AgentEnvironment:
        """The same environment once more, with the same encoder object; only the rows differ."""
        return make_environment(
            self.env_id,
            num_envs or self.native.num_envs,
            self.env_kwargs,
            device=self.device,
            encoder=self.rows.encoder,
            **changes,
        )

    def with_shapes(self, shapes: str) -> AgentEnvironment:
        """The same environment once more, with objects of other shapes."""
        changed = replace(self, env_kwargs=self.env_kwargs | {"shapes": shapes})
        return changed.again()

    def close(self) -> None:
        self.bridge.close()


def make_environment(
    env_id: str,
    num_envs: int,
    env_kwargs: dict[str, Any],
    *,
    device: str = "cpu",
    encoder: Any = None,
    **unrecorded: Any,
) -> AgentEnvironment:
    """Build the vector environment.

    Args:
        env_kwargs: arguments of the environment; those that are None are left to it.
        device: where encoder and renderer work.
        encoder: an encoder object to use instead of loading `env_kwargs["encoder"]` again.
        unrecorded: arguments that are no part of the task, such as `render_mode`.

    Raises:
        UserError: for an unknown id, a device that is not there, too many rows, or any argument
            that the environment refuses.
    """
    name = known_id(env_id)
    choose_device(device)
    if not 1 <= num_envs <= MOST_ENVS:
        raise UserError(f"num_envs is {num_envs}, expected 1 to {MOST_ENVS}")
    given = {key: value for key, value in env_kwargs.items() if value is not None}
    arguments = given | unrecorded | {"device": device}
    if encoder is not None:
        arguments["encoder"] = encoder
    elif "encoder" in given and given.get("observation", "representation") == "representation":
        # Checked here, so that a wrong name fails before a renderer is started.
        arguments["encoder"] = make_encoder(given["encoder"], device=device)
    try:
        native = gymnasium.make_vec(
            name, num_envs=num_envs, autoreset_mode=AutoresetMode.SAME_STEP, **arguments
        )
    except TypeError as error:
        raise UserError(f"{name} refuses its arguments: {error}") from error
    task, used = _rows_of(native).task, _rows_of(native).encoder
    if used is not None:  # written down, so that another default later changes nothing
        given.setdefault("encoder", task.encoder)
    return AgentEnvironment(
        bridge=GymnasiumVecEnv(native),
        native=native,
        env_id=name,
        device=device,
        env_kwargs={key: _plain(value) for key, value in given.items()},
        num_answers=int(task.num_answers),
        encoder=encoder_identity(used, given.get("encoder", task.encoder)),
    )


def encoder_identity(encoder: SceneEncoder[Any] | None, name: str | Path) -> dict[str, Any] | None:
    """What agents store of the encoder that they are trained on; None for no encoder.

    Args:
        name: what it was asked for by.

    Raises:
        UserError: for an encoder that does not say which it is.
    """
    if encoder is None:
        return None
    if not isinstance(encoder, SceneEncoder):
        raise UserError(
            f"encoder {name!r} has no identity(): see gqn_rl.encoders.SceneEncoder.identity"
        )
    return {
        "name": Path(name).name,
        "sha256": encoder.identity(),
        "representation_size": int(encoder.representation_size),
    }


def _rows_of(native: VectorEnv) -> SceneVectorEnv:
    rows = native.unwrapped
    assert isinstance(rows, SceneVectorEnv)
    return rows


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value
