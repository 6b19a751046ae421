"""What the log says of trials is what was played, and logging changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from agents.evaluation import evaluate
from agents.saving.bundle import load_bundle, shipped_agent
from envs.tasks.mental_rotation import AXES
from experiments.agent.comparison import oracle, random_agent
from experiments.agent.environment import AgentEnvironment, make_environment
from experiments.agent.trained import environment_of
from experiments.trials.answering import AnswersInTheEnd
from experiments.trials.log import TrialLog, letters_of
from gqn_rl.errors import UserError
from gqn_rl.scenes.scene import SceneBatch
from gqn_rl.scenes.shepard_metzler import ShepardMetzlerObject

ID = "GQNShepardMentalRotation-v0"


@pytest.fixture
def made() -> Iterator[AgentEnvironment]:
    environment = make_environment(ID, 3, {"observation": "state", "max_looks": 3})
    yield environment
    environment.close()


def test_a_log_has_each_episode_once_with_its_own_facts(made: AgentEnvironment) -> None:
    log = TrialLog(random_agent(made, 1), made)
    evaluation = evaluate(log, made.bridge, 10, seed=2)
    trials = log.trials(evaluation, "somebody")
    assert [trial.trial for trial in trials] == list(range(1, 11))
    by_row = [record for row in range(3) for record in evaluation.by_row()[row]]
    for trial, record in zip(trials, by_row, strict=True):
        assert trial.angle == record.angle
        assert trial.mirrored == bool(record.target)
        assert trial.is_right == record.success
        assert trial.glimpses == record.looks == len(trial.camera_path)
        assert trial.seconds is None
        assert ShepardMetzlerObject.from_directions(trial.shape).is_chiral
    assert {trial.answer for trial in trials} == {"", "same", "mirrored"}
    moved = [trial for trial in trials if trial.glimpses > 1]
    for trial in moved:
        steps = np.diff(np.array(trial.camera_path), axis=0)
        assert (np.abs(steps) > 1).any(axis=1).all()


def test_an_agent_that_is_logged_plays_as_it_does_without(made: AgentEnvironment) -> None:
    plain = evaluate(random_agent(made, 1), made.bridge, 9, seed=2)
    logged = evaluate(TrialLog(random_agent(made, 1), made), made.bridge, 9, seed=2)
    assert plain.records() == logged.records()


def test_the_oracle_is_right_in_every_row_of_the_table(made: AgentEnvironment) -> None:
    log = TrialLog(oracle(made), made)
    assert all(trial.is_right for trial in log.trials(evaluate(log, made.bridge, 7, seed=0), "o"))


@pytest.mark.parametrize(("rotation", "axis"), AXES.items())
def test_the_axis_is_that_of_the_rotation(rotation: str, axis: str) -> None:
    made = make_environment(ID, 1, {"observation": "state", "rotation": rotation})
    log = TrialLog(oracle(made), made)
    assert log.trials(evaluate(log, made.bridge, 1, seed=0), "o")[0].axis == axis
    made.close()


def test_other_tasks_have_no_table() -> None:
    made = make_environment("GQNShepard-v0", 1, {"observation": "state"})
    with pytest.raises(UserError, match="expected mental rotation"):
        TrialLog(oracle(made), made)
    made.close()


@pytest.mark.parametrize("letters", ["uuuubbuur", "rb", "uurbbd"])
def test_letters_are_those_that_the_object_was_made_from(letters: str) -> None:
    item = ShepardMetzlerObject.from_directions(letters)
    colour = np.zeros((1, len(item), 3))
    scenes = SceneBatch.from_objects([item], np.eye(3)[None], colour)
    assert letters_of(scenes) == letters


@pytest.mark.parametrize("kind", ["", "Continuous"])
def test_an_agent_without_glimpses_left_answers_what_it_holds_likeliest(kind: str) -> None:
    env_id = f"GQNShepardMentalRotation{kind}-v0"
    agent = load_bundle(shipped_agent(env_id))
    options: dict[str, Any] = {"glimpses": 1, "camera": "fixed", "renderer": "raycast"}
    made = environment_of(agent, 4, options)
    moving = evaluate(agent, made.bridge, 12, seed=0)
    assert any(record.answer == -1 for record in moving.episodes)
    answering = evaluate(AnswersInTheEnd(agent, made), made.bridge, 12, seed=0)
    assert all(record.answer in (0, 1) for record in answering.episodes)
    for one, other in zip(moving.episodes, answering.episodes, strict=True):
        assert one.answer in (-1, other.answer)  # where it answers by itself, it says the same
    made.close()
