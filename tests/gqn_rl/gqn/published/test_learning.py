"""The published GQN learns: samples of the prior path come to resemble the scenes it was shown."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from gqn_rl.data.synthetic import SceneDistribution, render_views
from gqn_rl.geometry.view import Context, to_float
from gqn_rl.gqn.draws import Draws
from gqn_rl.gqn.objective import Sampling, combine
from gqn_rl.gqn.published.published_gqn import PublishedGQN
from gqn_rl.rendering import make_renderer
from tests.gqn_rl.gqn.published.models import make, seeded

SCENES, VIEWS, SIZE, STEPS = 4, 8, 16, 120


def prior_error(model: PublishedGQN, images: Tensor, poses: Tensor) -> float:
    """Mean squared error of one sample of each view, given all the others."""
    errors = []
    for v in range(VIEWS):
        others = torch.arange(VIEWS) != v
        context = Context(images[:, others], poses[:, others])
        with torch.no_grad():
            drawn = model.predict(context, poses[:, v], seeded(v))
        errors.append((drawn - images[:, v]).square().mean())
    return float(torch.stack(errors).mean())


def test_a_tiny_model_learns_a_handful_of_scenes(rng: np.random.Generator) -> None:
    scenes = SceneDistribution().sample(rng, SCENES)
    views = render_views(make_renderer("raycast", SIZE), scenes, VIEWS, rng)
    images, poses = torch.from_numpy(views.images), torch.from_numpy(views.viewpoints)
    floats = to_float(images)
    model = make(image_size=SIZE, hidden_channels=32, canvas_channels=32, aggregation="mean")
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    generator = seeded(0)
    before = prior_error(model, floats, poses)
    for _ in range(STEPS):
        rank = torch.rand(SCENES, VIEWS, generator=generator).argsort(1).argsort(1)
        is_query = rank < torch.randint(1, VIEWS, (SCENES, 1), generator=generator)
        draws, sampling = Draws(generator, SCENES), Sampling(num_queries=4)
        terms = model.bound(images, poses, is_query, draws=draws, sampling=sampling)
        optimiser.zero_grad()
        combine(terms, num_pixels=SIZE**2, sigma=0.3).loss.backward()
        optimiser.step()
    mean_image = floats.mean(dim=(0, 1))
    baseline = float((floats - mean_image).square().mean())
    after = prior_error(model, floats, poses)
    assert after < 0.75 * baseline < before
