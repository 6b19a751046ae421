"""Steps of training: everything learns, and a stopped run goes on as if it had not stopped."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from gqn_rl.data.synthetic import SceneViews
from gqn_rl.errors import UserError
from gqn_rl.gqn.objective import Terms, sample_query_rays
from gqn_rl.training.loop import SyntheticBatches, stream
from gqn_rl.training.recipe import Recipe
from gqn_rl.training.trainer import Trainer
from tests.gqn_rl.gqn_models import make_trainer, random_views


@pytest.fixture(scope="module")
def batch() -> SceneViews:
    return random_views(3, 4)


def steps(trainer: Trainer, batch: SceneViews, count: int) -> list[Terms]:
    return [trainer.train_step(batch) for _ in range(count)]


def weights(trainer: Trainer) -> dict[str, torch.Tensor]:
    return trainer.state()


def assert_equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert a.keys() == b.keys()
    for name, tensor in a.items():
        torch.testing.assert_close(tensor, b[name], rtol=0, atol=0, equal_nan=True, msg=name)


def test_a_gradient_reaches_every_parameter(batch: SceneViews) -> None:
    trainer = make_trainer()
    reached = set()
    for _ in range(3):  # a layer behind one that starts at zero has to wait for it
        trainer.train_step(batch)
        reached |= {
            name
            for name, parameter in trainer.model.named_parameters()
            if parameter.grad is not None and bool((parameter.grad != 0).any())
        }
    assert reached == {name for name, _ in trainer.model.named_parameters()}


def test_the_loss_of_a_fixed_batch_falls_markedly(batch: SceneViews) -> None:
    trainer = make_trainer(num_rays=256, learning_rate=1e-2, iterations=80)
    errors = [float(terms.mse) for terms in steps(trainer, batch, 80)]
    assert np.mean(errors[-10:]) < 0.8 * np.mean(errors[:10])


def test_terms_are_finite_and_consistent(batch: SceneViews) -> None:
    trainer = make_trainer(sigma_start=0.5, sigma_end=0.5)
    for terms in steps(trainer, batch, 3):
        assert all(value.isfinite() for value in terms)
        assert float(terms.kl) >= 0
        assert float(terms.loss) >= float(terms.mse)


def test_query_views_are_not_in_the_context(
    batch: SceneViews, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The prior sees r of the context alone: garbling the query views leaves it as it is."""
    queries = []

    def spy(images, is_query, num_rays, generator):
        queries.append(is_query)
        return sample_query_rays(images, is_query, num_rays, generator)

    monkeypatch.setattr("gqn_rl.training.trainer.sample_query_rays", spy)

    def prior_input(views: SceneViews) -> torch.Tensor:
        trainer = make_trainer()
        seen: list[torch.Tensor] = []
        prior = trainer.model.prior
        monkeypatch.setattr(
            trainer.model, "prior", lambda r: (seen.append(r.detach()), prior(r))[1]
        )
        trainer.train_step(views)
        return seen[0]

    r = prior_input(batch)
    is_query = queries[0].numpy()
    assert is_query.any(1).all(), "at least one query"
    assert not is_query.all(1).any(), "at least one context view"
    garbled = np.where(is_query[..., None, None, None], 255 - batch.images, batch.images)
    torch.testing.assert_close(
        prior_input(SceneViews(garbled, batch.viewpoints)), r, rtol=0, atol=0
    )
    other = SceneViews(255 - batch.images, batch.viewpoints)
    assert float((prior_input(other) - r).abs().max()) > 1e-3


