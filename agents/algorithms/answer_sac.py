"""SAC that is also told, during training, what the right answer would have been.

The same division of labour as in `agents.algorithms.answer_ppo`: the reward decides when to
answer and where to look, supervision decides which answer.

References:
    Haarnoja et al., Soft Actor-Critic Algorithms and Applications, arXiv 1812.05905, 2018.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3 import SAC
from stable_baselines3.sac.policies import SACPolicy
from torch.nn import functional

from agents.algorithms.replay import TargetReplayBuffer
from agents.algorithms.turning import RandomTurns
from agents.policies.answer_sac_policy import AnswerSACPolicy, supervised_parameters
from gqn_rl.errors import UserError


class AnswerSAC(SAC):
    """SAC with an auxiliary cross-entropy between answer posterior and truth.

    The answer posterior is trained in minibatches of its own, drawn from the replay buffer, which
    keeps the true answers. With another policy this is plain SAC on a smaller replay buffer.

    Args:
        num_answers: K; the last K numbers of an action are the answers' logits.
        aux_coef: step size of the supervised updates in units of the current learning rate; it
            must be 0 for policies without an answer posterior and cannot be for `AnswerSACPolicy`.
        aux_updates: supervised minibatches after each call of `train`.
        aux_batch_size: states per minibatch.
        aux_weight_decay: decoupled weight decay of the supervised updates.
        aux_turned: observations that are turned at random in them, see `RandomTurns`.
        max_grad_norm: of the supervised updates.
    """

    def __init__(
        self,
        policy: str | type[SACPolicy],
        env: Any,
        *,
        num_answers: int = 0,
        aux_coef: float = 1.0,
        aux_updates: int = 2,
        aux_batch_size: int = 256,
        aux_weight_decay: float = 0.0,
        aux_turned: Mapping[str, Sequence[int]] | None = None,
        max_grad_norm: float = 0.5,
        _init_setup_model: bool = True,
        **kwargs: Any,
    ) -> None:
        self.num_answers, self.aux_coef = num_answers, aux_coef
        self.aux_updates, self.aux_batch_size = aux_updates, aux_batch_size
        self.aux_weight_decay, self.max_grad_norm = aux_weight_decay, max_grad_norm
        self.aux_turned = dict(aux_turned or {})
        kwargs.setdefault("replay_buffer_class", TargetReplayBuffer)
        super().__init__(policy, env, _init_setup_model=False, **kwargs)
        if _init_setup_model:
            self._setup_model()

    @property
    def is_supervised(self) -> bool:
        return self.aux_coef > 0

    def _setup_model(self) -> None:
        check_coefficient(self.aux_coef, self.policy_class)
        if self.replay_buffer_class is TargetReplayBuffer:
            self.replay_buffer_kwargs = {**self.replay_buffer_kwargs, "seed": self.seed}
        if not self.is_supervised:
            super()._setup_model()
            return
        check_spaces(self.observation_space, self.action_space, self.num_answers)
        if self.target_entropy == "auto":
            # The logits are not drawn and have no entropy.
            self.target_entropy = float(self.num_answers - self.action_space.shape[0])  # type: ignore[index]
        super()._setup_model()
        assert isinstance(self.policy, AnswerSACPolicy)
        assert isinstance(self.replay_buffer, TargetReplayBuffer)
        # Features change only between two calls of `train`: once per batch is enough.
        self.replay_buffer.encode = self.policy.features
        self.replay_buffer.turns = RandomTurns(
            self.aux_turned,
            self.observation_space,  # type: ignore[arg-type]
        )
        self.answer_optimizer = torch.optim.AdamW(
            supervised_parameters(self.policy),
            lr=self.lr_schedule(1),
            weight_decay=self.aux_weight_decay,
        )

    def train(self, gradient_steps: int, batch_size: int = 64) -> None:
        super().train(gradient_steps, batch_size)
        if self.is_supervised and self.aux_updates:
            self._train_answers()

    def _train_answers(self) -> None:
        """`aux_updates` supervised steps, each on up to `aux_batch_size` states."""
        policy, buffer = self.policy, self.replay_buffer
        assert isinstance(policy, AnswerSACPolicy)
        assert isinstance(buffer, TargetReplayBuffer)
        policy.set_training_mode(True)
        for group in self.answer_optimizer.param_groups:
            group["lr"] = self.aux_coef * self.lr_schedule(self._current_progress_remaining)
        losses, accuracies = [], []
        for _ in range(self.aux_updates):
            labelled = buffer.sample_labelled(self.aux_batch_size)
            if labelled is None:
                raise UserError(
                    "no info of the environment has a 'target': the auxiliary loss has nothing to "
                    "learn; choose policy=MultiInputPolicy and aux_coef=0"
                )
            observations, targets = labelled
            predictions = policy.answer_log_probabilities(observations)
            loss = functional.nll_loss(predictions, targets)
            self.answer_optimizer.zero_grad()
            loss.backward()
            parameters = supervised_parameters(policy)
            torch.nn.utils.clip_grad_norm_(parameters, self.max_grad_norm)
            self.answer_optimizer.step()
            losses.append(loss.item())
            accuracies.append((predictions.argmax(1) == targets).float().mean().item())
        self.logger.record("train/answer_loss", float(np.mean(losses)))
        self.logger.record("train/answer_accuracy", float(np.mean(accuracies)))

    def _get_torch_save_params(self) -> tuple[list[str], list[str]]:
        names, tensors = super()._get_torch_save_params()
        return [*names, "answer_optimizer"] if self.is_supervised else names, tensors


def check_coefficient(aux_coef: float, policy: type[Any]) -> None:
    """An answer posterior is trained by supervision or not at all."""
    has_posterior = issubclass(policy, AnswerSACPolicy)
    if aux_coef < 0 or (aux_coef > 0) != has_posterior:
        wanted = "more than 0" if has_posterior else "0"
        raise UserError(
            f"aux_coef is {aux_coef}, expected {wanted} for the policy {policy.__name__}"
        )


def check_spaces(observation_space: spaces.Space, action_space: spaces.Space, k: int) -> None:
    """Refuse what the auxiliary loss cannot work on."""
    if not isinstance(observation_space, spaces.Dict):
        raise UserError(f"the auxiliary loss needs a Dict observation, got {observation_space}")
    if not isinstance(action_space, spaces.Box) or not 1 < k < action_space.shape[0]:
        raise UserError(
            f"the auxiliary loss needs a Box of actions that end in the logits of 2 or more "
            f"answers; received num_answers={k} with {action_space}"
        )
