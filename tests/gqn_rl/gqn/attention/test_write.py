"""The additive write: it is plain attention over all views at once, and it stays finite."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from gqn_rl.geometry.view import Context
from gqn_rl.gqn.attention.attention_gqn import AttentionGQN
from gqn_rl.gqn.attention.slots import MAX_LOGIT
from tests.gqn_rl.gqn.models import TINY, as_tensors, make_model, random_views

SCENES, VIEWS = 2, 4


def attention_model() -> AttentionGQN:
    model = make_model(TINY["attention"]).eval().requires_grad_(False)
    assert isinstance(model, AttentionGQN)
    return model


@pytest.fixture(scope="module")
def views() -> tuple[Tensor, Tensor]:
    return as_tensors(random_views(SCENES, VIEWS))


def distance(point: Tensor, origin: Tensor, direction: Tensor) -> float:
    """Of a point from a line, by the area of a parallelogram."""
    return float(torch.linalg.cross(point - origin, direction).norm() / direction.norm())


def gathered_at_once(model: AttentionGQN, images: Tensor, viewpoints: Tensor) -> Tensor:
    """What head h of slot s gathers from all tokens of one scene's views, by a plain softmax."""
    write, tokens, origins, directions = model.write, [], [], []
    for image, viewpoint in zip(images, viewpoints, strict=True):
        found, rays = model.view_encoder(image[None], viewpoint[None])
        tokens.append(found[0])
        origins.append(rays.origins[0])
        directions.append(rays.directions[0])
    token, origin, direction = torch.cat(tokens), torch.cat(origins), torch.cat(directions)
    keys = (token @ write.to_keys.weight.T).view(-1, write.heads, write.channels)
    values = (token @ write.to_values.weight.T).view(-1, write.heads, write.channels)
    rows = []
    for s in range(model.config.slots):
        for h in range(write.heads):
            place = model.write.places[s] + write.offsets[s, h]
            far = [distance(place, *ray) for ray in zip(origin, direction, strict=True)]
            strength = float(write.nearness.log_strength[h].exp())
            content = keys[:, h] @ write.queries[s, h] / math.sqrt(write.channels)
            raw = content - strength * torch.tensor(far, dtype=content.dtype) ** 2
            weight = torch.softmax(MAX_LOGIT * torch.tanh(raw / MAX_LOGIT), dim=0)
            rows.append(weight @ values[:, h])
    return torch.stack(rows).view(model.config.slots, write.heads, write.channels)


def test_views_add_up_to_a_softmax_over_the_tokens_of_all_of_them(
    views: tuple[Tensor, Tensor],
) -> None:
    model = attention_model().double()
    images, viewpoints = (part.double() for part in views)
    with torch.no_grad():
        model.write.nearness.log_strength.copy_(torch.linspace(-1, 0.5, model.write.heads))
    aggregate = model.gather(Context(images, viewpoints))
    assert aggregate.mean.dtype == torch.float64
    for scene in range(SCENES):
        expected = gathered_at_once(model, images[scene], viewpoints[scene])
        torch.testing.assert_close(aggregate.mean[scene], expected, rtol=1e-8, atol=1e-8)


def test_a_slot_listens_to_the_patches_that_show_its_place(views: tuple[Tensor, Tensor]) -> None:
    model = attention_model()
    with torch.no_grad():
        model.write.queries.zero_()
        model.write.offsets.zero_()
    images, viewpoints = views
    tokens, rays = model.view_encoder(images[0], viewpoints[0])
    chosen = model.write.logits(tokens, rays)[:, 0].argmax(-1)  # (V, S)
    for view in range(VIEWS):
        for slot, place in enumerate(model.write.places):
            lines = zip(rays.origins[view], rays.directions[view], strict=True)
            far = [distance(place, *line) for line in lines]
            assert far[int(chosen[view, slot])] <= min(far) + 1e-3


def test_logits_are_bounded_and_extreme_views_stay_finite(views: tuple[Tensor, Tensor]) -> None:
    model = attention_model()
    with torch.no_grad():
        model.write.queries.mul_(1e4)
    images, viewpoints = (part[0] for part in views)
    far_away = viewpoints.clone()
    far_away[:, :3] *= 1e4
    for poses in (viewpoints, far_away, torch.zeros_like(viewpoints)):
        tokens, rays = model.view_encoder(images, poses)
        logits = model.write.logits(tokens, rays)
        assert float(logits.abs().max()) <= MAX_LOGIT
        aggregate = model.encode_view(images, poses)
        assert all(bool(part.isfinite().all()) for part in aggregate.parts)
        assert bool(model.representation(aggregate).isfinite().all())


def test_a_thousand_views_do_not_overflow(views: tuple[Tensor, Tensor]) -> None:
    model = attention_model()
    with torch.no_grad():
        model.write.queries.mul_(1e4)  # logits at their bound
    one = model.encode_view(*(part[:, 0] for part in views))
    many = type(one)(*(1000 * part for part in one.parts))
    torch.testing.assert_close(many.mean, one.mean, rtol=1e-5, atol=1e-6)


def test_sums_are_float32_and_colours_too_under_bf16(views: tuple[Tensor, Tensor]) -> None:
    model = attention_model()
    images, viewpoints = views
    with torch.autocast("cpu", torch.bfloat16):
        aggregate = model.encode_view(images[:, 0], viewpoints[:, 0])
        r = model.representation(aggregate)
        colours = model.draw_images(model.decode(r, model.prior(r).mean), viewpoints[:, 1])
    assert (
        {part.dtype for part in aggregate.parts} == {r.dtype} == {colours.dtype} == {torch.float32}
    )
    exact = model.encode_view(images[:, 0], viewpoints[:, 0])
    error = (aggregate.mean - exact.mean).abs().mean() / exact.mean.abs().mean()
    assert float(error) < 0.03


def test_nothing_seen_is_zero_and_gathers_zero() -> None:
    nothing = attention_model().nothing_seen(2)
    assert all(bool((part == 0).all()) for part in nothing.parts)
    assert bool((nothing.mean == 0).all())
