"""Opaque cells look like what the renderers draw, and colours are found in closed form."""

from __future__ import annotations

import torch

from gqn_rl.inference.refinement.opaque import (
    OpaqueScene,
    Rays,
    brightness_that_fits,
    choose_rays,
    colours_that_fit,
    draw,
    draw_softly,
    misfit,
)
from gqn_rl.inference.refinement.sightings import Sightings
from tests.gqn_rl.inference.refinement.opaque_scenes import (
    random_scenes,
    sighted_from,
    true_scene,
)

SCENES = random_scenes(4, seed=1)


def all_rays(sightings: Sightings) -> Rays:
    every = torch.ones_like(sightings.outside)
    label = torch.full(sightings.shown.shape, -1)
    return choose_rays(sightings, label, every, every.shape[-1])


def test_the_true_scene_is_drawn_as_it_was_seen() -> None:
    rays = all_rays(sighted_from(SCENES, 2, seed=2))
    error = (draw(true_scene(SCENES), rays) - rays.colours).abs().amax(-1)
    assert (error > 2 / 255).float().mean() < 1e-4


def test_soft_edges_become_hard_ones() -> None:
    rays = all_rays(sighted_from(SCENES, 1, seed=3))
    scene = true_scene(SCENES)
    hard = draw(scene, rays)
    apart = [float((draw_softly(scene, rays, s) - hard).abs().mean()) for s in (0.5, 0.1, 0.001)]
    assert apart[0] > 2 * apart[1] > 20 * apart[2]


def test_colours_are_found_from_the_pixels_that_show_them() -> None:
    rays = all_rays(sighted_from(SCENES, 3, seed=4))
    scene = true_scene(SCENES)
    found = colours_that_fit(scene._replace(colour=torch.full_like(scene.colour, 0.5)), rays)
    untouched = (found.colour == 0.5).all(-1)
    assert untouched.float().mean() < 0.2  # cells that no view shows
    assert (found.colour - scene.colour).abs().amax(-1)[~untouched].max() < 0.01


def test_brightness_is_found_where_it_was_a_little_wrong() -> None:
    rays = all_rays(sighted_from(SCENES, 3, seed=5))
    scene = true_scene(SCENES)
    wrong = scene._replace(brightness=scene.brightness + 0.03)
    found = brightness_that_fits(wrong, rays)
    assert misfit(draw(found, rays), rays).max() < 0.1 * misfit(draw(wrong, rays), rays).min()


def test_scenes_are_put_together_whatever_their_numbers_of_cells() -> None:
    scene = true_scene(SCENES)
    rays = all_rays(sighted_from(SCENES, 1, seed=6))
    fewer = OpaqueScene(scene.frame, scene.brightness, *(part[:, :5] for part in scene[2:]))
    both = OpaqueScene.cat([fewer, scene])
    expected = torch.cat([draw(fewer, rays), draw(scene, rays)])
    torch.testing.assert_close(draw(both, rays.select(torch.arange(4).repeat(2))), expected)
    assert (both.places(8)[:4] == 8**3).sum() == 4 * 2
