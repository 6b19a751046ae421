"""Images with poses, and the conversion between bytes and floats."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gqn_rl.geometry.view import Views, to_float, to_uint8
from gqn_rl.geometry.viewpoint import sample_on_sphere


def test_every_byte_survives_the_round_trip() -> None:
    images = torch.arange(256, dtype=torch.uint8).repeat(3).view(2, 8, 16, 3)
    floats = to_float(images)
    assert floats.shape == (2, 3, 8, 16)
    assert (floats.min(), floats.max()) == (0, 1)
    assert torch.equal(to_uint8(floats), images)


def test_channels_keep_their_place() -> None:
    image = torch.zeros(1, 4, 6, 3, dtype=torch.uint8)
    image[0, 1, 5, 2] = 255
    floats = to_float(image)
    assert floats[0, 2, 1, 5] == 1
    assert floats.sum() == 1


def test_floats_out_of_range_are_clipped() -> None:
    assert to_uint8(torch.tensor([-0.5, 0.5, 1.5]).view(3, 1, 1)).flatten().tolist() == [
        0,
        128,
        255,
    ]


def test_other_layouts_are_refused(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match=r"expected uint8 \(\.\.\., H, W, 3\)"):
        to_float(torch.zeros(1, 3, 8, 8, dtype=torch.uint8))
    with pytest.raises(ValueError, match="float64"):
        Views(np.zeros((1, 8, 8, 3)), sample_on_sphere(rng, 1))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="2 images but 3 viewpoints"):
        Views(np.zeros((2, 8, 8, 3), np.uint8), sample_on_sphere(rng, 3))
