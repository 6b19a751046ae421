"""Templates of cells: what turning and shifting a volume leaves as it is, and what it does not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import Tensor

from agents.policies.features import SceneFeatures
from agents.policies.templates import TemplateMatches, side_of
from gqn_rl.geometry.rotations import GRID_ROTATIONS
from gqn_rl.geometry.turned_volumes import sources

SIDE = 8
LENGTH = 4 * SIDE**3
CHAIN = [(3, 3, 3), (4, 3, 3), (4, 4, 3), (4, 4, 4), (5, 4, 4)]
"""It is not its own mirror image."""


def volume(cells: list[tuple[int, int, int]]) -> Tensor:
    """One volume (1, LENGTH) of these cells, with colours that mean nothing."""
    filled = torch.zeros(1, 4, SIDE, SIDE, SIDE)
    filled[:, 1:] = torch.rand(1, 3, SIDE, SIDE, SIDE)
    for cell in cells:
        filled[(0, 0, *cell)] = 1.0
    return filled.flatten(1)


@pytest.fixture
def matches() -> TemplateMatches:
    torch.manual_seed(0)
    return TemplateMatches(LENGTH, templates=6)


def test_every_turn_of_the_grid_leaves_the_matches_as_they_are(matches: TemplateMatches) -> None:
    given = volume(CHAIN)
    turns = torch.from_numpy(sources(SIDE, GRID_ROTATIONS))
    turned = given.view(4, -1)[:, turns].movedim(1, 0).flatten(1)  # (24, LENGTH)
    assert len(turned.unique(dim=0)) == 24
    assert torch.allclose(matches(turned), matches(given).expand(24, -1), atol=1e-6)


def test_an_object_within_reach_of_all_places_may_be_shifted(matches: TemplateMatches) -> None:
    """A template lies on 6 cells a side, so the inner 4 are seen in each of its places."""
    small = [(3, 3, 3), (4, 3, 3), (4, 4, 3)]
    shifted = [(x - 1, y + 1, z) for x, y, z in small]
    inside = torch.zeros(len(matches.templates), 6, 6, 6)
    inside[:, 2:4, 2:4, 2:4] = matches.templates.detach().view(-1, 6, 6, 6)[:, 2:4, 2:4, 2:4]
    matches.templates.data = inside.flatten(1)
    assert torch.allclose(matches(volume(small)), matches(volume(shifted)), atol=1e-6)


def test_a_mirror_image_is_another_object(matches: TemplateMatches) -> None:
    mirrored = [(SIDE - 1 - x, y, z) for x, y, z in CHAIN]
    assert not torch.allclose(matches(volume(CHAIN)), matches(volume(mirrored)), atol=1e-3)


def test_a_template_matches_itself_best(matches: TemplateMatches) -> None:
    inner = torch.zeros(2, 6, 6, 6)
    for row, cells in enumerate((CHAIN, [(3, 3, 3), (4, 3, 3), (5, 3, 3), (5, 4, 3), (5, 5, 3)])):
        for x, y, z in cells:
            inner[row, x - 1, y - 1, z - 1] = 1.0
    matches.templates.data = inner.flatten(1)
    own, other = matches(volume(CHAIN))[0].tolist()
    assert own == len(CHAIN)
    assert other < own


def test_colours_do_not_count(matches: TemplateMatches) -> None:
    assert torch.equal(matches(volume(CHAIN)), matches(volume(CHAIN)))


def test_gradients_reach_every_template(matches: TemplateMatches) -> None:
    matches(volume(CHAIN)).sum().backward()
    assert matches.templates.grad is not None
    assert (matches.templates.grad != 0).any(dim=1).all()


@pytest.mark.parametrize("length", [4352, 4 * 3**3, 8**3, 4 * 8**3 + 1])
def test_a_length_that_no_volume_has_is_refused(length: int) -> None:
    assert side_of(length) is None
    with pytest.raises(ValueError, match=f"length is {length}"):
        TemplateMatches(length, templates=2)


def test_features_take_volumes_by_templates_and_other_vectors_by_an_mlp() -> None:
    parts = {
        "representation": spaces.Box(0.0, 1.0, (LENGTH,), np.float32),
        "other": spaces.Box(-1.0, 1.0, (100,), np.float32),
        "looks_left": spaces.Box(0.0, 1.0, (1,), np.float32),
    }
    torch.manual_seed(0)
    features = SceneFeatures(spaces.Dict(parts), hidden=(16, 8), templates=5).eval()
    assert features.features_dim == 5 + 8 + 1
    turned = volume([(y, SIDE - 1 - x, z) for x, y, z in CHAIN])
    rest = {"other": torch.rand(1, 100), "looks_left": torch.full((1, 1), 0.5)}
    one, other = (features({"representation": v, **rest}) for v in (volume(CHAIN), turned))
    assert one.shape == (1, features.features_dim)
    assert torch.allclose(one, other, atol=1e-2)  # in bf16 where that is faster
