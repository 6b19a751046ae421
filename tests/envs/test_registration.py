"""Tasks from outside the package get ids like its own."""

from __future__ import annotations

import sys

import gymnasium
import numpy as np
import pytest

from envs import ENV_IDS, known_id, register_task
from envs.registration import ENVIRONMENTS, FLAT_IDS, fixed_arguments
from gqn_rl.errors import UserError

MODULE = """\
from envs import register_task
from envs.tasks.recognition import RecognitionTask

class PairTask(RecognitionTask):
    def __init__(self, num_cubes, shapes, orientation="grid"):
        super().__init__(num_cubes, shapes, orientation, gallery_size=2)

IDS = register_task("OwnPair", "own_task:PairTask")
"""


@pytest.fixture
def own_task(tmp_path, monkeypatch):
    """The module of a task of one's own, not yet imported; forgotten afterwards."""
    (tmp_path / "own_task.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "own_task"
    sys.modules.pop("own_task", None)
    for env_id in ("OwnPair-v0", "OwnPairContinuous-v0"):
        ENVIRONMENTS.pop(env_id, None)
        flat_id = env_id.replace("OwnPair", "OwnPairFlat")
        FLAT_IDS.pop(flat_id, None)
        gymnasium.registry.pop(flat_id, None)
        gymnasium.registry.pop(env_id, None)


@pytest.mark.parametrize("stem", ["OwnPair", "OwnPairContinuous"])
def test_a_registered_task_is_made_by_module_and_id(own_task, stem):
    env = gymnasium.make(f"{own_task}:{stem}-v0", observation="state")
    assert env.unwrapped.rows.task.num_answers == 2
    env.reset(seed=0)
    assert gymnasium.envs.registration.EnvSpec.from_json(env.spec.to_json()) == env.spec
    env.close()
    rows = gymnasium.make_vec(f"{own_task}:{stem}-v0", 3, observation="state")
    assert rows.reset(seed=0)[0]["state"].shape == (3, 42)
    rows.close()


def test_the_module_stays_part_of_a_known_id_unless_it_is_ours(own_task):
    assert known_id(f"{own_task}:OwnPair-v0") == f"{own_task}:OwnPair-v0"
    assert fixed_arguments(f"{own_task}:OwnPair-v0") == fixed_arguments("OwnPair-v0")
    assert known_id("envs:GQNShepard-v0") == known_id("GQNShepard-v0") == "GQNShepard-v0"


@pytest.mark.parametrize("flat_id", FLAT_IDS)
def test_a_flat_id_needs_no_argument_and_is_one_box_of_the_same_episode(flat_id):
    observed = {"observation": "state"}  # which takes no network
    flat, plain = gymnasium.make(flat_id, **observed), gymnasium.make(FLAT_IDS[flat_id], **observed)
    assert isinstance(flat.observation_space, gymnasium.spaces.Box)
    assert flat.action_space == plain.action_space
    observation, seen = flat.reset(seed=3)[0], plain.reset(seed=3)[0]
    assert observation.shape == flat.observation_space.shape
    numbers = [np.ravel(part) for part in seen.values()]
    assert set(np.concatenate(numbers).astype(np.float32)) <= set(observation.tolist()) | {0.0}
    assert gymnasium.envs.registration.EnvSpec.from_json(flat.spec.to_json()) == flat.spec
    rows = gymnasium.make_vec(flat_id, 2, **observed)
    assert rows.reset(seed=0)[0].shape == (2, *flat.observation_space.shape)
    for env in (flat, plain, rows):
        env.close()


def test_every_id_has_a_flat_one():
    assert set(ENV_IDS) <= set(FLAT_IDS.values())
    assert {"GQNShepardFlat-v0", "GQNShepardFlatContinuous-v0"} <= set(FLAT_IDS)


def test_commands_and_agents_name_the_id_that_a_flat_one_is_like():
    with pytest.raises(UserError, match=r"which is for clients.*expected 'GQNShepard-v0'"):
        known_id("envs:GQNShepardFlat-v0")


def test_an_id_that_is_not_there_is_refused_naming_those_that_are(own_task):
    with pytest.raises(UserError, match=r"unknown env-id 'GQNShepherd-v0'.*GQNShepard-v0"):
        known_id("GQNShepherd-v0")
    with pytest.raises(UserError, match="env-id 'nowhere:Id-v0' needs the package 'nowhere'"):
        known_id("nowhere:Id-v0")
    with pytest.raises(UserError, match="unknown env-id 'own_task:Other-v0'"):
        known_id("own_task:Other-v0")


def test_registering_again_changes_nothing():
    before = dict(gymnasium.registry)
    assert register_task("GQNShepard", "recognition") == ENV_IDS[:2]
    assert gymnasium.registry == before


def test_ids_that_gymnasium_already_has_are_taken_up(monkeypatch):
    monkeypatch.delitem(ENVIRONMENTS, "GQNShepard-v0")
    register_task("GQNShepard", "recognition")
    assert ENVIRONMENTS["GQNShepard-v0"] == {"task": "recognition", "control": "discrete"}


@pytest.mark.parametrize(
    ("stem", "task", "message"),
    [
        ("GQNShepard", "mental_rotation", "the id 'GQNShepard-v0' is taken"),
        ("Own-Pair", "own_task:PairTask", "stem is 'Own-Pair'"),
        ("OwnPair", "pair", r"unknown task 'pair'; expected one of .*'module:class'"),
    ],
)
def test_a_registration_that_cannot_be_is_refused(stem, task, message):
    before = dict(gymnasium.registry)
    with pytest.raises(UserError, match=message):
        register_task(stem, task)
    assert gymnasium.registry == before
