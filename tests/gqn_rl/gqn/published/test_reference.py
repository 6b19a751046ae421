"""The published GQN against a plain and slow reference of the paper's equations in float64.

The reference tiles what the model adds as a bias, concatenates inputs, convolves gate by gate,
paints the canvas in full and loops over views and layers; it shares nothing with the model but
the weights.
"""

from __future__ import annotations

import math
from itertools import product

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gqn_rl.geometry.view import to_float
from gqn_rl.gqn.draws import Draws
from gqn_rl.gqn.families import build
from gqn_rl.gqn.objective import Sampling, combine
from gqn_rl.gqn.published.config import PublishedConfig
from gqn_rl.gqn.published.conv_lstm import GeneratorCore, InferenceCore
from gqn_rl.gqn.published.generator import Query
from gqn_rl.gqn.published.published_gqn import PublishedGQN
from gqn_rl.gqn.published.representation import Pyramid, RepresentationNetwork
from gqn_rl.gqn.published.tiled_conv import PosedConv2d, TiledConv2d

SIZE, SCENES, VIEWS, LAYERS, SIGMA = 24, 2, 3, 3, 0.7
VARIANTS = list(product(("tower", "pyramid", "pool"), (False, True), ("sum", "mean")))
QUERY = torch.tensor([[False, True, False], [True, False, False]])


def make(representation: str = "pool", shared: bool = False, how: str = "sum") -> PublishedGQN:
    config = PublishedConfig(
        image_size=SIZE,
        representation=representation,
        aggregation=how,
        r_channels=8,
        layers=LAYERS,
        shared_core=shared,
        hidden_channels=4,
        canvas_channels=5,
        latent_channels=2,
    )
    model = build(config, seed=0).double()
    assert isinstance(model, PublishedGQN)
    with torch.no_grad():  # weights large enough that every term of the equations matters
        for parameter in model.parameters():
            parameter.mul_(3)
    return model


