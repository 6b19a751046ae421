"""Pixels that may not have the colour of what they show: they say only that an object is there."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from gqn_rl import GenerativeQueryNetwork
from gqn_rl.geometry.view import Context
from gqn_rl.gqn.canonical.frame import Frame
from gqn_rl.inference.refinement.alternatives import Alternatives
from gqn_rl.inference.refinement.refinement import look
from gqn_rl.inference.refinement.search.explanation import explain
from tests.gqn_rl.inference.refinement.opaque_scenes import random_scenes, seen_from

SCENES = 4


def spoiled(context: Context, clear: Tensor, seed: int) -> Context:
    """The same with colours of chance where pixels of the object are not clear."""
    images = context.images
    chance = torch.rand(images.shape, generator=torch.Generator().manual_seed(seed)) * 0.9 + 0.1
    unclear = ~clear.view(SCENES, 2, 1, *images.shape[-2:]) & (images > 0).any(2, keepdim=True)
    return replace(context, images=torch.where(unclear, chance, images))


def test_colours_of_pixels_that_are_not_clear_change_no_explanation() -> None:
    model = GenerativeQueryNetwork.from_pretrained(device="cpu")
    context = seen_from(random_scenes(SCENES, seed=20), 2, seed=21)
    pixels = context.images.shape[-2] * context.images.shape[-1]
    clear = torch.rand(SCENES, 2, pixels, generator=torch.Generator().manual_seed(0)) > 0.1
    inferred = Frame.unpack(model.represent(context.images, context.viewpoints).float())

    def found(seed: int) -> Alternatives:
        with torch.inference_mode():
            sighted = look(model, spoiled(context, clear, seed), clear=clear)
            return explain(sighted, inferred, 6)

    one, other = found(1), found(2)
    assert torch.equal(one.scene.frame.pack(), other.scene.frame.pack())
    assert torch.equal(one.scene.colour, other.scene.colour)
    assert torch.equal(one.error, other.error)
    assert one.error.max() < 0.05  # and what is clear is explained
