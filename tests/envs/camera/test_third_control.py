"""The contract of the environments, and that of ap_gym's form, with a control from outside."""

from __future__ import annotations

from collections.abc import Iterator

import gymnasium
import pytest

from envs.registration import ENVIRONMENTS, TASK_IDS, register_task
from gqn_rl.errors import UserError
from tests.envs import eight_ways
from tests.envs import test_environment_contract as contract
from tests.envs.ap_gym import test_environment as ap_gym

OF_THE_TABLES = {
    "test_every_task_has_an_id_for_every_control",
    "test_only_the_continuous_ids_take_a_box_of_actions",
}
"""Tests that are about the package's own ids."""

# The tests themselves, collected once more: here their ids are those of the fixture below.
globals().update(
    {
        name: test
        for name, test in vars(contract).items()
        if name.startswith("test_") and name not in OF_THE_TABLES
    }
)
test_every_look_is_followed_by_one_prediction = ap_gym.test_every_look_is_followed_by_one_prediction
test_the_truth_costs_nothing_and_is_an_answer = ap_gym.test_the_truth_costs_nothing_and_is_an_answer
test_predictions_change_nothing_in_the_world = ap_gym.test_predictions_change_nothing_in_the_world
test_rows_repeat_single_environments = ap_gym.test_rows_repeat_single_environments


@pytest.fixture(params=TASK_IDS)
def env_id(request: pytest.FixtureRequest) -> Iterator[str]:
    """Every task in turn, with the control from outside."""
    controls = {"EightWays": eight_ways.NAME}
    (made,) = register_task(request.param, TASK_IDS[request.param], controls)
    yield made
    del ENVIRONMENTS[made], gymnasium.registry[made]


@pytest.fixture
def task_id(env_id: str) -> str:
    return env_id


def test_its_ids_have_its_actions(env_id: str, make_vec) -> None:
    env = make_vec(env_id, observation="state")
    assert isinstance(env.unwrapped.control, eight_ways.EightWays)
    assert env.single_action_space is env.unwrapped.control.action_space
    assert isinstance(env.single_action_space, gymnasium.spaces.MultiDiscrete)


@pytest.mark.parametrize(
    ("controls", "message"),
    [
        ({"": "eightways"}, "unknown control 'eightways'.*'discrete'.*'module:class'"),
        ({"Eight-Ways": eight_ways.NAME}, "stem is 'OwnEight-Ways', expected letters"),
    ],
)
def test_an_id_for_no_control_is_refused(controls: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        register_task("Own", "recognition", controls)
    assert not any(env_id.startswith("Own") for env_id in ENVIRONMENTS)
