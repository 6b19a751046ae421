"""Stacked looks: what observations name is what was seen, in order, for as long as it is kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from stable_baselines3.common.vec_env import DummyVecEnv

from agents.policies.pixels.view_stack import ViewStack, ViewStore
from tests.agents.fake_env import FakeRecognitionEnv
from tests.agents.fake_views import MAX_LOOKS, NUM_MOVES, SIZE, fake_views

ROWS = 4


class Recorder:
    """Plays the environment beside the stack and remembers each row's looks as plain lists."""

    def __init__(self, capacity: int = 1000, max_looks: int = MAX_LOOKS) -> None:
        self.plain = fake_views(ROWS)
        self.store = ViewStore((SIZE, SIZE, 3), [capacity])
        self.stack = ViewStack(fake_views(ROWS), self.store.shelves[0], max_looks)
        for env in (self.plain, self.stack):
            env.seed(3)
        self.seen: list[list[tuple[Any, Any]]] = [[] for _ in range(ROWS)]
        self.observation: Any = self.stack.reset()
        self._note(self.plain.reset())

    def step(self, actions: Any) -> tuple[Any, list[dict[str, Any]], list[list[Any]]]:
        """The stack's dones and infos; the looks of each row before the step."""
        before = [list(looks) for looks in self.seen]
        plain, _, _, _ = self.plain.step(actions)
        self.observation, _, dones, infos = self.stack.step(actions)
        for row in np.flatnonzero(dones):
            self.seen[row] = []
        self._note(plain)
        return dones, infos, before

    def _note(self, observation: Any) -> None:
        for row in range(ROWS):
            self.seen[row].append((observation["image"][row], observation["viewpoint"][row]))


def require_shows(store: ViewStore, observation: Any, looks: list[tuple[Any, Any]]) -> None:
    """One row's observation names exactly these looks."""
    names, poses = observation["looks"], observation["poses"]
    images, which = store.get(names[: len(looks)])
    assert np.array_equal(images[which], np.stack([image for image, _ in looks]))
    assert np.array_equal(poses[: len(looks)], np.stack([pose for _, pose in looks]))
    assert not names[len(looks) :].any()
    assert not poses[len(looks) :].any()


def test_an_observation_names_all_looks_of_its_episode_and_no_others(
    rng: np.random.Generator,
) -> None:
    recorder, lengths = Recorder(), set()
    for _ in range(60):
        recorder.step(rng.choice([0, 1, 0, 1, 3], size=ROWS))
        for row in range(ROWS):
            shown = {key: value[row] for key, value in recorder.observation.items()}
            require_shows(recorder.store, shown, recorder.seen[row])
            lengths.add(len(recorder.seen[row]))
    assert lengths == set(range(1, MAX_LOOKS + 1))


def test_a_terminal_observation_shows_the_looks_before_the_end() -> None:
    recorder = Recorder()
    recorder.step(np.zeros(ROWS, dtype=np.int64))
    dones, infos, before = recorder.step(np.array([NUM_MOVES, 0, NUM_MOVES, 0]))
    assert dones.tolist() == [True, False, True, False]
    for row in (0, 2):
        ended = infos[row]["terminal_observation"]
        require_shows(recorder.store, ended, before[row])
        assert "image" not in ended
        assert ended["looks_left"].shape == (1,)


def test_observations_lie_in_their_space() -> None:
    recorder = Recorder()
    space = recorder.stack.observation_space
    assert set(space.spaces) == {"looks", "poses", "viewpoint", "looks_left"}
    for action in (0, 1, 1, NUM_MOVES):
        recorder.step(np.full(ROWS, action))
        for row in range(ROWS):
            assert space.contains({k: v[row] for k, v in recorder.observation.items()})


def test_an_observation_is_not_changed_by_later_steps() -> None:
    recorder = Recorder()
    first = recorder.observation
    copies = {key: value.copy() for key, value in first.items()}
    recorder.step(np.zeros(ROWS, dtype=np.int64))
    assert all(np.array_equal(first[key], copies[key]) for key in copies)


def test_looks_are_kept_as_long_as_there_is_room_and_missed_loudly_after() -> None:
    recorder = Recorder(capacity=ROWS * 3)
    first = recorder.observation["looks"][:, 0]
    for _ in range(2):
        recorder.step(np.zeros(ROWS, dtype=np.int64))
        recorder.store.get(first)
    recorder.step(np.zeros(ROWS, dtype=np.int64))
    with pytest.raises(LookupError, match=r"4 of 4 views are no longer there.*\[12\]"):
        recorder.store.get(first)


def test_a_look_that_was_never_taken_is_not_there() -> None:
    store = ViewStore((SIZE, SIZE, 3), [5])
    for name in ([0, 0], [2, 1]):
        with pytest.raises(LookupError):
            store.get(np.array([name]))


def test_shelves_do_not_push_out_each_others_images(rng: np.random.Generator) -> None:
    """Evaluation must not cost training its memory."""
    store = ViewStore((2, 2, 3), [3, 2])
    kept = rng.integers(0, 256, (3, 2, 2, 3), dtype=np.uint8)
    names = store.shelves[0].put(kept)
    for _ in range(4):
        store.shelves[1].put(np.zeros((2, 2, 2, 3), np.uint8))
    images, which = store.get(names)
    assert np.array_equal(images[which], kept)


def test_each_image_of_a_batch_is_fetched_once(rng: np.random.Generator) -> None:
    store = ViewStore((2, 2, 3), [4])
    given = rng.integers(0, 256, (4, 2, 2, 3), dtype=np.uint8)
    names = store.shelves[0].put(given)
    images, which = store.get(names[[3, 1, 3, 3]])
    assert len(images) == 2
    assert np.array_equal(images[which], given[[3, 1, 3, 3]])


def test_an_environment_without_images_is_refused() -> None:
    shelf = ViewStore((SIZE, SIZE, 3), [10]).shelves[0]
    with pytest.raises(ValueError, match="image, viewpoint"):
        ViewStack(DummyVecEnv([FakeRecognitionEnv]), shelf, MAX_LOOKS)


def test_more_looks_than_announced_are_refused() -> None:
    recorder = Recorder(max_looks=2)
    recorder.step(np.zeros(ROWS, dtype=np.int64))
    with pytest.raises(ValueError, match="max_looks=2"):
        recorder.step(np.zeros(ROWS, dtype=np.int64))


@pytest.mark.parametrize("capacities", [[0], [10, 0], [2**24, 1]])
def test_a_store_of_impossible_size_is_refused(capacities: list[int]) -> None:
    with pytest.raises(ValueError, match="capacities"):
        ViewStore((1, 1, 3), capacities)
