"""The published GQN on disk, as an encoder and in all its sizes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from gqn_rl.encoders.gqn_encoder import GQNEncoder
from gqn_rl.errors import UserError
from gqn_rl.geometry.view import Context, to_float
from gqn_rl.gqn.checkpoint import load_checkpoint, save_checkpoint
from gqn_rl.gqn.draws import Draws
from gqn_rl.gqn.families import preset
from gqn_rl.gqn.objective import Sampling
from gqn_rl.gqn.published.config import PRESETS, PublishedConfig
from gqn_rl.gqn.published.published_gqn import PublishedGQN
from gqn_rl.rendering.base import RendererIdentity
from tests.gqn_rl.gqn.published.models import SIZE, TINY, make, seeded, tensors, views


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_it_serves_as_an_encoder(precision: str) -> None:
    model = make().eval().requires_grad_(False)
    encoder = GQNEncoder(model, precision=precision)
    drawn = views()
    state = encoder.initial_state(8)
    state = encoder.update(state, drawn)
    r = encoder.representation(state)
    assert r.dtype == np.float32
    assert r.shape == (8, encoder.representation_size) == (8, 32)
    images = encoder.predict_view(state, drawn.viewpoints)
    assert images.dtype == np.uint8
    assert images.shape == (8, SIZE, SIZE, 3)
    after = encoder.representation(encoder.reset(state, np.arange(8) == 3))
    assert not after[3].any()
    np.testing.assert_array_equal(np.delete(after, 3, 0), np.delete(r, 3, 0))


@torch.no_grad()
def test_bf16_sums_of_views_are_as_exact_as_one_view_after_the_other() -> None:
    model = make(aggregation="mean")
    images, poses = tensors(1, 300)
    with torch.autocast("cpu", torch.bfloat16):
        each = model.encode_view(to_float(images[0]), poses[0])
        total = each.sum_views(torch.ones(1, 300, dtype=torch.bool))
    assert float(total.count) == 300
    torch.testing.assert_close(total.total[0], each.total.sum(0))


@pytest.mark.parametrize("shared", [False, True])
def test_weights_on_disk_give_the_same_model(tmp_path: Path, shared: bool) -> None:
    model = make(seed=5, shared_core=shared, aggregation="mean")
    path, identity = tmp_path / "m.safetensors", RendererIdentity("raycast", "1", SIZE).to_dict()
    save_checkpoint(path, model, renderer=identity, record={})
    loaded, sidecar = load_checkpoint(path)
    assert sidecar["family"] == "published"
    assert loaded.config == model.config
    images, poses = tensors()
    context = Context(to_float(images[:, :3]), poses[:, :3])
    with torch.no_grad():
        expected = model.predict(context, poses[:, 3], seeded(0))
        torch.testing.assert_close(
            loaded.predict(context, poses[:, 3], seeded(0)), expected, rtol=0, atol=0
        )


@pytest.mark.parametrize(
    ("size", "representation", "places"),
    [(16, "pool", 1), (64, "tower", 16), (84, "tower", 21), (84, "pool", 1), (128, "pyramid", 1)],
)
def test_images_of_every_data_set_fit(size: int, representation: str, places: int) -> None:
    model = make(image_size=size, representation=representation)
    images, poses = tensors(1, 2, size)
    assert model.representation_size == 32 * places**2
    assert model.latent_shape == (2, 3, size // 4, size // 4)
    asked = torch.tensor([[False, True]])
    scenes = model.bound(images, poses, asked, draws=Draws(seeded(0), 1), sampling=Sampling())
    assert bool(torch.isfinite(scenes.error + scenes.kl).all())


def test_the_paper_preset_has_the_sizes_of_the_paper() -> None:
    with torch.device("meta"):
        paper, shared = (PublishedGQN(PRESETS[name]) for name in ("paper", "paper-shared"))
    assert paper.representation_size == shared.representation_size == 256
    assert paper.latent_shape == shared.latent_shape == (12, 3, 16, 16)
    assert len(paper.generator.generator_cores) == len(paper.generator.inference_cores) == 12
    assert len(shared.generator.generator_cores) == len(shared.generator.inference_cores) == 1
    # What the two cores have: 5 x 5 kernels over h, z, v and r and over h^e, h^g, u, x, v and r to
    # 4 x 128 gates with a bias, 4 x 4 kernels to, from and beside the canvas.
    gates = 25 * 512 * (128 + 3 + 7 + 256) + 512 + 25 * 512 * (3 * 128 + 3 + 7 + 256) + 512
    core = gates + 16 * (128 * 128 + 128 * 128 + 3 * 3)
    zero_states = 25 * 512 * (128 + 3 * 128) + 16 * 128 * 128
    heads = 2 * (25 * 128 * 6 + 6) + 3 * 128 + 3
    for model, expected in ((paper, 12 * core - zero_states), (shared, core)):
        count = sum(p.numel() for p in model.generator.parameters())
        assert count == expected + heads


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"representation": "castle"}, "'castle'; expected one of .*pool"),
        ({"aggregation": "max"}, "'max'; expected one of .*mean"),
        ({"image_size": 62}, "image_size is 62, expected a multiple of 4"),
        ({"image_size": 84, "representation": "pyramid"}, "84, expected a multiple of 8"),
        ({"r_channels": 12}, "r_channels is 12, expected a multiple of 8"),
        ({"kernel_size": 4}, "kernel_size is 4, expected an odd"),
        ({"layers": 0}, "layers is 0"),
    ],
)
def test_impossible_sizes_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        replace(TINY, **change)  # type: ignore[arg-type]


def test_presets_survive_a_round_trip() -> None:
    for name, config in PRESETS.items():
        assert PublishedConfig.from_dict(config.to_dict()) == config == preset(name)
