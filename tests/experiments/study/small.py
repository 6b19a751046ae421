"""Conditions under which a run takes seconds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from experiments.study.plan import LABELS, Conditions, Run, study_hyperparameters

ROWS, N_STEPS = 8, 8


def small_hyperparameters(plain_ppo: bool = False, supervision: str = LABELS) -> dict[str, Any]:
    """The study's, for fewer and smaller steps."""
    settings = study_hyperparameters(plain_ppo, supervision)
    settings |= {"num_envs": ROWS, "n_steps": N_STEPS, "batch_size": 64, "n_epochs": 2}
    settings |= {"aux_updates": 2, "aux_batch_size": 64, "aux_buffer_size": 2048}
    policy = {**settings["policy_kwargs"], "features_extractor_kwargs": {"hidden": [64, 32]}}
    return {**settings, "policy_kwargs": policy}


def small_run(agent: str = "state", camera: str = "moving", seed: int = 0, **changes: Any) -> Run:
    conditions = Conditions(
        timesteps=1024,
        eval_every=512,
        eval_episodes=32,
        stop_after=0,
        plain_ppo=False,
        hyperparameters=small_hyperparameters(),
        env_kwargs={"gallery_size": 3},
        encoder="gqn",
        encoder_sha256="0" * 64,
    )
    return Run(agent, camera, seed, replace(conditions, **changes))
