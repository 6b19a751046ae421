"""Agents of Stable-Baselines3 and sb3-contrib as they come, trained and measured."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from stable_baselines3 import DQN, PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import CallbackList

from agents.sb3_vec_env import GymnasiumVecEnv
from agents.training.callbacks import CurveCallback, EvaluationCallback, Row
from experiments.agent.environment import AgentEnvironment, make_environment
from experiments.agent.report import FinishedTraining, describe, report
from experiments.shared import seeds
from experiments.shared.command import new_run_folder, save_settings
from experiments.shared.continuation import METRICS_NAME
from experiments.shared.terminal import console
from experiments.stock.settings import TrainStockAgentSettings
from gqn_rl.errors import UserError
from gqn_rl.files import write_json

ROLLOUT = 2_048
"""Environment steps between two updates of PPO; the library's default with one environment."""
STEPS_PER_UPDATE = 4
"""Environment steps for each update of DQN; the library's default."""


Maker = Callable[[GymnasiumVecEnv, dict[str, Any], int], BaseAlgorithm]


def make_ppo(env: GymnasiumVecEnv, common: dict[str, Any], steps: int) -> BaseAlgorithm:
    return PPO("MultiInputPolicy", env, n_steps=rollout_of(env), **common)


def make_recurrent_ppo(env: GymnasiumVecEnv, common: dict[str, Any], steps: int) -> BaseAlgorithm:
    try:
        from sb3_contrib import RecurrentPPO
    except ImportError as error:
        raise UserError("recurrent_ppo needs sb3-contrib: pip install sb3-contrib") from error
    model: BaseAlgorithm = RecurrentPPO(
        "MultiInputLstmPolicy", env, n_steps=rollout_of(env), **common
    )
    return model


def make_dqn(env: GymnasiumVecEnv, common: dict[str, Any], steps: int) -> BaseAlgorithm:
    """No larger a buffer than there are steps: the default's million are 16 GB of cells."""
    return DQN(
        "MultiInputPolicy",
        env,
        train_freq=STEPS_PER_UPDATE,
        gradient_steps=env.num_envs,
        buffer_size=min(steps, 1_000_000),
        **common,
    )


MAKERS: dict[str, Maker] = {"ppo": make_ppo, "dqn": make_dqn, "recurrent_ppo": make_recurrent_ppo}


def rollout_of(env: GymnasiumVecEnv) -> int:
    """Steps of each row in a rollout."""
    return max(2, ROLLOUT // env.num_envs)


def train_and_measure(settings: TrainStockAgentSettings) -> None:
    """The whole run: its folder with the agent, the curve and the measurement."""
    start = time.monotonic()
    environment = made(settings)
    held_out = environment.again()
    try:
        model = made_model(settings, environment)
        folder = new_run_folder(settings.output, "train_stock_agent")
        save_settings(folder, settings)
        training = learn(settings, model, held_out)
        model.save(folder / "agent.zip")
        metrics = report(folder, held_out, training, model, settings.eval_episodes)
    finally:
        environment.close()
        held_out.close()
    metrics |= {
        "observation": settings.observation,
        "evaluations": training.evaluations,
        "wall_seconds": round(time.monotonic() - start, 1),
    }
    write_json(folder / METRICS_NAME, metrics)
    print(f"{describe(metrics)}\n{folder}")


def made(settings: TrainStockAgentSettings) -> AgentEnvironment:
    """The environment that is learned from."""
    return make_environment(
        settings.env_id, settings.num_envs, settings.arguments(), device=settings.device
    )


def made_model(settings: TrainStockAgentSettings, environment: AgentEnvironment) -> BaseAlgorithm:
    """The untrained agent.

    Raises:
        UserError: for actions or an observation that the library's algorithm does not take.
    """
    common = {"seed": settings.seed, "device": settings.device}
    try:
        return MAKERS[settings.algo](environment.bridge, common, settings.total_timesteps)
    except AssertionError as error:
        raise UserError(f"{settings.algo} refuses {settings.env_id}: {error}") from error


def learn(
    settings: TrainStockAgentSettings, model: BaseAlgorithm, held_out: AgentEnvironment
) -> FinishedTraining:
    """Train to the end, with evaluations on the way."""
    begun = time.monotonic()
    curve = CurveCallback(ROLLOUT)
    evaluated = EvaluationCallback(
        held_out.bridge,
        settings.eval_every,
        settings.eval_every_episodes,
        settings.seed + seeds.EVALUATION,
        on_best=lambda model, found: None,
        on_row=lambda row: say(row, settings.total_timesteps),
    )
    model.learn(settings.total_timesteps, callback=CallbackList([curve, evaluated]))
    return FinishedTraining(
        algo=settings.algo,
        seed=settings.seed,
        timesteps=model.num_timesteps,
        steps=model.num_timesteps,
        seconds=time.monotonic() - begun,
        timed_out=False,
        curve=curve.curve,
        evaluations=evaluated.curve,
    )


def say(row: Row, steps: int) -> None:
    """A line for an evaluation."""
    shown = ("accuracy", "error", "looks", "reward")
    told = [f"{name} {row[name]:.3g}" for name in shown if row.get(name) is not None]
    console().print(f"step {row['timesteps']:,} of {steps:,}: {', '.join(told)}", highlight=False)
