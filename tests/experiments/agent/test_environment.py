"""The project's environment through the bridge is what `DummyVecEnv` over its rows would be."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

from experiments.agent.environment import encoder_identity, make_environment
from experiments.agent.episode import Imagination, record_episode
from gqn_rl.errors import UserError
from gqn_rl.geometry.view import Views
from gqn_rl.geometry.viewpoint import Viewpoints
from tests.envs.fake_encoder import FakeDreamer

KEYWORDS = {"max_looks": 4, "gallery_size": 3}


def trained_weights(env: VecEnv) -> dict[str, torch.Tensor]:
    settings = {"n_steps": 16, "batch_size": 24, "n_epochs": 2, "seed": 3, "device": "cpu"}
    weights: dict[str, torch.Tensor] = (
        PPO("MultiInputPolicy", env, **settings).learn(96).policy.state_dict()
    )
    return weights


@pytest.mark.parametrize("observation", ["state", "pixels"])
def test_ppo_weights_equal_those_of_single_environments(observation: str) -> None:
    arguments = KEYWORDS | {"observation": observation, "image_size": 36}
    singles = DummyVecEnv([lambda: gymnasium.make("GQNShepard-v0", **arguments)] * 3)
    expected = trained_weights(singles)
    received = trained_weights(make_environment("GQNShepard-v0", 3, arguments).bridge)
    singles.close()
    assert expected.keys() == received.keys()
    for name, weight in expected.items():
        assert torch.equal(weight, received[name]), name


def test_what_the_commands_need_to_know() -> None:
    environment = make_environment(
        "envs:GQNShepard-v0", 2, KEYWORDS | {"observation": "state", "shapes": None}
    )
    assert environment.env_id == "GQNShepard-v0"
    assert (environment.control.name, environment.num_answers) == ("discrete", 3)
    assert environment.chance == pytest.approx(1 / 3)
    assert environment.encoder is None
    assert environment.env_kwargs == KEYWORDS | {"observation": "state"}
    again = environment.again(num_envs=1)
    assert again.native.num_envs == 1
    assert again.env_kwargs == environment.env_kwargs


def test_arguments_the_environment_does_not_know_are_refused() -> None:
    with pytest.raises(UserError, match="colour"):
        make_environment("GQNShepard-v0", 1, {"observation": "state", "colour": 1})


class Answering:
    """Looks right twice, then answers 1."""

    def predict(self, observation, state=None, episode_start=None, deterministic=False):
        made = 0 if state is None else state
        return np.array([1 if made < 2 else 4 + 1]), made + 1


def test_recorded_episode_is_the_one_played() -> None:
    environment = make_environment("GQNShepard-v0", 1, KEYWORDS | {"observation": "state"})
    episode = record_episode(environment, Answering(), seed=5)
    assert episode.actions == ["right", "right", "shape 1"]
    assert len(episode.views) == len(episode.imagined) == 3
    assert episode.answer == 1
    single = gymnasium.make("GQNShepard-v0", **KEYWORDS, observation="pixels")
    observation, info = single.reset(seed=5)
    for view, action in zip(episode.views, (1, 1, 5), strict=True):
        assert np.array_equal(view, observation["image"])
        observation, _, _, _, info = single.step(action)
    assert (episode.target, episode.success) == (info["target"], info["is_success"])
    assert ("right" in episode.outcome) == info["is_success"]


def test_imagination_comes_before_the_view() -> None:
    class Recalling:
        """Draws the mean brightness of what it has seen."""

        def initial_state(self, n: int) -> list[np.ndarray]:
            return []

        def update(self, state: list[np.ndarray], views: Views) -> list[np.ndarray]:
            return [*state, views.images]

        def select(self, state: list[np.ndarray], rows: np.ndarray) -> list[np.ndarray]:
            return [images[rows] for images in state]

        def predict_view(self, state: list[np.ndarray], viewpoints: Viewpoints) -> np.ndarray:
            return np.mean(state, axis=0).astype(np.uint8)

    def view(brightness: int) -> Views:
        pose = Viewpoints(np.zeros((1, 3)), np.zeros(1), np.zeros(1))
        return Views(np.full((1, 4, 4, 3), brightness, np.uint8), pose)

    imagine = Imagination(Recalling())
    assert imagine(view(10)) is None
    second = imagine(view(30))
    third = imagine(view(50))
    assert second is not None
    assert third is not None
    assert (second.max(), third.max()) == (10, 20)
    assert Imagination(object())(view(1)) is None
    query = view(0).viewpoints  # what is drawn after the view has been seen
    drawn = [Imagination(Recalling())(view(10), query), imagine(view(70), query)]
    assert [image.max() for image in drawn if image is not None] == [10, 40]


VIEW_PREDICTION = ("GQNShepardViewPrediction-v0", "GQNShepardViewPredictionContinuous-v0")


@pytest.mark.parametrize("env_id", VIEW_PREDICTION)
def test_recorded_view_prediction_shows_the_query_and_its_drawings(env_id: str) -> None:
    environment = make_environment(env_id, 1, {"observation": "state"}, encoder=FakeDreamer())
    assert environment.is_graded
    assert environment.chance is None
    moves = environment.control.encode_moves(["right", "up"])
    answer = environment.control.encode_answer([0])[0]

    class Scripted:
        def predict(self, observation, state=None, episode_start=None, deterministic=False):
            made = 0 if state is None else state
            return np.stack([(*moves, answer)[made]]), made + 1

    episode = record_episode(environment, Scripted(), seed=5)
    assert len(episode.views) == len(episode.imagined) == 3
    assert episode.actions[-1] == "predict now"
    assert episode.query is not None
    # The error told is that of the last drawing against the query view.
    error = np.sqrt(np.square(episode.imagined[-1].astype(float) - episode.query).mean())
    assert f"error of {error:.1f} (" in episode.outcome
    environment.close()


def test_encoder_identity_is_what_the_encoder_says_and_how_it_was_asked_for() -> None:
    expected = {"name": "b.safetensors", "sha256": "fake", "representation_size": 48}
    assert encoder_identity(FakeDreamer(), "a/b.safetensors") == expected
    assert encoder_identity(None, "gqn") is None


def test_an_encoder_that_does_not_say_which_it_is_is_refused_in_one_line() -> None:
    class Nameless(FakeDreamer):
        identity = None

    with pytest.raises(UserError, match=r"module:Nameless.*has no identity\(\)"):
        encoder_identity(Nameless(), "module:Nameless")
