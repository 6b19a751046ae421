"""Features of all views of an episode so far, from their pixels: stacked or one after the other.

Each view goes through a small convolutional network and is joined with its pose; what is learned
from the views together is either all of them side by side, or what a recurrent network makes of
them in their order. The rest is as for every other observation, see agents/policies/features.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor, nn

from agents.policies.features import SceneFeatures, vector_network
from agents.policies.pixels.view_stack import EDITION, ViewStore
from gqn_rl.devices import autocast, full_precision
from gqn_rl.errors import unknown_name
from gqn_rl.geometry.view import to_float

CONVOLUTIONS = ((32, 8, 4), (64, 3, 2), (64, 3, 2))
"""Channels, kernel and stride: 64 x 64 pixels to 4 x 4. The first is that of Mnih et al. 2015;
with small kernels instead (5, 3, 3, 3 of stride 2), the same accuracy in a supervised trial on four
views took a third more looks and twice the time."""


class ViewFeatures(BaseFeaturesExtractor):
    """The observation of `ViewStack` to features (B, features_dim), float32.

    Each view that a batch names is encoded once, however many observations show it. Call `attach`
    before the first use.

    >>> import numpy as np
    >>> store = ViewStore((64, 64, 3), capacities=[8])
    >>> names = store.shelves[0].put(np.zeros((2, 64, 64, 3), np.uint8))
    >>> looks = np.concatenate([names, [[0, 0]]])[None]  # one episode, two views so far, of three
    >>> parts = {"looks": spaces.Box(0, 8, (3, 2)), "poses": spaces.Box(-9, 9, (3, 7))}
    >>> features = ViewFeatures(spaces.Dict(parts | {"looks_left": spaces.Box(0, 1, (1,))}))
    >>> features.attach(store)
    >>> given = {"looks": looks, "poses": np.zeros((1, 3, 7)), "looks_left": np.ones((1, 1))}
    >>> features({key: torch.as_tensor(part).float() for key, part in given.items()}).shape
    torch.Size([1, 257])

    Args:
        observation_space: with `looks` (L, 2) and `poses` (L, 7); other parts go through
            `SceneFeatures`.
        summary: "stack", all views side by side, or "recurrent", a GRU over them.
        hidden, dropout: of the MLP over the summary, as for a representation in `SceneFeatures`.
        look_features: width of one encoded view.
        memory: width of the GRU.
        image_size: height and width of the views.
    """

    def __init__(
        self,
        observation_space: spaces.Dict,
        summary: str = "stack",
        hidden: Sequence[int] = (512, 256),
        dropout: float = 0.0,
        look_features: int = 128,
        memory: int = 256,
        image_size: int = 64,
    ) -> None:
        rest_space = spaces.Dict(
            {k: v for k, v in observation_space.spaces.items() if k not in ("looks", "poses")}
        )
        rest = SceneFeatures(rest_space, hidden, dropout)
        super().__init__(observation_space, features_dim=hidden[-1] + rest.features_dim)
        if summary not in SUMMARIES:
            raise unknown_name("summary", summary, SUMMARIES)
        (max_looks, pose), self.rest = observation_space["poses"].shape or (0, 0), rest
        self.image_network = view_network(image_size, look_features)
        self.pose_network = nn.Sequential(
            nn.Linear(look_features + pose, look_features), nn.LayerNorm(look_features), nn.SiLU()
        )
        self.summary = SUMMARIES[summary](max_looks, look_features, memory)
        self.network = vector_network(self.summary.width, hidden, dropout)
        self._store: ViewStore | None = None

    def attach(self, store: ViewStore) -> None:
        """Say where the images are that observations name."""
        self._store = store

    def forward(self, observations: dict[str, Tensor]) -> Tensor:
        names, poses = observations["looks"].long(), observations["poses"]
        seen = names[..., EDITION] > 0
        with autocast(poses.device, "auto"):
            looks = self._encoded(names[seen], poses[seen])
            learned = self.network(self.summary(looks, seen)).float()
        others = {k: v for k, v in observations.items() if k not in ("looks", "poses")}
        return torch.cat([learned, self.rest(others)], dim=1)

    def _encoded(self, names: Tensor, poses: Tensor) -> Tensor:
        """Views (N, 2) taken from poses (N, 7) to (N, look_features)."""
        if self._store is None:
            raise RuntimeError("there is no store of views yet; call attach() first")
        images, which = self._store.get(names.cpu().numpy())
        # Channels last is how the images lie, and what bf16 convolutions are fastest on.
        pixels = to_float(torch.from_numpy(images).to(poses.device))
        features = self.image_network(pixels)[torch.from_numpy(which).to(poses.device)]
        joined: Tensor = self.pose_network(torch.cat([features, poses.to(features.dtype)], dim=1))
        return joined


class Stack(nn.Module):
    """Views side by side, zeros where there is none: (B, L * F).

    >>> seen = torch.tensor([[True, True, False], [True, False, False]])
    >>> Stack(max_looks=3, look_features=1, memory=4)(torch.tensor([[1.0], [2.0], [3.0]]), seen)
    tensor([[1., 2., 0.],
            [3., 0., 0.]])
    """

    def __init__(self, max_looks: int, look_features: int, memory: int) -> None:
        super().__init__()
        self.width = max_looks * look_features

    def forward(self, looks: Tensor, seen: Tensor) -> Tensor:
        """Views (N, F) of the places that are True in `seen` (B, L), row by row."""
        stacked = looks.new_zeros(*seen.shape, looks.shape[1])
        stacked[seen] = looks
        return stacked.flatten(1)


class Recurrent(nn.Module):
    """A GRU over the views in their order; its state after the last one, (B, memory).

    >>> seen = torch.tensor([[True, True, False], [True, False, False]])
    >>> Recurrent(max_looks=3, look_features=1, memory=4)(torch.ones(3, 1), seen).shape
    torch.Size([2, 4])
    """

    def __init__(self, max_looks: int, look_features: int, memory: int) -> None:
        super().__init__()
        self.width = memory
        self.cell = nn.GRUCell(look_features, memory)

    def forward(self, looks: Tensor, seen: Tensor) -> Tensor:
        """As `Stack.forward`; each row's views are its first places."""
        counts = seen.sum(dim=1)
        # Rows with many views first: those that still have one at a step are then the first rows.
        order = torch.argsort(counts, descending=True)
        first = (torch.cumsum(counts, 0) - counts)[order]
        state = looks.new_zeros(len(counts), self.width, dtype=torch.float32)
        with full_precision(looks.device):
            values = looks.float()
            for step in range(int(counts.max())):
                active = int((counts > step).sum())
                new = self.cell(values[first[:active] + step], state[:active])
                state = torch.cat([new, state[active:]])
        return state[torch.argsort(order)]


SUMMARIES: dict[str, type[Stack] | type[Recurrent]] = {"stack": Stack, "recurrent": Recurrent}
"""Name to what makes one vector of all views."""


def view_network(image_size: int, features: int) -> nn.Sequential:
    """CNN (N, 3, H, W) in [0, 1] -> (N, features)."""
    layers: list[nn.Module] = []
    before = 3
    for channels, kernel, stride in CONVOLUTIONS:
        padding = (kernel - stride + 1) // 2
        layers += [nn.Conv2d(before, channels, kernel, stride, padding), nn.SiLU()]
        before = channels
    convolutions = nn.Sequential(*layers, nn.Flatten())
    with torch.no_grad():
        length = convolutions(torch.zeros(1, 3, image_size, image_size)).shape[1]
    network = nn.Sequential(
        convolutions, nn.Linear(length, features), nn.LayerNorm(features), nn.SiLU()
    )
    channels_last: nn.Sequential = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return channels_last


LookFeatures = ViewFeatures
"""The name before."""
