"""One step of pre-training, and everything that has to survive between two steps.

Scenes, context sizes, rays and latents of step k are functions of the seed and k, so a run that is
stopped and resumed continues as if it had not been stopped: to the bit on one device.
"""

from __future__ import annotations

import math
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

from gqn_rl.data.synthetic import SceneViews
from gqn_rl.devices import autocast
from gqn_rl.errors import UserError
from gqn_rl.gqn.lattice_gqn import LatticeGQN
from gqn_rl.gqn.model import sample
from gqn_rl.gqn.objective import Terms, bound_terms, sample_query_rays
from gqn_rl.gqn.schedules import geometric, warmup_cosine
from gqn_rl.training.recipe import Recipe
from gqn_rl.view import to_float


class Trainer:
    """Model, moving average and optimiser at some step of a recipe.

    Args:
        model: trained in place, on its own device; parameters without requires_grad stay still.
        recipe: see `Recipe`.
        precision: "auto", "bf16" or "fp32".

    Attributes:
        step: optimiser steps done.
        average: the moving average of the model.
    """

    def __init__(self, model: LatticeGQN, recipe: Recipe, precision: str = "auto") -> None:
        self.model = model
        self.recipe = recipe
        self.precision = precision
        self.step = 0
        self.average = deepcopy(model).eval().requires_grad_(False)
        trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self._names, self._parameters = list(trained), list(trained.values())
        average = dict(self.average.named_parameters())
        self._averaged: list[Tensor] = [average[name] for name in trained]
        self.optimiser = torch.optim.AdamW(
            self._parameters,
            lr=recipe.learning_rate,
            betas=(0.9, 0.98),
            weight_decay=recipe.weight_decay,
        )
        self._generator = torch.Generator(model.device)

    def train_step(self, batch: SceneViews) -> Terms:
        """One optimiser step on batch number `self.step`.

        Raises:
            UserError: when the loss or its gradient is not finite; the weights are left as they
                were.
        """
        recipe = self.recipe
        self._generator.manual_seed(recipe.seed * 1_000_003 + self.step)
        self.model.train()
        terms = self._bound(batch)
        self._require_finite("loss", terms.loss)
        self.optimiser.zero_grad(set_to_none=True)
        terms.loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self._parameters, recipe.max_gradient_norm)
        self._require_finite("gradient's norm", norm)
        for group in self.optimiser.param_groups:
            group["lr"] = warmup_cosine(
                self.step, recipe.iterations, recipe.learning_rate, recipe.warmup
            )
        self.optimiser.step()
        self._update_average()
        self.step += 1
        return Terms(*(term.detach() for term in terms))

    def _require_finite(self, what: str, value: Tensor) -> None:
        number = float(value.detach())
        if not math.isfinite(number):
            raise UserError(f"the {what} is {number} at step {self.step}: training stops")

    @property
    def sigma(self) -> float:
        """Standard deviation of the pixels at the current step."""
        recipe = self.recipe
        return geometric(self.step, recipe.iterations, recipe.sigma_start, recipe.sigma_end)

    def _bound(self, batch: SceneViews) -> Terms:
        model, recipe, generator = self.model, self.recipe, self._generator
        images = torch.from_numpy(batch.images).to(model.device)
        viewpoints = torch.from_numpy(batch.viewpoints).to(model.device)
        b, v, size = images.shape[:3]
        context_size = torch.randint(1, v, (b, 1), generator=generator, device=generator.device)
        is_query = torch.arange(v, device=model.device) >= context_size  # (B, V)
        rays = sample_query_rays(images, is_query, recipe.num_rays, generator)
        with autocast(model.device, self.precision):
            each = model.look(to_float(images.flatten(0, 1)), viewpoints.flatten(0, 1))
            r = model.representation(each.sum_views(~is_query))
            r_all = model.representation(each.sum_views(torch.ones_like(is_query)))
            prior, posterior = model.prior(r), model.posterior(r, r_all)
            from_prior = self._choose_prior(b)
            expected, informed = sample(prior, generator), sample(posterior, generator)
            choice = from_prior.view(-1, *[1] * (informed.ndim - 1))
            scene = model.imagine(r, torch.where(choice, expected, informed))
        poses = viewpoints.gather(1, rays.view[..., None].expand(-1, -1, viewpoints.shape[-1]))
        jitter = torch.rand(b, recipe.num_rays, 1, generator=generator, device=generator.device)
        prediction = model.draw(scene, poses, rays.pixel, jitter)
        return bound_terms(
            prediction,
            rays,
            posterior,
            prior,
            from_prior=from_prior,
            num_queries=is_query.sum(1).float(),
            num_pixels=size * size,
            sigma=self.sigma,
        )

    def _choose_prior(self, batch_size: int) -> Tensor:
        """Which scenes are drawn from the prior in this step, bool (B,)."""
        draws = torch.rand(batch_size, generator=self._generator, device=self._generator.device)
        return draws < self.recipe.prior_share

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
            for key, value in state.items():
                # Adam keeps its step counts on the CPU.
                device = "cpu" if key == "step" else parameter.device
                state[key] = value.to(device, copy=True)
            if state:
                self.optimiser.state[parameter] = state
        self.step = step
