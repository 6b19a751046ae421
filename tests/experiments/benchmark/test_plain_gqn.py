"""The plain composition computes what ours does, and is as plain as it says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from experiments.benchmark.gqn.plain import SPREADS, PlainGQN
from gqn_rl.errors import UserError
from gqn_rl.gqn.draws import Draws
from gqn_rl.gqn.families import build, preset
from gqn_rl.gqn.objective import Sampling, SceneTerms
from gqn_rl.gqn.published.published_gqn import PublishedGQN
from tests.gqn_rl.gqn.models import random_views

VARIANTS: dict[str, dict[str, Any]] = {
    "pool": {},
    "tower": {"representation": "tower"},
    "shared core": {"shared_core": True, "layers": 3},
    "more layers": {"layers": 4, "kernel_size": 3},
    "other widths": {"hidden_channels": 4, "canvas_channels": 12, "latent_channels": 2},
    "mean": {"aggregation": "mean"},
}
VIEWS = random_views(3, 4)
IS_QUERY = torch.arange(4) >= torch.tensor([[1], [2], [3]])


def published(dtype: torch.dtype = torch.float32, **changes: Any) -> PublishedGQN:
    model = build(replace(preset("published-tiny"), **changes), seed=0)
    assert isinstance(model, PublishedGQN)
    return model.to(dtype)


def terms_of(model: PublishedGQN | PlainGQN, dtype: torch.dtype) -> SceneTerms:
    draws = Draws(torch.Generator().manual_seed(1), total=3)
    images = torch.from_numpy(VIEWS.images)
    viewpoints = torch.from_numpy(VIEWS.viewpoints).to(dtype)
    return model.bound(images, viewpoints, IS_QUERY, draws=draws, sampling=Sampling(num_queries=2))


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-12)], ids=["32", "64"]
)
@pytest.mark.parametrize("changes", VARIANTS.values(), ids=list(VARIANTS))
def test_it_computes_the_same_function(
    changes: dict[str, Any], dtype: torch.dtype, tolerance: float, spread: str
) -> None:
    ours = published(dtype, **changes)
    expected = terms_of(ours, dtype)
    found = terms_of(PlainGQN(ours, spread).to(dtype), dtype)
    assert float(expected.kl.detach().min()) > 0
    for a, b in zip(found[:3], expected[:3], strict=True):
        assert a.dtype == b.dtype
        torch.testing.assert_close(a, b, rtol=tolerance, atol=0)


@pytest.mark.parametrize("spread", SPREADS)
def test_it_trains_the_same_weights_by_the_same_gradients(spread: str) -> None:
    ours = published(torch.float64)
    plain = PlainGQN(ours, spread).double()
    for model in (ours, plain):
        terms = terms_of(model, torch.float64)
        (terms.error.sum() + terms.kl.sum()).backward()
    for a, b in (
        (plain.encoder.enter, ours.encoder.enter),
        (plain.encoder.narrow2.bias, ours.encoder.narrow2.map.bias),
        (plain.prior, ours.generator.prior.out),
        (plain.generator_cores[0].draw, ours.generator.generator_cores[0].draw),
        (plain.inference_cores[1].read, ours.generator.inference_cores[1].read),
    ):
        torch.testing.assert_close(gradient(a), gradient(b), rtol=1e-9, atol=1e-12)


def gradient(part: Any) -> Tensor:
    found = (part if isinstance(part, Tensor) else part.weight).grad
    assert found is not None
    return found


def test_its_weights_are_its_own_contiguous_and_float32() -> None:
    ours = published()
    plain = PlainGQN(ours)
    theirs = {parameter.data_ptr() for parameter in ours.parameters()}
    for name, parameter in plain.named_parameters():
        assert parameter.is_contiguous(), name
        assert parameter.dtype == torch.float32, name
        assert parameter.requires_grad, name
        assert parameter.data_ptr() not in theirs, name


def test_transposed_convolutions_are_what_it_has_beyond_repeating() -> None:
    ours = published()
    counts = {
        spread: sum(parameter.numel() for parameter in PlainGQN(ours, spread).parameters())
        for spread in SPREADS
    }
    config = ours.config
    per_core = (config.r_channels**2 + 7**2) * (config.image_size // 4) ** 2
    assert counts["transposed"] - counts["tiled"] == 2 * config.layers * per_core


def test_it_refuses_what_it_does_not_know() -> None:
    with pytest.raises(UserError, match="unknown spread 'sprayed'"):
        PlainGQN(published(), "sprayed")
    with pytest.raises(UserError, match="tower and pool"):
        PlainGQN(published(representation="pyramid"))
    with pytest.raises(ValueError, match=r"prior_share is 0\.5"):
        PlainGQN(published()).bound(
            torch.from_numpy(VIEWS.images),
            torch.from_numpy(VIEWS.viewpoints),
            IS_QUERY,
            draws=Draws(torch.Generator(), 3),
            sampling=Sampling(prior_share=0.5),
        )
