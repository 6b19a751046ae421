"""A part of the observation is one class, in the package or outside of it."""

from __future__ import annotations

import json
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.utils.env_checker import check_env, data_equivalence
from gymnasium.vector import SyncVectorEnv

from envs.observation.part import ObservationPart, Rows
from gqn_rl.errors import UserError
from tests.envs.actions import UP, answers, moves
from tests.envs.fake_encoder import FakeDreamer, FakeEncoder


class Travelled(ObservationPart):
    """Heights of the first camera and of the present one, and how many views were taken."""

    key = "travelled"

    def __init__(self, rows: Rows) -> None:
        high = np.array([1.0, 1.0, rows.max_looks], np.float32)
        super().__init__(rows, spaces.Box(-high, high, dtype=np.float32))

    def begin(self, rows, mask):
        self.values[mask, 0] = np.sin(rows.cameras.angles.elevation[mask])
        self.values[mask, 2] = 0.0

    def update(self, rows, mask):
        self.values[mask, 1] = np.sin(rows.cameras.angles.elevation[mask])
        self.values[mask, 2] += 1.0


class Brightness(ObservationPart):
    """What the encoder has seen on the whole, and the mean of the current view."""

    key = "brightness"
    needs_images, needs_encoder = True, True

    def __init__(self, rows: Rows) -> None:
        super().__init__(rows, spaces.Box(0.0, 255.0, (2,), np.float32))

    def update(self, rows, mask):
        assert rows.memory is not None
        self.values[mask, 0] = rows.memory.representation()[mask].mean(axis=1)
        self.values[mask, 1] = rows.views.current[mask].mean(axis=(1, 2, 3))


class Impostor(Travelled):
    key = "looks_left"


PART, LIT = f"{__name__}:Travelled", f"{__name__}:Brightness"
PART_KEY = Travelled.key


def test_a_part_from_outside_is_in_the_space_and_told_after_every_view(make_vec, env_id):
    env = make_vec(env_id, 5, parts=(PART,), max_looks=4, autoreset_mode="SameStep")
    plain = make_vec(env_id, 5, max_looks=4, autoreset_mode="SameStep")
    assert list(env.single_observation_space) == sorted([*plain.single_observation_space, PART_KEY])
    first, before = env.reset(seed=2)[0], plain.reset(seed=2)[0]
    heights = np.sin(env.unwrapped.viewpoints.pitch)
    np.testing.assert_allclose(first[PART_KEY][:, 0], -heights, atol=1e-6)
    for looks in (2, 3):
        seen, before = (venv.step(moves(venv, UP))[0] for venv in (env, plain))
        assert seen in env.observation_space
        np.testing.assert_array_equal(seen[PART_KEY][:, 0], first[PART_KEY][:, 0])
        assert (seen[PART_KEY][:, 1] >= first[PART_KEY][:, 1]).all()
        np.testing.assert_array_equal(seen[PART_KEY][:, 2], looks)
    assert data_equivalence({key: seen[key] for key in before}, before, exact=True)
    anew = env.step(answers(env, 0))[0][PART_KEY]
    np.testing.assert_array_equal(anew[:, 0], anew[:, 1])
    np.testing.assert_array_equal(anew[:, 2], 1.0)


def test_a_flat_observation_has_the_part_in_the_place_of_its_key(make_vec):
    flat, apart = (
        make_vec(parts=[PART], observation="state", flatten=flatten) for flatten in (True, False)
    )
    together, parts = flat.reset(seed=1)[0], apart.reset(seed=1)[0]
    names = list(apart.single_observation_space)
    assert names == ["looks_left", "state", PART_KEY, "viewpoint"]
    expected = np.concatenate([parts[name] for name in names], axis=1)
    np.testing.assert_array_equal(together, expected)


@pytest.mark.parametrize("flatten", [False, True])
def test_an_environment_with_a_part_passes_the_checker(make, task_id, flatten):
    env = make(task_id, parts=(PART, LIT), flatten=flatten)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped, skip_render_check=True)


def test_a_part_survives_a_snapshot(make_vec, env_id):
    env, other = (make_vec(env_id, 3, parts=[PART, LIT], max_looks=5) for _ in range(2))
    env.reset(seed=0)
    env.step(moves(env, UP))
    other.reset(seed=9)
    other.unwrapped.restore(env.unwrapped.snapshot())
    one, two = (venv.step(moves(venv, UP)) for venv in (env, other))
    assert data_equivalence(one, two, exact=True)
    assert (one[0][PART_KEY][:, 2] == 3).all()


def test_a_snapshot_with_other_parts_is_refused_and_nothing_changes(make_vec):
    env, plain = make_vec(parts=[PART]), make_vec()
    for venv in (env, plain):
        venv.reset(seed=0)
    for one, other in ((env, plain), (plain, env)):
        before = other.unwrapped.snapshot()
        with pytest.raises(UserError, match=r"travelled/values is .*, expected"):
            other.unwrapped.restore(one.unwrapped.snapshot())
        after = other.unwrapped.snapshot()
        assert all(np.array_equal(before[name], after[name]) for name in before)


def test_rows_with_a_part_equal_single_environments(make_vec):
    arguments = {"encoder": FakeDreamer(), "parts": [Travelled, Brightness], "max_looks": 3}
    env = make_vec("GQNShepardMentalRotation-v0", 3, **arguments)
    reference = SyncVectorEnv(
        [lambda: gymnasium.make("GQNShepardMentalRotation-v0", **arguments)] * 3
    )
    assert data_equivalence(env.reset(seed=0), reference.reset(seed=0), exact=True)
    env.action_space.seed(0)
    for _ in range(12):
        actions = env.action_space.sample()
        assert data_equivalence(env.step(actions), reference.step(actions), exact=True)
    reference.close()


def test_a_part_that_needs_images_and_an_encoder_gets_them(make_vec):
    encoder = FakeEncoder()
    env = make_vec(observation="state", parts=[LIT], encoder=encoder)
    seen = env.reset(seed=0)[0][Brightness.key]
    assert (seen[:, 1] > 0).all()
    np.testing.assert_allclose(255 * seen[:, 0], seen[:, 1], rtol=1e-4)
    assert env.unwrapped.encoder is encoder
    assert make_vec(observation="state", parts=[PART], encoder=encoder).unwrapped.encoder is None


def test_names_of_parts_survive_a_spec_in_json(make):
    env = make(parts=[PART], encoder=None, observation="state")
    again = gymnasium.make(gymnasium.envs.registration.EnvSpec.from_json(env.spec.to_json()))
    assert json.loads(env.spec.to_json())["kwargs"]["parts"] == [PART]
    assert data_equivalence(env.reset(seed=4), again.reset(seed=4), exact=True)
    again.close()


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (PART, r"parts is '.*:Travelled', expected a sequence of module:class"),
        (["travelled"], r"unknown part 'travelled'; expected one of \['module:class'\]"),
        (["no_such_module:Part"], "needs the package 'no_such_module'"),
        ([f"{__name__}:Missing"], "has no 'Missing'"),
        ([f"{__name__}:PART_KEY"], "is 'travelled', expected a subclass of ObservationPart"),
        ([PART, Travelled], "'travelled', 'travelled'.*expected each key once"),
        ([f"{__name__}:Impostor"], "'looks_left'.*'looks_left'.*expected each key once"),
    ],
)
def test_parts_that_cannot_be_are_refused(make_vec, parts, message):
    with pytest.raises(UserError, match=message):
        make_vec(observation="state", parts=parts)
