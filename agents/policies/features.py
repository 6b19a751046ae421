"""One features extractor for every Dict observation of this project."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.preprocessing import (
    get_flattened_obs_dim,
    is_image_space,
    is_image_space_channels_first,
)
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.vec_env.vec_transpose import VecTransposeImage
from torch import Tensor, nn

from agents.policies.templates import side_of, template_network
from gqn_rl.devices import autocast
from gqn_rl.errors import unknown_name

SMALL = 28
"""A vector of up to this many numbers (viewpoint, prospects, looks left) is used as it is."""


class SceneFeatures(BaseFeaturesExtractor):
    """Wide vectors through an MLP, images through a small CNN, the rest as it is; concatenated.

    The output begins with the learned features; the small vectors come last, so that a reader of
    the features finds them unchanged.

    >>> parts = {"representation": spaces.Box(-1, 1, (256,)), "viewpoint": spaces.Box(-9, 9, (7,))}
    >>> features = SceneFeatures(spaces.Dict(parts), hidden=(64, 32))
    >>> read = features({"representation": torch.zeros(5, 256), "viewpoint": torch.ones(5, 7)})
    >>> read.shape, read[0, -7:].tolist()
    (torch.Size([5, 39]), [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0])

    Args:
        observation_space: Dict of Boxes, images channels first, and of parts that are counted, one
            number for each value, as Stable-Baselines3 hands them on.
        hidden: widths of the MLP over each wide vector.
        dropout: probability, after each layer of the MLP; active only while training.
        input_dropout: probability on the wide vector itself.
        image_features: width of what the CNN leaves of an image.
        products: whether to add the products of every two numbers of the small vectors, scaled by
            their bounds. How two poses lie to each other is a sum of such products.
        compare: whether wide vectors of the same length, such as the representations of two
            objects, go through the same network; the products and the sizes of the differences of
            what comes out are added, from which alone same and different can be told.
        ignored: keys that are left out where an observation has them.
        templates: of cells, instead of the MLP over each wide vector that is as long as a volume of
            cells; 0 for none. See `agents.policies.templates.TemplateMatches`.

    References:
        Conneau et al., Supervised Learning of Universal Sentence Representations, EMNLP 2017
        (products and differences as what a comparison is made from).
    """

    def __init__(
        self,
        observation_space: spaces.Dict,
        hidden: Sequence[int] = (512, 256),
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        image_features: int = 256,
        products: bool = False,
        compare: bool = False,
        ignored: Sequence[str] = (),
        templates: int = 0,
    ) -> None:
        super().__init__(observation_space, features_dim=1)
        parts = {k: space for k, space in observation_space.spaces.items() if k not in ignored}
        lengths = {key: get_flattened_obs_dim(space) for key, space in parts.items()}
        images = [key for key, space in parts.items() if is_image_space(space)]
        wide = {k: n for k, n in lengths.items() if n > SMALL and k not in images}
        self._small = [key for key in parts if key not in (*images, *wide)]
        self._twins = twins_of(wide) if compare else {}
        self._products: PairProducts | None = None
        networks: dict[str, nn.Module] = {}
        widths = {key: image_features if key in images else hidden[-1] for key in (*images, *wide)}
        for key, space in parts.items():
            if key in images:
                networks[key] = image_network(space, image_features)
            elif key in wide and key not in self._twins:
                if templates and side_of(wide[key]) is not None:
                    networks[key] = template_network(wide[key], templates, input_dropout)
                    widths[key] = templates
                else:
                    networks[key] = vector_network(wide[key], hidden, dropout, input_dropout)
        self.networks = nn.ModuleDict(networks)
        if products and self._small:
            self._products = PairProducts([parts[key] for key in self._small])
        # Of twins there are products and differences as well.
        widths |= {key: 3 * widths[twin] for key, twin in self._twins.items()}
        size = sum(widths.values())
        size += sum(lengths[key] for key in self._small)
        self._features_dim = size + (self._products.size if self._products else 0)
        self._lengths = {key: lengths[key] for key in self._small}

    def span(self, key: str) -> slice:
        """Where the features have a small vector of the observation, unchanged.

        Raises:
            UserError: for a key of which there is none.
        """
        if key not in self._lengths:
            raise unknown_name("small vector of the observation", key, self._lengths)
        start = self._features_dim - sum(self._lengths.values())
        start += sum(self._lengths[name] for name in self._small[: self._small.index(key)])
        return slice(start, start + self._lengths[key])

    def forward(self, observations: dict[str, Tensor]) -> Tensor:
        """Dict of (B, ...) to (B, features_dim), float32.

        The wide layers compute in bf16 where the processor is faster at it: the input is
        standardised and the outputs are normalised, so nothing is lost that learning needs.
        """
        device = next(iter(observations.values())).device
        with autocast(device, "auto"):
            read = {key: network(observations[key]) for key, network in self.networks.items()}
            for key, twin in self._twins.items():
                read[key] = self.networks[twin](observations[key])
        learned = [features.float() for features in read.values()]
        for key, twin in self._twins.items():
            one, other = read[twin].float(), read[key].float()
            learned += [one * other, (one - other).abs()]
        plain = [observations[key].flatten(1) for key in self._small]
        if self._products is not None:
            learned.append(self._products(torch.cat(plain, dim=1)))
        return torch.cat([*learned, *plain], dim=1)


class PairProducts(nn.Module):
    """The products of every two of n numbers, squares included.

    >>> products = PairProducts([spaces.Box(-4, 4, (2,)), spaces.Box(-1, 1, (1,))])
    >>> products(torch.tensor([[4.0, 2.0, 1.0]]))
    tensor([[1.0000, 0.5000, 1.0000, 0.2500, 0.5000, 1.0000]])

    Args:
        parts: the spaces of the numbers; each is divided by its bound where that is finite.
    """

    def __init__(self, parts: Sequence[spaces.Space]) -> None:
        super().__init__()
        scales = np.concatenate([bounds_of(part) for part in parts])
        first, second = np.triu_indices(len(scales))
        self.size = len(first)
        # Not part of the weights: the observation space says it all.
        for name, values in (("scale", scales), ("first", first), ("second", second)):
            self.register_buffer(name, torch.as_tensor(values), persistent=False)

    def forward(self, numbers: Tensor) -> Tensor:
        """(B, n) to (B, n (n + 1) / 2)."""
        scaled = numbers / self.get_buffer("scale")
        return scaled[:, self.get_buffer("first")] * scaled[:, self.get_buffer("second")]


def twins_of(lengths: dict[str, int]) -> dict[str, str]:
    """Key to the first key of the same length, of those that are not the first themselves."""
    first: dict[int, str] = {}
    for key, length in lengths.items():
        first.setdefault(length, key)
    return {key: first[n] for key, n in lengths.items() if first[n] != key}


def bounds_of(space: spaces.Space) -> np.ndarray:
    """The largest size of each number of a part, float32 (n,); 1 where there is no bound or 0."""
    if not isinstance(space, spaces.Box):
        return np.ones(get_flattened_obs_dim(space), np.float32)
    largest = np.maximum(np.abs(space.low), np.abs(space.high)).reshape(-1).astype(np.float32)
    return np.where(np.isfinite(largest) & (largest > 0), largest, np.float32(1.0))


def vector_network(
    length: int, hidden: Sequence[int], dropout: float, input_dropout: float = 0.0
) -> nn.Sequential:
    """MLP (B, length) -> (B, hidden[-1]); LayerNorm keeps the scale of the features still while
    they are being learned, which the policy that reads them needs."""
    layers: list[nn.Module] = [nn.Flatten(), nn.Dropout(input_dropout)]
    for width in hidden:
        layers += [nn.Linear(length, width), nn.LayerNorm(width), nn.SiLU(), nn.Dropout(dropout)]
        length = width
    return nn.Sequential(*layers)


def image_network(space: spaces.Space, features: int) -> nn.Sequential:
    """CNN (B, C, H, W) in [0, 1] -> (B, features): the widths of Mnih et al. 2015 with strides
    for small pictures."""
    channels = (space.shape or ())[0]
    convolutions = nn.Sequential(
        nn.Conv2d(channels, 32, 5, stride=2, padding=2),
        nn.SiLU(),
        nn.Conv2d(32, 64, 3, stride=2, padding=1),
        nn.SiLU(),
        nn.Conv2d(64, 64, 3, stride=2, padding=1),
        nn.SiLU(),
        nn.Flatten(),
    )
    with torch.no_grad():
        length = convolutions(torch.zeros(1, *(space.shape or ()))).shape[1]
    return nn.Sequential(
        convolutions, nn.Linear(length, features), nn.LayerNorm(features), nn.SiLU()
    )


def channels_first(space: spaces.Dict) -> spaces.Dict:
    """The space as Stable-Baselines3's policies see it: images (C, H, W)."""
    return spaces.Dict({key: _channels_first(part, key) for key, part in space.spaces.items()})


def _channels_first(space: spaces.Space, key: str) -> spaces.Space:
    if not isinstance(space, spaces.Box) or not is_image_space(space):
        return space
    if is_image_space_channels_first(space):
        return space
    return VecTransposeImage.transpose_space(space, key)
