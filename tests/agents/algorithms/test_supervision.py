"""The supervised part beside reinforcement: what it changes, when, and that it survives files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.logger import Logger
from torch import Tensor, nn

from agents.algorithms.supervision import AuxiliarySupervision, check_spaces, supervised_arguments
from gqn_rl.errors import UserError
from tests.agents.conftest import small_model, small_sac_model

MODELS: dict[str, Any] = {
    "ppo": lambda **changes: small_model(4, **changes),
    "sac": lambda **changes: small_sac_model(4, learning_starts=40, batch_size=16, **changes),
}
STEPS = {"ppo": 300, "sac": 100}


def supervision(draw: Any, **changes: Any) -> tuple[AuxiliarySupervision, nn.Linear]:
    """A linear classifier of 2 numbers into 3 answers, supervised."""
    torch.manual_seed(0)
    network = nn.Linear(2, 3)

    def predict(seen: dict[str, Tensor]) -> Tensor:
        return torch.log_softmax(network(seen["x"]), dim=1)

    settings = {"coefficient": 2.0, "updates": 60, "batch_size": 32, "weight_decay": 0.0}
    settings |= {"max_grad_norm": 1.0, "learning_rate": 0.01}
    arguments: Any = settings | changes | {"without": "aux_coef=0"}
    return AuxiliarySupervision(network.parameters(), predict, draw, **arguments), network


def drawn(size: int) -> tuple[dict[str, Tensor], Tensor]:
    x = torch.rand(size, 2)
    return {"x": x}, (x[:, 0] > x[:, 1]).long()


@pytest.fixture
def model() -> Any:
    made = MODELS["ppo"](learning_rate="lin_1e-2")
    made._current_progress_remaining = 0.25
    made.set_logger(Logger(None, []))
    return made


def test_it_learns_at_its_share_of_the_current_rate_and_logs_how_well(model: Any) -> None:
    supervised, _ = supervision(drawn)
    supervised.train(model)
    first = dict(model.logger.name_to_value)
    for _ in range(15):
        supervised.train(model)
    assert supervised.optimizer.param_groups[0]["lr"] == pytest.approx(2.0 * 0.25 * 1e-2)
    assert model.logger.name_to_value["train/answer_loss"] < first["train/answer_loss"]
    assert model.logger.name_to_value["train/answer_accuracy"] > 0.9


def test_without_updates_nothing_is_drawn_changed_or_logged(model: Any) -> None:
    supervised, network = supervision(lambda size: pytest.fail("drawn"), updates=0)
    before = network.weight.clone()
    supervised.train(model)
    assert torch.equal(network.weight, before)
    assert not model.logger.name_to_value


def test_without_labels_it_says_what_to_set(model: Any) -> None:
    with pytest.raises(UserError, match=r"no info .* 'target'.*; set aux_coef=0"):
        supervision(lambda size: None)[0].train(model)


@pytest.mark.parametrize("algo", MODELS)
def test_its_optimiser_survives_the_models_own_save_and_load(algo: str, tmp_path: Path) -> None:
    model = MODELS[algo]().learn(STEPS[algo], log_interval=100)
    model.save(tmp_path / "model.zip")
    loaded = type(model).load(tmp_path / "model.zip", device="cpu")
    expected, received = (m.answer_optimizer.state_dict()["state"] for m in (model, loaded))
    assert expected
    assert expected.keys() == received.keys()
    for index, state in expected.items():
        assert all(torch.equal(value, received[index][name]) for name, value in state.items())
    loaded.set_env(model.env)
    loaded.learn(STEPS[algo], reset_num_timesteps=False, log_interval=100)
    steps = [s["step"] for s in loaded.answer_optimizer.state_dict()["state"].values()]
    assert min(steps) > max(state["step"] for state in expected.values())


@pytest.mark.parametrize("algo", MODELS)
def test_a_model_without_it_has_no_second_optimiser_in_its_files(algo: str) -> None:
    plain = {"policy": "MultiInputPolicy", "policy_kwargs": {}, "aux_coef": 0.0}
    for changes, expected in (({}, True), (plain, False)):
        model = MODELS[algo](**changes)
        assert model.is_supervised == expected
        assert (model.supervision is not None) == expected
        assert ("answer_optimizer" in model.get_parameters()) == expected


def test_what_only_the_environment_knows_is_put_in() -> None:
    volumes = {"representation": (4, 2, 2, 2)}
    automatic = supervised_arguments({"aux_turned": "auto"}, 5, volumes)
    assert automatic == {"aux_turned": volumes, "num_answers": 5}
    assert supervised_arguments({"aux_turned": {}}, 5, volumes)["aux_turned"] == {}
    assert "aux_turned" not in supervised_arguments({}, 5, volumes)


def test_spaces_that_it_cannot_work_on_are_refused() -> None:
    box = spaces.Box(-1.0, 1.0, (3,), np.float32)
    seen, acts = spaces.Dict({"x": box}), spaces.Discrete(4)
    assert check_spaces(seen, acts, 4, 4, "space with") is seen
    with pytest.raises(UserError, match="needs a Dict observation, got Box"):
        check_spaces(box, acts, 3, 4, "space with")
    for k, most in ((1, 4), (5, 4), (3, 0)):
        with pytest.raises(UserError, match=f"needs a space with 2 .* num_answers={k} with Disc"):
            check_spaces(seen, acts, k, most, "space with")
