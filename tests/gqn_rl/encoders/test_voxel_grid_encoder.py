"""The encoder that hands on what the GQN imagines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gqn_rl.encoders import make_encoder
from gqn_rl.encoders.voxel_grid_encoder import VoxelGridEncoder, cell_encoder
from gqn_rl.errors import UserError
from gqn_rl.geometry.view import Views
from gqn_rl.geometry.viewpoint import Viewpoints
from gqn_rl.gqn.checkpoint import save_checkpoint
from tests.gqn_rl.gqn.models import make_model, random_views

SCENES = random_views(5, 3)


def view(v: int) -> Views:
    return Views(SCENES.images[:, v], Viewpoints.decode(SCENES.viewpoints[:, v]))


@pytest.fixture(scope="module")
def encoder() -> VoxelGridEncoder:
    found = make_encoder("cells", device="cpu")
    assert isinstance(found, VoxelGridEncoder)
    return found


def test_cells_hold_opacity_and_no_more_colour_than_that(encoder: VoxelGridEncoder) -> None:
    state = encoder.update(encoder.initial_state(5), view(0))
    r = encoder.representation(state)
    assert r.shape == (5, encoder.representation_size)
    assert r.dtype == np.float32
    volumes = r.reshape(5, *encoder.model.voxel_grid_shape)
    assert volumes.min() >= 0.0
    assert (volumes[:, 1:] <= volumes[:, :1] + 1e-6).all()
    assert volumes[:, 0].max() <= 1.0


def test_comparison_has_one_finite_row_for_each_pair_of_its_own(encoder: VoxelGridEncoder) -> None:
    state = encoder.update(encoder.initial_state(5), view(0))
    one = encoder.representation(state)
    other = encoder.representation(encoder.update(state, view(1)))
    together = encoder.compare(one, other)
    assert together.shape == (5, encoder.comparison_size)
    assert np.isfinite(together).all()
    each = [encoder.compare(one[i : i + 1], other[i : i + 1])[0] for i in range(5)]
    np.testing.assert_allclose(together, each, atol=1e-5)
    np.testing.assert_allclose(encoder.compare(one, one)[:, 0], 1.0, atol=1e-5)


def test_it_still_draws_like_the_network_inside(encoder: VoxelGridEncoder) -> None:
    state = encoder.update(encoder.initial_state(5), view(0))
    plain = make_encoder("base", device="cpu")
    np.testing.assert_array_equal(
        encoder.predict_view(state, view(2).viewpoints),
        plain.predict_view(state, view(2).viewpoints),  # type: ignore[attr-defined]
    )


def test_weights_without_cells_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_checkpoint(path, make_model(), renderer={}, record={})
    with pytest.raises(UserError, match="expected 'canonical'"):
        cell_encoder(path)
