"""The GQN as an encoder: one view at a time, a state that is never changed in place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from gqn_rl.encoders import (
    ComparingEncoder,
    InformedEncoder,
    ResumableEncoder,
    SceneEncoder,
    SceneImaginer,
    SpatialEncoder,
    gqn_encoder,
    make_encoder,
)
from gqn_rl.encoders.gqn_encoder import GQNEncoder
from gqn_rl.encoders.loading import load_checkpoint, random_weights
from gqn_rl.errors import UserError
from gqn_rl.geometry.view import Views
from gqn_rl.geometry.viewpoint import Viewpoints
from gqn_rl.gqn.checkpoint import save_checkpoint
from gqn_rl.rendering.base import RendererIdentity
from tests.gqn_rl.gqn.models import as_tensors, make_model, random_views

RENDERER = RendererIdentity("raycast", "1", 64).to_dict()
SCENES = random_views(3, 4)


def view(v: int) -> Views:
    """View number v of every scene."""
    return Views(SCENES.images[:, v], Viewpoints.decode(SCENES.viewpoints[:, v]))


@pytest.fixture(params=["fp32", "bf16"])
def encoder(request: pytest.FixtureRequest) -> GQNEncoder:
    model = make_model().eval().requires_grad_(False)
    model.representation_mean.normal_(generator=torch.Generator().manual_seed(0))
    model.representation_scale.fill_(0.5)
    return GQNEncoder(model, RENDERER, "hash", precision=request.param)


def test_updates_one_by_one_equal_represent_on_all(encoder: GQNEncoder) -> None:
    state = encoder.initial_state(3)
    for v in range(4):
        state = encoder.update(state, view(v))
    r = encoder.representation(state)
    assert r.dtype == np.float32
    assert r.shape == (3, encoder.representation_size)
    with torch.no_grad():
        expected = encoder.model.standardise(encoder.model.represent(*as_tensors(SCENES))).numpy()
    tolerance = {"fp32": 1e-3, "bf16": 0.1}[encoder.precision]
    assert np.abs(r - expected).max() < tolerance * np.abs(expected).max()


def test_updates_and_resets_leave_the_old_state_alone(encoder: GQNEncoder) -> None:
    state = encoder.update(encoder.initial_state(3), view(0))
    kept = [part.clone() for part in state.parts]
    encoder.update(state, view(1))
    encoder.reset(state, np.array([True, True, False]))
    encoder.representation(state)
    encoder.predict_view(state, view(2).viewpoints)
    for part, old in zip(state.parts, kept, strict=True):
        assert torch.equal(part, old)


def test_reset_forgets_the_masked_scenes_only(encoder: GQNEncoder) -> None:
    state = encoder.update(encoder.initial_state(3), view(0))
    before, empty = encoder.representation(state), encoder.representation(encoder.initial_state(3))
    after = encoder.representation(encoder.reset(state, np.array([False, True, False])))
    np.testing.assert_allclose(after[[0, 2]], before[[0, 2]], atol=1e-5)
    np.testing.assert_allclose(after[1], empty[1], atol=1e-5)
    assert np.abs(before[1] - empty[1]).max() > 1e-3


def test_portions_of_a_batch_change_nothing_but_rounding(
    encoder: GQNEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for size in (1, 2, 3):
        for name in ("ENCODED_PER_THREAD", "DRAWN_PER_THREAD"):
            monkeypatch.setattr(gqn_encoder, name, size)
        monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
        state = encoder.update(encoder.initial_state(3), view(0))
        state = encoder.update(state, view(1), np.array([True, False, True]))
        drawn = encoder.predict_view(state, view(2).viewpoints).astype(int)
        found.append((encoder.representation(state), drawn))
    tolerance, levels = {"fp32": (1e-4, 1), "bf16": (0.1, 8)}[encoder.precision]
    for r, drawn in found[:2]:
        np.testing.assert_allclose(r, found[2][0], atol=tolerance * np.abs(r).max())
        assert np.abs(drawn - found[2][1]).max() <= levels


def test_imagined_views_are_the_same_each_time(encoder: GQNEncoder) -> None:
    state = encoder.update(encoder.initial_state(3), view(0))
    before = torch.get_rng_state()
    images = encoder.predict_view(state, view(3).viewpoints)
    assert images.dtype == np.uint8
    assert images.shape == (3, 64, 64, 3)
    np.testing.assert_array_equal(encoder.predict_view(state, view(3).viewpoints), images)
    assert torch.equal(torch.get_rng_state(), before)


def test_an_update_with_a_mask_leaves_the_other_scenes_exactly_as_they_are(
    encoder: GQNEncoder,
) -> None:
    first = encoder.update(encoder.initial_state(3), view(0))
    mask = np.array([True, False, True])
    some, every = encoder.update(first, view(1), mask), encoder.update(first, view(1))
    for before, partly, after in zip(first.parts, some.parts, every.parts, strict=True):
        assert torch.equal(partly[1], before[1])
        assert torch.equal(partly[mask], after[mask])
    assert any(not torch.equal(a, b) for a, b in zip(first.parts, every.parts, strict=True))


def test_a_scene_is_imagined_the_same_in_any_row(encoder: GQNEncoder) -> None:
    state = encoder.update(encoder.initial_state(3), view(0))
    poses, rows = view(3).viewpoints, np.array([2, 0])
    images = encoder.predict_view(state, poses).astype(int)
    selected = encoder.predict_view(encoder.select(state, rows), poses[rows])
    difference = np.abs(selected - images[rows])
    assert difference.max() <= {"fp32": 1, "bf16": 8}[encoder.precision]
    assert np.abs(images[0] - images[2]).max() > 8


def test_sizes_and_identity_are_those_of_the_model(encoder: GQNEncoder) -> None:
    assert encoder.image_size == 64
    assert encoder.renderer == RENDERER
    assert encoder.weights_hash == "hash"


def test_the_identity_is_that_of_the_weights_wherever_they_came_from() -> None:
    one, elsewhere = GQNEncoder(make_model(), RENDERER, "hash"), GQNEncoder(make_model())
    assert one.identity() == elsewhere.identity()
    assert len(one.identity()) == 64
    with torch.no_grad():
        elsewhere.model.representation_scale.mul_(2.0)
    assert one.identity() != elsewhere.identity()


def test_capabilities_are_asked_for_by_their_protocols() -> None:
    table = {
        ComparingEncoder: {"cells"},
        InformedEncoder: {"base"},
        SpatialEncoder: {"cells"},
        SceneEncoder: {"gqn", "base", "cells", "random"},
        SceneImaginer: {"gqn", "base", "cells", "random"},
        ResumableEncoder: {"gqn", "base", "cells", "random"},
    }
    made = {name: make_encoder(name, device="cpu") for name in ("gqn", "base", "cells", "random")}
    for protocol, names in table.items():
        able = {name for name, encoder in made.items() if isinstance(encoder, protocol)}
        assert able == names, protocol
    assert len({encoder.identity() for encoder in made.values()}) == 3  # cells has base's weights


def test_a_checkpoint_becomes_an_encoder(tmp_path: Path) -> None:
    model = make_model()
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, model, renderer=RENDERER, record={})
    for name in (path, tmp_path):
        encoder = make_encoder(name, device="cpu")
        assert isinstance(encoder, GQNEncoder)
        assert encoder.renderer == RENDERER
        assert len(encoder.weights_hash) == 64
        assert not encoder.model.training
    assert load_checkpoint(path).weights_hash == encoder.weights_hash


def test_random_weights_depend_on_the_seed_alone() -> None:
    before = torch.get_rng_state()
    one, again, other = (random_weights("cpu", seed) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert one.weights_hash == again.weights_hash != other.weights_hash
    assert one.renderer is None
    states = [e.representation(e.update(e.initial_state(3), view(0))) for e in (one, again, other)]
    np.testing.assert_array_equal(states[0], states[1])
    assert np.abs(states[0] - states[2]).max() > 1e-3


@pytest.mark.parametrize("name", ["huge", "no/such/file.safetensors", "file.zip"])
def test_what_is_no_encoder_is_one_clear_line(name: str) -> None:
    with pytest.raises(UserError) as refusal:
        make_encoder(name, device="cpu")
    assert Path(name).name in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_unusable_devices_and_precisions_are_refused() -> None:
    with pytest.raises(UserError, match="toaster"):
        make_encoder("random", device="toaster")
    encoder = GQNEncoder(make_model(), precision="fp8")
    with pytest.raises(UserError, match="fp8"):
        encoder.update(encoder.initial_state(3), view(0))
