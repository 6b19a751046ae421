"""An environment goes on from a snapshot as if nothing had happened, to the bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode
from safetensors.numpy import load_file, save_file

from gqn_rl.encoders import make_encoder
from gqn_rl.errors import UserError
from gqn_rl.random_state import generator_from_state, generator_state
from tests.envs.fake_encoder import FakeDreamer

Make = Callable[..., Any]
ROWS = 3
MODES = (AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP)


def same(one: Any, other: Any) -> bool:
    """Whether nested dictionaries and lists of arrays are equal, types included."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, tuple | list):
        return all(same(a, b) for a, b in zip(one, other, strict=True))
    one, other = np.asarray(one), np.asarray(other)
    if one.dtype == object:
        return all(same(a, b) for a, b in zip(one, other, strict=True) if a is not None)
    return one.dtype == other.dtype and np.array_equal(one, other)


def play(env: Any, actions: list[Any]) -> list[Any]:
    return [env.step(action) for action in actions]


def some_actions(env: Any, count: int) -> list[Any]:
    env.action_space.seed(5)
    return [env.action_space.sample() for _ in range(count)]


@pytest.mark.parametrize("observation", ["representation", "pixels", "state"])
def test_what_follows_a_snapshot_follows_its_restoration(
    env_id: str, observation: str, make_vec: Make, tmp_path: Path
) -> None:
    arguments = {"observation": observation, "max_looks": 4, "autoreset_mode": MODES[0]}
    first, second = make_vec(env_id, ROWS, **arguments), make_vec(env_id, ROWS, **arguments)
    first.reset(seed=7)
    actions = some_actions(first, 24)
    play(first, actions[:7])
    save_file(first.unwrapped.snapshot(), tmp_path / "snapshot")
    expected = play(first, actions[7:])
    second.reset(seed=99)
    play(second, some_actions(second, 3))
    second.unwrapped.restore(load_file(tmp_path / "snapshot"))
    received = play(second, actions[7:])
    ended = 0
    for one, other in zip(expected, received, strict=True):
        assert same(one, other)
        ended += int(one[2].sum())
    assert ended > 4  # new episodes began from the generators' states


def test_a_finished_episode_is_still_finished(make_vec: Make) -> None:
    arguments = {"observation": "state", "autoreset_mode": MODES[1]}
    first, second = (make_vec("GQNShepard-v0", ROWS, **arguments) for _ in range(2))
    first.reset(seed=7)
    first.step(np.array([4, 0, 1]))
    second.reset(seed=1)
    second.unwrapped.restore(first.unwrapped.snapshot())
    one, other = first.step(np.zeros(ROWS, int)), second.step(np.zeros(ROWS, int))
    assert one[1][0] == 0.0  # the step that begins the next episode
    assert same(one, other)
    assert first.unwrapped.np_random_seed == second.unwrapped.np_random_seed == (7, 8, 9)


def test_a_snapshot_is_not_changed_by_what_follows(make_vec: Make) -> None:
    env = make_vec("GQNShepardViewPrediction-v0", ROWS)
    env.reset(seed=3)
    snapshot = env.unwrapped.snapshot()
    copy = {name: array.copy() for name, array in snapshot.items()}
    actions = some_actions(env, 6)
    first = play(env, actions)
    assert same(snapshot, copy)
    env.unwrapped.restore(snapshot)
    assert same(first, play(env, actions))
    assert same(snapshot, copy)


def test_pictures_are_drawn_again(make_vec: Make) -> None:
    arguments = {"render_mode": "rgb_array"}
    first = make_vec("GQNShepardMentalRotation-v0", ROWS, **arguments)
    second = make_vec("GQNShepardMentalRotation-v0", ROWS, **arguments)
    first.reset(seed=3)
    second.reset(seed=4)
    second.unwrapped.restore(first.unwrapped.snapshot())
    for one, other in zip(first.render(), second.render(), strict=True):
        assert np.array_equal(one, other)


def test_evidence_of_a_gqn_survives(make_vec: Make) -> None:
    encoder = make_encoder("random", device="cpu")
    envs = [make_vec("GQNShepard-v0", ROWS, encoder=encoder, max_looks=4) for _ in range(2)]
    for seed, env in enumerate(envs):
        env.reset(seed=seed)
        env.step(np.zeros(ROWS, int))
    envs[1].unwrapped.restore(envs[0].unwrapped.snapshot())
    one, other = (env.step(np.full(ROWS, 2)) for env in envs)
    assert same(one[0], other[0])
    with pytest.raises(UserError, match=r"the encoder's state is .*expected"):
        encoder.state_from_arrays((np.zeros((2, 3), np.float32),))


def test_what_does_not_fit_is_refused(make_vec: Make) -> None:
    env = make_vec("GQNShepard-v0", ROWS)
    with pytest.raises(ResetNeeded):
        env.unwrapped.snapshot()
    env.reset(seed=0)
    snapshot = env.unwrapped.snapshot()
    for other in (
        make_vec("GQNShepard-v0", ROWS + 1),
        make_vec("GQNShepard-v0", ROWS, max_looks=3),
        make_vec("GQNShepard-v0", ROWS, observation="pixels"),
    ):
        other.reset(seed=0)
        before = other.unwrapped.snapshot()
        with pytest.raises(UserError, match=r"does not fit the environment.*expected"):
            other.unwrapped.restore(snapshot)
        assert same(other.unwrapped.snapshot(), before)


def test_an_encoder_that_cannot_be_saved_is_named(make_vec: Make) -> None:
    class Forgetful(FakeDreamer):
        state_arrays = None

    env = make_vec("GQNShepard-v0", ROWS, encoder=Forgetful())
    env.reset(seed=0)
    with pytest.raises(UserError, match=r"Forgetful.*has no state_arrays"):
        env.unwrapped.snapshot()


def test_generators_go_on_from_their_states() -> None:
    generator = np.random.default_rng(3)
    generator.integers(5, dtype=np.uint32)  # leaves half a word behind
    state = generator_state(generator)
    again = generator_from_state(state)
    assert np.array_equal(generator.integers(9, size=50), again.integers(9, size=50))
    assert np.array_equal(generator.normal(size=9), again.normal(size=9))
    with pytest.raises(TypeError, match="MT19937"):
        generator_state(np.random.Generator(np.random.MT19937(0)))
    with pytest.raises(ValueError, match="shape"):
        generator_from_state(state[:4])
