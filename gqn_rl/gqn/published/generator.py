"""Generator and inference network: the equations of the paper, layer by layer.

Named as the lines of algorithm S1 and numbered in the order of the supplement of Eslami et al.
(2018), for the layers l = 0, ..., L - 1:

    S8   initial state           (c^g_0, h^g_0, u_0) = 0
    S9   prior factor            pi(z_l | v, r, z_<l) = N(eta_pi(h^g_l))
    S10  prior sample            z_l ~ pi(z_l | v, r, z_<l)
    S11  state update            (c^g, h^g, u)_{l+1} = C^g_l(v, r, c^g_l, h^g_l, u_l, z_l)
    S12  observation             x ~ N(eta_g(u_L), sigma^2)

    S13, S14  initial states     (c^g_0, h^g_0, u_0) = 0, (c^e_0, h^e_0) = 0
    S15  inference state update  (c^e, h^e)_{l+1} = C^e_l(x, v, r, c^e_l, h^e_l, h^g_l, u_l)
    S16  posterior factor        q(z_l | x, v, r, z_<l) = N(eta_e(h^e_{l+1}))
    S17  posterior sample        z_l ~ q(z_l | x, v, r, z_<l), and then S11

The cores C are convolutional LSTMs (figure S2, `conv_lstm`); C^g also draws on the canvas,
u_{l+1} = u_l + draw_l(h^g_{l+1}) (`canvas`). The generator is the convolutional DRAW of Gregor et
al. with the representation and the query's pose as what it is conditioned on.

References:
    Eslami et al., Science 360:1204, 2018, supplement, algorithm S1 and figure S2.
    Gregor et al., Towards Conceptual Compression, NIPS 2016, section 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.distributions import kl_divergence
from torch.utils.checkpoint import checkpoint

from gqn_rl.gqn.published.canvas import CanvasReader, mean_image
from gqn_rl.gqn.published.config import PublishedConfig
from gqn_rl.gqn.published.conv_lstm import SCALE, GeneratorCore, InferenceCore, Memory
from gqn_rl.gqn.published.heads import GaussianHead
from gqn_rl.gqn.scene_latent import reparametrise


class PosteriorPath(NamedTuple):
    """Attributes: mean of the observation, float (N, 3, S, S); KL divergence, float (N,), nats."""

    mean: Tensor
    kl: Tensor


class Query(NamedTuple):
    """What all layers of the posterior path are given.

    Attributes:
        r: float (N, C, h, w); viewpoints: v^q, float (N, 7); images: x^q, float (N, 3, S, S).
        from_prior: bool (N,), rows whose latents are drawn from the prior after all; None: none.
    """

    r: Tensor
    viewpoints: Tensor
    images: Tensor
    from_prior: Tensor | None = None


class LayerState(NamedTuple):
    """Attributes: states of the two cores after a layer, and the KL divergence of that layer."""

    generator: Memory
    inference: Memory
    kl: Tensor


class Generator(nn.Module):
    """g, pi and q of the paper.

    Args:
        r_size: height and width of the representation, 1 or a quarter of the image's.

    Attributes:
        generator_cores, inference_cores: one of each, or one of each per layer.
        prior, posterior: eta_pi and eta_e, the same for all layers.
        observation: eta_g.
    """

    def __init__(self, config: PublishedConfig, r_size: int) -> None:
        super().__init__()
        self.config = config
        count = 1 if config.shared_core else config.layers
        from_zero = [layer == 0 and count == config.layers for layer in range(count)]
        self.generator_cores = nn.ModuleList(GeneratorCore(config, r_size, z) for z in from_zero)
        self.inference_cores = nn.ModuleList(InferenceCore(config, r_size, z) for z in from_zero)
        self.prior = GaussianHead(config)
        self.posterior = GaussianHead(config)
        self.observation = nn.Conv2d(config.canvas_channels, 3, 1)

    @property
    def latent_shape(self) -> tuple[int, int, int, int]:
        """(L, Z, S / 4, S / 4)."""
        size = self.config.image_size // SCALE
        return (self.config.layers, self.config.latent_channels, size, size)

    def prior_path(self, r: Tensor, viewpoints: Tensor, noise: Tensor) -> Tensor:
        """Mean of the observation for a sample of the prior, equations S8 to S12.

        Args:
            r: float (N, C, h, w).
            viewpoints: v^q, float (N, 7).
            noise: standard normal (N, *latent_shape).

        Returns:
            float (N, 3, S, S), not clipped.
        """
        memory, hiddens = None, []
        for layer in range(self.config.layers):
            core = self._generators[self._index(layer)]
            if layer == 0 or not self.config.shared_core:
                constant = core.constant(viewpoints, r)
            hidden = self._hidden(memory, r)
            z = reparametrise(self.prior(hidden), noise[:, layer])
            memory = core(constant, memory, z)
            hiddens.append(memory.hidden)
        return self._observe(hiddens)

    def posterior_path(self, query: Query, noise: Tensor) -> PosteriorPath:
        """Mean of the observation for a sample of the posterior, equations S13 to S17 and S12.

        Args:
            noise: standard normal (N, *latent_shape).

        Returns:
            the mean, not clipped, and the sum over layers of KL(q || pi), for rows drawn from the
            prior too.
        """
        reader = self._canvas_reader()
        constants = self._constants(query, 0) if self.config.shared_core else None
        state, hiddens, kls = None, [], []
        for layer in range(self.config.layers):
            state = self._run(query, layer, constants, state, reader.seen, noise[:, layer])
            hiddens.append(state.generator.hidden)
            kls.append(state.kl)
            if layer + 1 < self.config.layers:
                reader.add(state.generator.hidden, layer)
        return PosteriorPath(self._observe(hiddens), torch.stack(kls).sum(0))

    def _run(self, *arguments: Any) -> LayerState:
        """`_posterior_layer`, with or without keeping what the backward pass needs."""
        if not (self.config.checkpointing and torch.is_grad_enabled()):
            return self._posterior_layer(*arguments)
        state: LayerState = checkpoint(
            self._posterior_layer, *arguments, use_reentrant=False, preserve_rng_state=False
        )
        return state

    def _posterior_layer(
        self,
        query: Query,
        layer: int,
        constants: tuple[Tensor, Tensor] | None,
        state: LayerState | None,
        seen: Tensor | None,
        noise: Tensor,
    ) -> LayerState:
        """One layer: S9, S15, S16, S17 and S11."""
        to_generator, to_inference = constants or self._constants(query, layer)
        before = None if state is None else state.generator
        hidden = self._hidden(before, query.r)
        prior = self.prior(hidden)
        inference = self._inferences[self._index(layer)](
            to_inference, None if state is None else state.inference, hidden, seen
        )
        posterior = self.posterior(inference.hidden)
        z = reparametrise(posterior, noise)
        if query.from_prior is not None:
            z = torch.where(query.from_prior[:, None, None, None], reparametrise(prior, noise), z)
        generator = self._generators[self._index(layer)](to_generator, before, z)
        return LayerState(generator, inference, kl_divergence(posterior, prior))

    def _constants(self, query: Query, layer: int) -> tuple[Tensor, Tensor]:
        """What the gates of the two cores of a layer get whatever happened before."""
        generator = self._generators[self._index(layer)]
        inference = self._inferences[self._index(layer)]
        return (
            generator.constant(query.viewpoints, query.r),
            inference.constant(query.viewpoints, query.r, query.images),
        )

    def _hidden(self, memory: Memory | None, r: Tensor) -> Tensor:
        """h^g, zero before the first layer."""
        if memory is not None:
            return memory.hidden
        size = self.config.image_size // SCALE
        return r.new_zeros(len(r), self.config.hidden_channels, size, size)

    def _canvas_reader(self) -> CanvasReader:
        last = self.config.layers - 1
        reads = [core.read.weight for core in self._inferences if not core.first]
        return CanvasReader(self._draws[:last], reads, self.config.shared_core)

    def _observe(self, hiddens: list[Tensor]) -> Tensor:
        """eta_g(u_L) of equation S12."""
        assert self.observation.bias is not None
        return mean_image(hiddens, self._draws, self.observation.weight, self.observation.bias)

    @property
    def _draws(self) -> list[Tensor]:
        return [core.draw.weight for core in self._generators]

    @property
    def _generators(self) -> Sequence[GeneratorCore]:
        return cast("Sequence[GeneratorCore]", self.generator_cores)

    @property
    def _inferences(self) -> Sequence[InferenceCore]:
        return cast("Sequence[InferenceCore]", self.inference_cores)

    def _index(self, layer: int) -> int:
        return 0 if self.config.shared_core else layer
