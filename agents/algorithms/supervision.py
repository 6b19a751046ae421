"""Minibatches beside reinforcement, from which an answer posterior is learned.

With a reward only at the answer, which of K answers is right is a needle in a haystack: a policy
gradient alone stays near chance (APPLE, ICLR 2026, sees the same). Here reinforcement decides when
to answer and where to look, and a loss of its own decides which answer. It learns from the right
answers, or from the rewards of the answers that were given: see `agents.algorithms.feedback`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import Tensor, nn

from agents.algorithms.feedback import LABELS, Feedback, feedback_named
from gqn_rl.errors import UserError

Observations = dict[str, Tensor]


class AuxiliarySupervision:
    """A cross-entropy of predicted answers, with an optimiser of its own.

    >>> import gymnasium
    >>> from agents.sb3_vec_env import GymnasiumVecEnv
    >>> options = {"observation": "state", "autoreset_mode": "SameStep"}
    >>> env = GymnasiumVecEnv(gymnasium.make_vec("envs:GQNShepard-v0", num_envs=2, **options))
    >>> from agents.factory import load_hyperparameters, make_model
    >>> model = make_model("ppo", env, load_hyperparameters("ppo", "GQNShepard-v0"), num_answers=10)
    >>> supervision = model.supervision
    >>> type(supervision).__name__, type(supervision.optimizer).__name__
    ('AuxiliarySupervision', 'AdamW')

    Args:
        parameters: what it trains.
        predict: observations (B, ...) to log-probabilities of the answers (B, K), with gradients.
        draw: a number to so many states or fewer, observations (B, ...) and what the feedback's
            loss takes, of labels the targets (B,); to None while there is none.
        coefficient: step size in units of the model's current learning rate. (Adam cancels a factor
            on the loss; a factor on the step is what remains.)
        updates: minibatches each time.
        batch_size: states per minibatch.
        weight_decay: decoupled weight decay.
        max_grad_norm: longer gradients are cut to it.
        learning_rate: of the model at first.
        without: settings that need no labels, for the message where there are none.
        feedback: what is learned from.

    Attributes:
        optimizer: AdamW over `parameters`.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        predict: Callable[[Observations], Tensor],
        draw: Callable[[int], tuple[Observations, Any] | None],
        *,
        coefficient: float,
        updates: int,
        batch_size: int,
        weight_decay: float,
        max_grad_norm: float,
        learning_rate: float,
        without: str,
        feedback: Feedback = LABELS,
    ) -> None:
        self._feedback = feedback
        self._parameters, self._predict, self._draw = list(parameters), predict, draw
        self._coefficient, self._updates, self._batch_size = coefficient, updates, batch_size
        self._max_grad_norm, self._without = max_grad_norm, without
        self.optimizer = torch.optim.AdamW(
            self._parameters, lr=learning_rate, weight_decay=weight_decay
        )

    def train(self, model: BaseAlgorithm) -> None:
        """`updates` steps for a model, whose log gets their mean loss and accuracy.

        Nothing is learned from rewards before there has been an answer.

        Raises:
            UserError: where labels are to be learned from and no state has one.
        """
        if not self._updates or not (self._feedback.is_told or self._draw(1)):
            return
        model.policy.set_training_mode(True)
        rate = self._coefficient * model.lr_schedule(model._current_progress_remaining)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        steps = [self._step() for _ in range(self._updates)]
        for name, values in zip(("loss", "accuracy"), zip(*steps, strict=True), strict=True):
            model.logger.record(f"train/answer_{name}", float(np.mean(values)))

    def _step(self) -> tuple[float, float]:
        """One step; its loss and accuracy."""
        labelled = self._draw(self._batch_size)
        if labelled is None:
            raise UserError(
                "no info of the environment has a 'target': the auxiliary loss has nothing to "
                f"learn; set {self._without}"
            )
        observations, lesson = labelled
        predictions = self._predict(observations)
        loss, accuracy = self._feedback.loss(predictions, lesson)
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self._parameters, self._max_grad_norm)
        self.optimizer.step()
        return loss.item(), accuracy.item()


class SupervisedModel(BaseAlgorithm):
    """What a model with an `AuxiliarySupervision` tells Stable-Baselines3's `save` and `load`.

    Those keep the model's attributes and set the model up anew from them, so the settings are
    attributes, and the supervision is made in `_setup_model`.

    >>> import gymnasium
    >>> from agents.sb3_vec_env import GymnasiumVecEnv
    >>> options = {"observation": "state", "autoreset_mode": "SameStep"}
    >>> env = GymnasiumVecEnv(gymnasium.make_vec("envs:GQNShepard-v0", num_envs=2, **options))
    >>> from agents.factory import load_hyperparameters, make_model
    >>> plain = load_hyperparameters("ppo", "GQNShepard-v0", {"aux_coef": 0.0})
    >>> make_model("ppo", env, plain, num_answers=10).is_supervised
    False

    Attributes:
        supervision: None in a model that learns from the reward alone.
    """

    aux_coef: float
    aux_updates: int
    aux_batch_size: int
    aux_weight_decay: float
    aux_feedback: str
    max_grad_norm: float
    supervision: AuxiliarySupervision | None = None

    @property
    def is_supervised(self) -> bool:
        return self.aux_coef > 0

    @property
    def feedback(self) -> Feedback:
        """What the answer posterior learns from."""
        return feedback_named(self.aux_feedback)

    @property
    def answer_optimizer(self) -> torch.optim.Optimizer:
        """That of the supervision; the name is in the files of `save`."""
        assert self.supervision is not None
        return self.supervision.optimizer

    def _supervise(
        self,
        parameters: Iterable[nn.Parameter],
        predict: Callable[[Observations], Tensor],
        draw: Callable[[int], tuple[Observations, Any] | None],
        without: str,
    ) -> None:
        """Make the supervision, once the policy is there."""
        self.supervision = AuxiliarySupervision(
            parameters,
            predict,
            draw,
            coefficient=self.aux_coef,
            updates=self.aux_updates,
            batch_size=self.aux_batch_size,
            weight_decay=self.aux_weight_decay,
            max_grad_norm=self.max_grad_norm,
            learning_rate=self.lr_schedule(1),
            without=without,
            feedback=self.feedback,
        )

    def _get_torch_save_params(self) -> tuple[list[str], list[str]]:
        names, tensors = super()._get_torch_save_params()
        return [*names, "answer_optimizer"] if self.is_supervised else names, tensors

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "supervision", "answer_memory"]


def supervised_arguments(
    settings: dict[str, Any], num_answers: int, volumes: Mapping[str, Sequence[int]]
) -> dict[str, Any]:
    """Settings with what only the environment knows: K, and what `aux_turned: auto` stands for."""
    turned = {"aux_turned": volumes} if settings.get("aux_turned") == "auto" else {}
    return settings | {"num_answers": num_answers} | turned


def check_spaces(
    observation_space: spaces.Space, action_space: spaces.Space, k: int, most: int, wanted: str
) -> spaces.Dict:
    """The observation space, of spaces that the auxiliary loss can work on.

    Args:
        k: the number of answers asked for.
        most: how many the action space has room for; 0 if it is of another kind.
        wanted: what it should be like.

    Raises:
        UserError: for others.
    """
    if not isinstance(observation_space, spaces.Dict):
        raise UserError(f"the auxiliary loss needs a Dict observation, got {observation_space}")
    if not 1 < k <= most:
        raise UserError(
            f"the auxiliary loss needs a {wanted} 2 or more answers; "
            f"received num_answers={k} with {action_space}"
        )
    return observation_space
