"""Hybrid actions: a choice with a number of options, and a turn that goes with one of them.

The environment takes them as a Box from -1 to 1: first the turn's numbers, then the commit channel,
which answers if it is above 0, then one logit per answer where there are two or more.

References:
    Masson, Ranchod and Konidaris, Reinforcement Learning with Parameterized Actions, AAAI 2016.
    Fan et al., Hybrid Actor-Critic Reinforcement Learning in Parameterized Action Space, IJCAI 2019
    (PPO with a discrete and a continuous part).
"""

from __future__ import annotations

import torch
from gymnasium import spaces
from stable_baselines3.common.distributions import Distribution
from torch import Tensor, nn
from torch.distributions import Categorical, Normal

from gqn_rl.errors import UserError

LOOK = 0
"""The choice to look on; 1 + k is the choice of answer k."""


class HybridActions:
    """The layout of a Box of hybrid actions.

    >>> layout = HybridActions(spaces.Box(-1.0, 1.0, (2 + 1 + 3,)), num_answers=3)
    >>> choices, turns = torch.tensor([LOOK, 1 + 2]), torch.tensor([[0.5, -0.25], [0.5, 0.5]])
    >>> layout.encode(choices, turns)
    tensor([[ 0.5000, -0.2500, -1.0000,  0.0000,  0.0000,  0.0000],
            [ 0.0000,  0.0000,  1.0000,  0.0000,  0.0000,  1.0000]])
    >>> layout.decode(layout.encode(choices, turns))[0].tolist()
    [0, 3]

    Args:
        action_space: Box (T + 1 + L,), L = K where there are two answers or more, else 0.
        num_answers: K, at least 1.

    Attributes:
        turns: T, the numbers of a turn.

    Raises:
        UserError: for another space, or one without room for a turn.
    """

    def __init__(self, action_space: spaces.Space, num_answers: int) -> None:
        logits = num_answers if num_answers > 1 else 0
        size = action_space.shape[0] if isinstance(action_space, spaces.Box) else 0
        if num_answers < 1 or size < logits + 2:
            raise UserError(
                f"hybrid actions need a Box of a turn, a commit channel and the logits of the "
                f"answers; received num_answers={num_answers} with {action_space}"
            )
        self.num_answers, self.turns, self._logits = num_answers, size - 1 - logits, logits

    def encode(self, choices: Tensor, turns: Tensor) -> Tensor:
        """Actions (B, A) of choices (B,) and turns (B, T); who answers does not turn."""
        looking = (choices == LOOK)[:, None]
        parts = [torch.where(looking, turns, 0.0), torch.where(looking, -1.0, 1.0)]
        if self._logits:
            options = torch.arange(1, 1 + self._logits, device=choices.device)
            parts.append((choices[:, None] == options).to(turns.dtype))
        return torch.cat(parts, dim=1)

    def decode(self, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Choices (B,) and turns (B, T) of actions (B, A), read as the environment reads them."""
        answering = actions[:, self.turns] > 0
        logits = actions[:, self.turns + 1 :]
        answers = 1 + logits.argmax(dim=1) if self._logits else torch.ones_like(answering).long()
        return torch.where(answering, answers, LOOK), actions[:, : self.turns]


class HybridActionHead(nn.Module):
    """What the actor knows (B, L) to choices (B, 1 + K) and turns (B, T).

    >>> from agents.policies.factored_head import FactoredActionHead
    >>> choice = FactoredActionHead(16 + 10, 1, 10, 4.0, confidence_gain=6.0, threshold=0.9)
    >>> logits, means = HybridActionHead(choice, 16, turns=2)(torch.zeros(3, 16 + 10))
    >>> logits.shape, means.shape  # to look on, then 10 answers
    (torch.Size([3, 11]), torch.Size([3, 2]))

    Args:
        choice: (B, L) to the logits of the choices.
        hidden: the actor's units, the first of (B, L), of which the turns are read.
        turns: T.
    """

    def __init__(self, choice: nn.Module, hidden: int, turns: int) -> None:
        super().__init__()
        self.choice, self._hidden = choice, hidden
        self.turn = small_linear(hidden, turns)

    def forward(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        return self.choice(latent), self.turn(latent[:, : self._hidden])


def small_linear(inputs: int, outputs: int) -> nn.Linear:
    """As Stable-Baselines3 starts its action heads: near 0, whatever is seen."""
    layer = nn.Linear(inputs, outputs)
    nn.init.orthogonal_(layer.weight, gain=0.01)
    nn.init.zeros_(layer.bias)
    return layer


def deviations(turns: int, log_std: float) -> nn.Parameter:
    """Logarithms of the deviations of turns before anything is learned, (T,)."""
    return nn.Parameter(torch.full((turns,), float(log_std)))


class HybridDistribution(Distribution):
    """A categorical of the choice, and a Gaussian of the turn that counts where the choice is LOOK.

    A turn is clipped to the Box on its way to the environment, as Stable-Baselines3 does with every
    Gaussian; its density is that before clipping.

    >>> layout = HybridActions(spaces.Box(-1.0, 1.0, (2 + 1 + 3,)), num_answers=3)
    >>> logits, means = torch.tensor([[2.0, 0.0, 0.0, 0.0]]), torch.tensor([[0.5, 3.0]])
    >>> likely = HybridDistribution(layout).proba_distribution(logits, means, torch.zeros(2))
    >>> likely.mode()  # to look on, as far up as one action goes
    tensor([[ 0.5000,  1.0000, -1.0000,  0.0000,  0.0000,  0.0000]])

    Args:
        layout: of the actions.
    """

    choice: Categorical
    turn: Normal

    def __init__(self, layout: HybridActions) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._layout = layout

    def proba_distribution_net(
        self, latent_dim: int, log_std_init: float = 0.0
    ) -> tuple[nn.Module, nn.Parameter]:
        """A linear head for the actor's units (B, latent_dim), and deviations (T,)."""
        choice = small_linear(latent_dim, 1 + self._layout.num_answers)
        head = HybridActionHead(choice, latent_dim, self._layout.turns)
        return head, deviations(self._layout.turns, log_std_init)

    def proba_distribution(
        self, logits: Tensor, means: Tensor, log_std: Tensor
    ) -> HybridDistribution:
        """Logits of the choices (B, 1 + K), means (B, T) and log deviations (T,) of the turns."""
        self.choice = Categorical(logits=logits)
        self.turn = Normal(means, log_std.exp().expand_as(means))
        self.distribution = [self.choice, self.turn]
        return self

    def log_prob(self, actions: Tensor) -> Tensor:
        """(B,): of the choice, and of the turn where it is one to look on."""
        choices, turns = self._layout.decode(actions)
        turned = self.turn.log_prob(turns).sum(dim=1)
        return self.choice.log_prob(choices) + torch.where(choices == LOOK, turned, 0.0)

    def entropy(self) -> Tensor:
        """(B,): of whether to look on or to answer, and of the turn as often as it is made.

        That of the answers would also pay for answering while unsure of which. How often a turn is
        made counts as a number: that turns are uncertain must not pay for looking on.
        """
        logits = self.choice.logits
        answering = logits[:, 1:].logsumexp(dim=1, keepdim=True)
        either = torch.cat([logits[:, :1], answering], dim=1)
        turned = self.turn.entropy().sum(dim=1)
        return -(either.exp() * either).sum(dim=1) + self.choice.probs[:, LOOK].detach() * turned

    def sample(self) -> Tensor:
        """Actions (B, A); turns before they are clipped."""
        return self._layout.encode(self.choice.sample(), self.turn.sample())

    def mode(self) -> Tensor:
        """Actions (B, A) in [-1, 1]: the likeliest choice, with the mean turn."""
        choices = self.choice.logits.argmax(dim=1)
        return self._layout.encode(choices, self.turn.mean.clamp(-1.0, 1.0))

    def actions_from_params(
        self, logits: Tensor, means: Tensor, log_std: Tensor, deterministic: bool = False
    ) -> Tensor:
        """See `Distribution`."""
        return self.proba_distribution(logits, means, log_std).get_actions(deterministic)

    def log_prob_from_params(
        self, logits: Tensor, means: Tensor, log_std: Tensor
    ) -> tuple[Tensor, Tensor]:
        """See `Distribution`."""
        actions = self.actions_from_params(logits, means, log_std)
        return actions, self.log_prob(actions)
