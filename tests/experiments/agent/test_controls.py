"""Moves and answers that strategies ask for are those the environments understand."""

from __future__ import annotations

import numpy as np
import pytest

import envs
from envs.camera.control import STEP, make_control
from envs.registration import ENVIRONMENTS
from envs.tasks import NO_ANSWER
from experiments.agent.controls import MOVES, controls_of
from gqn_rl.errors import UserError

ANSWERS = 3


@pytest.mark.parametrize("env_id", envs.ENV_IDS)
@pytest.mark.parametrize("num_answers", [1, ANSWERS])
def test_every_action_is_read_back_as_it_was_meant(env_id: str, num_answers: int) -> None:
    controls = controls_of(env_id, num_answers)
    control = make_control(ENVIRONMENTS[env_id]["control"], num_answers)
    read = control.read(controls.actions, len(controls.actions))
    assert np.allclose(read.turn, controls.turns)
    assert (read.answer == NO_ANSWER).all()
    answers = np.arange(num_answers)
    read = control.read(controls.answers(answers), num_answers)
    assert np.array_equal(read.answer, answers)
    for name, direction in MOVES.items():
        read = control.read(controls.move(name)[None], 1)
        assert np.allclose(read.turn, STEP * np.array([direction]))


@pytest.mark.parametrize("env_id", envs.ENV_IDS)
def test_people_read_what_an_action_does(env_id: str) -> None:
    controls = controls_of(env_id, ANSWERS)
    names = {
        name: controls.name(controls.move(name), lambda answer: f"shape {answer}") for name in MOVES
    }
    assert names["up"].endswith("up") or names["up"].endswith("up 30°")
    assert len(set(names.values())) == 4
    for answer in range(ANSWERS):
        action = controls.answers(np.array([answer]))[0]
        assert controls.name(action, lambda answer: f"shape {answer}") == f"shape {answer}"


def test_continuous_turns_are_named_in_degrees() -> None:
    controls = controls_of("GQNShepardContinuous-v0", ANSWERS)
    action = np.array([-0.5, 1.0, -1.0, 0.0, 0.0, 0.0], np.float32)
    assert controls.name(action, str) == "left 30°, up 60°"


def test_an_unknown_move_is_refused() -> None:
    with pytest.raises(UserError, match=r"move 'sideways'.*'left'"):
        controls_of("GQNShepard-v0", 2).move("sideways")
