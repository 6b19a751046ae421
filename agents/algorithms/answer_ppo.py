"""PPO that is also told, during training, what the right answer would have been.

With a reward only at the answer, which of K answers is right is a needle in a haystack: agents
that learn from the reward alone stay near chance (APPLE, ICLR 2026, sees the same). Here the
reward decides when to answer and where to look, and supervision decides which answer.
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
from torch.nn import functional

from agents.algorithms.answer_memory import AnswerMemory
from agents.algorithms.targets import UNLABELLED, targets_of
from agents.algorithms.turning import RandomTurns
from agents.policies.answer_policy import AnswerPolicy
from gqn_rl.errors import UserError


class TargetRolloutBuffer(DictRolloutBuffer):
    """Rollout buffer that also keeps the true answer of the state in which each action was taken.

    Attributes:
        targets: int64 (buffer_size, n_envs); `UNLABELLED` where the environment named none.
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


class AnswerPPO(PPO):
    """PPO with an auxiliary cross-entropy between the answer logits and the true answer.

    The loss covers every state of the rollout, not only those in which the agent answered, and is
    minimised in minibatches of its own after PPO's epochs, drawn from a memory of recent states.
    Policies with an answer posterior (`AnswerPolicy`) learn that; for any other policy the softmax
    over the last `num_answers` action logits is trained.

    Args:
        num_answers: K; the last K actions are the answers.
        aux_coef: step size of the supervised updates in units of the current learning rate. (Adam
            cancels a factor on the loss; a factor on the step is what remains.) 0 is plain PPO, to
            the bit.
        aux_buffer_size: labelled states remembered.
        aux_updates: supervised minibatches per rollout.
        aux_batch_size: states per minibatch.
        aux_weight_decay: decoupled weight decay of the supervised updates.
        aux_turned: observations that are turned at random in them, see `RandomTurns`.
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
        _init_setup_model: bool = True,
        **kwargs: Any,
    ) -> None:
        if aux_coef < 0:
            raise UserError(f"aux_coef is {aux_coef}, expected 0 or more")
        self.num_answers, self.aux_coef = num_answers, aux_coef
        self.aux_buffer_size, self.aux_updates = aux_buffer_size, aux_updates
        self.aux_batch_size, self.aux_weight_decay = aux_batch_size, aux_weight_decay
        self.aux_turned = dict(aux_turned or {})
        super().__init__(policy, env, _init_setup_model=False, **kwargs)
        if _init_setup_model:
            self._setup_model()

    @property
    def is_supervised(self) -> bool:
        return self.aux_coef > 0

    def _setup_model(self) -> None:
        if not self.is_supervised:
            super()._setup_model()
            return
        check_spaces(self.observation_space, self.action_space, self.num_answers)
        self.rollout_buffer_class = TargetRolloutBuffer
        super()._setup_model()
        self.answer_memory = AnswerMemory(
            self.aux_buffer_size,
            self.observation_space,  # type: ignore[arg-type]
            self.seed,
            RandomTurns(self.aux_turned, self.observation_space),  # type: ignore[arg-type]
        )
        self.answer_optimizer = torch.optim.AdamW(
            self.policy.parameters(), lr=self.lr_schedule(1), weight_decay=self.aux_weight_decay
        )

    def _update_info_buffer(
        self, infos: list[dict[str, Any]], dones: NDArray[np.bool_] | None = None
    ) -> None:
        # Stable-Baselines3 calls this once per step, just before it stores the transition. Each
        # info is that of the step's own episode, also where the episode has just ended.
        super()._update_info_buffer(infos, dones)
        if self.is_supervised:
            assert isinstance(self.rollout_buffer, TargetRolloutBuffer)
            self.rollout_buffer.expect_targets(targets_of(infos))

    def train(self) -> None:
        if not self.is_supervised:
            super().train()
            return
        # PPO flattens the buffer in place: remember it before.
        self._remember_rollout()
        super().train()
        self._train_answers()

    def _remember_rollout(self) -> None:
        buffer = self.rollout_buffer
        assert isinstance(buffer, TargetRolloutBuffer)
        flat = {
            key: values.reshape(-1, *values.shape[2:])
            for key, values in buffer.observations.items()
        }
        self.answer_memory.add(flat, buffer.targets.reshape(-1))
        if len(self.answer_memory) == 0:
            raise UserError(
                "no info of the environment has a 'target': the auxiliary loss has nothing to "
                "learn; set aux_coef=0"
            )

    def _train_answers(self) -> None:
        """`aux_updates` supervised steps, each on `aux_batch_size` remembered states."""
        self.policy.set_training_mode(True)
        rate = self.aux_coef * self.lr_schedule(self._current_progress_remaining)
        for group in self.answer_optimizer.param_groups:
            group["lr"] = rate
        losses, accuracies = [], []
        for _ in range(self.aux_updates):
            observations, targets = self.answer_memory.sample(self.aux_batch_size, self.device)
            predictions = answer_log_probabilities(self.policy, observations, self.num_answers)
            loss = functional.nll_loss(predictions, targets)
            self.answer_optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.policy.parameters(), self.max_grad_norm)
            self.answer_optimizer.step()
            losses.append(loss.item())
            accuracies.append((predictions.argmax(1) == targets).float().mean().item())
        self.logger.record("train/answer_loss", float(np.mean(losses)))
        self.logger.record("train/answer_accuracy", float(np.mean(accuracies)))

    def _get_torch_save_params(self) -> tuple[list[str], list[str]]:
        names, tensors = super()._get_torch_save_params()
        return [*names, "answer_optimizer"] if self.is_supervised else names, tensors

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "answer_memory"]


def answer_log_probabilities(
    policy: ActorCriticPolicy, observations: dict[str, Tensor], num_answers: int
) -> Tensor:
    """What the policy takes the answer to be, log-probabilities (B, K), with gradients."""
    if isinstance(policy, AnswerPolicy):
        return policy.answer_log_probabilities(observations)
    distribution: Any = policy.get_distribution(observations).distribution
    return torch.log_softmax(distribution.logits[:, -num_answers:], dim=1)


def check_spaces(observation_space: spaces.Space, action_space: spaces.Space, k: int) -> None:
    """Refuse what the auxiliary loss cannot work on."""
    if not isinstance(observation_space, spaces.Dict):
        raise UserError(f"the auxiliary loss needs a Dict observation, got {observation_space}")
    if not isinstance(action_space, spaces.Discrete) or not 1 < k <= action_space.n:
        raise UserError(
            f"the auxiliary loss needs a Discrete action space that ends in 2 or more answers; "
            f"received num_answers={k} with {action_space}"
        )
