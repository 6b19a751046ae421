"""Distributions over scenes after some views, to be drawn from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Protocol

import torch
from torch import Tensor


class ScenePosterior(ABC):
    """A distribution over what N scenes are like.

    >>> class Certain(ScenePosterior):
    ...     def sample(self, generator: torch.Generator | None = None) -> Any:
    ...         return "the only scene there can be"
    >>> Certain().sample()
    'the only scene there can be'
    """

    @abstractmethod
    def sample(self, generator: torch.Generator | None = None) -> Any:
        """One scene per row, for `GenerativeQueryNetwork.draw_images`.

        Args:
            generator: source of randomness; the same one gives the same sample.
        """


class Imaginative(Protocol):
    """What a prior path needs of a network.

    >>> from gqn_rl.gqn.families import build, preset
    >>> network: Imaginative = build(preset("tiny"), seed=0)
    >>> network.noise(2, torch.Generator().manual_seed(0)).shape
    torch.Size([2, 4, 3, 3, 3])
    """

    def imagine(self, r: Tensor, noise: Tensor) -> Any: ...

    def noise(self, n: int, generator: torch.Generator | None = None) -> Tensor: ...


class PriorPath(ScenePosterior):
    """What one pass through the network makes of a representation, latents from the prior.

    >>> from gqn_rl.gqn.families import build, preset
    >>> model = build(preset("tiny"), seed=0)
    >>> path = PriorPath(model, torch.zeros(2, model.representation_size))
    >>> poses = torch.tensor([[-9.0, 0, 0, 1, 0, 1, 0]]).repeat(2, 1)
    >>> model.draw_images(path.sample(torch.Generator().manual_seed(0)), poses).shape
    torch.Size([2, 3, 64, 64])

    Args:
        r: float (N, F).
    """

    def __init__(self, model: Imaginative, r: Tensor) -> None:
        self._model = model
        self.r = r

    def sample(self, generator: torch.Generator | None = None) -> Any:
        return self._model.imagine(self.r, self._model.noise(len(self.r), generator))
