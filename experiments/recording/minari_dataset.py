"""Recorded episodes as a data set that Minari reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

import gymnasium
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec

from envs.observation.flattening import Flattening
from experiments.recording.episodes import RecordedEpisode
from gqn_rl.extras import require

PORTION = 64
"""Episodes that are written together."""


def imported_minari() -> ModuleType:
    """Minari, with what it stores data sets by.

    Raises:
        UserError: where it is not installed.
    """
    minari = require("minari", "minari")
    require("h5py", "minari")
    return minari


def recorded_spec(env_id: str, arguments: dict[str, Any], is_flat: bool) -> EnvSpec:
    """What `MinariDataset.recover_environment` makes: the environment that was played, one row."""
    spec = gymnasium.spec(env_id.rpartition(":")[2])
    spec = EnvSpec.from_json(spec.to_json())  # a copy: the registry's stays as it is
    spec.kwargs |= arguments | ({"flatten": True} if is_flat else {})
    return spec


class MinariWriter:
    """A data set that grows; it can be read at any time.

    Args:
        folder: where the data set's own is made, `MINARI_DATASETS_PATH` for `minari.load_dataset`.
        dataset_id: as Minari writes them, "name-v0".
        spec: of the environment.
        observation_space: a Dict, of one environment.
        action_space: of one environment.
        is_flat: whether observations are stored as one Box.
        facts: further entries of the metadata.
    """

    def __init__(
        self,
        folder: Path,
        dataset_id: str,
        spec: EnvSpec,
        observation_space: spaces.Dict,
        action_space: spaces.Space[Any],
        *,
        is_flat: bool,
        facts: dict[str, str],
    ) -> None:
        self.dataset_id = dataset_id
        self._minari = imported_minari()
        self._flattening = Flattening(observation_space) if is_flat else None
        self.path = folder / dataset_id / "data"
        """What `minari.MinariDataset` is given."""
        self.path.mkdir(parents=True)
        storage = require("minari.dataset.minari_storage", "minari").MinariStorage
        self._storage = storage.new(
            self.path.absolute(),  # Minari cannot measure the size of relative folders
            observation_space=self._flattening.space if self._flattening else observation_space,
            action_space=action_space,
            env_spec=spec,
            jpeg_encoding=False,  # pictures stay what they were, and may have twelve channels
        )
        version = self._minari.__version__
        self._storage.update_metadata(
            {"dataset_id": dataset_id, "minari_version": version, **facts}
        )

    def write(self, episodes: Iterable[RecordedEpisode]) -> Iterator[RecordedEpisode]:
        """The same episodes, once they are on disk."""
        left = iter(episodes)
        while portion := list(islice(left, PORTION)):
            self._storage.update_episodes([self._buffer(episode) for episode in portion])
            yield from portion

    def _buffer(self, episode: RecordedEpisode) -> Any:
        seen = episode.observations
        return self._minari.data_collector.EpisodeBuffer(
            seed=episode.seed,
            observations=self._flattening(seen) if self._flattening else seen,
            actions=episode.actions,
            rewards=episode.rewards,
            terminations=episode.terminations,
            truncations=episode.truncations,
            infos=episode.infos,
        )
