"""The attention GQN as a whole: what it draws, what its latent does, and that it learns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import kl_divergence

from gqn_rl.geometry.view import Context, to_float
from gqn_rl.gqn.attention.attention_gqn import AttentionGQN
from gqn_rl.gqn.attention.config import PRESETS
from gqn_rl.gqn.attention.ray_encodings import RAY_ENCODINGS
from gqn_rl.gqn.checkpoint import load_checkpoint, save_checkpoint
from gqn_rl.gqn.draws import Draws
from gqn_rl.gqn.families import build, preset
from gqn_rl.gqn.objective import Sampling, Terms, combine
from gqn_rl.rendering.base import RendererIdentity
from tests.gqn_rl.gqn.models import TINY, as_tensors, make_model, random_views


def attention_model(seed: int = 0, name: str = TINY["attention"]) -> AttentionGQN:
    model = make_model(name, seed)
    assert isinstance(model, AttentionGQN)
    return model


@pytest.fixture(scope="module")
def views() -> tuple[Tensor, Tensor]:
    return as_tensors(random_views(3, 4))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def training_terms(
    model: AttentionGQN,
    images: Tensor,
    viewpoints: Tensor,
    step: int,
    *,
    num_context: int = 2,
    sigma: float = 0.5,
) -> Terms:
    """Terms of the bound: the first views are the context, the others queries."""
    is_query = (torch.arange(images.shape[1]) >= num_context).expand(len(images), -1)
    scenes = model.bound(
        images,
        viewpoints,
        is_query,
        draws=Draws(seeded(step), len(images)),
        sampling=Sampling(num_rays=96, prior_share=0.25),
    )
    return combine(scenes, num_pixels=model.image_size**2, sigma=sigma)


def train(model: AttentionGQN, images: Tensor, viewpoints: Tensor, steps: int, **how: Any) -> None:
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3, betas=(0.9, 0.98))
    for step in range(steps):
        optimiser.zero_grad()
        training_terms(model, images, viewpoints, step, **how).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
    model.eval().requires_grad_(False)


def test_slots_are_the_representation_one_after_another() -> None:
    for name, config in PRESETS.items():
        assert config.slots * config.slot_channels <= 64 * 96, name
    model = attention_model()
    config = model.config
    assert model.representation_size == config.slots * config.slot_channels
    assert model.latent_shape == (config.slots, config.latent_channels)
    assert model.write.places.shape == (config.slots, 3)


def test_one_pixel_equals_that_pixel_of_the_whole_image(views: tuple[Tensor, Tensor]) -> None:
    model = attention_model().eval().requires_grad_(False)
    r = model.represent(*views)
    scene = model.imagine(r, model.noise(len(r), seeded()))
    whole = model.draw_images(scene, views[1][:, 0])
    assert whole.dtype == torch.float32
    assert 0 <= float(whole.min()) < float(whole.max()) <= 1
    for pixel in (0, 5 * 64 + 63, 40 * 64 + 20):
        one = model.draw(scene, views[1][:, :1], torch.full((3, 1), pixel))
        torch.testing.assert_close(one[:, 0], whole.flatten(2)[..., pixel], rtol=1e-4, atol=1e-6)


def test_posterior_and_prior_start_close_to_each_other_and_to_the_standard_normal(
    views: tuple[Tensor, Tensor],
) -> None:
    model = attention_model().requires_grad_(False)
    images, viewpoints = views
    r, r_with_query = model.represent(images[:, :2], viewpoints[:, :2]), model.represent(*views)
    prior, posterior = model.prior(r), model.posterior(r, r_with_query)
    assert prior.event_shape == model.latent_shape
    kl = kl_divergence(posterior, prior)
    assert kl.shape == (3,)
    assert 0 < float(kl.min()) <= float(kl.max()) < 2
    assert float(prior.mean.abs().max()) < 0.3
    assert float((prior.stddev - 1).abs().max()) < 0.3


def test_another_noise_gives_another_image(views: tuple[Tensor, Tensor]) -> None:
    model = attention_model().eval().requires_grad_(False)
    images, viewpoints = views
    context = Context(images[:, :1], viewpoints[:, :1])
    first, again, other = (model.predict(context, viewpoints[:, 1], seeded(k)) for k in (0, 0, 1))
    torch.testing.assert_close(again, first, rtol=0, atol=0)
    assert float((other - first).abs().mean()) > 1e-4


def test_the_slots_speak_louder_than_an_untrained_latent(views: tuple[Tensor, Tensor]) -> None:
    """Otherwise training starts by ignoring both, and stays at the mean image."""
    model = attention_model(name="attention-small").eval().requires_grad_(False)
    images, viewpoints = views
    same_poses = viewpoints[:1].expand(3, -1, -1)
    r = model.represent(images, same_poses)
    query = same_poses[:, 0]

    def spread(r: Tensor, noise: Tensor) -> float:
        drawn = model.draw_images(model.imagine(r, noise), query)
        return float(drawn.std(0).mean())

    zeros = torch.zeros(3, *model.latent_shape)
    by_scene = spread(r, zeros)
    by_noise = spread(r[:1].expand(3, -1), model.noise(3, seeded()))
    assert by_scene > 2 * by_noise


@pytest.mark.parametrize("ray_encoding", sorted(RAY_ENCODINGS))
def test_gradients_reach_every_parameter(views: tuple[Tensor, Tensor], ray_encoding: str) -> None:
    config = type(preset(TINY["attention"])).from_dict(
        preset(TINY["attention"]).to_dict() | {"ray_encoding": ray_encoding}
    )
    model = build(config, seed=0)
    assert isinstance(model, AttentionGQN)
    images = torch.from_numpy(random_views(3, 4).images)
    terms = sum(training_terms(model, images, views[1], step).loss for step in range(3))
    terms.backward()  # type: ignore[union-attr]
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert bool(parameter.grad.isfinite().all()), name
        assert float(parameter.grad.abs().max()) > 0, name


def test_a_saved_model_imagines_the_same_scenes(
    tmp_path: Path, views: tuple[Tensor, Tensor]
) -> None:
    model = attention_model(seed=3).eval().requires_grad_(False)
    path = tmp_path / "model.safetensors"
    identity = RendererIdentity("raycast", "1", 64).to_dict()
    save_checkpoint(path, model, renderer=identity, record={})
    loaded, sidecar = load_checkpoint(path)
    assert sidecar["family"] == "attention"
    assert loaded.config == model.config
    images, viewpoints = views
    context = Context(images[:, 1:], viewpoints[:, 1:])
    expected, got = (m.predict(context, viewpoints[:, 0], seeded()) for m in (model, loaded))
    torch.testing.assert_close(got, expected, rtol=0, atol=0)


def mse(a: Tensor, b: Tensor) -> float:
    return float((a - b).square().mean())


def test_a_tiny_model_learns_a_few_scenes_by_heart() -> None:
    model, views = attention_model(), random_views(4, 4)
    images, viewpoints = torch.from_numpy(views.images), torch.from_numpy(views.viewpoints)
    train(model, images, viewpoints, steps=300)
    truth = to_float(images)
    r = model.represent(truth[:, :2], viewpoints[:, :2])
    drawn = model.draw_images(model.imagine(r, model.noise(4, seeded())), viewpoints[:, 2])
    assert mse(drawn, truth[:, 2]) < 0.4 * mse(truth[:, 2], truth[:, 2].mean(0))


def test_samples_differ_where_the_context_leaves_the_scene_open() -> None:
    """Two scenes alike in the context view: samples show one or the other, not their mean."""
    model, views = attention_model(), random_views(2, 2, seed=1)
    images, viewpoints = torch.from_numpy(views.images), torch.from_numpy(views.viewpoints)
    images[1, 0] = images[0, 0]
    viewpoints[1] = viewpoints[0]
    batch = images.repeat(4, 1, 1, 1, 1), viewpoints.repeat(4, 1, 1)
    train(model, *batch, steps=250, num_context=1, sigma=1.0)
    first, second = to_float(images[:, 1])
    r = model.represent(to_float(images[:1, :1]), viewpoints[:1, :1]).expand(16, -1)
    samples = model.draw_images(
        model.imagine(r, model.noise(16, seeded())), viewpoints[:1, 1].expand(16, -1)
    )
    errors = [(mse(sample, first), mse(sample, second)) for sample in samples]
    of_the_mean = mse((first + second) / 2, first)
    assert sum(min(pair) for pair in errors) / 16 < 0.8 * of_the_mean
    assert {pair[0] < pair[1] for pair in errors} == {True, False}, "both are imagined"
