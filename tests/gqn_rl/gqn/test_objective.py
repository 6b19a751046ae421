"""The bound: rays that estimate without bias, a KL that counts once."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Independent, Normal

from gqn_rl.errors import UserError
from gqn_rl.gqn.draws import Draws
from gqn_rl.gqn.objective import SceneTerms, Terms, combine, optimal_sigma
from gqn_rl.gqn.query_rays import sample_query_rays
from tests.gqn_rl.gqn.models import random_views


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.from_numpy(random_views(3, 4).images)


IS_QUERY = torch.tensor([[0, 1, 1, 1], [0, 0, 0, 1], [1, 0, 1, 0]], dtype=torch.bool)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def draws(seed: int = 0, total: int = 3) -> Draws:
    return Draws(generator(seed), total)


def test_rays_come_from_query_views_only_and_carry_the_true_colour(images: Tensor) -> None:
    rays = sample_query_rays(images, IS_QUERY, 500, draws())
    assert bool(IS_QUERY.gather(1, rays.view).all())
    for scene in range(3):
        assert set(rays.view[scene].tolist()) == set(IS_QUERY[scene].nonzero()[:, 0].tolist())
        flat = images[scene].view(4, 64 * 64, 3)
        true = flat[rays.view[scene], rays.pixel[scene]].float() / 255
        torch.testing.assert_close(rays.colour[scene], true, rtol=0, atol=0)


def test_half_of_the_rays_aim_at_the_object(images: Tensor) -> None:
    rays = sample_query_rays(images, IS_QUERY, 2000, draws())
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
    estimated = []
    for seed in range(300):
        rays = sample_query_rays(images, IS_QUERY, 64, draws(seed))
        value = torch.stack([flat[b, rays.view[b], rays.pixel[b]] for b in range(3)])
        estimated.append((value * rays.weight).sum(1))
    estimates = torch.stack(estimated)
    error = estimates.std(0) / math.sqrt(len(estimated))
    assert bool(((estimates.mean(0) - exact).abs() < 4.5 * error).all())
    assert bool((error < 0.02 * exact).all()), "the test can tell"


def test_weights_add_up_to_one_on_average(images: Tensor) -> None:
    total = [
        sample_query_rays(images, IS_QUERY, 256, draws(seed)).weight.sum(1) for seed in range(50)
    ]
    torch.testing.assert_close(torch.stack(total).mean(), torch.tensor(1.0), rtol=0, atol=0.01)


def test_black_query_views_are_sampled_uniformly() -> None:
    black = torch.zeros(1, 2, 16, 16, 3, dtype=torch.uint8)
    rays = sample_query_rays(black, torch.tensor([[False, True]]), 128, draws(total=1))
    torch.testing.assert_close(rays.weight, torch.full((1, 128), 1 / 128))
    assert bool((rays.view == 1).all())


def test_the_same_seed_gives_the_same_rays(images: Tensor) -> None:
    first, again = (sample_query_rays(images, IS_QUERY, 64, draws(3)) for _ in range(2))
    for a, b in zip(first, again, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
    other = sample_query_rays(images, IS_QUERY, 64, draws(4))
    assert not torch.equal(other.pixel, first.pixel)


def scene_terms(error: list[float], kl: list[float], queries: list[float]) -> SceneTerms:
    return SceneTerms(
        *(torch.tensor(values, dtype=torch.float64) for values in (error, kl, queries))
    )


@pytest.mark.parametrize("unit", ["error", "nats"])
def test_terms_agree_with_a_computation_by_hand(unit: str) -> None:
    sigma, pixels = 0.3, 10
    mse, kl, queries = (0.1, 0.07), (3.0, 1.5), (2.0, 1.0)
    terms = combine(
        scene_terms(list(mse), list(kl), list(queries)), num_pixels=pixels, sigma=sigma, unit=unit
    )
    elbo = [
        -30 * (m / (2 * sigma**2) + 0.5 * math.log(2 * math.pi * sigma**2)) - k / q
        for m, k, q in zip(mse, kl, queries, strict=True)
    ]
    error = [m + 2 * sigma**2 * k / (30 * q) for m, k, q in zip(mse, kl, queries, strict=True)]
    loss = error if unit == "error" else [-value for value in elbo]
    expected = Terms(
        *(torch.tensor(sum(v) / 2) for v in (loss, mse, kl, elbo)), torch.tensor(sigma)
    )
    for value, by_hand in zip(terms, expected, strict=True):
        assert float(value) == pytest.approx(float(by_hand), rel=1e-6)


def test_the_bound_of_an_image_is_its_log_density_where_there_is_no_latent() -> None:
    """sum over pixels and colours of log N(x | g, sigma^2), counted once."""
    truth, drawn = (torch.rand(2, 3, 8, 8, generator=generator(k)).double() for k in (0, 1))
    log_density = Independent(Normal(drawn, 0.7), 3).log_prob(truth)
    error = (drawn - truth).square().mean((1, 2, 3))
    scenes = SceneTerms(error, torch.zeros(2).double(), torch.ones(2).double())
    terms = combine(scenes, num_pixels=64, sigma=0.7)
    torch.testing.assert_close(terms.elbo, log_density.mean())


def test_both_units_of_the_loss_have_the_same_gradient_up_to_a_factor() -> None:
    error = torch.tensor([0.2, 0.3], requires_grad=True)
    kl = torch.tensor([4.0, 5.0], requires_grad=True)
    found = [
        torch.autograd.grad(
            combine(
                SceneTerms(error, kl, torch.tensor([1.0, 2.0])),
                num_pixels=100,
                sigma=0.4,
                unit=unit,
            ).loss,
            [error, kl],
        )
        for unit in ("error", "nats")
    ]
    factor = 300 / (2 * 0.4**2)
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(b, factor * a)


def test_the_optimal_sigma_maximises_the_bound() -> None:
    scenes = scene_terms([0.05, 0.01], [1.0, 1.0], [1.0, 1.0])
    best = optimal_sigma(scenes.error.mean())

    def elbo(sigma: float) -> float:
        return float(combine(scenes, num_pixels=16, sigma=sigma).elbo)

    assert elbo(float(best)) > max(elbo(0.99 * float(best)), elbo(1.01 * float(best)))
    assert float(optimal_sigma(torch.tensor(0.0))) > 0


def test_an_unknown_unit_lists_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"'bits'; expected one of .*nats"):
        combine(scene_terms([0.1], [0.0], [1.0]), num_pixels=4, sigma=1.0, unit="bits")


def test_rows_of_a_batch_get_the_numbers_that_the_whole_batch_gives_them() -> None:
    whole = Draws(generator(), 6)
    parts = [Draws(generator(), 6, slice(start, start + 3)) for start in (0, 3)]
    for draw in (
        lambda d: d.normal(2, 3),
        lambda d: d.uniform(),
        lambda d: d.integers(1, 9, 4),
        lambda d: d.uniform(5, dtype=torch.float64),
    ):
        together = torch.cat([draw(part) for part in parts])
        torch.testing.assert_close(together, draw(whole), rtol=0, atol=0)
