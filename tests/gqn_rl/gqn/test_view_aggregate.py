"""Views in, one representation out: any order, any number, one at a time or all at once."""

from __future__ import annotations

import pytest
import torch

from gqn_rl.geometry.view import Context
from gqn_rl.gqn.lattice.lattice_gqn import LatticeGQN
from gqn_rl.gqn.model import GenerativeQueryNetwork
from gqn_rl.gqn.volumes.encoder import VolumeAggregate
from tests.gqn_rl.gqn.models import QUICK_PRESETS, as_tensors, make_model, random_views


@pytest.fixture(scope="module", params=QUICK_PRESETS)
def model(request: pytest.FixtureRequest) -> GenerativeQueryNetwork:
    return make_model(request.param).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def views() -> tuple[torch.Tensor, torch.Tensor]:
    return as_tensors(random_views())


def close(a: torch.Tensor, b: torch.Tensor) -> None:
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4 * float(b.abs().max()))


def test_order_of_views_does_not_matter(model: GenerativeQueryNetwork, views) -> None:
    images, viewpoints = views
    r = model.represent(images, viewpoints)
    assert r.shape == (3, model.representation_size)
    assert r.dtype == torch.float32
    for order in ([3, 2, 1, 0], [1, 3, 0, 2]):
        close(model.represent(images[:, order], viewpoints[:, order]), r)


def test_what_the_views_show_matters(model: GenerativeQueryNetwork, views) -> None:
    images, viewpoints = views
    r = model.represent(images, viewpoints)
    # Untrained, the published network hears the pose a thousand times louder than the image.
    least = 3e-4 * float(r.abs().mean())
    for other in (images.flip(1), images.flip(0)):  # other poses for the images, other scenes
        assert float((model.represent(other, viewpoints) - r).abs().mean()) > least
    assert float((model.represent(images[:, :3], viewpoints[:, :3]) - r).abs().mean()) > least


def test_one_view_at_a_time_equals_all_at_once(model: GenerativeQueryNetwork, views) -> None:
    images, viewpoints = views
    state = model.nothing_seen(3)
    shapes = [part.shape for part in state.parts]
    for v in range(images.shape[1]):
        state = state.plus(model.encode_view(images[:, v], viewpoints[:, v]))
        assert [part.shape for part in state.parts] == shapes, "the state has a fixed size"
        assert all(part.dtype == torch.float32 for part in state.parts)
    close(model.representation(state), model.represent(images, viewpoints))


def test_a_mask_excludes_views(model: GenerativeQueryNetwork, views) -> None:
    images, viewpoints = views
    mask = torch.tensor([[1, 1, 0, 0], [0, 1, 0, 1], [1, 1, 1, 1]], dtype=torch.bool)
    masked = model.representation(model.gather(Context(images, viewpoints, mask)))
    for row, keep in enumerate(mask):
        alone = model.represent(images[row : row + 1, keep], viewpoints[row : row + 1, keep])
        close(masked[row], alone[0])
    garbled = torch.where(mask[..., None, None, None], images, 1 - images)
    again = model.representation(model.gather(Context(garbled, viewpoints, mask)))
    torch.testing.assert_close(again, masked, rtol=0, atol=0)


def test_forgetting_is_scene_by_scene(model: GenerativeQueryNetwork, views) -> None:
    images, viewpoints = views
    state = model.encode_view(images[:, 0], viewpoints[:, 0])
    after = state.forget(torch.tensor([False, True, False]))
    nothing = model.nothing_seen(1)
    for part, old, empty in zip(after.parts, state.parts, nothing.parts, strict=True):
        torch.testing.assert_close(part[[0, 2]], old[[0, 2]], rtol=0, atol=0)
        torch.testing.assert_close(part[1:2], empty, rtol=0, atol=0)
        assert bool((old[1] != 0).any()), "the old state is not changed"


def test_forgetting_heals_a_broken_scene() -> None:
    broken = VolumeAggregate(
        torch.full((1, 2, 3), torch.nan),
        torch.full((1, 2, 1), torch.inf),
        torch.full((1, 4, 5), torch.nan),
    )
    healed = broken.forget(torch.tensor([True]))
    assert all(bool((part == 0).all()) for part in healed.parts)


def test_scenes_of_a_batch_do_not_mix(model: GenerativeQueryNetwork, views) -> None:
    images, viewpoints = views
    together = model.represent(images, viewpoints)
    for row in range(3):
        alone = model.represent(images[row : row + 1], viewpoints[row : row + 1])
        close(together[row], alone[0])


def test_nothing_seen_has_a_finite_representation(model: GenerativeQueryNetwork) -> None:
    assert bool(model.representation(model.nothing_seen(2)).isfinite().all())


def test_slots_lie_where_the_object_is() -> None:
    model = make_model("tiny")
    assert isinstance(model, LatticeGQN)
    points = model.slot_points
    assert len(points) * model.config.slot_channels == model.representation_size
    assert float(points.norm(dim=-1).max()) <= 3**0.5 * model.config.extent
    torch.testing.assert_close(points.mean(0), torch.zeros(3), rtol=0, atol=1e-5)
