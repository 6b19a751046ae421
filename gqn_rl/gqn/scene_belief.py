"""What a network believes of scenes after some views: a distribution over scenes to be drawn."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from gqn_rl.gqn.model import GenerativeQueryNetwork


class SceneBelief(ABC):
    """A distribution over what N scenes are like."""

    @abstractmethod
    def sample(self, generator: torch.Generator | None = None) -> Any:
        """One scene per row, for `GenerativeQueryNetwork.draw_images`.

        Args:
            generator: source of randomness; the same one gives the same sample.
        """


class PriorBelief(SceneBelief):
    """The prior path: what one pass through the network makes of a representation.

    Args:
        r: float (N, F).
    """

    def __init__(self, model: GenerativeQueryNetwork[Any], r: Tensor) -> None:
        self._model = model
        self.r = r

    def sample(self, generator: torch.Generator | None = None) -> Any:
        return self._model.imagine(self.r, self._model.noise(len(self.r), generator))
