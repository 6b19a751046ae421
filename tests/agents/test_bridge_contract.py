"""What Stable-Baselines3 asks of a `VecEnv`, of the bridge over each kind of vector environment."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorEnv
from gymnasium.vector.utils import batch_space
from gymnasium.wrappers import TimeLimit
from gymnasium.wrappers.vector import RecordEpisodeStatistics
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecMonitor, VecNormalize

from agents.sb3_vec_env import GymnasiumVecEnv
from gqn_rl.errors import UserError
from tests.agents.fake_env import LEFT, NUM_MOVES, FakeRecognitionEnv

SAME_STEP = AutoresetMode.SAME_STEP
LIMIT = 4


class NativeEnv(VectorEnv):
    """Rows of the fake task of which nothing can be seen from outside, and all memory is reused."""

    def __init__(self, makers: list[Callable[[], gymnasium.Env]], **_: Any) -> None:
        self._hidden = SyncVectorEnv(makers, autoreset_mode=SAME_STEP, copy=False)
        self.metadata, self.num_envs = self._hidden.metadata, self._hidden.num_envs
        self.render_mode = self._hidden.render_mode
        self.single_observation_space = self._hidden.single_observation_space
        self.single_action_space = self._hidden.single_action_space
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.noise = 0.3
        self._final = copy.deepcopy(self.observation_space.sample())

    def reset(self, **arguments: Any) -> Any:
        return self._hidden.reset(**arguments)

    def step(self, actions: Any) -> Any:
        *result, infos = self._hidden.step(actions)
        for index, final in enumerate(infos.get("final_obs", ())):
            for key in final or ():
                self._final[key][index] = final[key]
                final[key] = self._final[key][index]
        return *result, infos

    def render(self) -> Any:
        return self._hidden.render()

    def scaled(self, factor: float) -> float:
        return factor * self.noise


class Scaled(FakeRecognitionEnv):
    def scaled(self, factor: float) -> float:
        return factor * self.noise


class WrappedSync(RecordEpisodeStatistics):
    """Rows in a list, within a wrapper of Gymnasium's."""

    def __init__(self, makers: list[Callable[[], gymnasium.Env]], **arguments: Any) -> None:
        super().__init__(SyncVectorEnv(makers, **arguments))


KINDS = {
    "list": SyncVectorEnv,
    "processes": AsyncVectorEnv,
    "native": NativeEnv,
    "wrapped": WrappedSync,
}
Make = Callable[..., GymnasiumVecEnv]


def row(**options: Any) -> gymnasium.Env:
    return TimeLimit(Scaled(**options), LIMIT)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def bridge(kind: str) -> Iterator[Make]:
    """Makes a bridge over the kind in turn; closed after the test."""
    made: list[GymnasiumVecEnv] = []

    def make(num_envs: int = 3, **options: Any) -> GymnasiumVecEnv:
        makers = [lambda: row(**options)] * num_envs
        made.append(GymnasiumVecEnv(KINDS[kind](makers, autoreset_mode=SAME_STEP)))
        return made[-1]

    yield make
    for env in made:
        env.close()


def played(env: VecEnv, steps: int = 12) -> list[Any]:
    """Observations, rewards and ends from seed 2 on."""
    rng = np.random.default_rng(0)
    env.seed(2)
    seen: list[Any] = [env.reset()]
    for _ in range(steps):
        observation, rewards, dones, infos = env.step(rng.integers(NUM_MOVES + 1, size=3))
        kept = [{k: v for k, v in info.items() if k != "episode"} for info in infos]
        seen.append((observation, rewards, dones, kept))
    return seen


def test_episodes_are_those_of_dummy_vec_env(bridge: Make) -> None:
    np.testing.assert_equal(played(bridge()), played(DummyVecEnv([row] * 3)))


def test_spaces_and_metadata_are_those_of_dummy_vec_env(bridge: Make) -> None:
    one, two = bridge(render_mode="rgb_array"), DummyVecEnv([lambda: row(render_mode="rgb_array")])
    assert one.observation_space == two.observation_space
    assert one.action_space == two.action_space
    assert one.render_mode == two.render_mode == "rgb_array"
    assert one.metadata["render_fps"] == two.metadata["render_fps"] == 3
    assert one.metadata["render_modes"] == two.metadata["render_modes"]


def test_wrappers_cannot_change_the_spaces_of_the_environment(bridge: Make) -> None:
    env = bridge()
    before = copy.deepcopy((env.venv.single_observation_space, env.venv.single_action_space))
    normalised = VecNormalize(env, clip_obs=5.0)
    normalised.observation_space["representation"].low[:] = -7.0
    env.metadata["render_fps"] = 99
    assert (env.venv.single_observation_space, env.venv.single_action_space) == before
    assert env.venv.metadata["render_fps"] == 3


def test_observations_outlive_the_episodes_after_them(bridge: Make) -> None:
    env = bridge()
    seen = played(env)
    kept = copy.deepcopy(seen)
    played(env, 20)
    np.testing.assert_equal(seen, kept)


def test_final_observations_and_infos_are_nobody_elses(bridge: Make) -> None:
    """What one caller writes into them, the next step and a second bridge do not see."""
    one, two = bridge(), bridge()
    for env in (one, two):
        env.seed(0)
        env.reset()
    for _ in range(2 * LIMIT + 1):
        results = [env.step(np.full(3, LEFT)) for env in (one, two)]
        np.testing.assert_equal(results[0][:3], results[1][:3])
        for info in results[0][3]:
            for values in info.get("terminal_observation", {}).values():
                values[...] = np.nan
        for values in results[0][0].values():
            values[...] = np.nan