def test_context_sizes_vary_over_the_whole_range(
    batch: SceneViews, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = set()

    def spy(images, is_query, num_rays, generator):
        sizes.update((~is_query).sum(1).tolist())
        return sample_query_rays(images, is_query, num_rays, generator)

    monkeypatch.setattr("gqn_rl.training.trainer.sample_query_rays", spy)
    steps(make_trainer(), batch, 12)
    assert sizes == {1, 2, 3}


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_stopping_and_resuming_changes_no_bit(batch: SceneViews, precision: str) -> None:
    whole = make_trainer(precision=precision)
    steps(whole, batch, 6)
    first = make_trainer(precision=precision)
    steps(first, batch, 3)
    second = make_trainer(seed=0, precision=precision)
    steps(second, batch, 1)  # whatever it did before is replaced
    second.load_state({k: v.clone() for k, v in first.state().items()}, first.step)
    torch.manual_seed(99)  # the global generator plays no part
    steps(second, batch, 3)
    assert second.step == whole.step
    assert_equal(weights(second), weights(whole))


def test_loading_a_state_copies_it(batch: SceneViews) -> None:
    trainer, other = make_trainer(), make_trainer()
    steps(trainer, batch, 1)
    state = trainer.state()
    kept = {name: tensor.clone() for name, tensor in state.items()}
    other.load_state(state, 1)
    steps(other, batch, 2)
    assert_equal({name: state[name] for name in kept}, kept)


def test_another_seed_trains_another_model(batch: SceneViews) -> None:
    one, other = make_trainer(seed=0), make_trainer(seed=1)
    steps(one, batch, 1)
    steps(other, batch, 1)
    name = "model.network.write.weight"
    assert not torch.equal(weights(one)[name], weights(other)[name])


def test_the_average_follows_the_model(batch: SceneViews) -> None:
    trainer = make_trainer(ema_decay=0.5)
    model = trainer.model.network.write.weight
    average = trainer.average.network.write.weight
    expected = average.clone()
    for k in range(4):
        trainer.train_step(batch)
        decay = min(0.5, (1 + k) / (10 + k))
        expected = decay * expected + (1 - decay) * model.detach()
        torch.testing.assert_close(average, expected)
    assert not average.requires_grad


def test_sigma_and_learning_rate_follow_the_recipe(batch: SceneViews) -> None:
    trainer = make_trainer(sigma_start=1.0, sigma_end=0.1, iterations=10, warmup=2)
    rates, sigmas = [], []
    for _ in range(10):
        sigmas.append(trainer.sigma)
        trainer.train_step(batch)
        rates.append(trainer.optimiser.param_groups[0]["lr"])
    assert sigmas[0] == 1.0
    assert trainer.sigma == pytest.approx(0.1)
    assert rates[0] == pytest.approx(2.5e-3)
    assert max(rates) == pytest.approx(5e-3)
    assert rates[-1] < 1e-3


def poison_loss(trainer: Trainer) -> None:
    draw = trainer.model.draw
    trainer.model.draw = lambda *args: draw(*args) * torch.nan  # type: ignore[method-assign]


def poison_gradient(trainer: Trainer) -> None:
    trainer.model.network.write.bias.register_hook(lambda gradient: gradient * torch.nan)


@pytest.mark.parametrize(
    ("poison", "message"), [(poison_loss, "loss is nan"), (poison_gradient, "norm is nan")]
)
def test_what_is_not_finite_stops_training_before_it_spoils_the_weights(
    batch: SceneViews, poison, message: str
) -> None:
    trainer = make_trainer()
    steps(trainer, batch, 2)
    before = {name: tensor.clone() for name, tensor in weights(trainer).items()}
    poison(trainer)
    with pytest.raises(UserError, match=f"{message} at step 2"):
        trainer.train_step(batch)
    assert trainer.step == 2
    assert_equal(weights(trainer), before)


def test_a_state_of_another_network_is_refused(batch: SceneViews) -> None:
    trainer = make_trainer()
    state = {k: v for k, v in trainer.state().items() if not k.endswith("write.weight")}
    with pytest.raises(UserError, match="another network"):
        make_trainer().load_state(state, 1)


@pytest.mark.parametrize(
    "change",
    [
        {"batch_size": 0},
        {"iterations": 0},
        {"num_rays": 0},
        {"num_views": 1},
        {"free_fraction": 1.5},
        {"ema_decay": -0.1},
        {"learning_rate": 0.0},
        {"sigma_start": -1.0},
        {"sigma_end": 0.0},
        {"sigma_end": float("nan")},
    ],
)
def test_impossible_recipes_are_refused(change: dict[str, float]) -> None:
    name, value = next(iter(change.items()))
    with pytest.raises(UserError, match=f"{name} is {value}, expected"):
        Recipe(**change)  # type: ignore[arg-type]


def test_batch_k_depends_on_seed_and_k_alone() -> None:
    recipe = Recipe(iterations=6, batch_size=2, num_views=2)
    batches = SyntheticBatches(recipe, 7, "raycast", 32)
    whole = list(stream(batches, 0, 6, workers=0))
    assert len(whole) == len(batches) == 6
    again = SyntheticBatches(recipe, 7, "raycast", 32)
    for workers in (0, 1):
        for k, got in enumerate(stream(again, 3, 6, workers), start=3):
            np.testing.assert_array_equal(got.images, whole[k].images)
            np.testing.assert_array_equal(got.viewpoints, whole[k].viewpoints)
    assert not np.array_equal(whole[0].images, whole[1].images)


WITHOUT_BACKENDS = """
import sys
for missing in ("pybullet", "gymnasium", "stable_baselines3"):
    sys.modules[missing] = None

import torch
from gqn_rl.gqn.config import preset
from gqn_rl.gqn.lattice_gqn import LatticeGQN
from gqn_rl.training.loop import SyntheticBatches, stream
from gqn_rl.training.recipe import Recipe
from gqn_rl.training.trainer import Trainer

recipe = Recipe(iterations=1, batch_size=2, num_views=2, num_rays=16)
trainer = Trainer(LatticeGQN(preset("tiny")), recipe)
batches = stream(SyntheticBatches(recipe, 7, "raycast", 64), 0, 1, workers=0)
assert trainer.train_step(next(batches)).loss.isfinite()
"""


def test_training_needs_neither_pybullet_nor_gymnasium() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_BACKENDS], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
