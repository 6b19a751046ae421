"""Every agent with every camera can be built and trained; the controls are what they claim."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest

from agents.policies.pixels.view_stack import ViewStack
from experiments.study.plan import CAMERAS, SUBJECTS
from experiments.study.subjects import Trainee, make_trainee
from gqn_rl.encoders import make_encoder
from gqn_rl.encoders.voxel_grid_encoder import VoxelGridEncoder
from gqn_rl.errors import UserError
from tests.experiments.study.small import N_STEPS, ROWS, small_hyperparameters, small_run


@pytest.fixture(autouse=True, scope="module")
def few_scenes() -> Iterator[None]:
    """A sixteenth of the scenes that the statistics of a random tower are taken from."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("gqn_rl.training.statistics.SCENES_PER_COUNT", 16)
        yield


@pytest.fixture(scope="module", params=list(product(SUBJECTS, CAMERAS)), ids="-".join)
def case(request: pytest.FixtureRequest) -> Any:
    agent, camera = request.param
    run = small_run(agent, camera)
    trainee = make_trainee(run)
    yield run, trainee
    trainee.close()


def test_it_trains_for_two_rollouts(case: tuple[Any, Trainee]) -> None:
    _, trainee = case
    trainee.model.learn(2 * ROWS * N_STEPS)
    assert trainee.model.num_timesteps == 2 * ROWS * N_STEPS
    assert len(trainee.model.answer_memory) == 2 * ROWS * N_STEPS


def test_it_is_evaluated_on_what_it_is_trained_on(case: tuple[Any, Trainee]) -> None:
    run, trainee = case
    env: Any = trainee.model.env
    assert trainee.held_out.observation_space == env.observation_space
    assert trainee.held_out.action_space == env.action_space
    moves = 1 if run.camera == "fixed" else 4
    assert env.action_space.n == moves + 3
    pixels = SUBJECTS[run.agent].summary is not None
    assert isinstance(trainee.held_out, ViewStack) == pixels
    assert (trainee.encoder is not None) == (SUBJECTS[run.agent].encoder is not None)


def encoder_of(trainee: Trainee) -> Any:
    return trainee.environments[0].native.unwrapped.encoder


def test_random_towers_are_the_trained_ones_shape_and_standardised() -> None:
    trainees = [make_trainee(small_run("random-tower", seed=seed)) for seed in (0, 0, 1)]
    shipped = make_encoder("gqn", device="cpu")
    for trainee in trainees:
        encoder = encoder_of(trainee)
        assert encoder.model.config == shipped.model.config  # type: ignore[attr-defined]
        observation = trainee.held_out.reset()
        assert isinstance(observation, dict)
        assert observation["representation"].shape == (ROWS, shipped.representation_size)
        assert 0.5 < observation["representation"].std() < 2.0
        assert abs(observation["representation"].mean()) < 0.5
        trainee.close()
    hashes = [trainee.encoder["sha256"] for trainee in trainees if trainee.encoder]
    assert hashes[0] == hashes[1] != hashes[2]


def test_an_encoder_without_a_twin_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.study.subjects.make_encoder", lambda *_, **__: object())
    with pytest.raises(UserError, match="no twin"):
        make_trainee(small_run("random-tower"))


@pytest.mark.parametrize("plain_ppo", [True, False])
def test_there_is_room_for_the_looks_that_training_names(plain_ppo: bool) -> None:
    """Long after the memory is full; a look that is gone would be a LookupError."""
    settings = small_hyperparameters(plain_ppo) | {"aux_buffer_size": 100}
    run = small_run("pixels-stack", hyperparameters=settings, plain_ppo=plain_ppo)
    trainee = make_trainee(run)
    trainee.model.learn(6 * ROWS * N_STEPS)
    store: Any = trainee.model.policy.features_extractor._store
    assert store.shelves[0].capacity < 5 * ROWS * N_STEPS  # it has been filled more than once
    assert np.all(store._editions[: store.shelves[0].capacity] >= 1)
    trainee.close()


@pytest.mark.parametrize("agent", SUBJECTS)
def test_cells_are_turned_where_answers_are_learned_and_nothing_else_is(agent: str) -> None:
    trainee = make_trainee(small_run(agent, encoder="cells"))
    try:
        turned = trainee.model.aux_turned  # type: ignore[attr-defined]
        encoder = encoder_of(trainee)
        assert isinstance(encoder, VoxelGridEncoder) == (SUBJECTS[agent].encoder is not None)
        expected = {} if encoder is None else {"representation": encoder.voxel_grid_shape}
        if not SUBJECTS[agent].turned:
            expected = {}
        assert turned == expected
    finally:
        trainee.close()
