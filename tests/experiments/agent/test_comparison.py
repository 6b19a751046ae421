"""The control for what pretraining adds differs from the trained encoder in its weights alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from experiments.agent.comparison import untrained_environment
from experiments.agent.environment import AgentEnvironment, make_environment
from experiments.evaluation.agent import measured_random_weights
from experiments.evaluation.agent_settings import EvaluateAgentSettings
from gqn_rl.encoders.canonical_encoder import CanonicalEncoder
from gqn_rl.encoders.gqn_encoder import GQNEncoder
from gqn_rl.encoders.voxel_grid_encoder import VoxelGridEncoder
from gqn_rl.training import statistics
from tests.envs.fake_encoder import FakeDreamer
from tests.gqn_rl.gqn.models import make_model

KINDS = {GQNEncoder: "tiny", CanonicalEncoder: "canonical-tiny", VoxelGridEncoder: "canonical-tiny"}


@pytest.fixture(autouse=True)
def few_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Statistics from a few scenes."""
    every = statistics.rendered_examples
    monkeypatch.setattr(
        statistics, "rendered_examples", lambda *a, **k: [next(iter(every(*a, **k)))]
    )


def environment(kind: type[GQNEncoder] = GQNEncoder, **arguments: object) -> AgentEnvironment:
    encoder = kind(make_model(KINDS[kind]).eval())
    given = {"renderer": "raycast", "max_looks": 4, **arguments}
    return make_environment("GQNShepard-v0", 4, given, encoder=encoder)


@pytest.mark.parametrize("kind", KINDS)
def test_the_untrained_twin_is_of_the_same_kind_with_other_weights(kind: type[GQNEncoder]) -> None:
    trained = environment(kind)
    twin = untrained_environment(trained, seed=0)
    assert twin is not None
    assert type(twin.native.unwrapped.encoder) is kind  # type: ignore[attr-defined]
    assert twin.native.single_observation_space == trained.native.single_observation_space
    assert twin.encoder is not None
    assert trained.encoder is not None
    assert twin.encoder["sha256"] != trained.encoder["sha256"]
    assert twin.encoder["representation_size"] == trained.encoder["representation_size"]
    assert not any(
        p.requires_grad
        for p in twin.native.unwrapped.encoder.model.parameters()  # type: ignore[attr-defined]
    )
    one, other = (e.native.reset(seed=3)[0]["viewpoint"] for e in (trained, twin))
    np.testing.assert_array_equal(one, other)
    for made in (trained, twin):
        made.close()


def test_what_no_network_makes_has_no_untrained_twin() -> None:
    state = environment(observation="state")
    assert untrained_environment(state, seed=0) is None
    fake = make_environment("GQNShepard-v0", 2, {"renderer": "raycast"}, encoder=FakeDreamer())
    assert untrained_environment(fake, seed=0) is None
    for made in (state, fake):
        made.close()


def test_random_weights_are_measured_on_the_look_around() -> None:
    trained = environment()
    settings = EvaluateAgentSettings(
        episodes=12,
        labelled_episodes=32,
        look_around=("right", "up"),
        num_envs=4,
        random_networks=2,
    )
    measured = measured_random_weights(settings, trained)
    assert set(measured) == {"look around, random weights"}
    (summary,) = measured.values()
    assert summary["episodes"] == 12
    assert summary["looks"] == 3.0
    assert len(summary["networks"]) == 2
    assert 0.0 <= summary["accuracy"] == min(summary["networks"]) <= 1.0
    trained.close()


@pytest.mark.parametrize(
    ("given", "numbers"),
    [
        ({}, (200, 20, 0, 0)),
        ({"full": True}, (1000, 200, 4000, 3)),
        ({"full": True, "episodes": 50}, (50, 50, 4000, 3)),
        ({"labelled_episodes": 64}, (200, 20, 64, 0)),
        ({"full": True, "random_networks": 0, "ideal_episodes": 0}, (1000, 0, 4000, 0)),
    ],
)
def test_what_takes_minutes_is_asked_for(given: dict[str, Any], numbers: tuple[int, ...]) -> None:
    settings = EvaluateAgentSettings(**given)
    assert (settings.played, settings.ideal, settings.labelled, settings.networks) == numbers
