"""Weights on disk: what comes back, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from gqn_rl import GenerativeQueryNetwork
from gqn_rl.devices import choose_device
from gqn_rl.errors import UserError
from gqn_rl.geometry.view import Context
from gqn_rl.gqn.checkpoint import load_checkpoint, save_checkpoint, sidecar_path
from gqn_rl.gqn.families import preset
from gqn_rl.rendering.base import RendererIdentity
from tests.gqn_rl.gqn.models import QUICK_PRESETS, as_tensors, make_model, random_views

RENDERER = RendererIdentity("raycast", "1", 64).to_dict()


def saved(folder: Path, model: GenerativeQueryNetwork, **options: Any) -> Path:
    path = folder / "model.safetensors"
    save_checkpoint(path, model, renderer=RENDERER, record={"step": 7}, **options)
    return path


@pytest.mark.parametrize("name", QUICK_PRESETS)
def test_a_saved_model_predicts_the_same(tmp_path: Path, name: str) -> None:
    model = make_model(name)
    model.representation_mean.fill_(0.123)
    path = saved(tmp_path, model)
    images, viewpoints = as_tensors(random_views(2, 3))
    context = Context(images[:, :2], viewpoints[:, :2])
    for found in (path, str(path), tmp_path):
        loaded = GenerativeQueryNetwork.from_pretrained(found)
        assert not loaded.training
        assert not any(p.requires_grad for p in loaded.parameters())
        assert bool((loaded.representation_mean == torch.tensor(0.123)).all())
        expected, got = (
            m.predict(context, viewpoints[:, 2], torch.Generator().manual_seed(0))
            for m in (model, loaded)
        )
        torch.testing.assert_close(got, expected, rtol=0, atol=0)


def test_the_sidecar_says_what_the_weights_are(tmp_path: Path) -> None:
    path = saved(tmp_path, make_model())
    _, sidecar = load_checkpoint(path)
    assert sidecar == json.loads((tmp_path / "model.json").read_text())
    assert sidecar["family"] == "lattice"
    assert sidecar["renderer"] == RENDERER
    assert sidecar["record"] == {"step": 7}
    assert len(sidecar["sha256"]) == 64


def test_half_precision_weights_take_half_the_space_and_load(tmp_path: Path) -> None:
    model = make_model()
    model.representation_scale.fill_(1 / 3)
    large = saved(tmp_path / "fp32", model).stat().st_size
    path = saved(tmp_path / "bf16", model, dtype=torch.bfloat16)
    assert path.stat().st_size < 0.6 * large
    loaded, _ = load_checkpoint(path)
    assert all(p.dtype == torch.float32 for p in loaded.parameters())
    torch.testing.assert_close(loaded.representation_scale, model.representation_scale)
    for a, b in zip(loaded.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=2**-8, atol=0)


def edit(path: Path, **changes: Any) -> None:
    sidecar = json.loads(sidecar_path(path).read_text())
    sidecar_path(path).write_text(json.dumps(sidecar | changes))


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1000] ^= 4
    path.write_bytes(bytes(content))


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "truncated": (lambda p: p.write_bytes(p.read_bytes()[:-9]), "truncated or changed"),
    "empty": (lambda p: p.write_bytes(b""), "truncated or changed"),
    "bit flipped": (flip_a_bit, "truncated or changed"),
    "no weights": (lambda p: p.unlink(), "model.safetensors' does not exist"),
    "no sidecar": (lambda p: sidecar_path(p).unlink(), "model.json' does not exist"),
    "sidecar truncated": (lambda p: sidecar_path(p).write_text('{"format": '), "not valid JSON"),
    "sidecar of something else": (lambda p: sidecar_path(p).write_text("{}"), "format None"),
    "sidecar no object": (lambda p: sidecar_path(p).write_text("[1]"), "holds a list"),
    "another format": (lambda p: edit(p, format="gqn_rl.gqn/9"), "gqn_rl.gqn/9"),
    "camera": (lambda p: edit(p, camera="y-up"), "camera convention 'y-up'"),
    "family": (lambda p: edit(p, family="tower"), r"family 'tower', expected one of \['lattice'"),
    "foreign configuration": (lambda p: edit(p, config={"depth": 3}), "depth"),
    "other sizes": (
        lambda p: edit(p, config=preset("small").to_dict()),
        "does not fit its configuration",
    ),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_unusable_weights_are_one_clear_line(tmp_path: Path, kind: str) -> None:
    path = saved(tmp_path, make_model())
    damage, message = DAMAGE[kind]
    damage(path)
    with pytest.raises(UserError, match=message) as refusal:
        load_checkpoint(path)
    assert str(tmp_path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_failing_save_leaves_the_old_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path, make_model(seed=1))
    before = path.read_bytes()

    def full_disk(source: str, target: str) -> None:
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", full_disk)
        with pytest.raises(OSError, match="space"):
            saved(tmp_path, make_model(seed=2))
    assert path.read_bytes() == before
    load_checkpoint(path)


def test_the_device_may_be_left_to_the_machine_and_weights_come_frozen() -> None:
    model = GenerativeQueryNetwork.from_pretrained("small", device="auto")
    assert model.device == choose_device("auto")
    assert not model.training
    assert not any(weight.requires_grad for weight in model.parameters())


def test_a_device_that_is_not_there_is_one_clear_line() -> None:
    with pytest.raises(UserError, match="device 'abacus' cannot be used") as refusal:
        GenerativeQueryNetwork.from_pretrained("small", device="abacus")
    assert "\n" not in str(refusal.value)
