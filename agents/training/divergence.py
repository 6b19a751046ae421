"""The end of a training whose weights are no longer numbers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback

from gqn_rl.errors import UserError

REFUSED = "to satisfy the constraint"
"""In the message of `torch.distributions` about a parameter such as logits that are no numbers."""


class DivergedError(UserError):
    """A training that nothing good can come of any more.

    >>> str(DivergedError(2048)).split(",")[0]
    'training diverged by step 2048: weights or what they compute are not finite'
    """

    def __init__(self, step: int) -> None:
        super().__init__(
            f"training diverged by step {step}: weights or what they compute are not finite, "
            "expected numbers; a smaller learning_rate may help"
        )


def require_finite(model: BaseAlgorithm) -> None:
    """Refuse weights of which one is not a number, or infinite.

    Raises:
        DivergedError: naming the step.
    """
    if not all(bool(torch.isfinite(weights).all()) for weights in model.policy.parameters()):
        raise DivergedError(model.num_timesteps)


class DivergenceCallback(BaseCallback):
    """Ends a training between two rollouts once its weights are not finite.

    First in the list of callbacks, so that no other keeps such weights.

    >>> import gymnasium
    >>> from agents.sb3_vec_env import GymnasiumVecEnv
    >>> options = {"observation": "state", "autoreset_mode": "SameStep"}
    >>> env = GymnasiumVecEnv(gymnasium.make_vec("envs:GQNShepard-v0", num_envs=2, **options))
    >>> from stable_baselines3 import PPO
    >>> model = PPO("MultiInputPolicy", env, n_steps=16, batch_size=16, learning_rate=1e30)
    >>> with noticed_divergence(model):
    ...     model.learn(320, DivergenceCallback())
    Traceback (most recent call last):
    agents.training.divergence.DivergedError: training diverged by step 32: ...
    """

    def _on_rollout_start(self) -> None:
        require_finite(self.model)

    def _on_training_end(self) -> None:
        require_finite(self.model)

    def _on_step(self) -> bool:
        return True


@contextmanager
def noticed_divergence(model: BaseAlgorithm) -> Iterator[None]:
    """`DivergedError` in place of PyTorch's, of a distribution whose parameters are no numbers.

    It shows all their values; the weights may still be finite then.
    """
    try:
        yield
    except ValueError as error:
        if REFUSED in str(error):
            raise DivergedError(model.num_timesteps) from error
        raise
