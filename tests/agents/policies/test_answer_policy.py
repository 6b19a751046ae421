"""The controller's first inclination: to look on while the answer posterior is unsure."""

from __future__ import annotations

import torch
from torch import Tensor

from agents.policies.factored_head import FactoredActionHead

MOVES, ANSWERS, UNITS = 4, 3, 5


def head(confidence_gain: float, threshold: float = 0.7) -> FactoredActionHead:
    """A head that has learned nothing: every choice has the logit 0."""
    made = FactoredActionHead(UNITS + ANSWERS, MOVES, ANSWERS, 4.0, confidence_gain, threshold)
    torch.nn.init.zeros_(made.choice.weight)
    return made


def chances(made: FactoredActionHead, posterior: list[float]) -> Tensor:
    """Probabilities of all actions for a posterior."""
    latent = torch.cat([torch.randn(1, UNITS, generator=torch.Generator()), logs(posterior)], dim=1)
    return torch.softmax(made(latent), dim=1)[0]


def logs(posterior: list[float]) -> Tensor:
    return torch.tensor([posterior]).log()


def test_at_first_it_looks_on_while_unsure_and_answers_once_sure() -> None:
    made = head(confidence_gain=12.0)
    unsure, sure = chances(made, [0.4, 0.3, 0.3]), chances(made, [0.98, 0.01, 0.01])
    assert unsure[:MOVES].sum() > 0.95
    assert sure.argmax() == MOVES
    assert sure[MOVES:].sum() > 0.8


def test_at_the_threshold_answering_is_as_likely_as_any_move() -> None:
    found = chances(head(confidence_gain=12.0, threshold=0.6), [0.6, 0.3, 0.1])
    torch.testing.assert_close(found[MOVES:].sum(), found[0])


def test_without_assurance_the_belief_leaves_how_often_it_answers_alone() -> None:
    made = head(confidence_gain=0.0)
    for posterior in ([0.4, 0.3, 0.3], [0.98, 0.01, 0.01]):
        torch.testing.assert_close(chances(made, posterior)[MOVES:].sum(), torch.tensor(0.2))


def test_learning_can_overrule_it() -> None:
    made = head(confidence_gain=12.0)
    with torch.no_grad():
        made.choice.bias[-1] = 20.0
    assert chances(made, [0.4, 0.3, 0.3])[MOVES:].sum() > 0.99
