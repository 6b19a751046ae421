"""The one interface of every GQN family.

What a family decides is how views are aggregated and how a scene is drawn; everything written in
terms of these steps (representing, predicting, standardising, loading) lives here once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import torch
from torch import Tensor, nn

from gqn_rl.devices import float32_tensors
from gqn_rl.entry_points import find
from gqn_rl.errors import UserError
from gqn_rl.geometry.view import Context, check_views
from gqn_rl.geometry.viewpoint import ENCODING_SIZE
from gqn_rl.gqn.config import Config
from gqn_rl.gqn.draws import Draws
from gqn_rl.gqn.objective import Sampling, SceneTerms
from gqn_rl.gqn.scene_posterior import PriorPath, ScenePosterior
from gqn_rl.gqn.view_aggregate import ViewAggregate

AggregateType = TypeVar("AggregateType", bound=ViewAggregate)


class GenerativeQueryNetwork(nn.Module, ABC, Generic[AggregateType]):
    """Views to representation, representation and pose to predicted view.

    >>> import numpy as np
    >>> from gqn_rl.geometry.viewpoint import sample_on_sphere
    >>> poses = torch.from_numpy(sample_on_sphere(np.random.default_rng(0), 4).encode())[None]
    >>> seen = Context(torch.zeros(1, 3, 3, 64, 64), poses[:, :3])  # three black views
    >>> gqn = GenerativeQueryNetwork.from_pretrained("small")
    >>> gqn.represent(seen.images, seen.viewpoints).shape
    torch.Size([1, 4352])
    >>> gqn.predict(seen, poses[:, 3], torch.Generator().manual_seed(0)).shape
    torch.Size([1, 3, 64, 64])

    Args:
        config: sizes of the network.
        representation_size: F, the length of the flat representation.

    Attributes:
        config_type: the class of its configurations.
        presets: named sizes; no two families share a name.
        representation_modules: submodules that make r from views.
        compiled: methods that `compile_parts` compiles.
        refinement: `module:function` that explains the views of a context better than one pass
            does, for families that can; it gets the model, context, aggregate and steps.
        refinement_steps: how many steps of refinement `predict` takes unless told otherwise; 0 for
            families that cannot refine.
        representation_mean, representation_scale: float32 (F,), statistics over training scenes
            that `standardise` uses; stored with the weights.
    """

    config_type: ClassVar[type[Config]]
    presets: ClassVar[Mapping[str, Config]] = {}
    representation_modules: ClassVar[tuple[str, ...]] = ("network",)
    compiled: ClassVar[tuple[str, ...]] = ("encode_view", "representation")
    refinement: ClassVar[str] = ""
    refinement_steps: ClassVar[int] = 0
    representation_mean: Tensor
    representation_scale: Tensor

    def __init__(self, config: Config, representation_size: int) -> None:
        super().__init__()
        self.config = config
        self.image_size = config.image_size
        self.representation_size = representation_size
        self.register_buffer("representation_mean", torch.zeros(representation_size))
        self.register_buffer("representation_scale", torch.ones(representation_size))

    # What a family implements.

    @abstractmethod
    def nothing_seen(self, n: int) -> AggregateType:
        """Aggregate of no view, for n scenes."""

    @abstractmethod
    def encode_view(self, images: Tensor, viewpoints: Tensor) -> AggregateType:
        """Aggregate of one view each of N scenes, images (N, 3, H, W) in [0, 1], poses (N, 7)."""

    @abstractmethod
    def representation(self, aggregate: AggregateType) -> Tensor:
        """The scene representation r, float32 (N, F)."""

    @property
    @abstractmethod
    def latent_shape(self) -> tuple[int, ...]:
        """Shape of the standard normal noise that picks one of the scenes that r allows."""

    @abstractmethod
    def imagine(self, r: Tensor, noise: Tensor) -> Any:
        """One scene per row that can be drawn, a sample of the prior path.

        Args:
            r: float (N, F).
            noise: standard normal (N, *latent_shape); zeros stand for the prior's mean.
        """

    @abstractmethod
    def draw_images(self, scene: Any, viewpoints: Tensor) -> Tensor:
        """Whole images float32 (N, 3, H, W) of imagined scenes, from one pose (N, 7) each."""

    @abstractmethod
    def kl(self, aggregate: AggregateType, images: Tensor, viewpoints: Tensor) -> Tensor:
        """KL(posterior || prior) in nats, float32 (N,): what a query view still tells.

        Args:
            aggregate: of the context.
            images, viewpoints: the query, float (N, 3, H, W) in [0, 1] and (N, 7).
        """

    @abstractmethod
    def bound(
        self,
        images: Tensor,
        viewpoints: Tensor,
        is_query: Tensor,
        *,
        draws: Draws,
        sampling: Sampling,
    ) -> SceneTerms:
        """The terms of the evidence lower bound of B scenes, with gradients.

        Args:
            images: uint8 (B, V, H, W, 3).
            viewpoints: float (B, V, 7).
            is_query: bool (B, V), views to be predicted; the others are the context, and neither
                prior nor decoder sees anything of a query but its pose.
            draws: randomness for these B scenes.
        """

    # What a family may add.

    def auxiliary_loss(
        self, representations: Sequence[Tensor], labels: Mapping[str, Tensor]
    ) -> Tensor | None:
        """What only this family learns from, the mean over B scenes; None: the bound alone.

        Args:
            representations: `SceneTerms.representations`, float (B, F) each.
            labels: what is known of the scenes by name, `gqn_rl.data.synthetic.SCENE_LABELS`; of
                scenes from disk nothing.
        """
        return None

    def draw_thinned(self, scene: Any, viewpoints: Tensor, stride: int) -> Tensor:
        """`draw_images` with every `stride`-th pixel of every `stride`-th row."""
        return self.draw_images(scene, viewpoints)[..., ::stride, ::stride]

    # What all families share.

    @property
    def family(self) -> str:
        """Name of the family, see `gqn_rl.gqn.families`."""
        return self.config.family

    @property
    def device(self) -> torch.device:
        return self.representation_mean.device

    def standardise(self, r: Tensor) -> Tensor:
        """r (N, F) with zero mean and unit spread over the scenes of training."""
        return (r - self.representation_mean) / self.representation_scale

    def destandardise(self, standardised: Tensor) -> Tensor:
        """Inverse of `standardise`."""
        return standardised * self.representation_scale + self.representation_mean

    def encode_views(self, images: Tensor, viewpoints: Tensor) -> AggregateType:
        """Aggregates of every single view, B * V rows, from images (B, V, 3, H, W) in [0, 1] and
        poses (B, V, 7); `ViewAggregate.sum_views` adds them up."""
        return self.encode_view(images.flatten(0, 1), viewpoints.flatten(0, 1))

    def gather(self, context: Context) -> AggregateType:
        """Aggregate of all views of a context, added up."""
        check_views(context.images, context.viewpoints, self.image_size)
        number = self.representation_mean.dtype
        images, viewpoints = context.images.to(number), context.viewpoints.to(number)
        mask = context.mask
        if mask is None:
            mask = torch.ones(images.shape[:2], dtype=torch.bool, device=images.device)
        return self.encode_views(images, viewpoints).sum_views(mask)

    def represent(self, images: Tensor, viewpoints: Tensor) -> Tensor:
        """Representation of scenes seen from several views.

        Args:
            images: float (B, M, 3, H, W) in [0, 1].
            viewpoints: float (B, M, 7), `Viewpoints.encode`.

        Returns:
            float32 (B, F), the same for any order of the views.
        """
        return self.representation(self.gather(Context(images, viewpoints)))

    def predict(
        self,
        context: Context,
        query_viewpoint: Tensor,
        generator: torch.Generator | None = None,
        steps: int | None = None,
    ) -> Tensor:
        """The view from a new pose: one of the scenes that the context allows, drawn.

        Args:
            query_viewpoint: float (B, 7).
            generator: source of randomness; the same one gives the same sample.
            steps: of refinement, see `infer`.

        Returns:
            float32 (B, 3, H, W) in [0, 1].
        """
        aggregate = self.gather(context)
        expected = (len(context.images), ENCODING_SIZE)
        if tuple(query_viewpoint.shape) != expected:
            raise UserError(
                f"query_viewpoint has shape {tuple(query_viewpoint.shape)}, expected {expected}"
            )
        posterior = self.infer(context, steps, aggregate)
        return self.sample_views(posterior, query_viewpoint, generator=generator)[0]

    @float32_tensors()
    def sample_views(
        self,
        posterior: ScenePosterior,
        viewpoints: Tensor,
        num_samples: int = 1,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Views that the views so far allow, each of a scene sampled for it alone.

        Args:
            posterior: of N scenes, see `infer`.
            viewpoints: float (N, 7).
            generator: source of randomness; the first samples do not depend on how many follow.

        Returns:
            float (num_samples, N, 3, H, W) in [0, 1].
        """
        poses = viewpoints.to(self.representation_mean.dtype)
        drawn = [self.draw_images(posterior.sample(generator), poses) for _ in range(num_samples)]
        return torch.stack(drawn)

    @float32_tensors()
    def infer(
        self, context: Context, steps: int | None = None, aggregate: AggregateType | None = None
    ) -> ScenePosterior:
        """What is known of scenes after a context.

        Args:
            steps: how long the views are looked at again to explain them better than one pass
                through the network does; 0 for that pass alone, None for `refinement_steps`.
            aggregate: of the context, where it is known already.

        Raises:
            UserError: for steps that the family cannot take.
        """
        steps = self.steps_to_take(steps)
        if aggregate is None:
            aggregate = self.gather(context)
        if steps == 0:
            return PriorPath(self, self.representation(aggregate))
        refine = find("refinement", self.refinement, {})
        posterior: ScenePosterior = refine(self, context, aggregate, steps)
        return posterior

    def steps_to_take(self, steps: int | None) -> int:
        """How many steps of refinement `steps` stands for; refuses what cannot be taken."""
        if steps is None:
            return self.refinement_steps
        if steps < 0 or (steps > 0 and self.refinement_steps == 0):
            expected = "0 or more" if self.refinement_steps else f"0 for the family {self.family}"
            raise UserError(f"steps is {steps}, expected {expected}")
        return steps

    def noise(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Noise for `imagine`, float32 (n, *latent_shape), from an explicit source."""
        shape = (n, *self.latent_shape)
        return torch.randn(shape, generator=generator, dtype=torch.float32, device=self.device)

    def representation_parameters(self) -> Iterator[nn.Parameter]:
        """The parameters that r depends on."""
        for name in self.representation_modules:
            yield from self.get_submodule(name).parameters()

    def compile_parts(self) -> None:
        """Compile what takes the time, in place; the first steps after it take minutes."""
        for name in self.compiled:
            setattr(self, name, torch.compile(getattr(self, name)))

    @staticmethod
    def from_pretrained(
        name_or_path: str | Path | None = None, device: str | torch.device = "cpu"
    ) -> GenerativeQueryNetwork:
        """Shipped weights by name, a checkpoint by path, or "hub:owner/name[@revision]" on the
        Hugging Face hub; in evaluation mode.

        The weights are frozen: no gradient reaches them before `requires_grad_(True)`.

        Args:
            name_or_path: None for `gqn_rl.gqn.config.DEFAULT_WEIGHTS`.
            device: "auto", "cpu", "cuda" or another PyTorch device.

        Raises:
            UserError: for weights or a device that cannot be used.
        """
        # Forwards to a module that knows all families, the one import against the levels: the
        # class that everybody imports is where they look for its weights.
        from gqn_rl.gqn.checkpoint import load_checkpoint, pretrained_path
        from gqn_rl.gqn.config import DEFAULT_WEIGHTS

        return load_checkpoint(pretrained_path(name_or_path or DEFAULT_WEIGHTS), device=device)[0]
