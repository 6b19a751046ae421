"""Probes: they read what is there, and only that."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gqn_rl.geometry.rotations import sample_orientations
from gqn_rl.probes import COMPARING_KINDS, KINDS, LINEAR, MLP, Labelled, probe
from gqn_rl.probes.networks import ProbeInputs
from gqn_rl.probes.targets import Classes, Directions, Rotations

CLASSES, SIZE = 10, 64
CPU = torch.device("cpu")
ANY_KIND = pytest.mark.parametrize("recipe", KINDS.values(), ids=KINDS)


def clusters(rng: np.random.Generator, n: int, centres: np.ndarray) -> Labelled:
    """Classes far apart, among features of very different scale and offset."""
    labels = rng.integers(CLASSES, size=n)
    features = centres[labels] + 0.3 * rng.standard_normal((n, SIZE))
    features = features * np.geomspace(1, 100, SIZE) + 7.0
    return Labelled.from_numpy(features.astype(np.float32), labels, CPU)


@ANY_KIND
def test_separable_classes_are_read(recipe, rng: np.random.Generator) -> None:
    centres = rng.standard_normal((CLASSES, SIZE))
    train, test = clusters(rng, 1500, centres), clusters(rng, 500, centres)
    result = probe(recipe, Classes(CLASSES), train, test, seed=0)
    assert result.score.value > 0.99
    assert result.validation.value > 0.99


TRUTHS = {
    "classes": (Classes(CLASSES), lambda rng, n: rng.integers(CLASSES, size=n)),
    "rotations": (
        Rotations(),
        lambda rng, n: sample_orientations(rng, n, "free").astype(np.float32),
    ),
    "directions": (
        Directions(),
        lambda rng, n: np.stack(
            [f(rng.uniform(0, 7, n)) for f in (np.cos, np.sin)], axis=1, dtype=np.float32
        ),
    ),
}


def true_features(rng: np.random.Generator, labels: np.ndarray) -> np.ndarray:
    """The labels themselves, turned in a space of `SIZE` numbers, with a little noise."""
    flat = np.eye(CLASSES)[labels] if labels.ndim == 1 else labels.reshape(len(labels), -1)
    turn = np.random.default_rng(1).standard_normal((flat.shape[1], SIZE))
    return (flat @ turn + 0.02 * rng.standard_normal((len(labels), SIZE))).astype(np.float16)


@ANY_KIND
@pytest.mark.parametrize("truth", TRUTHS)
def test_a_probe_of_the_truth_is_near_perfect(truth: str, recipe, rng: np.random.Generator) -> None:
    target, draw = TRUTHS[truth]
    sets = []
    for n in (1500, 300):
        labels = draw(rng, n)
        sets.append(Labelled.from_numpy(true_features(rng, labels), labels, CPU))
    score = probe(recipe, target, *sets, seed=0).score
    perfect = {"accuracy": score.value > 0.98, "degrees": score.value < 8, "r2": score.value > 0.98}
    assert perfect[score.measure], score


@ANY_KIND
@pytest.mark.parametrize("truth", TRUTHS)
def test_shuffled_labels_stay_at_chance(truth: str, recipe, rng: np.random.Generator) -> None:
    target, draw = TRUTHS[truth]
    sets = []
    for n in (1500, 1000):
        labels = draw(rng, n)
        shuffled = labels[rng.permutation(n)]
        sets.append(Labelled.from_numpy(true_features(rng, labels), shuffled, CPU))
    score = probe(recipe, target, *sets, seed=0).score
    margin = {"accuracy": 0.04, "degrees": 6.0, "r2": 0.04}[score.measure]
    assert score.value == pytest.approx(score.chance, abs=margin)


def test_a_hidden_layer_reads_what_a_line_cannot(rng: np.random.Generator) -> None:
    def parity(n: int) -> Labelled:
        features = rng.choice([-1.0, 1.0], (n, 4)).astype(np.float32)
        labels = (features[:, 0] * features[:, 1] > 0).astype(np.int64)
        return Labelled.from_numpy(features, labels, CPU)

    train, test = parity(2000), parity(500)
    assert probe(LINEAR, Classes(2), train, test, seed=0).score.value < 0.65
    assert probe(MLP, Classes(2), train, test, seed=0).score.value > 0.95


def test_the_same_seed_gives_the_same_result(rng: np.random.Generator) -> None:
    centres = 0.2 * rng.standard_normal((CLASSES, SIZE))
    train, test = clusters(rng, 500, centres), clusters(rng, 200, centres)
    torch.manual_seed(1)
    first = probe(MLP, Classes(CLASSES), train, test, seed=3)
    torch.manual_seed(2)  # nothing depends on the global generator
    again = probe(MLP, Classes(CLASSES), train, test, seed=3)
    assert again.to_dict() == first.to_dict()
    np.testing.assert_array_equal(again.outputs, first.outputs)


def test_constant_features_do_no_harm(rng: np.random.Generator) -> None:
    labels = rng.integers(2, size=400)
    features = np.zeros((400, 3), dtype=np.float32)
    features[:, 0] = labels
    data = Labelled.from_numpy(features, labels, CPU)
    assert probe(LINEAR, Classes(2), data, data, seed=0).score.value == 1.0


def test_features_that_say_nothing_leave_the_probe_untrained(rng: np.random.Generator) -> None:
    def noise(n: int) -> Labelled:
        labels = rng.standard_normal((n, 2)).astype(np.float32)
        return Labelled.from_numpy(rng.standard_normal((n, 300), dtype=np.float32), labels, CPU)

    result = probe(LINEAR, Directions(), noise(60), noise(400), seed=0)
    assert result.score.value > -0.1  # a line through 300 features fits 48 points of anything


def comparisons(rng: np.random.Generator, n: int) -> Labelled:
    """Same or different sign of a hidden number: nothing that either scene says alone."""
    sign = rng.choice([-1.0, 1.0], 2 * n)
    features = 0.5 * rng.standard_normal((2 * n, SIZE))
    features[:, 0] += sign
    rows = np.arange(2 * n).reshape(n, 2)
    labels = (sign[rows[:, 0]] != sign[rows[:, 1]]).astype(np.int64)
    return Labelled.from_numpy(features.astype(np.float32), labels, CPU, rows=rows)


@pytest.mark.parametrize("recipe", COMPARING_KINDS.values(), ids=COMPARING_KINDS)
def test_two_scenes_are_compared_whichever_comes_first(recipe, rng: np.random.Generator) -> None:
    train, test = comparisons(rng, 2000), comparisons(rng, 500)
    swapped = Labelled(test.features, test.rows.flip(1), test.labels, test.groups)
    for data in (test, swapped):
        assert probe(recipe, Classes(2), train, data, seed=0).score.value > 0.85


def test_inputs_are_standardised_rows_of_unit_length(rng: np.random.Generator) -> None:
    features = torch.from_numpy(rng.normal(50.0, 3.0, (800, SIZE)).astype(np.float32))
    for scenes in (1, 2):
        rows = ProbeInputs(features)(features.view(-1, scenes, SIZE))
        assert rows.shape == (800 // scenes, scenes, SIZE)
        assert float(rows.mean()) == pytest.approx(0.0, abs=1e-4)
        assert float(rows.square().sum(dim=2).mean()) == pytest.approx(1.0, rel=0.01)


def test_validation_shares_no_group_with_training(rng: np.random.Generator) -> None:
    groups = rng.integers(12, size=200)
    data = Labelled.from_numpy(
        np.zeros((200, 1), np.float32), np.zeros(200, np.int64), CPU, groups=groups
    )
    watched, fitted = data.split(0.25, torch.Generator().manual_seed(0))
    assert len(watched) + len(fitted) == 200
    sides = [set(part.groups.tolist()) for part in (watched, fitted)]
    assert not sides[0] & sides[1]
    assert len(sides[0]) == 3
