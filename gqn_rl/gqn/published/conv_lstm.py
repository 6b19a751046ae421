"""Convolutional LSTM cells of the generator and of the inference network.

With i, f, o and g the input, forget and output gates and the candidate, * a convolution over the
concatenated inputs and the cell's own hidden state h, and . the product of elements,

    f, i, o = sigmoid(W_f * [h, inputs]), sigmoid(W_i * [h, inputs]), sigmoid(W_o * [h, inputs])
    g = tanh(W_g * [h, inputs]),    c' = f . c + i . g,    h' = o . tanh(c')

(figure S2 of the paper; no peepholes). One convolution makes all four gates. A convolution of a
concatenation is the sum of convolutions of its parts, so the parts that stay the same in all
layers, pose, representation and image, come in as ready sums of their own.

References:
    Eslami et al., Science 360:1204, 2018, figure S2.
    Shi et al., Convolutional LSTM Network, NIPS 2015, eq. 3 (its peepholes left out).
    Jozefowicz, Zaremba and Sutskever, An Empirical Exploration of Recurrent Network
    Architectures, ICML 2015 (forget gates start open; the paper leaves initial weights open).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gqn_rl.geometry.viewpoint import ENCODING_SIZE
from gqn_rl.gqn.published.config import PublishedConfig
from gqn_rl.gqn.published.tiled_conv import TiledConv2d, initialise_as_one

SCALE = 4
"""Pixels of image and canvas per place of the hidden states, along each axis."""


class Memory(NamedTuple):
    """State of a cell, hidden h and cell c, float (N, H, S / 4, S / 4)."""

    hidden: Tensor
    cell: Tensor


def lstm_update(gates: Tensor, cell: Tensor | None) -> Memory:
    """The next state.

    Args:
        gates: float (N, 4 H, h, w), before their nonlinearities: forget, input, output, candidate.
        cell: c, float (N, H, h, w); None for zero.
    """
    channels = gates.shape[1] // 4
    forget, enter, leave = gates[:, : 3 * channels].sigmoid().chunk(3, dim=1)
    kept = enter * gates[:, 3 * channels :].tanh()
    if cell is not None:
        kept = torch.addcmul(kept, forget, cell)
    return Memory(leave * kept.tanh(), kept)


class PoseAndScene(nn.Module):
    """What the query's pose v and the representation r add to the gates, the same in all layers.

    What has no place, v and a pooled r, is tiled over the map before the convolution. Ports of the
    paper differ in this: others learn a transposed convolution that spreads them, which takes 403
    of the 570 million parameters of one.

    Args:
        r_size: height and width of r, 1 or the image's size / 4.
    """

    def __init__(self, config: PublishedConfig, r_size: int) -> None:
        super().__init__()
        gates, size, k = 4 * config.hidden_channels, config.image_size // SCALE, config.kernel_size
        self.pooled = r_size == 1
        tiled = ENCODING_SIZE + (config.r_channels if self.pooled else 0)
        self.tiled = TiledConv2d(tiled, gates, k, size)
        if not self.pooled:
            self.map = nn.Conv2d(config.r_channels, gates, k, padding=k // 2, bias=False)

    def forward(self, viewpoints: Tensor, r: Tensor) -> Tensor:
        """From (N, 7) and (N, C, h, w) to (N, 4 H, S / 4, S / 4)."""
        if self.pooled:
            both: Tensor = self.tiled(torch.cat([viewpoints, r.flatten(1)], dim=1))
            return both
        out: Tensor = self.map(r) + self.tiled(viewpoints)
        return out


class GeneratorCore(nn.Module):
    """C^g: (c^g, h^g) from v^q, r, h^g and z; and the step of the canvas, u + draw(h^g).

    Args:
        first: its h^g is zero, so there are no weights for it.

    Attributes:
        draw: the transposed convolution that adds to the canvas.
    """

    def __init__(self, config: PublishedConfig, r_size: int, first: bool) -> None:
        super().__init__()
        hidden, k = config.hidden_channels, config.kernel_size
        changing = config.latent_channels + (0 if first else hidden)
        self.first = first
        self.constant = PoseAndScene(config, r_size)
        self.gates = nn.Conv2d(changing, 4 * hidden, k, padding=k // 2)
        self.draw = nn.ConvTranspose2d(hidden, config.canvas_channels, SCALE, SCALE, bias=False)
        inputs = hidden + config.latent_channels + ENCODING_SIZE + config.r_channels
        initialise_as_one([self.constant, self.gates], k * k * inputs)
        _open_forget_gates(self.gates)

    def forward(self, constant: Tensor, memory: Memory | None, z: Tensor) -> Memory:
        """The next state.

        Args:
            constant: from `self.constant`.
            memory: h^g and c^g; None: zero.
            z: float (N, Z, h, w).
        """
        if memory is None:
            changing = z if self.first else F.pad(z, (0, 0, 0, 0, self.draw.in_channels, 0))
            return lstm_update(self.gates(changing) + constant, None)
        changing = torch.cat([memory.hidden, z.to(memory.hidden.dtype)], dim=1)
        return lstm_update(self.gates(changing) + constant, memory.cell)


class InferenceCore(nn.Module):
    """C^e: (c^e, h^e) from x^q, v^q, r, h^e, h^g and the canvas u.

    Args:
        first: its h^e, h^g and u are zero, so there are no weights for them.

    Attributes:
        shrink: the convolution that takes the image to the size of the states.
        read: the one that does so with the canvas.
    """

    def __init__(self, config: PublishedConfig, r_size: int, first: bool) -> None:
        super().__init__()
        hidden, canvas, k = config.hidden_channels, config.canvas_channels, config.kernel_size
        changing = 2 * hidden + canvas
        self.pose_and_scene = PoseAndScene(config, r_size)
        self.first = first
        self.shrink = nn.Conv2d(3, 3, SCALE, SCALE, bias=False)
        self.image = nn.Conv2d(3, 4 * hidden, k, padding=k // 2)
        gates = [self.pose_and_scene, self.image]
        if not first:
            self.read = nn.Conv2d(canvas, canvas, SCALE, SCALE, bias=False)
            self.gates = nn.Conv2d(changing, 4 * hidden, k, padding=k // 2, bias=False)
            gates.append(self.gates)
        inputs = changing + 3 + ENCODING_SIZE + config.r_channels
        initialise_as_one(gates, k * k * inputs)
        _open_forget_gates(self.image)

    def constant(self, viewpoints: Tensor, r: Tensor, images: Tensor) -> Tensor:
        """What the gates get in every layer, (N, 4 H, h, w)."""
        out: Tensor = self.image(self.shrink(images)) + self.pose_and_scene(viewpoints, r)
        return out

    def forward(
        self, constant: Tensor, memory: Memory | None, hidden: Tensor, seen: Tensor | None
    ) -> Memory:
        """The next state.

        Args:
            constant: from `self.constant`.
            memory: h^e and c^e; None: zero, and so are the other two.
            hidden: h^g.
            seen: the canvas as `read` sees it.
        """
        if memory is None or seen is None:
            return lstm_update(constant, None)
        changing = torch.cat([memory.hidden, hidden, seen], dim=1)
        return lstm_update(self.gates(changing) + constant, memory.cell)


def _open_forget_gates(biased: nn.Conv2d) -> None:
    """Biases zero, those of the forget gates 1."""
    assert biased.bias is not None
    nn.init.zeros_(biased.bias)
    nn.init.ones_(biased.bias[: len(biased.bias) // 4])
