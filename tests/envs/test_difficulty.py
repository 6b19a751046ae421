"""What makes looking pay, of every registered id."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence

from gqn_rl.errors import UserError
from gqn_rl.rendering import RendererIdentity
from gqn_rl.scenes.scene import VIEW_RADIUS
from tests.envs.actions import DOWN, UP, moves
from tests.envs.episodes import play
from tests.envs.fake_encoder import FakeEncoder

Make = Callable[..., Any]
ROWS = 6


def barycentres(rows: Any) -> np.ndarray[Any, Any]:
    """Of the objects, and of the references if there are any, (R, N, 3)."""
    trials = rows.unwrapped.trials
    batches = [trials.scenes] + ([] if trials.reference is None else [trials.reference])
    return np.stack([batch.cube_centres().mean(axis=1) for batch in batches])


def test_objects_stand_where_they_are_told_to(env_id: str, make_vec: Make) -> None:
    centred, anywhere = (
        make_vec(env_id, ROWS, observation="state", position=position)
        for position in ("centred", "random")
    )
    for env in (centred, anywhere):
        env.reset(seed=0)
    np.testing.assert_allclose(barycentres(centred), 0.0, atol=1e-9)
    away = np.linalg.norm(barycentres(anywhere), axis=-1)
    assert (away > 0).mean() > 0.8  # chains that are too long stay where they are
    assert len(np.unique(away.round(6))) > 0.8 * away.size
    corners = anywhere.unwrapped.trials.scenes.cube_centres()
    assert np.linalg.norm(corners, axis=-1).max() < VIEW_RADIUS


@pytest.mark.parametrize("num_cubes", [7, 10])
def test_the_truth_about_objects_anywhere_is_within_its_space(
    env_id: str, num_cubes: int, make_vec: Make
) -> None:
    given = {"observation": "state", "position": "random", "num_cubes": num_cubes}
    env = make_vec(env_id, 16, **given)
    assert env.reset(seed=0)[0] in env.observation_space


def test_two_cubes_may_stand_farther_away_than_their_number(make_vec: Make) -> None:
    given = {"observation": "state", "position": "random", "num_cubes": 2, "shapes": "all"}
    env = make_vec("GQNShepardViewPrediction-v0", 64, **given)
    observation = env.reset(seed=0)[0]
    assert np.abs(observation["state"][:, :6]).max() > 2.0
    assert observation in env.observation_space


def test_episodes_of_objects_anywhere_are_reproducible(env_id: str, make: Make) -> None:
    first, again = (make(env_id, observation="pixels", position="random") for _ in range(2))
    assert data_equivalence(play(first, 3), play(again, 3), exact=True)


NOISE = 12.0


def pictures(env: Any) -> tuple[np.ndarray[Any, Any], ...]:
    """Current views and references or true query views, as they are drawn."""
    rows = env.unwrapped._rows
    return rows.images.astype(int), rows.extra_images.astype(int)


@pytest.mark.parametrize("turn", [False, True])
def test_views_and_references_have_noise_of_the_given_size(
    env_id: str, turn: bool, make_vec: Make
) -> None:
    clean, noisy = (
        make_vec(env_id, ROWS, observation="pixels", pixel_noise=noise) for noise in (0.0, NOISE)
    )
    for env in (clean, noisy):
        env.reset(seed=4)
        if turn:
            env.step(moves(env, UP))
    for number, (before, after) in enumerate(zip(pictures(clean), pictures(noisy), strict=True)):
        inside = (before > 4 * NOISE) & (before < 255 - 4 * NOISE)
        if number and "View" in env_id:
            np.testing.assert_array_equal(after, before)
        elif inside.any():
            assert (after - before)[inside].std() == pytest.approx(NOISE, rel=0.1)
            assert abs((after - before)[inside].mean()) < 1.0
            assert after.min() == 0


def test_noise_is_new_in_every_look_row_and_episode(make_vec: Make) -> None:
    env = make_vec("GQNShepardMentalRotation-v0", 2, observation="pixels", pixel_noise=NOISE)
    black = []
    for _ in range(2):
        observation = env.reset(seed=None if black else 0)[0]
        black.append(observation["image"][:, :2, :2])  # corners show no object
        black.append(observation["cue"][:, :2, :2, :3])
        black.append(env.step(moves(env, UP))[0]["image"][:, :2, :2])
    every = np.concatenate(black).reshape(12, -1)
    assert len(np.unique(every, axis=0)) == len(every)


def test_looking_again_from_the_same_place_shows_other_noise(make_vec: Make) -> None:
    env = make_vec(observation="pixels", pixel_noise=NOISE)
    first = env.reset(seed=0)[0]["image"]
    env.step(moves(env, UP))
    again = env.step(moves(env, DOWN))[0]["image"]
    assert (first != again).any(axis=(1, 2, 3)).all()
    assert (env.unwrapped.images == again).all()  # nothing is drawn anew


def test_noise_goes_on_from_a_snapshot(env_id: str, make_vec: Make) -> None:
    given = {"observation": "pixels", "pixel_noise": NOISE, "max_looks": 3}
    first, second = (make_vec(env_id, 3, autoreset_mode="SameStep", **given) for _ in range(2))
    first.reset(seed=1)
    first.action_space.seed(2)
    actions = [first.action_space.sample() for _ in range(12)]
    for action in actions[:5]:
        first.step(action)
    snapshot = {name: value.copy() for name, value in first.unwrapped.snapshot().items()}
    expected = [pictures(first), *(first.step(action)[0] for action in actions[5:])]
    second.reset(seed=9)
    second.unwrapped.restore(snapshot)
    received = [pictures(second), *(second.step(action)[0] for action in actions[5:])]
    assert data_equivalence(expected, received, exact=True)


def test_a_snapshot_without_noise_does_not_fit_an_environment_with_it(make_vec: Make) -> None:
    clean, noisy = (make_vec(observation="state", pixel_noise=noise) for noise in (0.0, NOISE))
    for env in (clean, noisy):
        env.reset(seed=0)
    with pytest.raises(UserError, match="the snapshot does not fit"):
        noisy.unwrapped.restore(clean.unwrapped.snapshot())


@pytest.mark.parametrize("renderer", ["pybullet", "raycast"])
def test_a_narrow_camera_shows_the_middle_and_more_of_it(
    env_id: str, renderer: str, make_vec: Make
) -> None:
    if renderer == "pybullet":
        pytest.importorskip("pybullet")
    wide, narrow = (
        make_vec(env_id, 4, observation="pixels", renderer=renderer, field_of_view=angle)
        for angle in (45, 10.0)
    )
    images = [env.reset(seed=0)[0]["image"] for env in (wide, narrow)]
    lit = [(image > 0).any(axis=-1).mean(axis=(1, 2)) for image in images]
    assert (lit[1] > lit[0]).all()
    assert narrow.unwrapped.field_of_view == pytest.approx(10.0)


def test_an_encoder_that_knows_another_camera_is_refused(make: Make) -> None:
    usual = FakeEncoder(renderer=RendererIdentity("pybullet", "1", image_size=64).to_dict())
    with pytest.raises(UserError, match=r"field_of_view=0\.78.*field_of_view=0\.34"):
        make(encoder=usual, field_of_view=20.0)