def views(seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Images uint8 (B, V, S, S, 3), poses float64 (B, V, 7), noise float64 (B, L, Z, h, w)."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (SCENES, VIEWS, SIZE, SIZE, 3), generator=generator)
    poses = torch.randn(SCENES, VIEWS, 7, generator=generator, dtype=torch.float64)
    noise = torch.randn(SCENES, LAYERS, 2, 6, 6, generator=generator)
    return images.to(torch.uint8), poses, noise.double()


def tile(vector: Tensor, like: Tensor) -> Tensor:
    """(C,) or (C, 1, 1) to (1, C, h, w)."""
    return vector.reshape(1, -1, 1, 1).expand(1, -1, *like.shape[-2:])


# Representation, figure S1.


def posed(layer: PosedConv2d, x: Tensor, v: Tensor, stride: int, padding: int) -> Tensor:
    kernel = torch.cat([layer.map.weight, layer.pose.weight.permute(2, 3, 0, 1)], dim=1)
    both = torch.cat([x, tile(v, x)], dim=1)
    return F.conv2d(both, kernel, layer.map.bias, stride=stride, padding=padding)


def plain(layer: torch.nn.Conv2d, x: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    return F.conv2d(x, layer.weight, layer.bias, stride=stride, padding=padding).relu()


def reference_r_k(net: RepresentationNetwork, name: str, image: Tensor, v: Tensor) -> Tensor:
    """One view (3, S, S) and pose (7,) to (C, h, w)."""
    x = image[None]
    if isinstance(net, Pyramid):
        x = posed(net.enter, x, v, 2, 0).relu()
        x = plain(net.third, plain(net.second, x, 2), 2)
        return plain(net.leave, x)[0]
    x = plain(net.enter, x, 2)
    x = plain(net.skip1, x, 2) + plain(net.widen1, plain(net.narrow1, x, 1, 1), 2)
    wide = plain(net.widen2, posed(net.narrow2, x, v, 1, 1).relu(), 1, 1)
    x = plain(net.leave, posed(net.skip2, x, v, 1, 1).relu() + wide)[0]
    return x.mean(dim=(1, 2), keepdim=True) if name == "pool" else x


def reference_r(model: PublishedGQN, images: Tensor, poses: Tensor) -> Tensor:
    """r of one scene, (C, h, w): equation S3."""
    config = model.config
    total = sum(
        reference_r_k(model.encoder, config.representation, image, pose)
        for image, pose in zip(images, poses, strict=True)
    )
    assert isinstance(total, Tensor)
    return total / len(images) if config.aggregation == "mean" else total


# Generator and inference network, figure S2 and algorithm S1.


def conv_lstm(
    inputs: list[Tensor], kernel: Tensor, bias: Tensor, cell: Tensor
) -> tuple[Tensor, Tensor]:
    """New hidden and cell state; the kernel's input channels follow the order of the inputs."""
    x, size = torch.cat(inputs, dim=1), len(bias) // 4
    gates = [
        F.conv2d(x, kernel[g * size : (g + 1) * size], bias[g * size : (g + 1) * size], padding=2)
        for g in range(4)
    ]
    forget, enter, leave = (gate.sigmoid() for gate in gates[:3])
    cell = forget * cell + enter * gates[3].tanh()
    return leave * cell.tanh(), cell


def kernel_of(constant: torch.nn.Module) -> Tensor:
    """Of the concatenation of pose and r."""
    tiled: TiledConv2d = constant.tiled
    kernel = tiled.weight.permute(2, 3, 0, 1)
    return kernel if constant.pooled else torch.cat([kernel, constant.map.weight], dim=1)


def if_first(weight: Tensor, channels: int) -> Tensor:
    """Weights for states that are zero do not exist; any will do."""
    return torch.cat([torch.full_like(weight[:, :1], 7.0).expand(-1, channels, -1, -1), weight], 1)


def generate(core: GeneratorCore, h: Tensor, c: Tensor, u: Tensor, z: Tensor, v: Tensor, r: Tensor):
    """(h, c, u) of S11 for a batch of one."""
    changing = if_first(core.gates.weight, h.shape[1]) if core.first else core.gates.weight
    kernel = torch.cat([changing, kernel_of(core.constant)], dim=1)
    spread = r[None] if not core.constant.pooled else tile(r, h)
    h, c = conv_lstm([h, z, tile(v, h), spread], kernel, core.gates.bias, c)
    return h, c, u + F.conv_transpose2d(h, core.draw.weight, stride=4)


def infer(core: InferenceCore, x: Tensor, v: Tensor, r: Tensor, he, ce, hg: Tensor, u: Tensor):
    """(h^e, c^e) of S15 for a batch of one."""
    constant = core.pose_and_scene
    if core.first:
        seen = torch.zeros(1, u.shape[1], *he.shape[2:], dtype=u.dtype)
        parts = [if_first(core.image.weight, 2 * he.shape[1] + u.shape[1])]
    else:
        seen = F.conv2d(u, core.read.weight, stride=4)
        parts = [core.gates.weight, core.image.weight]
    kernel = torch.cat([*parts, kernel_of(constant)], dim=1)
    spread = r[None] if not constant.pooled else tile(r, he)
    small = F.conv2d(x, core.shrink.weight, stride=4)
    inputs = [he, hg, seen, small, tile(v, he), spread]
    return conv_lstm(inputs, kernel, core.image.bias, ce)


def gaussian(head: torch.nn.Module, hidden: Tensor) -> tuple[Tensor, Tensor]:
    out = F.conv2d(hidden, head.out.weight, head.out.bias, padding=2)
    return out[:, :2], out[:, 2:].exp()


def reference_path(model: PublishedGQN, r: Tensor, v: Tensor, noise: Tensor, x: Tensor | None):
    """Mean image (3, S, S) and KL of one scene: along the posterior, or the prior without x."""
    g, config = model.generator, model.config
    zeros = lambda channels, size: torch.zeros(1, channels, size, size, dtype=r.dtype)  # noqa: E731
    h, c, he, ce = (zeros(config.hidden_channels, SIZE // 4) for _ in range(4))
    u, kl = zeros(config.canvas_channels, SIZE), torch.zeros((), dtype=r.dtype)
    for layer in range(config.layers):
        index = 0 if config.shared_core else layer
        mean, std = prior_mean, prior_std = gaussian(g.prior, h)
        if x is not None:
            he, ce = infer(g.inference_cores[index], x[None], v, r, he, ce, h, u)
            mean, std = gaussian(g.posterior, he)
            ratio = (std / prior_std) ** 2
            distance = ((mean - prior_mean) / prior_std) ** 2
            kl = kl + 0.5 * (ratio + distance - 1 - ratio.log()).sum()
        z = mean + std * noise[layer]
        h, c, u = generate(g.generator_cores[index], h, c, u, z, v, r)
    return F.conv2d(u, g.observation.weight, g.observation.bias)[0], kl


def close(ours: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-8)
    assert float(theirs.detach().std() if theirs.numel() > 1 else theirs.detach().abs()) > 1e-3


@pytest.mark.parametrize(("representation", "shared", "how"), VARIANTS)
def test_representation_and_both_paths_agree(representation: str, shared: bool, how: str) -> None:
    model = make(representation, shared, how)
    images, poses, noise = views()
    floats = to_float(images).double()
    with torch.no_grad():
        r = model.represent(floats[:, :2], poses[:, :2])
        query = Query(model._map(r), poses[:, 2], floats[:, 2])
        image, kl = model.generator.posterior_path(query, noise)
        prior = model.generator.prior_path(query.r, poses[:, 2], noise)
        drawn = model.draw_images(model.imagine(r, noise), poses[:, 2])
        for b in range(SCENES):
            true_r = reference_r(model, floats[b, :2], poses[b, :2])
            close(r[b], true_r.flatten())
            true_prior, _ = reference_path(model, true_r, poses[b, 2], noise[b], None)
            close(prior[b], true_prior)
            close(drawn[b], true_prior.clamp(0, 1))
            true_image, true_kl = reference_path(model, true_r, poses[b, 2], noise[b], floats[b, 2])
            close(image[b], true_image)
            close(kl[b], true_kl)


class FixedDraws(Draws):
    """The given noise, and zeros for what is uniform."""

    def __init__(self, noise: Tensor) -> None:
        super().__init__(torch.Generator(), len(noise))
        self.noise = noise

    def normal(self, *shape: int) -> Tensor:
        return self.noise.reshape(len(self.noise), *shape)

    def uniform(self, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.zeros(self.total, *shape, dtype=dtype)


def reference_elbo(model: PublishedGQN) -> Tensor:
    """log N(x | mean, sigma^2) - KL, averaged over scenes, one query each."""
    images, poses, noise = views()
    floats, bounds = to_float(images).double(), []
    for b in range(SCENES):
        asked = int(QUERY[b].nonzero())
        r = reference_r(model, floats[b][~QUERY[b]], poses[b][~QUERY[b]])
        mean, kl = reference_path(model, r, poses[b, asked], noise[b], floats[b, asked])
        square = ((floats[b, asked] - mean) / SIGMA) ** 2
        likelihood = (-0.5 * square - math.log(SIGMA * math.sqrt(2 * math.pi))).sum()
        bounds.append(likelihood - kl)
    return torch.stack(bounds).mean()


def our_elbo(model: PublishedGQN) -> Tensor:
    images, poses, noise = views()
    scenes = model.bound(images, poses, QUERY, draws=FixedDraws(noise), sampling=Sampling())
    return combine(scenes, num_pixels=SIZE**2, sigma=SIGMA).elbo


@pytest.mark.parametrize(("representation", "shared", "how"), VARIANTS)
def test_the_bound_and_its_gradients_agree(representation: str, shared: bool, how: str) -> None:
    model = make(representation, shared, how)
    ours, theirs = our_elbo(model), reference_elbo(model)
    close(ours, theirs)
    names = [name for name, _ in model.named_parameters()]
    parameters = list(model.parameters())
    of_ours = torch.autograd.grad(ours, parameters)
    of_theirs = torch.autograd.grad(theirs, parameters)
    for name, a, b in zip(names, of_ours, of_theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-7, atol=1e-8, msg=lambda m, n=name: f"{n}: {m}")
        assert bool((a != 0).any()), f"no gradient reaches {name}"
