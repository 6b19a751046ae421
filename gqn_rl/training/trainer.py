"""One step of pre-training, and everything that has to survive between two steps.

Scenes, context sizes, rays and latents of step k are functions of the seed and k, so a run that is
stopped and resumed continues as if it had not been stopped: to the bit on one device.
"""

from __future__ import annotations

import math
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gqn_rl.data.synthetic import SceneViews
from gqn_rl.devices import autocast
from gqn_rl.errors import UserError
from gqn_rl.gqn.draws import Draws
from gqn_rl.gqn.model import GenerativeQueryNetwork
from gqn_rl.gqn.objective import Terms, combine, optimal_sigma
from gqn_rl.gqn.scene_latent import rows_of_the_posterior
from gqn_rl.training.batches import TensorViews
from gqn_rl.training.group import ALONE, Group
from gqn_rl.training.recipe import Recipe

FUSED = ("cpu", "cuda")
"""Devices on which the optimiser goes through memory once instead of once per operation."""
CHECK_EVERY = 50
"""Steps between looks at the loss where looking means waiting for the device."""


class Bound(nn.Module):
    """The loss as one forward call, which is what a group of processes wraps.

    >>> from gqn_rl.gqn.families import build, preset
    >>> bound = Bound(build(preset("tiny"), seed=0), Recipe(num_rays=16), ALONE)
    >>> black = TensorViews(torch.zeros(2, 3, 64, 64, 3, dtype=torch.uint8), torch.zeros(2, 3, 7))
    >>> terms = bound(black, Draws(torch.Generator().manual_seed(0), total=2), step=0)
    >>> terms.loss.requires_grad, terms.sigma
    (True, tensor(1.))
    """

    def __init__(self, model: GenerativeQueryNetwork, recipe: Recipe, group: Group) -> None:
        super().__init__()
        self.model, self.recipe, self.group = model, recipe, group

    def forward(self, batch: TensorViews, draws: Draws, step: int) -> Terms:
        """Terms of this process's scenes."""
        images, viewpoints = batch.images, batch.viewpoints
        recipe, num_views = self.recipe, images.shape[1]
        context_size = draws.integers(1, num_views, 1)  # (B, 1), a size for every scene
        is_query = torch.arange(num_views, device=images.device) >= context_size
        scenes = self.model.bound(
            images, viewpoints, is_query, draws=draws, sampling=recipe.sampling
        )
        sigma: float | Tensor = recipe.sigma_at(step)
        if recipe.sigma_schedule == "optimal":
            sigma = optimal_sigma(self.group.mean(scenes.error.mean()))
        num_pixels = images.shape[2] * images.shape[3]
        terms = combine(scenes, num_pixels=num_pixels, sigma=sigma, unit=recipe.loss_unit)
        if not recipe.grid_weight:
            return terms
        own = self.model.auxiliary_loss(scenes.representations, batch.labels)
        return terms if own is None else terms._replace(loss=terms.loss + recipe.grid_weight * own)


