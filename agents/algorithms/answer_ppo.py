"""PPO with an answer posterior that learns beside it, from labels or from the rewards of answers.

PPO decides when to answer and where to look, and the posterior which answer; see
`agents.algorithms.supervision` and `agents.algorithms.feedback`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.buffers import DictRolloutBuffer
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import Tensor

from agents.algorithms.answer_memory import AnswerMemory
from agents.algorithms.supervision import SupervisedModel, check_spaces
from agents.algorithms.targets import UNLABELLED
from agents.algorithms.turning import RandomTurns
from agents.policies.answers.posterior import PosteriorPolicy
from agents.policies.hybrid.policy import HybridPolicy
from gqn_rl.errors import UserError


class TargetRolloutBuffer(DictRolloutBuffer):
    """Rollout buffer that also keeps an answer of the state in which each action was taken.

    >>> seen = spaces.Dict({"state": spaces.Box(-1, 1, (3,))})
    >>> buffer = TargetRolloutBuffer(8, seen, spaces.Discrete(6), n_envs=2)
    >>> buffer.targets.shape, bool((buffer.targets == UNLABELLED).all())
    ((8, 2), True)

    Attributes:
        targets: int64 (buffer_size, n_envs), the true answer or the one that was given, see
            `agents.algorithms.feedback`; `UNLABELLED` where there is none.
    """

    targets: NDArray[np.int64]

    def reset(self) -> None:
        super().reset()
        self.targets = np.full((self.buffer_size, self.n_envs), UNLABELLED, dtype=np.int64)
        self._pending: NDArray[np.int64] | None = None

    def expect_targets(self, targets: NDArray[np.int64]) -> None:
        """The targets (n_envs,) of the transition that the next `add` will bring."""
        self._pending = targets

    def add(self, *args: Any, **kwargs: Any) -> None:
        if self._pending is None:
            raise RuntimeError("a transition was added before its targets were named")
        self.targets[self.pos] = self._pending
        self._pending = None
        super().add(*args, **kwargs)

    def labelled(self) -> tuple[dict[str, NDArray[Any]], NDArray[np.int64]]:
        """Observations (N, ...) of all rows and their targets (N,)."""
        flat = {k: values.reshape(-1, *values.shape[2:]) for k, values in self.observations.items()}
        return flat, self.targets.reshape(-1)

    def rewarded(self) -> NDArray[np.float32]:
        """What the action in each row of `labelled` brought at once, float32 (N,)."""
        return np.asarray(self.rewards.reshape(-1), dtype=np.float32)


class AnswerPPO(SupervisedModel, PPO):
    """PPO with an auxiliary cross-entropy of the answers.

    With labels the loss covers every state of the rollout, with rewards those in which the agent
    answered. It is minimised in minibatches of its own after PPO's epochs, drawn from a memory.
    Policies with an answer posterior (`AnswerPolicy`) learn that; for any other policy the softmax
    over the last `num_answers` action logits is trained.

    >>> import gymnasium
    >>> from agents.sb3_vec_env import GymnasiumVecEnv
    >>> options = {"observation": "state", "autoreset_mode": "SameStep"}
    >>> env = GymnasiumVecEnv(gymnasium.make_vec("envs:GQNShepard-v0", num_envs=2, **options))
    >>> from agents.policies.answers.policy import AnswerPolicy
    >>> keywords = {"policy_kwargs": {"num_answers": 10}, "n_steps": 8, "batch_size": 8, "seed": 0}
    >>> model = AnswerPPO(AnswerPolicy, env, num_answers=10, **keywords).learn(16)
    >>> model.num_timesteps, len(model.answer_memory)
    (16, 16)

    Args:
        num_answers: K; the last K actions are the answers, or with a `HybridPolicy` the last K
            numbers of an action.
        aux_coef: step size of the supervised updates in units of the current learning rate. (Adam
            cancels a factor on the loss; a factor on the step is what remains.) 0 is plain PPO, to
            the bit.
        aux_buffer_size: labelled states remembered.
        aux_updates: supervised minibatches per rollout.
        aux_batch_size: states per minibatch.
        aux_weight_decay: decoupled weight decay of the supervised updates.
        aux_turned: observations that are turned at random in them, see `RandomTurns`.
        aux_feedback: what the posterior learns from: "labels", the right answer of every state, or
            "rewards", those of the agent's own answers; see `agents.algorithms.feedback`.
    """

    def __init__(
        self,
        policy: str | type[ActorCriticPolicy],
        env: Any,
        *,
        num_answers: int = 0,
        aux_coef: float = 1.0,
        aux_buffer_size: int = 50_000,
        aux_updates: int = 16,
        aux_batch_size: int = 256,
        aux_weight_decay: float = 0.0,
        aux_turned: Mapping[str, Sequence[int]] | None = None,
        aux_feedback: str = "labels",
        _init_setup_model: bool = True,
        **kwargs: Any,
    ) -> None:
        if aux_coef < 0:
            raise UserError(f"aux_coef is {aux_coef}, expected 0 or more")
        self.num_answers, self.aux_coef = num_answers, aux_coef
        self.aux_buffer_size, self.aux_updates = aux_buffer_size, aux_updates
        self.aux_batch_size, self.aux_weight_decay = aux_batch_size, aux_weight_decay
        self.aux_turned, self.aux_feedback = dict(aux_turned or {}), aux_feedback
        super().__init__(policy, env, _init_setup_model=False, **kwargs)
        if _init_setup_model:
            self._setup_model()

    def _setup_model(self) -> None:
        if not self.is_supervised:
            super()._setup_model()
            return
        action_space = self.action_space
        if issubclass(self.policy_class, HybridPolicy):
            size = action_space.shape[0] if isinstance(action_space, spaces.Box) else 0
            most, wanted = size - 2, "Box of a turn, a commit channel and the logits of"
        else:
            most = int(action_space.n) if isinstance(action_space, spaces.Discrete) else 0
            wanted = "Discrete action space that ends in"
        space = check_spaces(self.observation_space, action_space, self.num_answers, most, wanted)
        self.rollout_buffer_class = TargetRolloutBuffer
        super()._setup_model()
        turns = RandomTurns(self.aux_turned, space)
        self.answer_memory = AnswerMemory(self.aux_buffer_size, space, self.seed, turns)
        self._supervise(
            self.policy.parameters(),
            self._answer_log_probabilities,
            self._labelled,
            without="aux_coef=0",
        )

    def _answer_log_probabilities(self, observations: dict[str, Tensor]) -> Tensor:
        return answer_log_probabilities(self.policy, observations, self.num_answers)

    def _labelled(self, batch_size: int) -> tuple[dict[str, Tensor], Any] | None:
        memory = self.answer_memory
        if not len(memory):
            return None
        observations, given = memory.sample_given(batch_size, self.device)
        return observations, self.feedback.lesson(given)

    def _update_info_buffer(
        self, infos: list[dict[str, Any]], dones: NDArray[np.bool_] | None = None
    ) -> None:
        # Stable-Baselines3 calls this once per step, just before it stores the transition. Each
        # info is that of the step's own episode, also where the episode has just ended.
        super()._update_info_buffer(infos, dones)
        if self.is_supervised:
            assert isinstance(self.rollout_buffer, TargetRolloutBuffer)
            self.rollout_buffer.expect_targets(self.feedback.answers_of(infos))

    def train(self) -> None:
        if self.supervision is None:
            super().train()
            return
        # PPO flattens the buffer in place: remember it before.
        assert isinstance(self.rollout_buffer, TargetRolloutBuffer)
        rewards = None if self.feedback.is_told else self.rollout_buffer.rewarded()
        self.answer_memory.add(*self.rollout_buffer.labelled(), rewards)
        super().train()
        self.supervision.train(self)


def answer_log_probabilities(
    policy: ActorCriticPolicy, observations: dict[str, Tensor], num_answers: int
) -> Tensor:
    """What the policy takes the answer to be, log-probabilities (B, K), with gradients."""
    if isinstance(policy, PosteriorPolicy):
        return policy.answer_log_probabilities(observations)
    distribution: Any = policy.get_distribution(observations).distribution
    return torch.log_softmax(distribution.logits[:, -num_answers:], dim=1)
