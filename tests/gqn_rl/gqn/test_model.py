"""The interface that every family of GQN has: predict, standardise, refuse bad input."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from gqn_rl import GenerativeQueryNetwork
from gqn_rl.errors import UserError
from gqn_rl.geometry.view import Context
from gqn_rl.gqn.families import PRESETS
from gqn_rl.gqn.lattice.config import LatticeConfig
from gqn_rl.gqn.lattice.lattice_gqn import LatticeGQN
from gqn_rl.gqn.scene_latent import SceneLatentGQN
from tests.gqn_rl.gqn.models import QUICK_PRESETS, as_tensors, make_model, random_views


@pytest.fixture(scope="module", params=QUICK_PRESETS)
def model(request: pytest.FixtureRequest) -> GenerativeQueryNetwork:
    model = make_model(request.param).eval().requires_grad_(False)
    if isinstance(model, LatticeGQN):
        with torch.no_grad():  # untrained volumes are nearly empty, their latents nearly unused
            model.generator.out.bias.add_(5.0)
            model.generator.mixer.extra.weight.mul_(20.0)
    return model


@pytest.fixture(scope="module")
def views() -> tuple[Tensor, Tensor]:
    return as_tensors(random_views(2, 6))


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("num_context", [1, 2, 5])
def test_predictions_are_images_from_any_number_of_views(
    model: GenerativeQueryNetwork, views: tuple[Tensor, Tensor], num_context: int
) -> None:
    images, viewpoints = views
    context = Context(images[:, :num_context], viewpoints[:, :num_context])
    image = model.predict(context, viewpoints[:, -1], seeded(0))
    assert image.shape == (2, 3, 64, 64)
    assert image.dtype == torch.float32
    assert 0 <= float(image.min()) < float(image.max()) <= 1


def test_a_seed_gives_one_sample_and_another_seed_another(
    model: GenerativeQueryNetwork, views: tuple[Tensor, Tensor]
) -> None:
    images, viewpoints = views
    context = Context(images[:, :1], viewpoints[:, :1])
    first, again, other = (
        model.predict(context, viewpoints[:, -1], seeded(seed), steps=0) for seed in (0, 0, 1)
    )
    torch.testing.assert_close(again, first, rtol=0, atol=0)
    assert float((other - first).abs().max()) > 1e-4


def test_predicting_leaves_the_global_generator_alone(
    model: GenerativeQueryNetwork, views: tuple[Tensor, Tensor]
) -> None:
    images, viewpoints = views
    before = torch.get_rng_state()
    model.predict(Context(images, viewpoints), viewpoints[:, 0], seeded(0))
    assert torch.equal(torch.get_rng_state(), before)


def test_views_of_one_imagined_scene_agree_with_the_whole_image(
    model: GenerativeQueryNetwork, views: tuple[Tensor, Tensor]
) -> None:
    if not isinstance(model, SceneLatentGQN):
        pytest.skip("draws whole images only")
    images, viewpoints = views
    r = model.represent(images, viewpoints)
    scene = model.imagine(r, model.noise(len(r), seeded(0)))
    whole = model.draw_images(scene, viewpoints[:, 0])
    pixels = torch.tensor([[5, 32 * 64 + 31, 40 * 64 + 20]]).expand(2, -1)
    some = model.draw(scene, viewpoints[:, :1].expand(-1, 3, -1), pixels)
    expected = whole.flatten(2).gather(2, pixels[:, None].expand(-1, 3, -1)).mT
    torch.testing.assert_close(some, expected, rtol=1e-5, atol=1e-6)


def test_a_thinned_image_is_the_image_without_the_other_pixels(
    model: GenerativeQueryNetwork, views: tuple[Tensor, Tensor]
) -> None:
    images, viewpoints = views
    r = model.represent(images, viewpoints)
    scene = model.imagine(r, model.noise(len(r), seeded(0)))
    whole = model.draw_images(scene, viewpoints[:, 0])
    thinned = model.draw_thinned(scene, viewpoints[:, 0], 5)
    assert thinned.shape == (2, 3, 13, 13)
    torch.testing.assert_close(thinned, whole[..., ::5, ::5], rtol=1e-5, atol=1e-6)


def test_more_samples_of_a_view_begin_with_the_same_ones(
    model: GenerativeQueryNetwork, views: tuple[Tensor, Tensor]
) -> None:
    images, viewpoints = views
    context = Context(images[:, :1], viewpoints[:, :1])
    three = model.sample_views(model.infer(context, steps=0), viewpoints[:, -1], 3, seeded(0))
    assert three.shape == (3, 2, 3, 64, 64)
    first = model.predict(context, viewpoints[:, -1], seeded(0), steps=0)
    torch.testing.assert_close(three[0], first, rtol=0, atol=0)
    assert float((three[1] - three[0]).abs().max()) > 1e-4


def test_no_module_is_hidden_from_its_owner(model: GenerativeQueryNetwork) -> None:
    """Moving a network moves all that it computes with, wherever it is kept."""
    registered = set(model.modules())
    for module in registered:
        for value in vars(module).values():
            if isinstance(value, (list, tuple)):
                assert not any(isinstance(item, torch.nn.Module) for item in value)


def test_what_a_query_still_tells_is_not_negative_and_depends_on_it(
    model: GenerativeQueryNetwork, views: tuple[Tensor, Tensor]
) -> None:
    images, viewpoints = views
    aggregate = model.gather(Context(images[:, :2], viewpoints[:, :2]))
    kl, other = (model.kl(aggregate, images[:, k], viewpoints[:, k]) for k in (2, 3))
    assert kl.shape == (2,)
    assert bool((kl >= 0).all())
    assert not torch.equal(kl, other)


def test_every_family_says_which_parameters_the_representation_depends_on(
    model: GenerativeQueryNetwork, views: tuple[Tensor, Tensor]
) -> None:
    images, viewpoints = views
    trained = make_model(next(n for n, c in PRESETS.items() if c == model.config))
    trained.represent(images, viewpoints).square().mean().backward()
    reached = {n for n, p in trained.named_parameters() if p.grad is not None}
    named = {id(p) for p in trained.representation_parameters()}
    assert reached == {n for n, p in trained.named_parameters() if id(p) in named}


def bad_views(kind: str, images: Tensor, viewpoints: Tensor) -> tuple[Tensor, Tensor]:
    match kind:
        case "no views":
            return images[:, :0], viewpoints[:, :0]
        case "wrong size":
            return images[..., :32, :32], viewpoints
        case "channels last":
            return images.movedim(2, -1), viewpoints
        case "no scene axis":
            return images[0], viewpoints[0]
        case "0 to 255":
            return images * 255, viewpoints
        case "-1 to 1":
            return images * 2 - 1, viewpoints
        case "bytes":
            return (images * 255).byte(), viewpoints
        case "NaN":
            return torch.where(images > 0, torch.nan, images), viewpoints
        case "no scenes":
            return images[:0], viewpoints[:0]
        case "NaN poses":
            return images, viewpoints * torch.nan
        case "five-number poses":
            return images, viewpoints[..., :5]
        case _:
            return images, viewpoints[:, :-1]


@pytest.mark.parametrize(
    ("kind", "received"),
    [
        ("no views", "0 views"),
        ("wrong size", "32, 32"),
        ("channels last", "64, 64, 3"),
        ("no scene axis", "(6, 3, 64, 64)"),
        ("0 to 255", "from 0 to 2"),
        ("-1 to 1", "from -1 to 0"),
        ("bytes", "uint8"),
        ("NaN", "from nan"),
        ("no scenes", "0 scenes"),
        ("NaN poses", "viewpoints contain NaN"),
        ("five-number poses", "(2, 6, 5)"),
        ("fewer poses than images", "(2, 5, 7)"),
    ],
)
def test_what_is_no_batch_of_views_is_refused_in_one_line(
    views: tuple[Tensor, Tensor], kind: str, received: str
) -> None:
    model, (images, viewpoints) = make_model(), views
    bad = Context(*bad_views(kind, images, viewpoints))
    for use in (
        lambda: model.predict(bad, viewpoints[:, 0]),
        lambda: model.represent(bad.images, bad.viewpoints),
    ):
        with pytest.raises(UserError) as refusal:
            use()
        assert received in str(refusal.value)
        assert "expected" in str(refusal.value)
        assert "\n" not in str(refusal.value)


def test_a_query_that_is_no_pose_per_scene_is_refused(views: tuple[Tensor, Tensor]) -> None:
    images, viewpoints = views
    with pytest.raises(UserError, match=r"query_viewpoint has shape \(2, 5\), expected \(2, 7\)"):
        make_model().predict(Context(images, viewpoints), viewpoints[:, 0, :5])


def test_standardising_uses_the_stored_statistics() -> None:
    model = make_model()
    r = torch.randn(4, model.representation_size, generator=seeded(0))
    torch.testing.assert_close(model.standardise(r), r)
    model.representation_mean.fill_(2.0)
    model.representation_scale.fill_(4.0)
    torch.testing.assert_close(model.standardise(r), (r - 2) / 4)


def test_unknown_pretrained_weights_list_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"'huge'; expected a path or one of \["):
        GenerativeQueryNetwork.from_pretrained("huge")
    with pytest.raises(UserError, match="does not exist"):
        GenerativeQueryNetwork.from_pretrained(tmp_path / "weights.safetensors")
    with pytest.raises(UserError, match="does not exist"):
        GenerativeQueryNetwork.from_pretrained(tmp_path)


@pytest.mark.parametrize("change", [{"image_size": 63}, {"image_size": 8}, {"cells": 5}])
def test_impossible_sizes_are_refused(change: dict[str, int]) -> None:
    with pytest.raises(UserError, match=next(iter(change))):
        LatticeConfig(**change)
