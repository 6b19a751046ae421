"""Steps of training: everything learns, and a stopped run goes on as if it had not stopped."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.distributions import kl_divergence

from gqn_rl.data.synthetic import SceneViews
from gqn_rl.errors import UserError
from gqn_rl.gqn.families import FAMILIES
from gqn_rl.gqn.objective import Terms
from gqn_rl.gqn.query_rays import sample_query_rays
from gqn_rl.gqn.scene_latent import SceneLatentGQN
from gqn_rl.training.trainer import Trainer
from tests.gqn_rl.gqn.models import TINY, as_tensors, make_trainer, random_views


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


@pytest.mark.parametrize("family", FAMILIES)
def test_a_gradient_reaches_every_parameter(batch: SceneViews, family: str) -> None:
    trainer = make_trainer(name=TINY[family], prior_share=0.5)
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


@pytest.mark.parametrize("family", FAMILIES)
def test_terms_are_finite_and_consistent(batch: SceneViews, family: str) -> None:
    trainer = make_trainer(name=TINY[family], sigma_start=0.5, sigma_end=0.5)
    for terms in steps(trainer, batch, 3):
        assert all(value.isfinite() for value in terms)
        assert float(terms.kl) >= 0
        assert float(terms.loss) >= float(terms.mse)


@pytest.mark.parametrize("family", FAMILIES)
def test_scenes_drawn_from_the_prior_have_no_divergence(batch: SceneViews, family: str) -> None:
    kl = {
        share: float(make_trainer(name=TINY[family], prior_share=share).train_step(batch).kl)
        for share in (0.0, 1.0)
    }
    assert kl[0.0] > 0.0
    assert kl[1.0] == 0.0


@pytest.mark.parametrize("num_rays", [16, 200])
def test_the_divergence_of_a_scene_counts_once_however_many_rays(
    batch: SceneViews, num_rays: int
) -> None:
    trainer = make_trainer(num_rays=num_rays, prior_share=0.0, warmup=1)
    context_sizes = torch.Generator().manual_seed(0)  # what step 0 of seed 0 draws first
    sizes = torch.randint(1, 4, (3, 1), generator=context_sizes)
    images, poses = as_tensors(batch)
    model = trainer.model
    assert isinstance(model, SceneLatentGQN)
    each = model.encode_view(images.flatten(0, 1), poses.flatten(0, 1))
    r = model.representation(each.sum_views(torch.arange(4) < sizes))
    r_all = model.representation(each.sum_views(torch.ones(3, 4, dtype=torch.bool)))
    expected = kl_divergence(model.posterior(r, r_all), model.prior(r)).mean().detach()
    torch.testing.assert_close(trainer.train_step(batch).kl, expected)


def test_the_optimal_sigma_is_the_root_of_the_error(batch: SceneViews) -> None:
    terms = make_trainer(sigma_schedule="optimal").train_step(batch)
    assert float(terms.sigma) == pytest.approx(float(terms.mse) ** 0.5)


def test_query_views_are_not_in_the_context(
    batch: SceneViews, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The prior sees r of the context alone: garbling the query views leaves it as it is."""
    queries = []

    def spy(images, is_query, num_rays, draws):
        queries.append(is_query)
        return sample_query_rays(images, is_query, num_rays, draws)

    monkeypatch.setattr("gqn_rl.gqn.scene_latent.sample_query_rays", spy)

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

    def spy(images, is_query, num_rays, draws):
        sizes.update((~is_query).sum(1).tolist())
        return sample_query_rays(images, is_query, num_rays, draws)

    monkeypatch.setattr("gqn_rl.gqn.scene_latent.sample_query_rays", spy)
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
    for _ in range(11):
        sigmas.append(float(trainer.train_step(batch).sigma))
        rates.append(trainer.optimiser.param_groups[0]["lr"])
    assert sigmas[0] == 1.0
    assert sigmas[-1] == pytest.approx(0.1)
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


def test_poses_that_are_not_finite_stop_training(batch: SceneViews) -> None:
    broken = batch.viewpoints.copy()
    broken[1, 2, 0] = np.nan
    with pytest.raises(UserError, match="batch 0 has a pose that is not finite"):
        make_trainer().train_step(SceneViews(batch.images, broken))


WITHOUT_BACKENDS = """
import sys
from pathlib import Path
for missing in ("pybullet", "gymnasium", "stable_baselines3", "tensorboard"):
    sys.modules[missing] = None

import torch
from gqn_rl.gqn.families import build, preset
from gqn_rl.training.batches import SyntheticBatches, stream
from gqn_rl.training.loop import train
from gqn_rl.training.recipe import Recipe
from gqn_rl.training.trainer import Trainer

recipe = Recipe(iterations=1, batch_size=2, num_views=2, num_rays=16)
trainer = Trainer(build(preset("tiny")), recipe)
batches = stream(SyntheticBatches(recipe, 7, "raycast", 64), 0, 1, workers=0)
train(trainer, batches, Path(sys.argv[1]), stop=1)
assert trainer.step == 1
"""


def test_training_needs_neither_pybullet_nor_gymnasium_nor_tensorboard(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_BACKENDS, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
