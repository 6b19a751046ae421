"""A new task and a new kind of control are one class and one line each."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.utils.env_checker import check_env, data_equivalence
from gymnasium.vector import SyncVectorEnv

from envs.camera.control import CONTROLS, NO_ANSWER, Commands
from envs.scene_env import SceneEnv
from envs.scene_vector_env import SceneVectorEnv
from envs.tasks import TASKS, AnswerTask, Outcome, Task, Trials
from gqn_rl.errors import UserError
from gqn_rl.scenes.scene import sample_scenes


class OddOneTask(AnswerTask):
    """Is the object the one of the cue? Half of the time the cue is another object's."""

    num_answers = 2
    cue = spaces.Box(-7.0, 7.0, (21,), np.float32)

    def __init__(self, num_cubes: int, shapes: str, orientation: str = "grid") -> None:
        self.options = {"num_cubes": num_cubes, "shapes": shapes, "orientation": orientation}

    def sample(self, rng, n):
        scenes, others = (sample_scenes(rng, n, **self.options) for _ in range(2))
        target = rng.integers(2, size=n)
        told = np.where(target[:, None, None] == 1, scenes.cubes, others.cubes)
        return Trials(scenes, target, told.reshape(n, -1).astype(np.float32))


class HeightTask(Task):
    """How far above the centre is the first cube? The closer the answer, the better."""

    num_answers = 7

    def __init__(self, num_cubes: int, shapes: str) -> None:
        self.options = {"num_cubes": num_cubes, "shapes": shapes}

    def sample(self, rng, n):
        scenes = sample_scenes(rng, n, **self.options)
        height = np.rint(scenes.cube_centres()[:, 0, 2]).astype(np.int64)
        target = np.clip(height + 3, 0, 6)
        return Trials(scenes, target, details={"height": height})

    def score(self, trials, answers, errors=None):
        reward = np.where(answers < 0, -1.0, 1.0 - np.abs(answers - trials.target) / 3)
        return Outcome(reward == 1.0, reward)


class BoxControl:
    """Two numbers turn the camera; a third above 0.5 answers 0."""

    goes_partway = False
    action_space = spaces.Box(-1.0, 1.0, (3,), np.float32)

    def __init__(self, num_answers: int) -> None:
        pass

    def read(self, actions, n):
        answering = actions[:, 2] > 0.5
        turn = np.where(answering[:, None], 0.0, actions[:, :2].astype(np.float64))
        return Commands(turn, np.where(answering, 0, NO_ANSWER))


@pytest.fixture
def arguments(monkeypatch):
    monkeypatch.setitem(TASKS, "odd one", f"{__name__}:OddOneTask")
    monkeypatch.setitem(CONTROLS, "box", f"{__name__}:BoxControl")
    return {"task": "odd one", "control": "box", "observation": "state", "max_looks": 4}


def test_they_need_no_place_in_the_tables(arguments):
    by_name = {"task": f"{__name__}:OddOneTask", "control": f"{__name__}:BoxControl"}
    env, listed = SceneEnv(**arguments | by_name), SceneEnv(**arguments)
    assert data_equivalence(env.reset(seed=3), listed.reset(seed=3), exact=True)
    assert env.action_space == BoxControl.action_space
    env.close()
    listed.close()


@pytest.mark.filterwarnings("ignore:.*not having a spec")
def test_they_pass_the_checker(arguments):
    env = SceneEnv(**arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env, skip_render_check=True)
    assert env.observation_space["cue"] == OddOneTask.cue
    assert env.action_space == BoxControl.action_space
    env.close()


def test_rows_equal_single_environments_with_them_too(arguments):
    env = SceneVectorEnv(3, **arguments)
    reference = SyncVectorEnv([lambda: SceneEnv(**arguments)] * 3)
    assert data_equivalence(env.reset(seed=0), reference.reset(seed=0), exact=True)
    env.action_space.seed(0)
    for _ in range(30):
        actions = env.action_space.sample()
        assert data_equivalence(env.step(actions), reference.step(actions), exact=True)
    env.close()
    reference.close()


def test_an_option_of_another_task_is_refused(arguments):
    with pytest.raises(
        UserError, match="unexpected keyword argument 'gallery_size'; task 'odd one' takes"
    ):
        SceneEnv(**arguments, gallery_size=10)


def test_a_task_may_grade_its_answers_and_tell_more_in_the_info(monkeypatch):
    monkeypatch.setitem(TASKS, "height", f"{__name__}:HeightTask")
    env = SceneVectorEnv(
        8, task="height", observation="state", max_looks=1, autoreset_mode="SameStep"
    )
    env.reset(seed=0)
    for shift in range(3):
        targets, heights = env.targets, env.scenes.cube_centres()[:, 0, 2]
        answers = np.where(targets >= shift, targets - shift, targets + shift)
        _, rewards, over, _, infos = env.step(4 + answers)
        assert over.all()
        np.testing.assert_allclose(rewards, 1.0 - shift / 3)
        final = infos["final_info"]
        np.testing.assert_array_equal(final["is_success"], np.full(8, shift == 0))
        np.testing.assert_allclose(final["height"], heights, atol=0.5)
    _, rewards, _, _, infos = env.step(np.zeros(8, dtype=np.int64))
    assert (rewards == -1.0).all()
    assert not infos["final_info"]["is_success"].any()
    env.close()
