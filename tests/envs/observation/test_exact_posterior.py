"""The posterior that is observed is the ideal observer's, and goes on from a snapshot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence

from envs.camera.aim import aimed
from envs.camera.base import CameraControl
from envs.observation.exact_posterior import MOST_BITS
from gqn_rl.errors import UserError
from gqn_rl.geometry.viewpoint import Viewpoints
from gqn_rl.inference.ideal_observer import GalleryObserver

Make = Callable[..., Any]


def three_moves(control: CameraControl, step: int) -> Any:
    """The same move in three rows: up, then an aim to the right where there is one."""
    second = "aim-right" if "aim-right" in control.named_turns else "right"
    return control.encode_moves([("up", second)[step]] * 3)


NARROW = {"observation": "posterior", "field_of_view": 2.0, "image_size": 16, "num_cubes": 8}


@pytest.mark.parametrize("control", ["", "Continuous"])
@pytest.mark.parametrize("aim", ["centre", "free"])
def test_it_is_what_the_ideal_observer_makes_of_the_same_views(
    control: str, aim: str, make_vec: Make
) -> None:
    env = make_vec(f"GQNShepard{control}-v0", 3, gallery="confusable", aim=aim, **NARROW)
    rows = env.unwrapped
    observation, images, poses = env.reset(seed=5)[0], [], []
    for step in range(3):
        images.append(rows.images)
        poses.append(rows.viewpoints)
        if step < 2:
            observation = env.step(three_moves(rows.control, step))[0]
    observer = GalleryObserver(rows.task.answer_shapes, field_of_view=2.0)
    probes = rows.control.probes
    for row in range(3):
        seen = Viewpoints.concatenate([pose[row : row + 1] for pose in poses])
        posterior = observer.observe(np.stack([image[row] for image in images]), seen)
        answers, told = np.split(observation["posterior"][row], [10])
        np.testing.assert_allclose(answers, observer.answers(posterior), atol=1e-6)
        assert answers.sum() == pytest.approx(1.0, abs=1e-5)
        camera = rows._rows.cameras.angles[np.full(len(probes), row)].turned(probes)
        before = seen.axes()[-1] @ rows._rows.cameras.angles[[row]].viewpoints().axes()[0].T
        aims = np.arctan(before[2, :2] / before[2, 2]) + np.pad(probes, ((0, 0), (0, 2)))[:, 2:4]
        limit = np.deg2rad(45 - 2.0) / 2
        landed = aimed(camera, np.clip(aims, -limit, limit) if aim == "free" else 0 * aims)
        expected = posterior.expected_information(landed, about="shape")
        np.testing.assert_allclose(told, expected.clip(0, MOST_BITS), atol=1e-5)


def test_it_goes_on_from_a_snapshot(make_vec: Make) -> None:
    first, second = (make_vec(num_envs=3, autoreset_mode="SameStep", **NARROW) for _ in range(2))
    first.reset(seed=2)
    actions = [np.array([1, 2, 4]), np.array([2, 1, 3]), np.array([5, 2, 0])]
    first.step(actions[0])
    snapshot = {name: value.copy() for name, value in first.unwrapped.snapshot().items()}
    expected = [first.step(action)[0] for action in actions[1:]]
    second.reset(seed=9)
    second.unwrapped.restore(snapshot)
    received = [second.step(action)[0] for action in actions[1:]]
    assert data_equivalence(expected, received)


@pytest.mark.parametrize(
    ("env_id", "arguments", "message"),
    [
        ("GQNShepardMentalRotation-v0", {}, "the answers of MentalRotationTask name no shapes"),
        ("GQNShepard-v0", {"position": "random", "pixel_noise": 3.0}, "not of both"),
        ("GQNShepard-v0", {"orientation": "free"}, "in grid orientation alone"),
        ("GQNShepard-v0", {"position": "random"}, "not of both"),
    ],
)
def test_what_is_not_known_is_refused(
    env_id: str, arguments: dict[str, Any], message: str, make: Make
) -> None:
    with pytest.raises(UserError, match=message) as caught:
        make(env_id, observation="posterior", field_of_view=2.0, **arguments)
    assert "\n" not in str(caught.value)
