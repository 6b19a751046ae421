"""Families by name, and one that is in no table."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from gqn_rl.data.synthetic import SceneViews
from gqn_rl.encoders.loading import load_checkpoint
from gqn_rl.errors import UserError
from gqn_rl.files import write_json
from gqn_rl.geometry.view import Views
from gqn_rl.geometry.viewpoint import sample_on_sphere
from gqn_rl.gqn.checkpoint import (
    pretrained_path,
    read_sidecar,
    save_checkpoint,
    sidecar_path,
)
from gqn_rl.gqn.config import Config
from gqn_rl.gqn.families import FAMILIES, build, config_from_dict, preset
from gqn_rl.rendering.base import RendererIdentity
from gqn_rl.training.recipe import Recipe
from gqn_rl.training.state import load_state, save_state
from gqn_rl.training.trainer import Trainer
from tests.gqn_rl.gqn.models import as_tensors, random_views
from tests.gqn_rl.gqn.outside_family import TINY, MeanColourGQN

OUTSIDE = "tests.gqn_rl.gqn.outside_family"


def trained(views: SceneViews, steps: int = 2, **changes: float) -> Trainer:
    numbers = {"iterations": 2, "batch_size": 3, "num_rays": 16, "warmup": 1} | changes
    trainer = Trainer(build(TINY, seed=0), Recipe(**numbers), "fp32")  # type: ignore[arg-type]
    for _ in range(steps):
        trainer.train_step(views)
    return trainer


def test_configurations_survive_a_round_trip() -> None:
    for name, family in FAMILIES.items():
        for config in family.presets.values():
            assert config.family == name
            assert config_from_dict(name, config.to_dict(), "file.json") == config
        with pytest.raises(UserError, match=r"file.json does not fit .*Config.*houses"):
            config_from_dict(name, {"houses": 3}, "file.json")


def test_siblings_do_not_have_each_others_fields() -> None:
    canonical, lattice = preset("canonical-tiny").to_dict(), preset("tiny").to_dict()
    drawn_along_rays = {"voxel_channels", "voxels_per_cell", "ray_samples"}
    assert set(lattice) - set(canonical) == drawn_along_rays


def test_keys_that_older_files_hold_are_read_or_dropped() -> None:
    config = preset("canonical-tiny")
    old = config.to_dict() | {"voxel_channels": 96, "voxels_per_cell": 3, "ray_samples": 32}
    old["evidence_channels"] = old.pop("aggregate_channels")
    assert config_from_dict("canonical", old, "old.json") == config
    with pytest.raises(UserError, match="does not fit AttentionConfig"):
        config_from_dict("attention", preset("attention-tiny").to_dict() | {"ray_samples": 3}, "f")


def test_a_family_from_outside_trains_and_resumes_to_the_bit(tmp_path: Path) -> None:
    views = random_views(3, 4)
    whole, half = trained(views), trained(views, steps=1)
    save_state(tmp_path, half, {})
    resumed = trained(views, steps=0)
    load_state(tmp_path, resumed)
    resumed.train_step(views)
    start = build(TINY, seed=0).state_dict()
    for name, tensor in whole.model.state_dict().items():
        torch.testing.assert_close(resumed.model.state_dict()[name], tensor, rtol=0, atol=0)
        assert torch.equal(tensor, start[name]) == name.startswith("representation_")


def test_only_the_families_own_loss_learns_from_labels() -> None:
    views = random_views(3, 4)
    unlabelled = SceneViews(views.images, views.viewpoints)
    weights = {
        (name, weight): trained(batch, grid_weight=weight).model.network.weight
        for name, batch in (("labels", views), ("none", unlabelled))
        for weight in (0.0, 10.0)
    }
    blind = weights["none", 0.0]
    assert torch.equal(weights["labels", 0.0], blind)
    assert torch.equal(weights["none", 10.0], blind)
    assert not torch.equal(weights["labels", 10.0], blind)


def test_a_family_from_outside_is_an_encoder_by_its_checkpoint_alone(tmp_path: Path) -> None:
    views = random_views(2, 3)
    model = build(preset(f"{OUTSIDE}:TINY"), seed=1).eval()
    assert isinstance(model, MeanColourGQN)
    path = tmp_path / "model.safetensors"
    renderer = RendererIdentity("raycast", "1", 64).to_dict()
    save_checkpoint(path, model, renderer=renderer, record={})
    assert read_sidecar(path)["family"] == f"{OUTSIDE}:MeanColourGQN"
    encoder = load_checkpoint(path, "cpu")
    encoder.precision = "fp32"
    state = encoder.initial_state(2)
    poses = sample_on_sphere(np.random.default_rng(0), 2)
    state = encoder.update(state, Views(views.images[:, 0], poses))
    images, _ = as_tensors(views)
    with torch.no_grad():
        expected = model.represent(images[:, :1], torch.from_numpy(poses.encode())[:, None])
    np.testing.assert_allclose(encoder.representation(state), expected, atol=1e-6)
    assert encoder.predict_view(state, poses).shape == (2, 64, 64, 3)


@pytest.mark.parametrize(
    ("family", "message"),
    [
        ("none", r"file.json is of family 'none', expected one of \['lattice'"),
        ("no_such_module:Network", "needs the package 'no_such_module'"),
        (f"{OUTSIDE}:Absent", "has no 'Absent'"),
        (f"{OUTSIDE}:TINY", "expected a GenerativeQueryNetwork"),
        (f"{OUTSIDE}:MeanColourConfig", "expected a GenerativeQueryNetwork"),
    ],
)
def test_names_that_stand_for_no_family_are_refused(family: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        config_from_dict(family, {}, "file.json")


def test_names_that_stand_for_no_preset_are_refused() -> None:
    assert isinstance(preset(f"{OUTSIDE}:TINY"), Config)
    with pytest.raises(UserError, match=r"'big'; expected one of .*tiny"):
        preset("big")
    with pytest.raises(UserError, match="expected a configuration"):
        preset(f"{OUTSIDE}:MeanColourGQN")


def test_a_family_that_the_hub_names_is_imported_by_the_user_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, build(TINY, seed=0), renderer={}, record={})
    monkeypatch.setattr("gqn_rl.gqn.checkpoint.pull", lambda address, kind: path)
    assert pretrained_path("hub:someone/gqn") == path
    sidecar = read_sidecar(path) | {"family": "this:Zen"}
    write_json(sidecar_path(path), sidecar)
    monkeypatch.delitem(sys.modules, "this", raising=False)
    with pytest.raises(UserError, match=r"family 'this:Zen'.* import it first"):
        pretrained_path("hub:someone/gqn")
    assert "this" not in sys.modules
