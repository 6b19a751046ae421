"""Colours: how likely they are, and which one a cube must have."""

from __future__ import annotations

import numpy as np
import pytest

from gqn_rl.inference.ideal_observer.candidates import grid_candidates
from gqn_rl.inference.ideal_observer.colours import MEAN_BASE, colour_entropy, explain, log_mass
from gqn_rl.inference.ideal_observer.palette import BLACK, MAX_COLOURS, OTHER, RESERVED, Palette
from gqn_rl.scenes.scene import sample_colours


@pytest.fixture(scope="module")
def bases() -> np.ndarray:
    """Many bases as scenes have them, (K, 3)."""
    colours = sample_colours(np.random.default_rng(1), 100_000, 1)[:, 0]
    return np.floor(colours * np.float32(255.0))


@pytest.mark.parametrize(
    ("low", "high"),
    [
        ((0, 0, 0), (255, 255, 255)),
        ((255, 0, 0), (255, 255, 255)),
        ((0, 64, 200), (63, 255, 255)),
        ((255, 100, 10), (255, 160, 40)),
        ((253, 253, 0), (255, 255, 30)),
        ((0, 0, 0), (254, 254, 254)),
        ((100, 100, 100), (255, 255, 255)),
    ],
)
def test_the_mass_of_a_box_is_how_many_colours_fall_into_it(
    bases: np.ndarray, low: tuple, high: tuple
) -> None:
    share = ((bases >= low) & (bases <= high)).all(axis=1).mean()
    found = np.exp(log_mass(np.array(low), np.array(high)))
    assert found == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / len(bases)) + 1e-9)


def test_the_mean_is_that_of_many_colours(bases: np.ndarray) -> None:
    np.testing.assert_allclose(bases.mean(axis=0), MEAN_BASE, atol=1.0)


def test_the_entropy_is_just_below_that_of_as_many_equally_likely_colours(
    bases: np.ndarray,
) -> None:
    # 6 sectors, 64 smallest channels, from 192 to 255 middle ones.
    assert np.log2(6 * 64 * 192) < colour_entropy() < np.log2(6 * 64 * 255)


def test_a_cube_has_the_colour_that_explains_most_of_its_pixels() -> None:
    shades = grid_candidates(3).shades()[:1]
    base = np.array([255, 140, 20])
    shown = np.floor(base * shades[0][:, None]).astype(np.uint8)  # (6, 3)
    wrong = np.array([10, 200, 240], np.uint8)
    image = np.stack([shown[1], shown[3], wrong])[None]
    palette, labels = Palette.empty().read(image)
    counts = np.zeros((1, 2, 6, len(palette)), int)
    counts[0, 0, 1, labels[0]], counts[0, 0, 3, labels[1]], counts[0, 0, 3, labels[2]] = 20, 10, 3
    found = explain(counts, shades, palette)
    assert found.matched.tolist() == [[30, 0]]
    assert ((found.low[0, 0] <= base) & (base <= found.high[0, 0])).all()
    assert (found.high[0, 0] - found.low[0, 0] <= 8).all()
    assert found.is_known.tolist() == [[True, False]]
    np.testing.assert_allclose(found.bases()[0, 0], base, atol=2)
    np.testing.assert_allclose(found.bases()[0, 1], MEAN_BASE)
    assert found.log_mass()[0] == pytest.approx(log_mass(found.low[0, 0], found.high[0, 0]))


def test_what_no_cube_can_be_coloured_explains_nothing() -> None:
    shades = grid_candidates(3).shades()[:1]
    grey = np.full((1, 1, 3), 100, np.uint8)
    palette, labels = Palette.empty().read(grey)
    counts = np.zeros((1, 1, 6, len(palette)), int)
    counts[0, 0, 1, labels[0]] = 9
    assert explain(counts, shades, palette).matched.sum() == 0


def test_a_palette_keeps_its_labels_as_it_grows(rng: np.random.Generator) -> None:
    first = rng.integers(0, 2, (8, 8, 3)).astype(np.uint8) * 200
    palette, labels = Palette.empty().read(first)
    longer, _ = palette.read(rng.integers(1, 255, (8, 8, 3)).astype(np.uint8))
    assert len(longer) == RESERVED + MAX_COLOURS
    again, same = longer.read(first)
    np.testing.assert_array_equal(same, labels)
    np.testing.assert_array_equal(again.codes, longer.codes)
    shown = labels >= RESERVED
    colours = palette.colours[labels[shown] - RESERVED]
    np.testing.assert_array_equal(colours, first.reshape(-1, 3)[shown])
    assert (labels[~shown] == BLACK).all()


def test_colours_beyond_the_palette_are_other_ones(rng: np.random.Generator) -> None:
    noise = rng.integers(1, 256, (32, 32, 3)).astype(np.uint8)
    palette, labels = Palette.empty().read(noise)
    assert (labels == OTHER).sum() > 900
    assert len(np.unique(labels)) == len(palette) - 1  # no black
