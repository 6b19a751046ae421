"""The encoder whose cells explain what was seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gqn_rl.data.synthetic import SceneDistribution, SceneViews, render_views
from gqn_rl.encoders import (
    ComparingEncoder,
    ResumableEncoder,
    SceneImaginer,
    SpatialEncoder,
    make_encoder,
)
from gqn_rl.encoders.refined_encoder import VIEWS_KEPT, RefinedEncoder, RefinedState
from gqn_rl.errors import UserError
from gqn_rl.geometry.view import Views
from gqn_rl.geometry.viewpoint import Viewpoints
from gqn_rl.rendering import make_renderer

N, LOOKS = 12, 8
"""Scenes, and views of each; the last one is drawn and not seen."""


@pytest.fixture(scope="module")
def encoder() -> RefinedEncoder:
    found = make_encoder("refined", device="cpu")
    assert isinstance(found, RefinedEncoder)
    return found


@pytest.fixture(scope="module")
def seen() -> SceneViews:
    rng = np.random.default_rng(5)
    scenes = SceneDistribution(shapes="test", free_fraction=0.5).sample(rng, N)
    return render_views(make_renderer("raycast"), scenes, LOOKS, rng)


def view(seen: SceneViews, look: int, rows: slice = slice(None)) -> Views:
    poses = Viewpoints.decode(seen.viewpoints[rows, look])
    return Views(seen.images[rows, look], poses)


@pytest.fixture(scope="module")
def states(encoder: RefinedEncoder, seen: SceneViews) -> list[RefinedState]:
    """After no look, after one, ..."""
    found = [encoder.initial_state(N)]
    for look in range(LOOKS - 1):
        found.append(encoder.update(found[-1], view(seen, look)))
    return found


def error(encoder: Any, state: Any, seen: SceneViews) -> NDArray[np.float64]:
    """RMSE of the view that was not seen, of each scene."""
    drawn = encoder.predict_view(state, view(seen, LOOKS - 1).viewpoints)
    difference = drawn.astype(float) - seen.images[:, LOOKS - 1]
    out: NDArray[np.float64] = np.sqrt(np.square(difference).mean((1, 2, 3)))
    return out


def test_it_can_what_encoders_can(encoder: RefinedEncoder) -> None:
    for ability in (SceneImaginer, ResumableEncoder, ComparingEncoder, SpatialEncoder):
        assert isinstance(encoder, ability)
    assert encoder.identity() != make_encoder("cells", device="cpu").identity()


def test_three_looks_tell_it_far_more_than_the_bare_network(
    encoder: RefinedEncoder, seen: SceneViews, states: list[RefinedState]
) -> None:
    bare: Any = make_encoder("base", device="cpu")
    state = bare.initial_state(N)
    for look in range(3):
        state = bare.update(state, view(seen, look))
    refined = error(encoder, states[3], seen)
    assert np.median(refined) < np.median(error(bare, state, seen)) / 3
    assert np.median(refined) < 5.0


def test_later_looks_do_not_forget_what_earlier_ones_showed(
    encoder: RefinedEncoder, seen: SceneViews, states: list[RefinedState]
) -> None:
    assert states[-1].count.min() > VIEWS_KEPT
    assert np.median(error(encoder, states[-1], seen)) < 5.0
    assert error(encoder, states[-1], seen).mean() < error(encoder, states[1], seen).mean() / 2


def test_grids_are_opacities_and_no_more_colour_than_that(
    encoder: RefinedEncoder, states: list[RefinedState]
) -> None:
    for state in states:
        r = encoder.representation(state)
        assert r.shape == (N, encoder.representation_size)
        assert r.dtype == np.float32
        volumes = r.reshape(N, *encoder.voxel_grid_shape)
        assert volumes.min() >= 0.0
        assert volumes[:, 0].max() <= 1.0
        assert (volumes[:, 1:] <= volumes[:, :1] + 1e-6).all()


def test_the_order_of_views_changes_little(encoder: RefinedEncoder, seen: SceneViews) -> None:
    errors = []
    for order in ((0, 1, 2, 3), (3, 1, 0, 2)):
        state = encoder.initial_state(N)
        for look in order:
            state = encoder.update(state, view(seen, look))
        errors.append(error(encoder, state, seen))
    assert np.median(np.abs(errors[0] - errors[1])) < 2.0


def test_a_scene_does_not_depend_on_its_neighbours(
    encoder: RefinedEncoder, seen: SceneViews, states: list[RefinedState]
) -> None:
    alone = encoder.initial_state(1)
    for look in range(3):
        alone = encoder.update(alone, view(seen, look, slice(4, 5)))
    together = encoder.representation(states[3])[4]
    np.testing.assert_allclose(encoder.representation(alone)[0], together, atol=0.02)


def test_only_rows_of_the_mask_take_their_view_in(
    encoder: RefinedEncoder, seen: SceneViews, states: list[RefinedState]
) -> None:
    mask = np.arange(N) % 3 == 0
    mixed = encoder.update(states[1], view(seen, 1), mask)
    r, before = encoder.representation(mixed), encoder.representation(states[1])
    np.testing.assert_array_equal(r[~mask], before[~mask])
    assert mixed.count.tolist() == (1 + mask).tolist()
    nobody = encoder.update(states[1], view(seen, 1), np.zeros(N, dtype=bool))
    np.testing.assert_array_equal(encoder.representation(nobody), before)


def test_reset_rows_begin_anew(
    encoder: RefinedEncoder, seen: SceneViews, states: list[RefinedState]
) -> None:
    mask = np.arange(N) < 5
    fresh = encoder.reset(states[3], mask)
    for part, new in zip(fresh.tensors, encoder.initial_state(N).tensors, strict=True):
        assert (part[:5] == new[:5]).all()
    for part, old in zip(fresh.tensors, states[3].tensors, strict=True):
        assert (part[5:] == old[5:]).all()


def test_a_saved_state_goes_on_to_the_bit(
    encoder: RefinedEncoder, seen: SceneViews, states: list[RefinedState]
) -> None:
    restored = encoder.state_from_arrays(encoder.state_arrays(states[2]))
    for mine, other in zip(restored.tensors, states[2].tensors, strict=True):
        assert (mine == other).all()
    new = view(seen, 2)
    np.testing.assert_array_equal(
        encoder.representation(encoder.update(restored, new)),
        encoder.representation(encoder.update(states[2], new)),
    )
    with pytest.raises(UserError, match="the encoder's state is"):
        encoder.state_from_arrays(encoder.state_arrays(states[2])[:-1])


def test_an_object_looks_like_itself_and_not_like_its_mirror_image(
    encoder: RefinedEncoder, states: list[RefinedState]
) -> None:
    r = encoder.representation(states[-1])
    compared = encoder.compare(r, r)
    np.testing.assert_allclose(compared[:, 0], 1.0, atol=1e-5)
    assert np.isfinite(compared).all()


def test_views_of_two_objects_end_in_finite_numbers(
    encoder: RefinedEncoder, seen: SceneViews
) -> None:
    state = encoder.update(encoder.initial_state(N), view(seen, 0))
    other = Views(seen.images[::-1, 1].copy(), view(seen, 1).viewpoints)
    r = encoder.representation(encoder.update(state, other))
    assert np.isfinite(r).all()
    black = Views(np.zeros_like(seen.images[:, 0]), view(seen, 0).viewpoints)
    r = encoder.representation(encoder.update(encoder.initial_state(N), black))
    assert np.isfinite(r).all()
