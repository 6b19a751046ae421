"""`predict` with refinement: it explains what was seen, and admits where it cannot."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from gqn_rl import GenerativeQueryNetwork
from gqn_rl.data.synthetic import SceneDistribution
from gqn_rl.errors import UserError
from gqn_rl.evaluation.uncertainty import spread_against_error
from gqn_rl.geometry.view import Context
from gqn_rl.inference.refinement.posterior import RefinedPosterior
from tests.gqn_rl.gqn.models import make_model
from tests.gqn_rl.inference.refinement.opaque_scenes import random_scenes, seen_from

SCENES = 6


@pytest.fixture(scope="module")
def model() -> GenerativeQueryNetwork:
    return GenerativeQueryNetwork.from_pretrained("base")


@pytest.fixture(scope="module", params=["grid", "free"])
def views(request: pytest.FixtureRequest) -> Context:
    """Four views of each scene; the last is kept for the query."""
    return seen_from(random_scenes(SCENES, 30, request.param), 4, seed=31)


def first(views: Context, count: int, rows: slice = slice(None)) -> Context:
    return Context(views.images[rows, :count], views.viewpoints[rows, :count])


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def rmse(drawn: Tensor, truth: Tensor) -> Tensor:
    """Of each image, 0-255."""
    return 255 * (drawn - truth).square().mean((1, 2, 3)).sqrt()


def test_no_steps_are_the_bare_network(model: GenerativeQueryNetwork, views: Context) -> None:
    context, query = first(views, 3), views.viewpoints[:, 3]
    r = model.represent(context.images, context.viewpoints)
    bare = model.draw_images(model.imagine(r, model.noise(SCENES, seeded())), query)
    got = model.predict(context, query, seeded(), steps=0)
    torch.testing.assert_close(got, bare, rtol=0, atol=0)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_views_that_were_seen_are_explained(
    model: GenerativeQueryNetwork, views: Context, count: int
) -> None:
    context = first(views, count)
    refined, bare = model.infer(context).sample(seeded()), model.infer(context, 0).sample(seeded())
    for view in range(count):
        seen, pose = context.images[:, view], context.viewpoints[:, view]
        error = rmse(model.draw_images(refined, pose), seen)
        assert error.median() < 4
        assert error.mean() < 0.5 * rmse(model.draw_images(bare, pose), seen).mean()


def test_views_that_were_not_seen_are_predicted_better(
    model: GenerativeQueryNetwork, views: Context
) -> None:
    context, query, truth = first(views, 3), views.viewpoints[:, 3], views.images[:, 3]
    refined = rmse(model.predict(context, query, seeded()), truth)
    bare = rmse(model.predict(context, query, seeded(), steps=0), truth)
    assert refined.mean() < 5 < bare.mean()
    assert (refined < bare).all()


@pytest.mark.parametrize(
    "distribution",
    [
        SceneDistribution(num_cubes=10, shapes="test"),
        SceneDistribution(num_cubes=12, shapes="test"),
        SceneDistribution(shapes="test", position="random"),
    ],
    ids=["ten cubes", "twelve cubes", "positions"],
)
def test_objects_unlike_those_of_training_are_explained_too(
    model: GenerativeQueryNetwork, distribution: SceneDistribution
) -> None:
    scenes = distribution.sample(np.random.default_rng(32), SCENES)
    views = seen_from(scenes, 4, seed=33)
    context, query, truth = first(views, 3), views.viewpoints[:, 3], views.images[:, 3]
    refined = rmse(model.predict(context, query, seeded()), truth)
    bare = rmse(model.predict(context, query, seeded(), steps=0), truth)
    assert refined.median() < 5 < 15 < bare.median()


def test_the_order_of_the_views_hardly_matters(
    model: GenerativeQueryNetwork, views: Context
) -> None:
    context, query = first(views, 3), views.viewpoints[:, 3]
    turned = Context(context.images.flip(1), context.viewpoints.flip(1))
    one, other = (model.predict(c, query, seeded()) for c in (context, turned))
    assert rmse(one, other).mean() < 3


def test_a_scene_does_not_depend_on_the_others_of_its_batch(
    model: GenerativeQueryNetwork, views: Context
) -> None:
    query = views.viewpoints[:, 3]
    together = model.infer(first(views, 3))
    alone = model.infer(first(views, 3, slice(2, 3)))
    assert isinstance(together, RefinedPosterior)
    assert isinstance(alone, RefinedPosterior)
    drawn = model.draw_images(together.sample(seeded()), query)[2:3]
    assert rmse(model.draw_images(alone.sample(seeded()), query[2:3]), drawn).max() < 3


def test_views_that_a_mask_leaves_out_say_nothing(
    model: GenerativeQueryNetwork, views: Context
) -> None:
    context, query = first(views, 3, slice(2)), views.viewpoints[:2, 3]
    mask = torch.tensor([True, True, False]).expand(2, 3)
    garbled = context.images.clone()
    garbled[:, 2] = 1.0 - garbled[:, 2]
    one, other = (
        model.predict(Context(images, context.viewpoints, mask), query, seeded())
        for images in (context.images, garbled)
    )
    torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_a_generator_gives_one_sample(model: GenerativeQueryNetwork, views: Context) -> None:
    context, query = first(views, 1, slice(2)), views.viewpoints[:2, 3]
    one, again = (model.predict(context, query, seeded(5)) for _ in range(2))
    torch.testing.assert_close(one, again, rtol=0, atol=0)


@pytest.mark.parametrize("position", ["centred", "random"])
def test_samples_differ_in_what_no_view_shows_and_explain_what_was_seen(
    model: GenerativeQueryNetwork, position: str
) -> None:
    views = seen_from(random_scenes(16, 32, "grid", position), 2, seed=33)
    context, pose, elsewhere = first(views, 1), views.viewpoints[:, 0], views.viewpoints[:, 1]
    posterior = model.infer(context)
    generator = seeded()
    scenes = [posterior.sample(generator) for _ in range(8)]
    here = torch.stack([model.draw_images(scene, pose) for scene in scenes])
    assert all(rmse(sample, views.images[:, 0]).median() < 4 for sample in here)
    if position == "centred":  # hidden cubes are found where they balance the others
        assert (255 * here.std(0).square().mean((1, 2, 3)).sqrt()).max() < 3
    there = torch.stack([model.draw_images(scene, elsewhere) for scene in scenes])
    assert (255 * there.std(0).square().mean((1, 2, 3)).sqrt() > 5).float().mean() > 0.2


@pytest.mark.slow
def test_spread_falls_with_views_and_says_where_errors_are(model: GenerativeQueryNetwork) -> None:
    squared, variance = [], []
    for orientation in ("grid", "free"):
        views = seen_from(random_scenes(48, 34, orientation), 4, seed=35)
        truth, drawn = _drawn(model, views, 1)
        squared.append((drawn.mean(0) - truth).square().mean((1, 2, 3)))
        variance.append(drawn.var(0).mean((1, 2, 3)))
        assert squared[-1].mean() <= (drawn - truth).square().mean()
    few = first(views, 4, slice(16))
    _, later = _drawn(model, few, 3)
    assert later.var(0).mean() < 0.25 * variance[-1][:16].mean()
    found = spread_against_error(torch.cat(squared).numpy(), torch.cat(variance).numpy(), 6)
    assert found["ause"] < found["ause_random"] - 0.1


def _drawn(model: GenerativeQueryNetwork, views: Context, count: int) -> tuple[Tensor, Tensor]:
    """The last of some views, and six samples of it given the first ones."""
    posterior = model.infer(first(views, count))
    drawn = model.sample_views(posterior, views.viewpoints[:, -1], 6, seeded(count))
    return views.images[:, -1], drawn


def test_views_that_contradict_each_other_are_not_explained(
    model: GenerativeQueryNetwork, views: Context
) -> None:
    context = first(views, 3, slice(3))
    images = context.images.clone()
    images[:, 1] = images[:, 1].roll(1, 0)  # of another object
    fits, does_not = model.infer(context), model.infer(Context(images, context.viewpoints))
    assert isinstance(fits, RefinedPosterior)
    assert isinstance(does_not, RefinedPosterior)
    assert torch.isfinite(does_not.error).all()
    assert does_not.error.min() > 0.1 > 2 * fits.error.max()
    drawn = model.draw_images(does_not.sample(seeded()), views.viewpoints[:3, 3])
    assert torch.isfinite(drawn).all()


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_images_without_an_object_end_in_finite_numbers(
    model: GenerativeQueryNetwork, views: Context, value: float
) -> None:
    context = Context(torch.full_like(views.images[:2, :2], value), views.viewpoints[:2, :2])
    drawn = model.predict(context, views.viewpoints[:2, 3], seeded())
    assert torch.isfinite(drawn).all()


def test_noise_and_untrained_weights_end_in_finite_numbers(views: Context) -> None:
    model = make_model("canonical-tiny").eval()
    images = torch.rand(2, 2, 3, 64, 64, generator=seeded())
    with torch.no_grad():
        drawn = model.predict(
            Context(images, views.viewpoints[:2, :2]), views.viewpoints[:2, 3], seeded()
        )
    assert torch.isfinite(drawn).all()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_other_floating_formats_are_taken(
    model: GenerativeQueryNetwork, views: Context, dtype: torch.dtype
) -> None:
    context, query = first(views, 3), views.viewpoints[:, 3]
    expected = model.predict(context, query, seeded(), steps=0)
    cast = Context(context.images.to(dtype), context.viewpoints.double())
    got = model.predict(cast, query.double(), seeded(), steps=0)
    assert got.dtype == torch.float32
    assert rmse(got, expected).max() < 2


def test_steps_that_make_no_sense_are_refused(
    model: GenerativeQueryNetwork, views: Context
) -> None:
    context, query = first(views, 1), views.viewpoints[:, 3]
    with pytest.raises(UserError, match="steps is -1, expected 0 or more"):
        model.predict(context, query, steps=-1)
    with pytest.raises(UserError, match="steps is 2, expected 0 for the family lattice"):
        make_model("tiny").predict(context, query, steps=2)
