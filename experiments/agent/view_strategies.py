"""Ways of looking around that view prediction has to beat at the same number of looks.

They know where the camera is, where the query view is taken from and how cameras turn, and nothing
of the object: no images, no representation, no truth. One asks the encoder what views would tell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.evaluation import Evaluation
from envs.camera.angles import CameraAngles, KeepOut
from envs.camera.control import CameraControl
from gqn_rl.geometry import next_best_view
from gqn_rl.geometry.viewpoint import Viewpoints

SAME_VIEW = np.deg2rad(1.0)
"""Cameras closer to each other than this see the same."""
Observation = dict[str, NDArray[Any]]
Positions = NDArray[np.float64]
Schedule = Mapping[int, Sequence[int]]
"""Row to the number of looks of each of its episodes, in the order played."""


@dataclass
class Path:
    """Where a row has been in its episode, and which of its episodes it is.

    Attributes:
        episode: from 0.
        visited: unit vectors (L, 3) towards the views taken.
    """

    episode: int
    visited: Positions


Choice = Callable[[Positions, Positions, Positions], int]
"""Which of M candidates (M, 3), given views taken (L, 3) and the query (3,), as unit vectors."""


class ViewStrategy:
    """Takes the views that a rule chooses, then predicts.

    Args:
        choose: the rule.
        control: of the environment.
        clearance: radians about the query in which no camera may stand.
        looks: how many views to take in each episode, the first included; 1 where it names none.
    """

    def __init__(self, choose: Choice, control: CameraControl, clearance: float, looks: Schedule):
        self._choose, self._control = choose, control
        self._clearance, self._looks = clearance, looks

    def predict(
        self,
        observation: Observation,
        state: list[Path] | None = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[Any], list[Path]]:
        """See `agents.evaluation.Predictor`."""
        cameras, queries = (angles_of(observation[key]) for key in ("viewpoint", "cue"))
        here, query = cameras.directions(), queries.directions()
        starts = np.zeros(len(here), bool) if episode_start is None else episode_start
        paths = [Path(-1, here[:0]) for _ in here] if state is None else state
        paths = [_extended(*row) for row in zip(paths, starts, here, strict=True)]
        landings = self._landings(cameras, queries)
        actions = self._control.encode_answer(np.zeros(len(here), dtype=np.int64))
        for row, path in enumerate(paths):
            if len(path.visited) < self._budget(row, path.episode):
                actions[row] = self._move(observation, row, landings[row], path, query[row])
        return actions, paths

    def _move(
        self, seen: Observation, row: int, landings: Positions, path: Path, query: Positions
    ) -> NDArray[Any]:
        """The action of a row, given where its moves lead (M, 3)."""
        chosen = self._choose(landings, path.visited, query)
        return np.asarray(self._control.encode_turn(self._control.turns[[chosen]])[0])

    def _budget(self, row: int, episode: int) -> int:
        looks = self._looks.get(row, ())
        return looks[episode] if episode < len(looks) else 1

    def _landings(self, cameras: CameraAngles, queries: CameraAngles) -> Positions:
        """Where each move would leave each camera, unit vectors (N, M, 3)."""
        turns, partway = self._control.turns, self._control.goes_partway
        landed = KeepOut(queries, self._clearance).landings(cameras, turns, partway)
        return landed.directions().reshape(len(cameras), len(turns), 3)


class MostInformative(ViewStrategy):
    """Takes the view of which the encoder expects to learn most about the query view.

    It looks one view ahead, as next-best-view planners do, at the moves that `NextBestViewFeatures`
    tells of.
    """

    def __init__(self, control: CameraControl, clearance: float, looks: Schedule) -> None:
        super().__init__(nearest_choice, control, clearance, looks)

    def _move(
        self, seen: Observation, row: int, landings: Positions, path: Path, query: Positions
    ) -> NDArray[Any]:
        told = next_best_view.as_matrix(seen[next_best_view.KEY][row])
        gains = told[:-1, next_best_view.GAIN]  # the last row is making no move
        return np.asarray(self._control.encode_turn(self._control.probes[[gains.argmax()]])[0])


def random_choice(rng: np.random.Generator) -> Choice:
    """Any move, with equal probability."""
    return lambda candidates, visited, query: int(rng.integers(len(candidates)))


def farthest_choice(candidates: Positions, visited: Positions, query: Positions) -> int:
    """The view farthest from the nearest of those taken (Gonzalez 1985)."""
    return int((candidates @ visited.T).max(axis=1).argmin())


def nearest_choice(candidates: Positions, visited: Positions, query: Positions) -> int:
    """Of the views not yet taken, the one nearest to the query."""
    seen = (candidates @ visited.T).max(axis=1) > np.cos(SAME_VIEW)
    # A view taken before is the last resort: it shows nothing new.
    return int((candidates @ query - 3.0 * seen).argmax())


def view_strategies(
    control: CameraControl, clearance: float, looks: Schedule, seed: int, informed: bool = False
) -> dict[str, ViewStrategy]:
    """The strategies by name; they take as many views in each episode as `looks` says.

    Args:
        informed: whether the encoder says what views would tell; one more strategy then.
    """
    choices = {
        "random views": random_choice(np.random.default_rng(seed)),
        "farthest views": farthest_choice,
        "nearest views": nearest_choice,
    }
    strategies = {
        name: ViewStrategy(choose, control, clearance, looks) for name, choose in choices.items()
    }
    if informed:
        strategies["most informative views"] = MostInformative(control, clearance, looks)
    return strategies


def looks_of(evaluation: Evaluation) -> Schedule:
    """How many looks each episode of an evaluation took."""
    return {row: [e.looks for e in played] for row, played in evaluation.by_row().items()}


def angles_of(encoded: NDArray[np.float32]) -> CameraAngles:
    """Positions on the viewing sphere from encoded poses (N, 7) that look at its centre."""
    poses = Viewpoints.decode(encoded)
    # The yaw, unlike x and y, says where azimuth is at a pole too.
    azimuth, elevation = np.asarray(poses.yaw + np.pi), np.asarray(-poses.pitch)
    return CameraAngles(azimuth.astype(np.float64), elevation.astype(np.float64))


def _extended(path: Path, start: bool, here: Positions) -> Path:
    """The path with the view from `here`, or a new one."""
    if start or path.episode < 0:
        return Path(path.episode + 1, here[None])
    return Path(path.episode, np.concatenate([path.visited, here[None]]))
