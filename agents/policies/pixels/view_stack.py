"""The history that an agent on pixels needs: every view of the episode so far, with its pose.

A stack of images would repeat each of them in up to `max_looks` observations: the 50,000
observations that `AnswerPPO` remembers would take 7.4 GB at 12 views of 64 x 64. So each image is
kept once and observations name it, as the LazyFrames of OpenAI Baselines do for Atari; the
features extractor (agents/policies/pixels/features.py) fetches the images that a batch names, each
once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn, VecEnvWrapper

Observation = dict[str, NDArray[Any]]
Names = NDArray[np.int64]

SLOT, EDITION = 0, 1
"""The two numbers that name a view: where its image is, and which of those that were there."""
MOST_SLOTS = 2**24
"""Stable-Baselines3 hands observations on as float32, which is exact up to here."""


class ViewStore:
    """The images of recent views, each once, on shelves of fixed sizes.

    A view's name is (slot, edition): slots are numbered over all shelves, and the edition, from 1,
    says how often the slot had been filled. (0, 0) names no view.

    >>> store = ViewStore((64, 64, 3), [2])
    >>> names = [store.shelves[0].put(np.full((1, 64, 64, 3), n, np.uint8)) for n in range(3)]
    >>> np.concatenate(names).tolist()  # the third has taken the place of the first
    [[0, 1], [1, 1], [0, 2]]
    >>> images, which = store.get(np.concatenate([names[1], names[2], names[1]]))
    >>> images[:, 0, 0, 0].tolist(), which.tolist()
    ([2, 1], [1, 0, 1])

    Args:
        image_shape: (H, W, 3).
        capacities: images on each shelf; on a full shelf the new replace the oldest.
    """

    def __init__(self, image_shape: Sequence[int], capacities: Sequence[int]) -> None:
        if min(capacities) < 1 or sum(capacities) > MOST_SLOTS:
            raise ValueError(
                f"capacities are {capacities}, expected 1 or more, {MOST_SLOTS} in all"
            )
        self.image_shape = tuple(image_shape)
        self._images = np.zeros((sum(capacities), *image_shape), dtype=np.uint8)
        self._editions = np.zeros(sum(capacities), dtype=np.int64)
        starts = np.cumsum([0, *capacities[:-1]]).tolist()
        self.shelves = [
            Shelf(self, start, size) for start, size in zip(starts, capacities, strict=True)
        ]

    def get(self, names: Names) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """The images of k views, each once.

        Args:
            names: int64 (k, 2); none of them names no view.

        Returns:
            uint8 (u, H, W, 3), the different images, and int64 (k,), which of them each view is.

        Raises:
            LookupError: for a view whose image is no longer, or was never, there.
        """
        slots, editions = names[:, SLOT], names[:, EDITION]
        gone = (self._editions[slots] != editions) | (editions == 0)
        if gone.any():
            raise LookupError(
                f"{gone.sum()} of {len(names)} views are no longer there; the store's shelves "
                f"hold {[shelf.capacity for shelf in self.shelves]} images"
            )
        different, which = np.unique(slots, return_inverse=True)
        return self._images[different], which.reshape(-1)

    def put(self, slots: NDArray[np.int64], images: NDArray[np.uint8]) -> Names:
        """Fill slots (n,), all different, with images (n, H, W, 3); their names (n, 2)."""
        self._images[slots] = images
        self._editions[slots] += 1
        return np.stack([slots, self._editions[slots]], axis=1)


class Shelf:
    """A ring of slots of a `ViewStore`.

    >>> shelf = ViewStore((64, 64, 3), [4]).shelves[0]
    >>> shelf.put(np.zeros((3, 64, 64, 3), np.uint8)).tolist()
    [[0, 1], [1, 1], [2, 1]]
    """

    def __init__(self, store: ViewStore, start: int, capacity: int) -> None:
        self.store, self.start, self.capacity = store, start, capacity
        self._next = 0

    def put(self, images: NDArray[np.uint8]) -> Names:
        """Keep n images (n, H, W, 3), no more than there is room for; their names (n, 2)."""
        n = len(images)
        if n > self.capacity:
            raise ValueError(f"{n} images for a shelf of {self.capacity}")
        slots = self.start + (self._next + np.arange(n)) % self.capacity
        self._next = (self._next + n) % self.capacity
        return self.store.put(slots, images)


class ViewStack(VecEnvWrapper):
    """Replaces the current image by the names and poses of all views of the episode so far.

    The observation keeps its other parts. `image` (H, W, 3) becomes
        looks: int64 (max_looks, 2), names in a `ViewStore`, the first view first, then (0, 0);
        poses: float32 (max_looks, 7), where each view was taken from; zeros where there is none.

    The environment ends episodes without a new view, as those of this project do: a terminal
    observation shows the views that the one before showed.

    >>> import gymnasium
    >>> from agents.sb3_vec_env import GymnasiumVecEnv
    >>> options = {"observation": "pixels", "autoreset_mode": "SameStep"}
    >>> env = GymnasiumVecEnv(gymnasium.make_vec("envs:GQNShepard-v0", num_envs=2, **options))
    >>> stack = ViewStack(env, ViewStore((64, 64, 3), [24]).shelves[0], max_looks=12)
    >>> stack.reset()["looks"][:, :2].tolist()  # one view each so far
    [[[0, 1], [0, 0]], [[1, 1], [0, 0]]]

    Args:
        venv: with a Dict observation of `image` and `viewpoint` (7,).
        shelf: where the images go; large enough for as long as the observations are used.
        max_looks: the most views of an episode.
    """

    def __init__(self, venv: VecEnv, shelf: Shelf, max_looks: int) -> None:
        given = venv.observation_space
        if not isinstance(given, spaces.Dict) or {"image", "viewpoint"} - given.spaces.keys():
            raise ValueError(f"observation space is {given}, expected a Dict with image, viewpoint")
        pose = given["viewpoint"]
        assert isinstance(pose, spaces.Box)
        parts = {key: space for key, space in given.spaces.items() if key != "image"}
        low, high = (np.tile(bound, (max_looks, 1)) for bound in (pose.low, pose.high))
        parts["looks"] = spaces.Box(0, MOST_SLOTS, (max_looks, 2), np.int64)
        parts["poses"] = spaces.Box(low, high, dtype=np.float32)
        super().__init__(venv, observation_space=spaces.Dict(parts))
        self.max_looks = max_looks
        self._shelf = shelf
        self._names = np.zeros((self.num_envs, max_looks, 2), dtype=np.int64)
        self._poses = np.zeros((self.num_envs, max_looks, *pose.shape), dtype=np.float32)
        self._counts = np.zeros(self.num_envs, dtype=np.int64)

    def reset(self) -> VecEnvObs:
        observation = self.venv.reset()
        self._forget(np.ones(self.num_envs, dtype=bool))
        return self._with_new_view(observation)

    def step_wait(self) -> VecEnvStepReturn:
        observation, rewards, dones, infos = self.venv.step_wait()
        for row in np.flatnonzero(dones):
            ended: Observation = infos[row]["terminal_observation"]
            infos[row]["terminal_observation"] = self._shown(ended, int(row))
        self._forget(dones)
        return self._with_new_view(observation), rewards, dones, infos

    def _forget(self, rows: NDArray[np.bool_]) -> None:
        self._names[rows], self._poses[rows], self._counts[rows] = 0, 0.0, 0

    def _with_new_view(self, observation: Any) -> Observation:
        """Every step brings every row one image: the camera moved or an episode began."""
        if self._counts.max() == self.max_looks:
            raise ValueError(f"an episode has more than max_looks={self.max_looks} looks")
        rows = np.arange(self.num_envs)
        self._names[rows, self._counts] = self._shelf.put(observation["image"])
        self._poses[rows, self._counts] = observation["viewpoint"]
        self._counts += 1
        return self._shown(observation, slice(None))

    def _shown(self, observation: Observation, rows: int | slice) -> Observation:
        kept = {key: value for key, value in observation.items() if key != "image"}
        return kept | {"looks": self._names[rows].copy(), "poses": self._poses[rows].copy()}


LookStore, LookStack = ViewStore, ViewStack
"""The names before."""
