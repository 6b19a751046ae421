"""RLlib's PPO for one of the environments. Importing it needs no Ray, building one does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from experiments.agent.environment import AgentEnvironment
from experiments.rllib.hyperparameters import Translation
from experiments.rllib.settings import TrainRllibSettings

SAMPLE_SECONDS = 600.0
"""After which env runners that do not answer are left out of a rollout."""
RESTART_SECONDS, PROBE_SECONDS = 1.0, 5.0
"""Before a dead env runner is started again, and how long each iteration waits for it."""


def rows_per_runner(settings: TrainRllibSettings, translation: Translation) -> int:
    """Environments of each env runner; by default the file's `num_envs` are shared among them."""
    given = settings.num_envs_per_env_runner
    return given or -(-translation.num_envs // settings.num_env_runners)


def batch_sizes(settings: TrainRllibSettings, translation: Translation) -> tuple[int, int]:
    """Steps of a rollout and of a minibatch, for each learner."""
    rows = rows_per_runner(settings, translation) * settings.num_env_runners
    learners = max(settings.num_learners, 1)
    rollout = max(1, rows * translation.n_steps // learners)
    return rollout, min(rollout, max(1, translation.batch_size // learners))


def make_algorithm(
    settings: TrainRllibSettings,
    translation: Translation,
    environment: AgentEnvironment,
    seed: int,
) -> Any:
    """PPO with env runners and learners as actors of the running Ray, untrained.

    Args:
        environment: says what the env runners make for themselves.
        seed: of the network, the sampling of actions and the episodes.
    """
    from ray.rllib.algorithms.ppo import PPOConfig
    from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig

    from experiments.rllib.env_runner import SceneEnvRunner, log_outcome

    rollout, minibatch = batch_sizes(settings, translation)
    return (
        PPOConfig()
        .environment(f"envs:{environment.env_id}", env_config=env_config(settings, environment))
        .env_runners(env_runner_cls=SceneEnvRunner, **env_runners(settings, translation))
        .learners(
            num_learners=settings.num_learners,
            num_gpus_per_learner=settings.num_gpus_per_learner,
        )
        .training(
            train_batch_size_per_learner=rollout, minibatch_size=minibatch, **translation.training
        )
        .rl_module(model_config=DefaultModelConfig(**translation.model))
        .fault_tolerance(
            restart_failed_env_runners=True,
            delay_between_env_runner_restarts_s=RESTART_SECONDS,
            env_runner_health_probe_timeout_s=PROBE_SECONDS,
        )
        .callbacks(on_episode_end=log_outcome)
        .debugging(seed=seed, log_level="ERROR")
        .build_algo()
    )


def env_runners(settings: TrainRllibSettings, translation: Translation) -> dict[str, Any]:
    """Arguments of `PPOConfig.env_runners`, save for the class."""
    return {
        "num_env_runners": settings.num_env_runners,
        "num_envs_per_env_runner": rows_per_runner(settings, translation),
        "num_gpus_per_env_runner": settings.num_gpus_per_env_runner,
        "gym_env_vectorize_mode": "vector_entry_point",
        "rollout_fragment_length": translation.n_steps,
        "sample_timeout_s": SAMPLE_SECONDS,
    }


def env_config(settings: TrainRllibSettings, environment: AgentEnvironment) -> dict[str, Any]:
    """Arguments of the environments that the env runners make."""
    arguments = dict(environment.env_kwargs)
    encoder = arguments.get("encoder")
    if encoder is not None and Path(encoder).exists():
        arguments["encoder"] = str(Path(encoder).resolve())  # actors work in folders of their own
    device = "cuda" if settings.num_gpus_per_env_runner else "cpu"
    return arguments | {"flatten": True, "device": device}


def learned_weights(algorithm: Any) -> dict[str, Any]:
    """The weights of the policy that the learners have come to, as numpy arrays by name."""
    return dict(algorithm.learner_group.get_weights()["default_policy"])
