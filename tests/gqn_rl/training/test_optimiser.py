"""The optimiser of the trainer: AdamW whatever kernel computes it, also after a resumption."""

from __future__ import annotations

import pytest
import torch

from gqn_rl.training.trainer import Trainer
from tests.gqn_rl.gqn.models import TINY, make_trainer, random_views

BATCH = random_views(3, 4)
DECAY = 0.1


def steps(trainer: Trainer, count: int) -> None:
    for _ in range(count):
        trainer.train_step(BATCH)


@pytest.mark.parametrize("name", sorted(TINY.values()))
def test_a_resumed_run_of_every_family_takes_the_same_steps_to_the_bit(name: str) -> None:
    whole, first, second = (make_trainer(name=name) for _ in range(3))
    steps(whole, 4)
    steps(first, 2)
    second.load_state(first.state(), first.step)
    steps(second, 2)
    expected = whole.state()
    for key, value in second.state().items():
        assert torch.equal(value, expected[key]), key


@pytest.mark.parametrize("name", sorted(TINY.values()))
def test_steps_are_those_of_adamw_written_out(name: str) -> None:
    trainer = make_trainer(name=name, learning_rate=1e-3)
    for group in trainer.optimiser.param_groups:
        group["weight_decay"] = DECAY
    parameters = dict(trainer.model.named_parameters())
    mirror = {key: p.detach().clone() for key, p in parameters.items()}
    first = {key: torch.zeros_like(p) for key, p in mirror.items()}
    second = {key: torch.zeros_like(p) for key, p in mirror.items()}
    for step in range(1, 4):
        trainer.train_step(BATCH)
        rate = trainer.recipe.learning_rate_at(step - 1)
        for key, parameter in parameters.items():
            gradient = parameter.grad
            assert gradient is not None, key
            first[key] = 0.9 * first[key] + 0.1 * gradient
            beta2 = trainer.recipe.adam_beta2
            second[key] = beta2 * second[key] + (1 - beta2) * gradient.square()
            scale = (second[key] / (1 - beta2**step)).sqrt() + trainer.recipe.adam_epsilon
            mirror[key] -= rate * DECAY * mirror[key]
            mirror[key] -= rate * first[key] / (1 - 0.9**step) / scale
            torch.testing.assert_close(
                parameter.detach(), mirror[key], rtol=1e-5, atol=1e-6, msg=key
            )
