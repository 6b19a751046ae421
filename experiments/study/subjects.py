"""From a planned run to an untrained agent and its two environments, to train and to evaluate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from agents.factory import make_model
from agents.policies.pixels.view_stack import ViewStack, ViewStore
from experiments.agent.environment import AgentEnvironment, make_environment
from experiments.shared.untrained import untrained_encoder
from experiments.study.cameras import ScheduledCamera
from experiments.study.plan import ALGO, ENV_ID, SUBJECTS, Run, hyperparameters_of
from gqn_rl.encoders import make_encoder
from gqn_rl.errors import UserError

DEVICE = "cpu"


@dataclass(frozen=True)
class Trainee:
    """What a run needs.

    Attributes:
        model: untrained.
        held_out: to evaluate on; looks like the model's own environment.
        encoder: what identifies the encoder; None where there is none.
        environments: to be closed.
    """

    model: BaseAlgorithm
    held_out: VecEnv
    encoder: dict[str, Any] | None
    environments: tuple[AgentEnvironment, ...]

    def close(self) -> None:
        for environment in self.environments:
            environment.close()


def make_trainee(run: Run) -> Trainee:
    """Build both environments and the model.

    Raises:
        UserError: for arguments that the environment, the encoder or the model refuses.
    """
    subject, conditions = SUBJECTS[run.agent], run.conditions
    arguments = {**conditions.env_kwargs, "observation": subject.observation}
    encoder = None
    if subject.encoder is not None:
        arguments["encoder"] = conditions.encoder if subject.encoder == "trained" else "random"
        encoder = make_encoder(conditions.encoder, device=DEVICE)
    if subject.encoder == "random":
        assert encoder is not None
        encoder = untrained_encoder(encoder, run.seed, conditions.env_kwargs)
        if encoder is None:
            raise UserError(f"encoder {conditions.encoder!r} has no twin with random weights")
    environment = make_environment(
        ENV_ID, conditions.hyperparameters["num_envs"], arguments, device=DEVICE, encoder=encoder
    )
    held_out = environment.again()
    bridges = [seen_through(run.camera, part) for part in (environment, held_out)]
    store = None
    if subject.summary is not None:
        store = look_store(environment, conditions.hyperparameters)
        bridges = [
            ViewStack(bridge, shelf, max_looks_of(environment))
            for bridge, shelf in zip(bridges, store.shelves, strict=True)
        ]
    model = make_model(
        ALGO,
        bridges[0],
        hyperparameters_of(run, 0 if store is None else store.image_shape[0]),
        num_answers=environment.num_answers,
        volumes=environment.volumes if subject.turned else None,
        seed=run.first_row_seed,
        device=DEVICE,
    )
    if store is not None:
        features: Any = model.policy.features_extractor
        features.attach(store)
    return Trainee(model, bridges[1], environment.encoder, (environment, held_out))


def seen_through(camera: str, environment: AgentEnvironment) -> VecEnv:
    """The environment with a camera of `plan.CAMERAS`."""
    if camera == "fixed":
        return ScheduledCamera(environment.bridge, environment.control)
    return environment.bridge


def look_store(environment: AgentEnvironment, hyperparameters: dict[str, Any]) -> ViewStore:
    """Room for every look that an observation of training names, and for those of evaluation.

    Each observation comes with one new look, and the oldest names the looks of its episode.
    """
    rows, steps = environment.native.num_envs, hyperparameters["n_steps"]
    remembered = hyperparameters["aux_buffer_size"] if hyperparameters["aux_coef"] else 0
    current = rows * (max_looks_of(environment) + 1)
    space: Any = environment.native.single_observation_space
    return ViewStore(space["image"].shape, [remembered + rows * steps + current, current])


def max_looks_of(environment: AgentEnvironment) -> int:
    return environment.rows.max_looks