def test_normalised_final_observations_leave_the_others_as_they_are(bridge: Make) -> None:
    env = bridge()
    normalised = VecNormalize(env)
    normalised.reset()
    for _ in range(LIMIT):
        _, _, dones, infos = normalised.step(np.full(3, LEFT))
    assert dones.all()
    raw = normalised.get_original_obs()
    seen = normalised.unnormalize_obs(infos[0]["terminal_observation"])
    assert seen.keys() == raw.keys()
    assert np.abs(seen["viewpoint"] - np.eye(7)[0]).max() < 1e-4  # the last place, on the left


def test_attributes_are_read_and_written(bridge: Make) -> None:
    env = bridge()
    assert env.has_attr("noise")
    assert env.get_attr("noise") == [0.3] * 3
    assert env.get_attr("noise", indices=[0, -1]) == [0.3] * 2
    env.set_attr("noise", 0.1)
    assert env.get_attr("noise", indices=1) == [0.1]
    env.set_attr("is_new", [1, 2])  # a list is a value like any other
    assert env.get_attr("is_new") == [[1, 2]] * 3


def test_an_attribute_that_is_not_there_harms_nobody(bridge: Make) -> None:
    env = bridge()
    env.reset()
    assert not env.has_attr("nonsense")
    with pytest.raises(AttributeError, match="nonsense"):
        env.get_attr("nonsense")
    with pytest.raises(AttributeError, match="nonsense"):
        env.env_method("nonsense")
    with pytest.raises(IndexError):
        env.get_attr("noise", indices=[3])
    assert env.step(np.zeros(3, np.int64))[1].shape == (3,)


def test_methods_are_called_with_their_arguments(bridge: Make) -> None:
    env = bridge()
    assert env.env_method("scaled", 10) == [3.0] * 3
    assert env.env_method("scaled", factor=2) == [0.6] * 3


@pytest.mark.parametrize("kind", ["list", "wrapped"], indirect=True)
def test_rows_in_a_list_differ_from_each_other(bridge: Make) -> None:
    env = bridge()
    env.set_attr("noise", 0.1, indices=[1])
    env.set_attr("is_new", "yes", indices=2)
    assert env.get_attr("noise") == [0.3, 0.1, 0.3]
    assert env.get_attr("is_new", indices=[2]) == ["yes"]
    assert env.env_method("scaled", 10, indices=[1]) == [1.0]
    assert env.env_is_wrapped(TimeLimit, indices=[0]) == [True]


@pytest.mark.parametrize("kind", ["processes"], indirect=True)
def test_rows_in_processes_are_asked_all_at_once(bridge: Make) -> None:
    env = bridge()
    env.set_attr("noise", 0.1, indices=[1])
    assert env.get_attr("noise") == [0.3, 0.1, 0.3]
    with pytest.raises(UserError, match="shared by all 3 rows"):
        env.env_method("scaled", 10, indices=[1])
    with pytest.raises(UserError, match="TimeLimit cannot be asked of other processes"):
        env.env_is_wrapped(TimeLimit)
    with pytest.raises(UserError, match="'reset' of rows in other processes"):
        env.env_method("reset")
    env.reset()


@pytest.mark.parametrize("kind", ["native"], indirect=True)
def test_native_rows_are_changed_together(bridge: Make) -> None:
    env = bridge()
    for change in (
        lambda: env.set_attr("noise", 0.1, indices=[1]),
        lambda: env.env_method("scaled", 10, indices=[1]),
    ):
        with pytest.raises(UserError, match=r"shared by all 3 rows, received rows \[1\]"):
            change()
    assert env.env_is_wrapped(TimeLimit) == [False] * 3


def test_a_monitor_is_always_there(bridge: Make) -> None:
    env = bridge()
    assert env.env_is_wrapped(Monitor, indices=[0, 2]) == [True] * 2
    with pytest.warns(UserWarning, match="already wrapped with a `Monitor`"):
        VecMonitor(env)


def test_pictures_are_one_per_row(bridge: Make) -> None:
    env = bridge(render_mode="rgb_array")
    env.reset()
    pictures = env.get_images()
    assert [picture.shape for picture in pictures] == [(1, 3, 3)] * 3
    assert env.render().shape == (2, 6, 3)  # four places for three pictures


def test_without_a_render_mode_there_are_no_pictures(bridge: Make) -> None:
    env = bridge()
    env.reset()
    with pytest.warns(UserWarning, match="render_mode is None"):
        assert env.get_images() == [None] * 3


def test_seeds_make_episodes_repeat_and_are_used_up(bridge: Make) -> None:
    env = bridge()
    assert env.seed(5) == [5, 6, 7]
    first, second = env.reset(), env.reset()
    env.seed(5)
    np.testing.assert_equal(env.reset(), first)
    assert not np.array_equal(first["representation"], second["representation"])


def test_options_are_those_of_all_rows(bridge: Make) -> None:
    env = bridge()
    env.set_options([{"a": np.ones(2)}, {"a": np.ones(2)}, {"a": np.zeros(2)}])
    with pytest.raises(UserError, match="one set of options"):
        env.reset()
    env.set_options({"a": np.ones(2)})
    env.reset()


def test_closing_twice_does_no_harm(bridge: Make) -> None:
    env = bridge()
    env.reset()
    env.close()
    env.close()
