"""The published GQN composed the plain way, the yardstick of our composition.

The same equations and, copied over, the same weights as `gqn_rl.gqn.published`, written as
re-implementations write them: pose, r and what changes from layer to layer are spread over the map,
concatenated and convolved anew in every layer, the first one too, whose states are zero; the canvas
is painted at its full size in every layer; everything is float32, eager and contiguous.

Re-implementations differ in how they spread a pooled r: "transposed" learns a transposed
convolution per core, "tiled" repeats it and learns nothing. Ours computes the same function as
both: the transposed convolutions start as the ones that repeat, and their parameters are extra.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import NamedTuple, TypeVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from gqn_rl.errors import UserError, unknown_name
from gqn_rl.geometry.view import to_float
from gqn_rl.geometry.viewpoint import ENCODING_SIZE
from gqn_rl.gqn.draws import Draws
from gqn_rl.gqn.objective import Sampling, SceneTerms
from gqn_rl.gqn.published.conv_lstm import SCALE, GeneratorCore, InferenceCore, PoseAndScene
from gqn_rl.gqn.published.heads import MAX_LOG_SCALE, MIN_LOG_SCALE
from gqn_rl.gqn.published.published_gqn import PublishedGQN, choose_queries
from gqn_rl.gqn.published.representation import Tower
from gqn_rl.gqn.published.tiled_conv import PosedConv2d

SPREADS = ("transposed", "tiled")
Module = TypeVar("Module", bound=nn.Module)


class PlainTower(nn.Module):
    """The tower of figure S1, its pose repeated and concatenated; averaged for the pool.

    Args:
        tower: where the weights come from.
    """

    def __init__(self, tower: Tower) -> None:
        super().__init__()
        self.pooled = tower.size == 1
        self.enter, self.skip1 = _copy(tower.enter), _copy(tower.skip1)
        self.narrow1, self.widen1 = _copy(tower.narrow1), _copy(tower.widen1)
        self.skip2, self.narrow2 = _concatenated(tower.skip2), _concatenated(tower.narrow2)
        self.widen2, self.leave = _copy(tower.widen2), _copy(tower.leave)

    def forward(self, images: Tensor, viewpoints: Tensor) -> Tensor:
        """r_k of images (N, 3, S, S) from poses (N, 7)."""
        x = F.relu(self.enter(images))
        skip = F.relu(self.skip1(x))
        x = F.relu(self.widen1(F.relu(self.narrow1(x)))) + skip
        x = torch.cat([x, _tile(viewpoints, x.shape[-1])], dim=1)
        skip = F.relu(self.skip2(x))
        x = F.relu(self.widen2(F.relu(self.narrow2(x)))) + skip
        x = F.relu(self.leave(x))
        return x.mean(dim=(2, 3), keepdim=True) if self.pooled else x


class Spread(nn.Module):
    """From a vector to a map.

    Args:
        channels: of the vector.
        size: height and width of the map.
        how: see `SPREADS`.
    """

    def __init__(self, channels: int, size: int, how: str) -> None:
        super().__init__()
        self.size = size
        self.learned: nn.ConvTranspose2d | None = None
        if how == "transposed":
            self.learned = nn.ConvTranspose2d(channels, channels, size, size, bias=False)
            with torch.no_grad():
                self.learned.weight.copy_(torch.eye(channels)[..., None, None])

    def forward(self, vector: Tensor) -> Tensor:
        """From (N, C) to (N, C, size, size)."""
        if self.learned is None:
            return _tile(vector, self.size)
        spread: Tensor = self.learned(vector[..., None, None])
        return spread


class PlainCore(nn.Module):
    """A convolutional LSTM cell with its own spreading of pose and r.

    Args:
        weights: kernels, by input: h, then pose and r, then whatever else.
        bias: of the gates.
        parts: says how pose and r arrive.
    """

    def __init__(
        self, weights: Sequence[Tensor], bias: Tensor | None, parts: PoseAndScene, how: str
    ) -> None:
        super().__init__()
        size, pose_and_r = parts.tiled.size, parts.tiled.weight.shape[-1]
        self.gates = _convolution(torch.cat(list(weights), dim=1), bias)
        self.spread_v = Spread(ENCODING_SIZE, size, how)
        self.spread_r = Spread(pose_and_r - ENCODING_SIZE, size, how) if parts.pooled else None

    def forward(
        self, viewpoints: Tensor, r: Tensor, others: list[Tensor], hidden: Tensor, cell: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The next h and c."""
        spread_r = r if self.spread_r is None else self.spread_r(r.flatten(1))
        inputs = torch.cat([hidden, self.spread_v(viewpoints), spread_r, *others], dim=1)
        forget, enter, leave, candidate = self.gates(inputs).chunk(4, dim=1)
        cell = torch.sigmoid(forget) * cell + torch.sigmoid(enter) * torch.tanh(candidate)
        return torch.sigmoid(leave) * torch.tanh(cell), cell


