"""SAC with an answer posterior that learns beside it, from labels or from the rewards of answers.

SAC decides when to answer and where to look, and the posterior which answer; see
`agents.algorithms.supervision` and `agents.algorithms.feedback`.

References:
    Haarnoja et al., Soft Actor-Critic Algorithms and Applications, arXiv 1812.05905, 2018.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gymnasium import spaces
from stable_baselines3 import SAC
from stable_baselines3.sac.policies import SACPolicy
from torch import Tensor

from agents.algorithms.replay import TargetReplayBuffer
from agents.algorithms.supervision import SupervisedModel, check_spaces
from agents.algorithms.turning import RandomTurns
from agents.policies.answers.posterior import PosteriorPolicy
from agents.policies.answers.sac_policy import AnswerSACPolicy, supervised_parameters
from gqn_rl.errors import UserError


class AnswerSAC(SupervisedModel, SAC):
    """SAC with an auxiliary cross-entropy of the answers.

    The answer posterior is trained in minibatches of its own, drawn from the replay buffer, which
    keeps the true answers, or those that were given with their rewards. With another policy this is
    plain SAC, on a smaller replay buffer where observations are a Dict.

    >>> import gymnasium
    >>> from agents.sb3_vec_env import GymnasiumVecEnv
    >>> options = {"observation": "state", "autoreset_mode": "SameStep"}
    >>> rows = gymnasium.make_vec("envs:GQNShepardContinuous-v0", num_envs=2, **options)
    >>> env = GymnasiumVecEnv(rows)
    >>> keywords = {"policy_kwargs": {"num_answers": 10}, "buffer_size": 64, "learning_starts": 8}
    >>> model = AnswerSAC(AnswerSACPolicy, env, num_answers=10, seed=0, **keywords).learn(16)
    >>> model.num_timesteps, model.replay_buffer.size()
    (16, 8)

    Args:
        num_answers: K; the last K numbers of an action are the answers' logits.
        aux_coef: step size of the supervised updates in units of the current learning rate; it
            must be 0 for policies without an answer posterior and cannot be for `AnswerSACPolicy`.
        aux_updates: supervised minibatches after each call of `train`.
        aux_batch_size: states per minibatch.
        aux_weight_decay: decoupled weight decay of the supervised updates.
        aux_turned: observations that are turned at random in them, see `RandomTurns`.
        aux_feedback: what the posterior learns from, see `AnswerPPO`.
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
        aux_feedback: str = "labels",
        max_grad_norm: float = 0.5,
        _init_setup_model: bool = True,
        **kwargs: Any,
    ) -> None:
        self.num_answers, self.aux_coef = num_answers, aux_coef
        self.aux_updates, self.aux_batch_size = aux_updates, aux_batch_size
        self.aux_weight_decay, self.max_grad_norm = aux_weight_decay, max_grad_norm
        self.aux_turned, self.aux_feedback = dict(aux_turned or {}), aux_feedback
        super().__init__(policy, env, _init_setup_model=False, **kwargs)
        if _init_setup_model:
            self._setup_model()

    def _setup_model(self) -> None:
        check_coefficient(self.aux_coef, self.policy_class)
        if self.replay_buffer_class is None and isinstance(self.observation_space, spaces.Dict):
            self.replay_buffer_class = TargetReplayBuffer
        if self.replay_buffer_class is TargetReplayBuffer:
            if self.n_steps > 1:
                raise UserError(
                    f"n_steps is {self.n_steps}, expected 1 with a {TargetReplayBuffer.__name__}"
                )
            kept = {"seed": self.seed, "feedback": self.aux_feedback}
            self.replay_buffer_kwargs = {**self.replay_buffer_kwargs, **kept}
        if not self.is_supervised:
            super()._setup_model()
            return
        action_space = self.action_space
        size = action_space.shape[0] if isinstance(action_space, spaces.Box) else 0
        wanted = "Box of actions that end in the logits of"
        k = self.num_answers
        space = check_spaces(self.observation_space, action_space, k, size - 1, wanted)
        if self.target_entropy == "auto":
            # The logits are not drawn and have no entropy.
            self.target_entropy = float(k - size)
        super()._setup_model()
        policy = self.policy
        assert isinstance(policy, AnswerSACPolicy)
        self._turns = RandomTurns(self.aux_turned, space)
        self._labelled_buffer()
        self._supervise(
            supervised_parameters(policy),
            policy.answer_log_probabilities,
            self._labelled,
            without="policy=MultiInputPolicy and aux_coef=0",
        )

    def _labelled_buffer(self) -> TargetReplayBuffer:
        """The replay buffer, whichever has been loaded, encoding with this model's policy."""
        policy, buffer = self.policy, self.replay_buffer
        assert isinstance(policy, AnswerSACPolicy)
        if not isinstance(buffer, TargetReplayBuffer):
            raise UserError(
                f"the auxiliary loss learns from a {TargetReplayBuffer.__name__}, "
                f"received a {type(buffer).__name__}"
            )
        # Features change only between two calls of `train`: once per batch is enough.
        buffer.encode, buffer.turns = policy.features, self._turns
        return buffer

    def _labelled(self, batch_size: int) -> tuple[dict[str, Tensor], Any] | None:
        drawn = self._labelled_buffer().sample_given(batch_size, self._vec_normalize_env)
        return None if drawn is None else (drawn[0], self.feedback.lesson(drawn[1]))

    def train(self, gradient_steps: int, batch_size: int = 64) -> None:
        if self.supervision is None:
            super().train(gradient_steps, batch_size)
            return
        self._labelled_buffer()
        super().train(gradient_steps, batch_size)
        self.supervision.train(self)

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "_turns"]


def check_coefficient(aux_coef: float, policy: type[Any]) -> None:
    """An answer posterior is trained by supervision or not at all."""
    has_posterior = issubclass(policy, PosteriorPolicy)
    if aux_coef < 0 or (aux_coef > 0) != has_posterior:
        wanted = "more than 0" if has_posterior else "0"
        raise UserError(
            f"aux_coef is {aux_coef}, expected {wanted} for the policy {policy.__name__}"
        )
