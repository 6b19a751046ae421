"""Train an agent of Stable-Baselines3 or sb3-contrib as it comes: the reference for other agents.

Algorithm, network and hyperparameters are the library's own. Only what counts the steps of one
environment is divided among the rows: a rollout of PPO has about 2,048 steps in all, and DQN learns
once for every four. Reward alone teaches; no label reaches the agent. The run folder holds the last
agent (agent.zip, Stable-Baselines3's own file), metrics.json, curves.csv, learning_curve.png and
episode.png.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stable_baselines3 import DQN, PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import CallbackList

from agents.sb3_vec_env import GymnasiumVecEnv
from agents.training.callbacks import CurveCallback, EvaluationCallback, Row
from experiments.agent.environment import AgentEnvironment, make_environment
from experiments.agent.flags import EnvironmentFlags
from experiments.agent.report import FinishedTraining, describe, report
from experiments.shared import seeds
from experiments.shared.command import (
    new_run_folder,
    require_more_than_zero,
    run_command,
    save_settings,
)
from experiments.shared.continuation import METRICS_NAME
from experiments.shared.device import AgentDeviceFlag
from experiments.shared.terminal import console
from experiments.shared.threads import OneThreadFlag, use_threads
from gqn_rl.errors import UserError, unknown_name
from gqn_rl.files import write_json

ROLLOUT = 2_048
"""Environment steps between two updates of PPO; the library's default with one environment."""
STEPS_PER_UPDATE = 4
"""Environment steps for each update of DQN; the library's default."""


@dataclass(frozen=True)
class TrainStockAgentSettings(AgentDeviceFlag, OneThreadFlag, EnvironmentFlags):
    """Flags of `python -m experiments.train_stock_agent`."""

    algo: str = "ppo"
    """ppo or dqn of Stable-Baselines3, or recurrent_ppo of sb3-contrib, which must be installed."""
    observation: str = "representation"
    """What the agent sees: representation, pixels, rgb, state or posterior."""
    total_timesteps: int = 65_536
    """Environment steps to train for."""
    num_envs: int = 32
    """Environments side by side."""
    eval_every: int = 8_192
    """Environment steps between evaluations during training."""
    eval_every_episodes: int = 128
    """Episodes of each evaluation during training."""
    eval_episodes: int = 1000
    """Fresh episodes for the final measurement."""
    seed: int = 0
    """Seed of everything random."""
    output: Path | None = None
    """Run folder; by default runs/train_stock_agent-<time>."""

    def arguments(self) -> dict[str, Any]:
        return super().arguments() | {"observation": self.observation}


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


def main(settings: TrainStockAgentSettings) -> None:
    """Train, measure, write the run folder."""
    start = time.monotonic()
    numbers = ("total_timesteps", "eval_every", "eval_every_episodes", "eval_episodes")
    require_more_than_zero(settings, numbers)
    if settings.algo not in MAKERS:
        raise unknown_name("algo", settings.algo, MAKERS)
    use_threads(settings.threads or 1)
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


if __name__ == "__main__":
    run_command(main, TrainStockAgentSettings, __doc__)