class PlainGeneratorCore(nn.Module):
    """C^g, with its step of the canvas."""

    def __init__(self, core: GeneratorCore, how: str) -> None:
        super().__init__()
        hidden = core.draw.in_channels
        weight = core.gates.weight
        latent = weight.shape[1] - (0 if core.first else hidden)
        of_hidden = _or_zeros(weight[:, :-latent], hidden)
        weights = (of_hidden, *_pose_and_r(core.constant), weight[:, -latent:])
        self.core = PlainCore(weights, core.gates.bias, core.constant, how)
        self.draw = _copy(core.draw)

    def forward(self, viewpoints: Tensor, r: Tensor, z: Tensor, state: State) -> State:
        memory = self.core(viewpoints, r, [z], *state.generator)
        return state._replace(generator=memory, canvas=state.canvas + self.draw(memory[0]))


class PlainInferenceCore(nn.Module):
    """C^e, which takes image and canvas to the size of the states."""

    def __init__(self, core: InferenceCore, how: str, hidden: int, canvas: int) -> None:
        super().__init__()
        changing = core.image.weight[:, :0] if core.first else core.gates.weight
        states, of_canvas = _or_zeros(changing, 2 * hidden + canvas).split([2 * hidden, canvas], 1)
        of_h_e, of_h_g = states.chunk(2, dim=1)
        parts = core.pose_and_scene
        weights = (of_h_e, *_pose_and_r(parts), of_h_g, core.image.weight, of_canvas)
        self.core = PlainCore(weights, core.image.bias, parts, how)
        self.shrink = _copy(core.shrink)
        read = nn.Conv2d(canvas, canvas, SCALE, SCALE, bias=False) if core.first else core.read
        self.read = _copy(read.to(core.image.weight.dtype))

    def forward(self, images: Tensor, viewpoints: Tensor, r: Tensor, state: State) -> State:
        others = [state.generator[0], self.shrink(images), self.read(state.canvas)]
        return state._replace(inference=self.core(viewpoints, r, others, *state.inference))


class State(NamedTuple):
    """Attributes: h and c of the two cores, (N, H, S / 4, S / 4), and u, (N, U, S, S)."""

    generator: tuple[Tensor, Tensor]
    inference: tuple[Tensor, Tensor]
    canvas: Tensor


