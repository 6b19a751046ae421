"""The replay buffer hands out what Stable-Baselines3's would, from a fourth of the memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from numpy.typing import NDArray

from agents.algorithms.replay import TargetReplayBuffer
from gqn_rl.errors import UserError

ROWS, SLOTS = 2, 6
SPACE = spaces.Dict(
    {
        "representation": spaces.Box(-10, 10, (3,), np.float32),
        "image": spaces.Box(0, 255, (2, 2, 3), np.uint8),
    }
)
ACTIONS = spaces.Box(-1.0, 1.0, (2,), np.float32)


def observation(number: int) -> dict[str, NDArray[Any]]:
    """What both rows see at a moment; says which moment it is."""
    return {
        "representation": np.full((ROWS, 3), number / 64, np.float32),
        "image": np.full((ROWS, 2, 2, 3), number, np.uint8),
    }


def filled(
    transitions: int, ends: dict[int, bool] | None = None, **options: Any
) -> TargetReplayBuffer:
    """A buffer after some transitions.

    Args:
        ends: those with which an episode ended, and whether it was cut off.
    """
    buffer = TargetReplayBuffer(SLOTS * ROWS, SPACE, ACTIONS, "cpu", ROWS, seed=0, **options)
    for number in range(transitions):
        cut_off = (ends or {}).get(number, False)
        infos = [{"target": number % 5, "TimeLimit.truncated": cut_off}] * ROWS
        done = np.full(ROWS, number in (ends or {}))
        after = observation(200 if done[0] else number + 1)
        action = np.full((ROWS, 2), number / 100, np.float32)
        buffer.add(observation(number), after, action, np.full(ROWS, float(number)), done, infos)
    return buffer


def moments(part: Any) -> NDArray[np.int64]:
    numbers = np.asarray(part["image"])[:, 0, 0, 0].astype(np.int64)
    assert np.array_equal(np.asarray(part["representation"])[:, 0] * 64, numbers)
    return numbers


@pytest.mark.parametrize("transitions", [1, 3, SLOTS, SLOTS + 1, 3 * SLOTS + 2])
def test_what_follows_is_what_followed(transitions: int) -> None:
    batch = filled(transitions).sample(500)
    here, after = moments(batch.observations), moments(batch.next_observations)
    assert np.array_equal(after, here + 1)
    assert np.array_equal(batch.rewards[:, 0].numpy(), here)
    assert np.allclose(batch.actions[:, 0].numpy(), here / 100)
    assert not batch.dones.any()
    # All that still have what follows them: all, or all but the one about to be overwritten.
    oldest = max(transitions - SLOTS + (transitions >= SLOTS), 0)
    assert set(here) == set(range(oldest, transitions))


def test_the_end_of_an_episode_is_no_beginning_of_the_next() -> None:
    batch = filled(5, {2: False, 3: True}).sample(500)
    here, after = moments(batch.observations), moments(batch.next_observations)
    assert np.array_equal(batch.dones[:, 0].numpy() > 0, here == 2)
    # Cut off: the value of where it was, not of where the next episode began.
    assert (after[here == 3] == 3).all()
    assert (after[here == 1] == 2).all()


def test_targets_stay_with_their_observations() -> None:
    buffer = filled(SLOTS + 3)
    labelled = buffer.sample_labelled(300)
    assert labelled is not None
    observations, targets = labelled
    assert np.array_equal(moments(observations) % 5, targets.numpy())
    assert observations["representation"].dtype.is_floating_point
    buffer.targets[:] = -1
    assert buffer.sample_labelled(10) is None


def test_observations_are_kept_once_and_in_half_precision() -> None:
    buffer = filled(4)
    kept = sum(store.nbytes for store in buffer.observations.values())
    assert kept == SLOTS * ROWS * (3 * 2 + 12)
    assert buffer.next_observations == {}


def test_sampled_observations_go_through_the_encoder() -> None:
    buffer = filled(4)
    buffer.encode = lambda observations: observations["representation"] * 2
    batch: Any = buffer.sample(20)
    assert batch.observations.shape == batch.next_observations.shape == (20, 3)


def test_what_was_cut_off_can_count_as_an_end_like_any_other() -> None:
    buffer = filled(5, {2: False, 3: True}, handle_timeout_termination=False)
    batch = buffer.sample(500)
    ends = np.isin(moments(batch.observations), (2, 3))
    assert np.array_equal(batch.dones[:, 0].numpy() > 0, ends)


def test_the_seed_decides_what_is_drawn() -> None:
    one, two = filled(6).sample(50), filled(6).sample(50)
    assert np.array_equal(one.rewards, two.rewards)


def test_a_buffer_too_small_for_two_transitions_each_is_refused() -> None:
    with pytest.raises(UserError, match="buffer_size is 3"):
        TargetReplayBuffer(3, SPACE, ACTIONS, "cpu", ROWS)
