"""Parts of the published GQN: tiling without tiles, cells that remember, a canvas unpainted."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gqn_rl.gqn.published.canvas import CanvasReader, mean_image
from gqn_rl.gqn.published.conv_lstm import Memory, lstm_update
from gqn_rl.gqn.published.tiled_conv import TiledConv2d
from tests.gqn_rl.gqn.published.models import make, seeded


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=seeded(seed), dtype=torch.float64)


@pytest.mark.parametrize(
    ("size", "kernel", "stride"),
    [(16, 5, 1), (4, 5, 1), (2, 5, 1), (1, 3, 1), (7, 3, 1), (3, 1, 1), (8, 2, 2)],
)
def test_tiling_is_exact_up_to_the_border(size: int, kernel: int, stride: int) -> None:
    layer = TiledConv2d(3, 4, kernel, size, stride).double()
    with torch.no_grad():
        layer.weight.copy_(randn(*layer.weight.shape))
    vector = randn(2, 3, seed=1)
    expected = F.conv2d(
        vector[:, :, None, None].expand(-1, -1, size, size),
        layer.weight.permute(2, 3, 0, 1),
        stride=stride,
        padding=(kernel - 1) // 2,
    )
    torch.testing.assert_close(layer(vector), expected)


def test_a_cell_forgets_enters_and_leaves_by_its_gates() -> None:
    cell, candidate = randn(1, 2, 3, 3), randn(1, 2, 3, 3, seed=1)
    closed, opened = torch.full_like(cell, -1e3), torch.full_like(cell, 1e3)

    def update(forget: Tensor, enter: Tensor, leave: Tensor) -> Memory:
        return lstm_update(torch.cat([forget, enter, leave, candidate], dim=1), cell)

    kept = update(opened, closed, opened)
    torch.testing.assert_close(kept.cell, cell)
    torch.testing.assert_close(kept.hidden, cell.tanh())
    torch.testing.assert_close(update(closed, opened, opened).cell, candidate.tanh())
    torch.testing.assert_close(update(opened, opened, opened).cell, cell + candidate.tanh())
    assert not update(opened, opened, closed).hidden.any()


def test_cells_use_their_hidden_state() -> None:
    generator = make(shared_core=True).double().generator
    memory = Memory(randn(1, 8, 8, 8), randn(1, 8, 8, 8, seed=1))
    other = Memory(randn(1, 8, 8, 8, seed=2), memory.cell)
    constant, z, seen = randn(1, 32, 8, 8), randn(1, 3, 8, 8), randn(1, 8, 8, 8, seed=3)
    core = generator.generator_cores[0]
    assert not torch.equal(core(constant, memory, z).cell, core(constant, other, z).cell)
    core, hidden = generator.inference_cores[0], randn(1, 8, 8, 8, seed=4)
    states = [core(constant, state, hidden, seen).cell for state in (memory, other)]
    assert not torch.equal(*states)


@pytest.mark.parametrize("shared", [False, True])
def test_what_is_read_from_the_canvas_is_what_was_painted(shared: bool) -> None:
    layers, weights = 4, 1 if shared else 4
    draws = [randn(3, 5, 4, 4, seed=k) for k in range(weights)]
    reads = [randn(5, 5, 4, 4, seed=10 + k) for k in range(weights)]
    eta = nn.Conv2d(5, 3, 1).double()
    hiddens = [randn(2, 3, 6, 6, seed=20 + k) for k in range(layers)]
    reader = CanvasReader(draws if shared else draws[:-1], reads if shared else reads[1:], shared)
    canvas = torch.zeros(2, 5, 24, 24, dtype=torch.float64)
    assert reader.seen is None
    for layer, hidden in enumerate(hiddens):
        if layer > 0:
            seen = reader.seen
            assert seen is not None
            read = F.conv2d(canvas, reads[0 if shared else layer], stride=4)
            torch.testing.assert_close(seen, read)
        canvas = canvas + F.conv_transpose2d(hidden, draws[0 if shared else layer], stride=4)
        if layer + 1 < layers:
            reader.add(hidden, layer)
    assert eta.bias is not None
    image = mean_image(hiddens, draws, eta.weight, eta.bias)
    torch.testing.assert_close(image, eta(canvas))


def test_the_image_is_added_up_in_float32_under_bf16() -> None:
    eta, draws = nn.Conv2d(5, 3, 1), [randn(3, 5, 4, 4).float()]
    hiddens = [randn(2, 3, 6, 6, seed=k).bfloat16() for k in range(3)]
    assert eta.bias is not None
    full = mean_image([h.float() for h in hiddens], draws, eta.weight, eta.bias)
    with torch.autocast("cpu", torch.bfloat16):
        half = mean_image(hiddens, draws, eta.weight, eta.bias)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, full)
