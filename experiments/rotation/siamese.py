"""The baseline of the benchmark: a Siamese ResNet-18, trained on pairs of the train split.

Both pictures go through one network; what it makes of them is compared by two layers that say
"mirrored" or "same". It learns from pairs as the benchmark draws them, each seen once.

References:
    He, Zhang, Ren and Sun, Deep Residual Learning for Image Recognition, CVPR 2016.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from experiments.rotation.protocol import RotationPairs, pictures
from gqn_rl.geometry.view import to_float
from gqn_rl.rendering import Renderer

WIDTHS, BLOCKS = (64, 128, 256, 512), 2
BATCH = 32
PORTION = 256
"""Pairs answered at once."""
LEARNING_RATE, WEIGHT_DECAY = 1e-3, 1e-4
WARM_UP = 0.1
"""Of the steps, in which the learning rate rises; then it falls to zero."""
LAST = 50
"""Steps at the end whose answers are the accuracy on the train split."""

DrawPairs = Callable[[np.random.Generator, int], RotationPairs]


class BasicBlock(nn.Module):
    """Two convolutions and a way around them."""

    def __init__(self, width_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width_in, width, 3, stride, padding=1, bias=False)
        self.second = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(width), nn.BatchNorm2d(width)])
        self.around: nn.Module = nn.Identity()
        if stride > 1 or width_in != width:
            conv = nn.Conv2d(width_in, width, 1, stride, bias=False)
            self.around = nn.Sequential(conv, nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        inner = F.relu(self.norms[0](self.first(x)))
        return F.relu(self.norms[1](self.second(inner)) + self.around(x))


def resnet18() -> nn.Sequential:
    """The network of the paper without its last layer: pictures (B, 3, H, W) to (B, 512)."""
    stem = [nn.Conv2d(3, WIDTHS[0], 7, 2, padding=3, bias=False), nn.BatchNorm2d(WIDTHS[0])]
    layers: list[nn.Module] = [*stem, nn.ReLU(), nn.MaxPool2d(3, 2, padding=1)]
    before = WIDTHS[0]
    for width in WIDTHS:
        for block in range(BLOCKS):
            stride = 2 if block == 0 and width > WIDTHS[0] else 1
            layers.append(BasicBlock(before, width, stride))
            before = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


class SiameseResNet(nn.Module):
    """Whether two pictures show mirror images.

    >>> net = SiameseResNet().eval()
    >>> net(torch.zeros(2, 3, 64, 64), torch.zeros(2, 3, 64, 64)).shape
    torch.Size([2])
    """

    def __init__(self) -> None:
        super().__init__()
        self.tower = resnet18()
        width = WIDTHS[-1]
        self.head = nn.Sequential(nn.Linear(2 * width, width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Logits (B,) of "mirrored".

        Args:
            first, second: float32 (B, 3, H, W) in [0, 1].
        """
        both = self.tower(torch.cat([first, second])).chunk(2)
        return self.head(torch.cat(both, dim=1))[:, 0]


class Trained(NamedTuple):
    """A baseline after its training.

    Attributes:
        network: in evaluation mode.
        train_accuracy: of the answers in the last steps, each before it was learned from.
    """

    network: SiameseResNet
    train_accuracy: float


def train_siamese(draw: DrawPairs, renderer: Renderer, count: int, seed: list[int]) -> Trained:
    """A network that has seen `count` pairs once each; the same for the same arguments.

    Args:
        draw: n pairs of the train split.
        seed: of weights and pairs, as `np.random.default_rng` takes it.
    """
    rng = np.random.default_rng(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**31)))
        network = SiameseResNet()
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    steps = max(1, count // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, total_steps=steps + 1, pct_start=WARM_UP, cycle_momentum=False
    )
    right: list[float] = []
    for _ in tqdm(range(steps), "Siamese ResNet-18", dynamic_ncols=True, disable=None):
        pairs = draw(rng, min(BATCH, count))
        first, second = (_tensor(side) for side in pictures(renderer, pairs))
        answer = torch.from_numpy(pairs.mirrored)
        logits = network(first, second)
        loss = F.binary_cross_entropy_with_logits(logits, answer.float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        right.append(float(((logits > 0) == answer).float().mean()))
    return Trained(network.eval(), float(np.mean(right[-LAST:])))


@torch.no_grad()
def says_mirrored(
    network: SiameseResNet, seen: tuple[NDArray[np.uint8], NDArray[np.uint8]]
) -> NDArray[np.bool_]:
    """The answers to n pairs of pictures uint8 (n, H, W, 3), bool (n,)."""
    answers = [
        network(*(_tensor(side[start : start + PORTION]) for side in seen)) > 0
        for start in range(0, len(seen[0]), PORTION)
    ]
    return torch.cat(answers).numpy()


def _tensor(images: NDArray[np.uint8]) -> Tensor:
    return to_float(torch.from_numpy(images))
