"""The published GQN as a model: what enters r and the two paths; the faults of other versions."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Normal

from gqn_rl.geometry.view import Context, to_float
from gqn_rl.gqn.draws import Draws
from gqn_rl.gqn.objective import Sampling
from gqn_rl.gqn.published import published_gqn
from gqn_rl.gqn.published.generator import Query
from gqn_rl.gqn.published.published_gqn import choose_queries
from tests.gqn_rl.gqn.published.models import (
    IS_QUERY,
    SIZE,
    VARIANTS,
    bound,
    make,
    seeded,
    tensors,
)


@pytest.mark.parametrize(("representation", "shared", "how"), VARIANTS)
@torch.no_grad()
def test_prediction_needs_no_posterior_and_follows_the_noise(
    representation: str, shared: bool, how: str
) -> None:
    model = make(representation=representation, shared_core=shared, aggregation=how)
    images, poses = tensors()
    context = Context(to_float(images[:, :3]), poses[:, :3])
    one, again, other = (model.predict(context, poses[:, 3], seeded(s)) for s in (0, 0, 1))
    assert one.shape == (2, 3, SIZE, SIZE)
    assert 0 <= float(one.min()) <= float(one.max()) <= 1
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    r, still = model.representation(model.gather(context)), torch.zeros(2, *model.latent_shape)
    drawn = [model.draw_images(model.imagine(r, still), poses[:, 3]) for _ in range(2)]
    assert torch.equal(*drawn)
    assert not torch.equal(drawn[0], one)


@pytest.mark.parametrize("representation", ["tower", "pyramid", "pool"])
@torch.no_grad()
def test_views_add_up_in_any_order_and_one_at_a_time(representation: str) -> None:
    images, poses = tensors()
    floats = to_float(images)
    for how in ("sum", "mean"):
        model = make(representation=representation, aggregation=how)
        r = model.represent(floats, poses)
        order = torch.tensor([2, 0, 3, 1])
        torch.testing.assert_close(model.represent(floats[:, order], poses[:, order]), r)
        state = model.nothing_seen(2)
        assert bool((model.representation(state) == 0).all())
        for v in range(4):
            state = state.plus(model.encode_view(floats[:, v], poses[:, v]))
        torch.testing.assert_close(model.representation(state), r)
        twice = model.represent(floats.repeat(1, 2, 1, 1, 1), poses.repeat(1, 2, 1))
        torch.testing.assert_close(twice, 2 * r if how == "sum" else r)


@pytest.mark.parametrize("representation", ["tower", "pyramid", "pool"])
def test_encoding_some_views_at_a_time_changes_neither_r_nor_gradients(
    monkeypatch: pytest.MonkeyPatch, representation: str
) -> None:
    images, poses = tensors(1, 5)
    found, counts = {}, {}
    for at_once in (3, 5):
        model = make(representation=representation).double()
        sizes: list[int] = []
        model.encoder.register_forward_pre_hook(
            lambda _, inputs, to=sizes: to.append(len(inputs[0]))
        )
        monkeypatch.setattr(published_gqn, "PIXELS_AT_ONCE", at_once * SIZE * SIZE)
        r = model.represent(to_float(images).double(), poses)
        r.square().sum().backward()
        found[at_once] = [r.detach(), *(p.grad for p in model.encoder.parameters())]
        counts[at_once] = sizes
    assert counts == {3: [3, 2], 5: [5]}
    for a, b in zip(*found.values(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


@torch.no_grad()
def test_the_query_is_not_in_the_context() -> None:
    model = make()
    images, poses = tensors()
    images, poses, asked = images[1:], poses[1:], IS_QUERY[1:]
    sampling = Sampling(prior_share=1.0)
    scenes = model.bound(
        images, poses, asked, draws=(draws := Draws(seeded(3), 1)), sampling=sampling
    )
    draws.generator.manual_seed(3)
    choose_queries(asked, 1, draws)
    noise = draws.normal(1, *model.latent_shape)[:, 0]
    r = model.represent(to_float(images[:, 1:]), poses[:, 1:])  # view 0 is the query
    mean = model.generator.prior_path(r[..., None, None], poses[:, 0], noise)
    expected = (mean - to_float(images[:, 0])).square().mean()
    torch.testing.assert_close(scenes.error[0], expected)
    assert float(scenes.kl) == 0


@torch.no_grad()
def test_the_posterior_reads_the_current_state_and_the_image() -> None:
    model = make(layers=1)
    images, poses = tensors()
    r, floats = torch.randn(2, 32, 1, 1, generator=seeded(0)), to_float(images)
    noise = model.noise(2, seeded(1))
    one, other = (
        model.generator.posterior_path(Query(r, poses[:, 0], floats[:, v]), noise) for v in (0, 1)
    )
    # With one layer, a state from before the update would be zero whatever the image.
    assert bool((one.kl != other.kl).all())
    assert not torch.equal(one.mean, other.mean)


@torch.no_grad()
def test_the_divergence_counts_each_latent_once_and_never_a_pixel() -> None:
    images, poses = tensors()
    for layers, channels in ((1, 3), (2, 5)):
        model = make(layers=layers, latent_channels=channels)
        for head, mean in ((model.generator.prior, 0.0), (model.generator.posterior, 1.0)):
            head.out.weight.zero_()
            assert head.out.bias is not None
            head.out.bias.zero_()
            head.out.bias[:channels] = mean
        size = SIZE // 4
        expected = 0.5 * layers * channels * size * size  # KL(N(1, 1) || N(0, 1)) = 1 / 2
        assert bound(model, images, poses).kl.tolist() == pytest.approx([expected] * 2)
        several = bound(model, images, poses, Sampling(num_queries=3))
        assert several.kl.tolist() == pytest.approx([3 * expected] * 2)
        assert several.num_queries.tolist() == [3, 3]
        aggregate = model.encode_view(to_float(images[:, 0]), poses[:, 0])
        kl = model.kl(aggregate, to_float(images[:, 1]), poses[:, 1])
        assert kl.tolist() == pytest.approx([expected] * 2)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@torch.no_grad()
def test_scales_are_positive_and_float32_whatever_the_state(precision: str) -> None:
    head = make().generator.prior
    for size in (0.0, 1.0, 1e4):
        hidden = size * torch.randn(2, 8, 8, 8, generator=seeded(0))
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            normal = head(hidden).base_dist
        assert isinstance(normal, Normal)
        assert normal.loc.dtype == normal.scale.dtype == torch.float32
        assert bool((normal.scale > 0).all())
        assert bool(torch.isfinite(normal.scale).all())


@torch.no_grad()
def test_the_divergence_is_the_same_each_time_and_leaves_global_randomness_alone() -> None:
    model = make()
    images, poses = tensors()
    aggregate, before = (
        model.encode_view(to_float(images[:, 0]), poses[:, 0]),
        torch.get_rng_state(),
    )
    kl, again = (model.kl(aggregate, to_float(images[:, 1]), poses[:, 1]) for _ in range(2))
    assert torch.equal(kl, again)
    assert bool((kl > 0).all())
    assert torch.equal(torch.get_rng_state(), before)


def test_a_share_of_the_scenes_is_drawn_from_the_prior() -> None:
    model = make()
    images, poses = tensors()
    share = Sampling(prior_share=0.5)
    seen = {tuple((bound(model, images, poses, share, seed).kl > 0).tolist()) for seed in range(12)}
    assert {(True, False), (False, True)} <= seen


def test_queries_are_drawn_among_the_views_outside_the_context() -> None:
    asked = torch.tensor([[True, False, True, True, False], [False, True, False, False, False]])
    first, counts = set(), torch.zeros(5)
    for seed in range(60):
        chosen = choose_queries(asked, 2, Draws(seeded(seed), 2))
        assert bool(asked.gather(1, chosen).all())
        assert len(set(chosen[0].tolist())) == 2, "no view twice while others are left"
        assert chosen[1].tolist() == [1, 1], "the only one again"
        first.add(tuple(chosen[0].tolist()))
        counts[chosen[0]] += 1
    assert len(first) == 6, "every ordered pair occurs"
    even = choose_queries(asked, 6, Draws(seeded(0), 2))[0]
    assert torch.bincount(even, minlength=5).tolist() == [2, 0, 2, 2, 0]
    with pytest.raises(ValueError, match="without a query"):
        choose_queries(torch.zeros(1, 3, dtype=torch.bool), 1, Draws(seeded(0), 1))


def test_halves_of_a_batch_see_together_what_the_whole_does() -> None:
    model = make()
    images, poses = tensors()
    sampling = Sampling(num_queries=2, prior_share=0.5)
    whole = bound(model, images, poses, sampling)
    for row in range(2):
        part = slice(row, row + 1)
        half = model.bound(
            images[part],
            poses[part],
            IS_QUERY[part],
            draws=Draws(seeded(0), 2, part),
            sampling=sampling,
        )
        torch.testing.assert_close(half.representations[0], whole.representations[0][part])
        for a, b in zip(half[:3], whole[:3], strict=True):
            torch.testing.assert_close(a, b[part])


@pytest.mark.parametrize("shared", [False, True])
def test_recomputing_layers_changes_no_gradient(shared: bool) -> None:
    images, poses = tensors()
    gradients = []
    for checkpointing in (False, True):
        model = make(layers=3, shared_core=shared, checkpointing=checkpointing)
        scenes = bound(model, images, poses, Sampling(prior_share=0.5))
        (scenes.error.sum() + 1e-3 * scenes.kl.sum()).backward()
        gradients.append([p.grad for p in model.parameters()])
    for a, b in zip(*gradients, strict=True):
        assert a is not None
        assert b is not None
        torch.testing.assert_close(a, b)


def test_bf16_gives_nearly_the_same_terms() -> None:
    model = make(layers=3, representation="tower")
    images, poses = tensors()
    full = bound(model, images, poses)
    with torch.autocast("cpu", torch.bfloat16):
        half = bound(model, images, poses)
    assert {term.dtype for term in half[:3]} == {torch.float32}
    torch.testing.assert_close(half.error, full.error, rtol=0.01, atol=0)
    torch.testing.assert_close(half.kl, full.kl, rtol=0.05, atol=0)