class Trainer:
    """Model, moving average and optimiser at some step of a recipe.

    >>> from gqn_rl.gqn.families import build, preset
    >>> from gqn_rl.training.batches import SyntheticBatches
    >>> recipe = Recipe(batch_size=2, num_views=3, num_rays=64)
    >>> batches = SyntheticBatches(recipe, num_cubes=7, renderer="raycast", image_size=64)
    >>> trainer = Trainer(build(preset("tiny"), seed=0), recipe, precision="fp32")
    >>> terms = trainer.train_step(batches[trainer.step])
    >>> trainer.step, round(terms.mse.item(), 3)
    (1, 0.022)

    Args:
        model: trained in place, on its own device; parameters without requires_grad stay still.
        recipe: see `Recipe`.
        precision: "auto", "bf16" or "fp32".
        group: the processes that share each batch.
        compiled: compile the parts of the network.

    Attributes:
        step: optimiser steps done.
        average: the moving average of the model.
    """

    def __init__(
        self,
        model: GenerativeQueryNetwork,
        recipe: Recipe,
        precision: str = "auto",
        group: Group = ALONE,
        compiled: bool = False,
    ) -> None:
        self.model = model
        self.recipe = recipe
        self.precision = precision
        self.group = group
        self.step = 0
        self.average = deepcopy(model).eval().requires_grad_(False)
        trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self._names, self._parameters = list(trained), list(trained.values())
        average = dict(self.average.named_parameters())
        self._averaged: list[Tensor] = [average[name] for name in trained]
        self.optimiser = torch.optim.AdamW(
            self._parameters,
            lr=recipe.learning_rate,
            betas=(0.9, recipe.adam_beta2),
            eps=recipe.adam_epsilon,
            weight_decay=recipe.weight_decay,
            fused=model.device.type in FUSED,
        )
        self._generator = torch.Generator(model.device)
        self._rows = group.rows(recipe.batch_size)
        if compiled:
            model.compile_parts()
        self._bound = group.wrap(Bound(model, recipe, group), self._some_need_no_posterior())
        self._bad_step = torch.full((), -1, device=model.device)

    def _some_need_no_posterior(self) -> bool:
        """Whether there is a process all of whose scenes draw their latent from the prior."""
        size, total = self.group.size, self.recipe.batch_size
        shares = (Draws(self._generator, total, Group(k, size).rows(total)) for k in range(size))
        return any(len(rows_of_the_posterior(d, self.recipe.prior_share)) == 0 for d in shares)

    def train_step(self, batch: SceneViews | TensorViews) -> Terms:
        """One optimiser step on batch number `self.step`, of which `batch` holds the own rows.

        Returns:
            the terms of this process's scenes, without gradients.

        Raises:
            UserError: when the loss or its gradient is not finite; on a CPU at once, and the
                weights are left as they were, on other devices within `CHECK_EVERY` steps.
        """
        received = self._receive(batch)
        self._generator.manual_seed(self.recipe.seed * 1_000_003 + self.step)
        draws = Draws(self._generator, self.recipe.batch_size, self._rows)
        self.model.train()
        with autocast(self.model.device, self.precision):
            terms: Terms = self._bound(received, draws, self.step)
        self.optimiser.zero_grad(set_to_none=True)
        terms.loss.backward()
        limit = self.recipe.max_gradient_norm or math.inf
        norm = torch.nn.utils.clip_grad_norm_(self._parameters, limit)
        self._watch(terms.loss, norm)
        for group in self.optimiser.param_groups:
            group["lr"] = self.recipe.learning_rate_at(self.step)
        self.optimiser.step()
        self._update_average()
        self.step += 1
        return Terms(*(term.detach() for term in terms))

    def _receive(self, batch: SceneViews | TensorViews) -> TensorViews:
        """The batch on the device; poses that are not finite are refused."""
        device = self.model.device
        if isinstance(batch.viewpoints, np.ndarray) and not np.isfinite(batch.viewpoints).all():
            raise UserError(f"batch {self.step} has a pose that is not finite: training stops")
        return TensorViews(
            torch.as_tensor(batch.images, device=device),
            torch.as_tensor(batch.viewpoints, device=device),
            {name: torch.as_tensor(each, device=device) for name, each in batch.labels.items()},
        )

    def _watch(self, loss: Tensor, norm: Tensor) -> None:
        """Notice what is not finite: at once where it costs nothing, else every few steps."""
        if loss.device.type == "cpu":
            for what, value in (("loss", loss), ("gradient's norm", norm)):
                if not math.isfinite(number := float(value.detach())):
                    raise UserError(f"the {what} is {number} at step {self.step}: training stops")
            return
        bad = ~(loss.detach().isfinite() & norm.isfinite())
        self._bad_step = torch.where(bad & (self._bad_step < 0), self.step, self._bad_step)
        if (self.step + 1) % CHECK_EVERY == 0:
            self.require_finite()

    def require_finite(self) -> None:
        """Refuse to go on, or to be saved, after a step whose loss or gradient was not finite."""
        if (step := int(self._bad_step)) >= 0:
            raise UserError(f"the loss or its gradient is not finite at step {step}")

    @torch.no_grad()
    def _update_average(self) -> None:
        # Early on the average forgets faster, or it would be stuck at the initial weights.
        decay = min(self.recipe.ema_decay, (1 + self.step) / (10 + self.step))
        parameters: list[Tensor] = list(self._parameters)
        torch._foreach_lerp_(self._averaged, parameters, 1 - decay)

    def state(self) -> dict[str, Tensor]:
        """Everything but the step, as tensors by name."""
        tensors = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.state_dict().items()}
        for name, parameter in zip(self._names, self._parameters, strict=True):
            for key, value in self.optimiser.state.get(parameter, {}).items():
                tensors[f"optimiser.{name}.{key}"] = value
        return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}

    def load_state(self, tensors: dict[str, Tensor], step: int) -> None:
        """Inverse of `state`.

        Raises:
            UserError: when the tensors belong to another architecture.
        """

        def part(prefix: str) -> dict[str, Any]:
            return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}

        try:
            self.model.load_state_dict(part("model."))
            self.average.load_state_dict(part("average."))
        except RuntimeError as error:
            reason = str(error).splitlines()[-1].strip()
            raise UserError(f"the training state is for another network: {reason}") from error
        for name, parameter in zip(self._names, self._parameters, strict=True):
            state = part(f"optimiser.{name}.")
            if state:
                self.optimiser.state[parameter] = self._received(state, parameter)
        self.step = step

    def _received(self, state: dict[str, Tensor], parameter: Tensor) -> dict[str, Tensor]:
        """A copy of a parameter's optimiser state, where and as the optimiser wants it.

        Fused, it pairs numbers by their place in memory, so that moments have to lie there in the
        order of their parameter; and it counts steps on the device.
        """
        fused = self.optimiser.defaults["fused"]
        received = {
            key: torch.empty_like(parameter, requires_grad=False).copy_(value)
            for key, value in state.items()
            if key != "step"
        }
        step = state["step"].to(parameter.device if fused else "cpu", copy=True)
        return {"step": step, **received}
