"""Images, poses and queries of any floating point, in processes that compute in any."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from gqn_rl import GenerativeQueryNetwork
from gqn_rl.encoders import make_encoder
from gqn_rl.errors import UserError
from gqn_rl.geometry.view import Context, Views
from gqn_rl.geometry.viewpoint import sample_on_sphere
from gqn_rl.gqn.families import build
from tests.gqn_rl.gqn.models import TINY, make_model

FORMATS = (torch.float16, torch.float64)
SCENES, VIEWS = 1, 2


@pytest.fixture(params=[*TINY.values(), "base"])
def model(request: pytest.FixtureRequest) -> GenerativeQueryNetwork:
    """One of each family, and weights that ship."""
    if request.param == "base":
        return GenerativeQueryNetwork.from_pretrained("base")
    return make_model(request.param).eval()


@pytest.fixture
def float64_process() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def seen(size: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Images and poses of some scenes, and a query of each, whose numbers all formats can hold."""
    rng = np.random.default_rng(0)
    poses = torch.from_numpy(sample_on_sphere(rng, SCENES * (VIEWS + 1)).encode())
    poses = poses.bfloat16().float().view(SCENES, VIEWS + 1, 7)
    images = torch.from_numpy(rng.integers(0, 9, (SCENES, VIEWS, 3, size, size))) / 8
    return images.float(), poses[:, :VIEWS], poses[:, VIEWS]


def drawn(model: GenerativeQueryNetwork, context: Context, query: torch.Tensor) -> list:
    generator = torch.Generator().manual_seed(0)
    steps = min(1, model.refinement_steps)
    posterior = model.infer(context, steps)
    return [
        model.represent(context.images, context.viewpoints),
        model.predict(context, query, generator, steps=0),
        model.sample_views(posterior, query, 2, generator),
        model.kl(model.gather(context), context.images[:, 0].float(), query.float()),
    ]


@torch.no_grad()
def test_formats_of_images_poses_and_queries_make_no_difference(
    model: GenerativeQueryNetwork,
) -> None:
    images, poses, query = seen(model.image_size)
    expected = drawn(model, Context(images, poses), query)
    for number in FORMATS:
        for which in range(3):
            given = [images, poses, query]
            given[which] = given[which].to(number)
            received = drawn(model, Context(*given[:2]), given[2])
            for one, other in zip(expected, received, strict=True):
                assert other.dtype == torch.float32
                assert torch.equal(one, other)


@torch.no_grad()
def test_a_process_that_computes_in_float64_gets_the_same(
    request: pytest.FixtureRequest, model: GenerativeQueryNetwork
) -> None:
    given = seen(model.image_size)
    expected = drawn(model, Context(*given[:2]), given[2])
    request.getfixturevalue("float64_process")
    if torch.equal(model.representation_mean, torch.zeros_like(model.representation_mean)):
        model = build(model.config, seed=0).eval()
    else:
        model = GenerativeQueryNetwork.from_pretrained("base")
    for one, other in zip(expected, drawn(model, Context(*given[:2]), given[2]), strict=True):
        assert other.dtype == torch.float32
        assert torch.equal(one, other)
    assert torch.get_default_dtype() == torch.float64


@pytest.mark.parametrize("name", ["gqn", "cells", "base"])
def test_encoders_are_the_same_in_a_process_that_computes_in_float64(
    request: pytest.FixtureRequest, name: str
) -> None:
    rng = np.random.default_rng(0)
    views = Views(rng.integers(0, 255, (2, 64, 64, 3), np.uint8), sample_on_sphere(rng, 2))

    def represented() -> np.ndarray:
        encoder = make_encoder(name, device="cpu")
        return encoder.representation(encoder.update(encoder.initial_state(2), views))

    expected = represented()
    request.getfixturevalue("float64_process")
    received = represented()
    assert received.dtype == np.float32
    np.testing.assert_array_equal(received, expected)


def test_numbers_that_are_not_floating_point_are_refused() -> None:
    model = make_model()
    images, poses, _ = seen(model.image_size)
    with pytest.raises(UserError, match=r"images is torch\.uint8, expected floating point"):
        model.represent(images.to(torch.uint8), poses)
