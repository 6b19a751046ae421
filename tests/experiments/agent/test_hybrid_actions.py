"""Hybrid agents and the camera's control lay actions out alike, though neither knows the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from agents.policies.hybrid.actions import LOOK, HybridActions
from envs.camera.control import NO_ANSWER, make_control

TURNS = 2


@pytest.mark.parametrize("num_answers", [1, 2, 10])
def test_the_camera_control_reads_what_was_chosen(num_answers: int) -> None:
    """Agents and environments know the layout apart from each other."""
    control: Any = make_control("continuous", num_answers)
    actions = HybridActions(control.action_space, num_answers)
    choices = torch.arange(1 + num_answers)
    turns = torch.rand(1 + num_answers, TURNS) * 2 - 1
    encoded = actions.encode(choices, turns)
    commands = control.read(encoded.numpy(), len(encoded))
    np.testing.assert_array_equal(commands.answer, [NO_ANSWER, *range(num_answers)])
    np.testing.assert_allclose(commands.turn[0], control.read_turn(turns[:1].numpy(), 1)[0])
    theirs = [control.encode_turn(commands.turn[:1]), control.encode_answer(range(num_answers))]
    np.testing.assert_allclose(encoded.numpy(), np.concatenate(theirs), atol=1e-6)


def test_any_action_is_decoded_as_the_camera_control_reads_it() -> None:
    control: Any = make_control("continuous", 4)
    drawn = np.random.default_rng(0).uniform(-1, 1, (500, 7)).astype(np.float32)
    choices, turns = HybridActions(control.action_space, 4).decode(torch.from_numpy(drawn))
    commands = control.read(drawn, len(drawn))
    np.testing.assert_array_equal(choices.numpy() - 1, commands.answer)
    looking = (choices == LOOK).numpy()
    assert 100 < looking.sum() < 400
    np.testing.assert_allclose(
        control.read_turn(turns.numpy()[looking], looking.sum()), commands.turn[looking]
    )
