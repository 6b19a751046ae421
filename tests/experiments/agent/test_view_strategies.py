"""The ways of looking around that view prediction is compared with do what they claim."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from agents.evaluation import evaluate
from envs.camera.angles import CameraAngles
from envs.camera.space import encoded
from experiments.agent.environment import AgentEnvironment, make_environment
from experiments.agent.view_strategies import (
    angles_of,
    farthest_choice,
    nearest_choice,
    view_strategies,
)
from tests.envs.fake_encoder import FakeDreamer

IDS = ("GQNShepardViewPrediction-v0", "GQNShepardViewPredictionContinuous-v0")
ROWS, LOOKS = 4, 5


@pytest.fixture(params=IDS)
def environment(request: pytest.FixtureRequest) -> Iterator[AgentEnvironment]:
    made = make_environment(request.param, ROWS, {"max_looks": 6}, encoder=FakeDreamer())
    yield made
    made.close()


def views_taken(
    environment: AgentEnvironment, name: str
) -> tuple[list[CameraAngles], CameraAngles]:
    """The cameras of the rows after each look of their first episodes, and the queries."""
    looks = {row: [LOOKS] for row in range(ROWS)}
    clearance = environment.task.clearance
    strategy = view_strategies(environment.control, clearance, looks, seed=0)[name]
    environment.bridge.seed(3)
    observation: Any = environment.bridge.reset()
    queries, state, views = angles_of(observation["cue"]), None, []
    for look in range(LOOKS):
        views.append(angles_of(observation["viewpoint"]))
        starts = np.full(ROWS, look == 0)
        actions, state = strategy.predict(observation, state, starts)
        observation, _, dones, infos = environment.bridge.step(actions)
        assert dones.all() == (look == LOOKS - 1)
    assert [info["answer"] for info in infos] == [0] * ROWS
    return views, queries


def least_distances(views: list[CameraAngles]) -> np.ndarray:
    """The smallest distance between two views of each row, degrees."""
    pairs = [a.distance_to(b) for i, a in enumerate(views) for b in views[:i]]
    return np.rad2deg(np.min(pairs, axis=0))


def test_strategies_take_the_looks_they_are_given(environment: AgentEnvironment) -> None:
    looks = {0: [1, 4, 2], 1: [3, 3, 3], 2: [6, 1, 1], 3: [2, 2, 5]}
    strategies = view_strategies(environment.control, environment.task.clearance, looks, seed=0)
    played = {
        name: evaluate(strategy, environment.bridge, 3 * ROWS, seed=8)
        for name, strategy in strategies.items()
    }
    for evaluation in played.values():
        taken = {row: [e.looks for e in part] for row, part in evaluation.by_row().items()}
        assert taken == looks
        assert all(episode.error is not None for episode in evaluation.episodes)
        # The same episodes whatever is done in them, and one look says the same to all.
        first = [[e.first_error for e in part] for part in evaluation.by_row().values()]
        assert first == [
            [e.first_error for e in p] for p in played["random views"].by_row().values()
        ]


def test_farthest_views_are_farther_apart_than_random_ones(environment: AgentEnvironment) -> None:
    farthest, _ = views_taken(environment, "farthest views")
    random, _ = views_taken(environment, "random views")
    assert (least_distances(farthest) > 5).all()  # discrete steps are small near a pole
    assert least_distances(farthest).mean() > least_distances(random).mean() + 10


def test_nearest_views_end_close_to_the_query_without_repeating_one(
    environment: AgentEnvironment,
) -> None:
    views, queries = views_taken(environment, "nearest views")
    distances = np.rad2deg([view.distance_to(queries) for view in views])
    assert distances.min() >= 40 - 1e-3  # where no camera may stand
    assert distances.min(axis=0).max() < 72
    assert least_distances(views).min() > 1


def test_choices() -> None:
    candidates = np.eye(3)
    visited = np.array([[0.9, 0.1, 0.0], [0.1, 0.9, 0.0]])
    assert farthest_choice(candidates, visited, candidates[0]) == 2
    query = np.array([0.8, 0.6, 0.0])
    assert nearest_choice(candidates, visited, query) == 0
    assert nearest_choice(candidates, candidates[:1], query) == 1  # the nearest has been seen
    assert nearest_choice(candidates, candidates, query) == 0  # all have been


def test_angles_are_read_back_from_encoded_poses(rng: np.random.Generator) -> None:
    angles = CameraAngles.sample(rng, 50)
    pole = CameraAngles(np.array([1.0]), np.array([np.pi / 2]))
    for given in (angles, pole):
        read = angles_of(encoded(given.viewpoints()))
        assert np.allclose(read.directions(), given.directions(), atol=1e-6)
    turned = angles_of(encoded(pole.viewpoints()))
    assert np.cos(turned.azimuth - 1.0)[0] == pytest.approx(1.0)


def test_the_most_informative_views_are_those_the_encoder_says() -> None:
    class Informed(FakeDreamer):
        """Holds the last move for the one that tells most, after it the first."""

        def information_gain(
            self, r: Any, query: Any, seen: Any, is_seen: Any, candidates: Any
        ) -> np.ndarray:
            n, moves = candidates.shape[:2]
            gain = np.zeros((n, moves + 1), np.float32)
            odd = is_seen.sum(1) % 2 == 1
            gain[odd, -2], gain[~odd, 0], gain[:, -1] = 1.0, 1.0, 9.0
            return gain

    for env_id in IDS:
        made = make_environment(env_id, ROWS, {"max_looks": 6}, encoder=Informed())
        assert made.is_informed
        control = made.control
        looks = {row: [LOOKS] for row in range(ROWS)}
        strategies = view_strategies(control, made.task.clearance, looks, 0, informed=True)
        observation: Any = made.bridge.reset()
        state = None
        for look in range(LOOKS - 1):
            starts = np.full(ROWS, look == 0)
            strategy = strategies["most informative views"]
            actions, state = strategy.predict(observation, state, starts)
            turns = control.read(np.asarray(actions), ROWS).turn
            expected = control.probes[-1 if look % 2 == 0 else 0]
            assert np.allclose(turns, expected, atol=1e-6)
            observation, *_ = made.bridge.step(actions)
        made.close()


def test_without_an_informed_encoder_there_is_no_most_informative_view(
    environment: AgentEnvironment,
) -> None:
    assert not environment.is_informed
    strategies = view_strategies(environment.control, environment.task.clearance, {}, 0)
    assert "most informative views" not in strategies
