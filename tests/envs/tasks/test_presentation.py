"""The two objects of mental rotation together, or one after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

import envs
from envs.tasks import make_task
from gqn_rl.errors import UserError
from tests.envs.actions import UP, answers, mixed, move, moves
from tests.envs.tasks.test_mental_rotation import FakeComparer

IDS = [env_id for env_id in envs.ENV_IDS if "MentalRotation" in env_id]
FLAT = ["GQNShepardMentalRotationFlat-v0", "GQNShepardMentalRotationFlatContinuous-v0"]
KINDS = ["representation", "pixels", "state"]


def both(make_vec: Any, env_id: str, kind: str, n: int = 4, **more: Any) -> tuple[Any, Any]:
    """Environments that differ in the presentation alone."""
    given = {"observation": kind, "encoder": FakeComparer(), "max_looks": 4, **more}
    return make_vec(env_id, n, **given), make_vec(env_id, n, presentation="successive", **given)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("env_id", IDS)
def test_the_reference_is_seen_with_the_first_view_alone(make_vec, env_id, kind):
    together, successive = both(make_vec, env_id, kind)
    assert together.observation_space == successive.observation_space
    one, other = together.reset(seed=2)[0], successive.reset(seed=2)[0]
    ended, later = 0, 0
    for action in mixed(together, 14):
        first = one["looks_left"][:, 0] == 1
        np.testing.assert_array_equal(other["cue"][first], one["cue"][first])
        assert one["cue"][first].any(axis=tuple(range(1, one["cue"].ndim))).all()
        assert not other["cue"][~first].any()
        for key in one.keys() - {"cue"}:  # the comparison too: the encoder remembers
            np.testing.assert_array_equal(one[key], other[key])
        later += int((~first).sum())
        one, _, over, _, _ = together.step(action)
        other = successive.step(action)[0]
        ended += int(over.sum())
    assert ended > 4
    assert later > 10


@pytest.mark.parametrize("env_id", FLAT)
def test_a_flat_observation_differs_in_the_reference_alone(make_vec, env_id):
    together, successive = both(make_vec, env_id, "state")
    assert isinstance(together.single_observation_space, spaces.Box)
    first = [env.reset(seed=2)[0] for env in (together, successive)]
    np.testing.assert_array_equal(*first)
    one, other = (env.step(moves(env, UP))[0] for env in (together, successive))
    differing = one != other
    assert 0 < differing.sum(axis=1).max() <= 6 * 7  # centre and colour of seven cubes
    assert not other[differing].any()


def test_the_reference_that_is_remembered_is_in_a_snapshot(make_vec):
    given = {"encoder": FakeComparer(), "presentation": "successive"}
    one, other = (make_vec("GQNShepardMentalRotation-v0", 3, **given) for _ in range(2))
    one.reset(seed=3)
    one.step(moves(one, UP))
    other.reset(seed=9)
    other.unwrapped.restore(one.unwrapped.snapshot())
    after = [env.step(moves(env, UP))[0] for env in (one, other)]
    np.testing.assert_array_equal(*(seen["comparison"] for seen in after))
    assert np.abs(after[0]["comparison"]).max() > 0
    shown = one.step(answers(one, 0))[0]["cue"], one.step(answers(one, 0))[0]["cue"]
    assert any(cue.any() for cue in shown)  # the next episodes'


def test_people_see_the_reference_no_longer_either(make):
    given = {"observation": "state", "render_mode": "rgb_array"}
    frames = []
    for presentation in ("together", "successive"):
        env = make("GQNShepardMentalRotation-v0", presentation=presentation, **given)
        env.reset(seed=0)
        first = env.render()
        env.step(move(env, UP))
        frames.append((first, env.render()))
    np.testing.assert_array_equal(frames[0][0], frames[1][0])
    assert (frames[0][1] != frames[1][1]).any()
    assert frames[1][1].sum() < frames[0][1].sum()  # the panel is black


def test_another_presentation_is_refused():
    with pytest.raises(UserError, match=r"unknown presentation 'upside'.*successive.*together"):
        make_task("mental_rotation", presentation="upside")
