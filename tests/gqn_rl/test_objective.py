"""The bound: rays that estimate without bias, a KL that counts once."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Independent, Normal

from gqn_rl.gqn.objective import QueryRays, bound_terms, sample_query_rays
from tests.gqn_rl.gqn_models import random_views


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.from_numpy(random_views(3, 4).images)


IS_QUERY = torch.tensor([[0, 1, 1, 1], [0, 0, 0, 1], [1, 0, 1, 0]], dtype=torch.bool)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_rays_come_from_query_views_only_and_carry_the_true_colour(images: Tensor) -> None:
    rays = sample_query_rays(images, IS_QUERY, 500, generator())
    assert bool(IS_QUERY.gather(1, rays.view).all())
    for scene in range(3):
        assert set(rays.view[scene].tolist()) == set(IS_QUERY[scene].nonzero()[:, 0].tolist())
        flat = images[scene].view(4, 64 * 64, 3)
        true = flat[rays.view[scene], rays.pixel[scene]].float() / 255
        torch.testing.assert_close(rays.colour[scene], true, rtol=0, atol=0)


def test_half_of_the_rays_aim_at_the_object(images: Tensor) -> None:
    rays = sample_query_rays(images, IS_QUERY, 2000, generator())
    share = (rays.colour.amax(-1) > 0).float().mean()
    object_share = (images.amax(-1) > 0).float().mean()
    assert abs(share - (0.5 + 0.5 * object_share)) < 0.05


def test_weighted_rays_estimate_the_mean_over_all_query_pixels_without_bias(
    images: Tensor,
) -> None:
    # A quantity that differs between pixels, also between those of the background.
    quantity = torch.rand(images.shape[:4], generator=generator(1)) + images.float().mean(-1) / 50
    exact = torch.stack([q[m].mean() for q, m in zip(quantity, IS_QUERY, strict=True)])
    flat = quantity.flatten(2)
    draws = []
    for seed in range(300):
        rays = sample_query_rays(images, IS_QUERY, 64, generator(seed))
        value = torch.stack([flat[b, rays.view[b], rays.pixel[b]] for b in range(3)])
        draws.append((value * rays.weight).sum(1))
    estimates = torch.stack(draws)
    error = estimates.std(0) / math.sqrt(len(draws))
    assert bool(((estimates.mean(0) - exact).abs() < 4.5 * error).all())
    assert bool((error < 0.02 * exact).all()), "the test can tell"


def test_weights_add_up_to_one_on_average(images: Tensor) -> None:
    total = [
        sample_query_rays(images, IS_QUERY, 256, generator(seed)).weight.sum(1)
        for seed in range(50)
    ]
    torch.testing.assert_close(torch.stack(total).mean(), torch.tensor(1.0), rtol=0, atol=0.01)


def test_black_query_views_are_sampled_uniformly() -> None:
    black = torch.zeros(1, 2, 16, 16, 3, dtype=torch.uint8)
    rays = sample_query_rays(black, torch.tensor([[False, True]]), 128, generator())
    torch.testing.assert_close(rays.weight, torch.full((1, 128), 1 / 128))
    assert bool((rays.view == 1).all())


def test_the_same_seed_gives_the_same_rays(images: Tensor) -> None:
    first, again = (sample_query_rays(images, IS_QUERY, 64, generator(3)) for _ in range(2))
    for a, b in zip(first, again, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
    other = sample_query_rays(images, IS_QUERY, 64, generator(4))
    assert not torch.equal(other.pixel, first.pixel)


def test_terms_agree_with_a_computation_by_hand() -> None:
    # Two scenes, two rays, two latents; all numbers small enough for a pencil.
    rays = QueryRays(
        view=torch.zeros(2, 2, dtype=torch.long),
        pixel=torch.zeros(2, 2, dtype=torch.long),
        colour=torch.zeros(2, 2, 3),
        weight=torch.tensor([[0.5, 0.5], [0.25, 0.75]]),
    )
    prediction = torch.tensor([[[0.2] * 3, [0.4] * 3], [[0.1] * 3, [0.3] * 3]])
    posterior = Independent(Normal(torch.tensor([[1.0, 0.0], [0.0, 0.0]]), 0.5), 1)
    prior = Independent(Normal(torch.zeros(2, 2), torch.ones(2, 2)), 1)
    sigma, pixels, queries = 0.3, 10, torch.tensor([2.0, 1.0])
    terms = bound_terms(
        prediction, rays, posterior, prior, num_queries=queries, num_pixels=pixels, sigma=sigma
    )
    mse = [0.5 * 0.04 + 0.5 * 0.16, 0.25 * 0.01 + 0.75 * 0.09]
    one_latent = math.log(2.0) + 0.25 / 2 - 0.5  # KL(N(0, 1/4) || N(0, 1))
    kl = [2 * one_latent + 0.5, 2 * one_latent]
    loss = [m + 2 * sigma**2 * k / (30 * q) for m, k, q in zip(mse, kl, (2, 1), strict=True)]
    elbo = [
        -30 * (m / (2 * sigma**2) + 0.5 * math.log(2 * math.pi * sigma**2)) - k / q
        for m, k, q in zip(mse, kl, (2, 1), strict=True)
    ]
    for value, expected in zip(terms, (loss, mse, kl, elbo), strict=True):
        assert float(value) == pytest.approx(sum(expected) / 2, rel=1e-5)


@pytest.mark.parametrize("num_rays", [1, 7, 300])
def test_kl_counts_once_per_scene_however_many_rays(num_rays: int) -> None:
    rays = QueryRays(
        torch.zeros(4, num_rays, dtype=torch.long),
        torch.zeros(4, num_rays, dtype=torch.long),
        torch.zeros(4, num_rays, 3),
        torch.full((4, num_rays), 1 / num_rays),
    )
    posterior = Independent(Normal(torch.full((4, 2, 3), 2.0), 1.0), 2)
    prior = Independent(Normal(torch.zeros(4, 2, 3), 1.0), 2)
    terms = bound_terms(
        torch.zeros(4, num_rays, 3),
        rays,
        posterior,
        prior,
        num_queries=torch.full((4,), 3.0),
        num_pixels=4096,
        sigma=0.5,
    )
    assert float(terms.kl) == pytest.approx(6 * 2.0**2 / 2)
    assert float(terms.loss) == pytest.approx(2 * 0.25 * 12 / (3 * 4096 * 3), rel=1e-5)


def test_scenes_drawn_from_the_prior_have_no_divergence() -> None:
    rays = QueryRays(
        view=torch.zeros(2, 4, dtype=torch.int64),
        pixel=torch.zeros(2, 4, dtype=torch.int64),
        colour=torch.zeros(2, 4, 3),
        weight=torch.full((2, 4), 0.25),
    )
    posterior = Independent(Normal(torch.full((2, 5), 2.0), 1.0), 1)
    prior = Independent(Normal(torch.zeros(2, 5), 1.0), 1)
    found = []
    for from_prior in (None, torch.tensor([True, False]), torch.tensor([True, True])):
        terms = bound_terms(
            torch.ones(2, 4, 3),
            rays,
            posterior,
            prior,
            from_prior=from_prior,
            num_queries=torch.ones(2),
            num_pixels=16,
            sigma=0.5,
        )
        assert float(terms.mse) == pytest.approx(1.0)
        found.append(float(terms.kl))
    assert found == pytest.approx([10.0, 5.0, 0.0])


def test_the_loss_and_the_bound_have_the_same_gradient_up_to_a_factor() -> None:
    prediction = torch.rand(1, 5, 3, generator=generator(), requires_grad=True)
    rays = QueryRays(
        torch.zeros(1, 5, dtype=torch.long),
        torch.zeros(1, 5, dtype=torch.long),
        torch.rand(1, 5, 3, generator=generator(1)),
        torch.full((1, 5), 0.2),
    )
    loc = torch.zeros(1, 2, requires_grad=True)
    posterior = Independent(Normal(loc + 1, torch.ones(1, 2)), 1)
    prior = Independent(Normal(torch.zeros(1, 2), torch.ones(1, 2)), 1)
    terms = bound_terms(
        prediction,
        rays,
        posterior,
        prior,
        num_queries=torch.tensor([2.0]),
        num_pixels=100,
        sigma=0.4,
    )
    of_loss = torch.autograd.grad(terms.loss, [prediction, loc], retain_graph=True)
    of_bound = torch.autograd.grad(terms.elbo, [prediction, loc])
    factor = -300 / (2 * 0.4**2)
    for a, b in zip(of_loss, of_bound, strict=True):
        torch.testing.assert_close(b, factor * a)