class PlainGQN(nn.Module):
    """What `gqn_rl.training.trainer.Bound` needs of a GQN, composed the plain way.

    Args:
        model: where sizes and weights come from; with a tower or a pool.
        spread: see `SPREADS`.
    """

    def __init__(self, model: PublishedGQN, spread: str = "transposed") -> None:
        super().__init__()
        if spread not in SPREADS:
            raise unknown_name("spread", spread, SPREADS)
        if not isinstance(model.encoder, Tower):
            raise UserError("the plain composition knows the representations tower and pool only")
        self.config = model.config
        hidden, canvas = self.config.hidden_channels, self.config.canvas_channels
        self.encoder = PlainTower(model.encoder)
        generator = model.generator
        self.generator_cores = nn.ModuleList(
            PlainGeneratorCore(core, spread)
            for core in cast("Sequence[GeneratorCore]", generator.generator_cores)
        )
        self.inference_cores = nn.ModuleList(
            PlainInferenceCore(core, spread, hidden, canvas)
            for core in cast("Sequence[InferenceCore]", generator.inference_cores)
        )
        self.prior = _copy(generator.prior.out)
        self.posterior = _copy(generator.posterior.out)
        self.observation = _copy(generator.observation)

    def bound(
        self,
        images: Tensor,
        viewpoints: Tensor,
        is_query: Tensor,
        *,
        draws: Draws,
        sampling: Sampling,
    ) -> SceneTerms:
        """As `GenerativeQueryNetwork.bound`, from the same random numbers; without prior_share."""
        if sampling.prior_share:
            raise ValueError(f"prior_share is {sampling.prior_share}, expected 0")
        count, size = sampling.num_queries, self.config.image_size // SCALE
        chosen = choose_queries(is_query, count, draws)
        latents = (self.config.layers, self.config.latent_channels, size, size)
        noise = draws.normal(count, *latents).flatten(0, 1).to(viewpoints.dtype)
        rows = torch.arange(len(images), device=images.device)[:, None]
        truth = to_float(images[rows, chosen].flatten(0, 1)).to(viewpoints.dtype).contiguous()
        poses = viewpoints[rows, chosen].flatten(0, 1)
        r = self._represent(images, viewpoints, ~is_query).repeat_interleave(count, dim=0)
        mean, kl = self._posterior_path(truth, poses, r, noise)
        error = (mean - truth).square().mean(dim=(1, 2, 3)).view(-1, count).mean(1)
        return SceneTerms(error, kl.view(-1, count).sum(1), torch.full_like(error, count))

    def _represent(self, images: Tensor, viewpoints: Tensor, mask: Tensor) -> Tensor:
        """r (B, C, h, w) from the views (B, V) of a mask."""
        seen = to_float(images[mask]).to(viewpoints.dtype).contiguous()
        each = self.encoder(seen, viewpoints[mask])
        scene = mask.nonzero()[:, 0]
        total = each.new_zeros(len(images), *each.shape[1:]).index_add(0, scene, each)
        if self.config.aggregation == "sum":
            return total
        return total / mask.sum(dim=1)[:, None, None, None]

    def _posterior_path(
        self, images: Tensor, viewpoints: Tensor, r: Tensor, noise: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The mean of the observation and the divergence, equations S13 to S17 and S12."""
        state, total = self._initial_state(images), images.new_zeros(len(images))
        for layer in range(self.config.layers):
            core = 0 if self.config.shared_core else layer
            prior = _gaussian(self.prior(state.generator[0]))
            state = self.inference_cores[core](images, viewpoints, r, state)
            posterior = _gaussian(self.posterior(state.inference[0]))
            z = posterior.loc + posterior.scale * noise[:, layer]
            state = self.generator_cores[core](viewpoints, r, z, state)
            total = total + kl_divergence(posterior, prior).sum(dim=(1, 2, 3))
        return self.observation(state.canvas), total

    def _initial_state(self, images: Tensor) -> State:
        n, size = len(images), self.config.image_size
        zeros = images.new_zeros(n, self.config.hidden_channels, size // SCALE, size // SCALE)
        canvas = images.new_zeros(n, self.config.canvas_channels, size, size)
        return State((zeros, zeros), (zeros, zeros), canvas)


def _gaussian(parameters: Tensor) -> Normal:
    loc, log_scale = parameters.chunk(2, dim=1)
    scale = log_scale.clamp(MIN_LOG_SCALE, MAX_LOG_SCALE).exp()
    return Normal(loc, scale, validate_args=False)


def _tile(vector: Tensor, size: int) -> Tensor:
    return vector[..., None, None].expand(-1, -1, size, size)


def _copy(module: Module) -> Module:
    """A copy with weights of its own, contiguous in memory."""
    return deepcopy(module).to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]


def _concatenated(layer: PosedConv2d) -> nn.Conv2d:
    """The same convolution, of the map with the pose's channels after its own."""
    pose = layer.pose.weight.permute(2, 3, 0, 1)
    return _convolution(torch.cat([layer.map.weight, pose], dim=1), layer.map.bias)


def _convolution(weight: Tensor, bias: Tensor | None) -> nn.Conv2d:
    """A convolution of stride 1 that keeps the size of the map."""
    out_channels, in_channels, kernel_size, _ = weight.shape
    conv = nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2)
    conv.weight = nn.Parameter(weight.detach().clone(memory_format=torch.contiguous_format))
    assert bias is not None
    conv.bias = nn.Parameter(bias.detach().clone())
    return conv


def _pose_and_r(parts: PoseAndScene) -> list[Tensor]:
    """The kernels (G, C, k, k) of pose and r."""
    tiled = parts.tiled.weight.permute(2, 3, 0, 1)
    return [tiled] if parts.pooled else [tiled, parts.map.weight]


def _or_zeros(weight: Tensor, channels: int) -> Tensor:
    """The kernels of `channels` inputs, zeros where a first core has none for them."""
    out_channels, there, *kernel = weight.shape
    return weight if there else weight.new_zeros(out_channels, channels, *kernel)
