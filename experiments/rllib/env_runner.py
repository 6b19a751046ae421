"""The env runner, inside RLlib's actors. Imported where Ray is installed only."""

from __future__ import annotations

from typing import Any

import numpy as np
import ray
from ray.rllib.env.single_agent_env_runner import SingleAgentEnvRunner

SCORE = "score"
"""RLlib's name of the mean of `is_success`, or of the error where the task is graded by one."""


class SceneEnvRunner(SingleAgentEnvRunner):
    """Samples from one `SceneVectorEnv`, whose episodes no other env runner has.

    RLlib seeds env runner k with seed + k, and a vector environment seeds row i with its seed + i:
    row i of one runner would play the very episodes of row i - 1 of the next. Here the seeds of
    two runners are as far apart as they have rows. A runner that Ray has started again takes
    fresh ones, so that it does not repeat the episodes of its first life.
    """

    def __init__(self, *, config: Any, **kwargs: Any) -> None:
        config = config.copy(copy_frozen=False)
        if config.seed is not None:
            index = kwargs.get("worker_index") or 0
            config.seed += index * (config.num_envs_per_env_runner - 1)
            if index and ray.get_runtime_context().was_current_actor_reconstructed:
                config.seed = int(np.random.SeedSequence().generate_state(1)[0] >> 1)
        super().__init__(config=config, **kwargs)


def log_outcome(*, episode: Any, metrics_logger: Any, **_: Any) -> None:
    """RLlib's callback at the end of an episode: record how it went."""
    info = episode.get_infos(-1)
    error = float(info.get("error", -1.0))
    if "first_error" not in info:
        metrics_logger.log_value(SCORE, float(info["is_success"]), window=100)
    elif error >= 0:  # -1: the looks ran out without a prediction
        metrics_logger.log_value(SCORE, error, window=100)
