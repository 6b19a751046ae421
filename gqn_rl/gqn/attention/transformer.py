"""Transformer layers with the normalisation before each branch.

References:
    Vaswani et al., Attention Is All You Need, NIPS 2017, eq. 1.
    Xiong et al., On Layer Normalization in the Transformer Architecture, ICML 2020 (pre-norm).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gqn_rl.gqn.attention.places import Nearness

MLP_RATIO = 4


def attend(queries: Tensor, keys: Tensor, values: Tensor, bias: Tensor | None = None) -> Tensor:
    """softmax(q k' / sqrt(d) + bias) v for (N, heads, L, d), (N, heads, S, d), (N, heads, L, S)."""
    if queries.device.type == "cpu" and (bias is not None or queries.dtype == torch.bfloat16):
        # The fused kernel does not use the processor's bf16 matrix products: for the lengths here
        # its backward pass takes ten times as long as the plain formula's. And with a bias it
        # takes another path when gradients are wanted, so that results would differ in rounding.
        logits = (queries * queries.shape[-1] ** -0.5) @ keys.transpose(-1, -2)
        if bias is not None:
            logits = logits + bias.to(logits.dtype)
        return torch.softmax(logits, dim=-1).to(values.dtype) @ values
    mask = None if bias is None else bias.to(queries.dtype)
    return F.scaled_dot_product_attention(queries, keys, values, mask)


class Attention(nn.Module):
    """Multi-head attention of tokens to a memory."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_queries = nn.Linear(width, width, bias=False)
        self.to_memory = nn.Linear(width, 2 * width, bias=False)
        self.out = nn.Linear(width, width)

    def forward(self, tokens: Tensor, memory: Tensor, bias: Tensor | None = None) -> Tensor:
        """(N, L, width) for tokens (N, L, width) and memory (N, S, width)."""
        queries = self._split(self.to_queries(tokens))
        keys, values = (self._split(half) for half in self.to_memory(memory).chunk(2, dim=-1))
        read = attend(queries, keys, values, bias)
        out: Tensor = self.out(read.transpose(1, 2).flatten(2))
        return out

    def _split(self, tokens: Tensor) -> Tensor:
        n, length, width = tokens.shape
        return tokens.view(n, length, self.heads, width // self.heads).transpose(1, 2)


class Mlp(nn.Sequential):
    def __init__(self, width: int) -> None:
        hidden = MLP_RATIO * width
        super().__init__(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, width))


class SelfAttentionLayer(nn.Module):
    """Tokens of one set attend to each other, then each is processed alone; (N, L, width)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = Mlp(width)

    def forward(self, tokens: Tensor) -> Tensor:
        normed = self.norm(tokens)
        tokens = tokens + self.attention(normed, normed)
        out: Tensor = tokens + self.mlp(self.mlp_norm(tokens))
        return out


class CrossAttentionLayer(nn.Module):
    """Rays attend to a memory, more to what is near, but not to each other; (N, R, width).

    The memory (N, S, width) is expected to be normalised; squared distances are (N, 1, R, S).
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = Mlp(width)
        self.nearness = Nearness(heads)

    def forward(self, tokens: Tensor, memory: Tensor, distances2: Tensor) -> Tensor:
        bias = self.nearness(distances2)
        tokens = tokens + self.attention(self.norm(tokens), memory, bias)
        out: Tensor = tokens + self.mlp(self.mlp_norm(tokens))
        return out


def self_attention(layers: int, width: int, heads: int) -> nn.Sequential:
    return nn.Sequential(*(SelfAttentionLayer(width, heads) for _ in range(layers)))


def initialise(network: nn.Module) -> None:
    """Weights of variance 1 / fan-in, biases zero; signals keep their size through the layers."""
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=module.in_features**-0.5)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def at_least_float32(values: Tensor) -> Tensor:
    """What leaves the layers: not bf16, but float64 stays."""
    return values.to(torch.promote_types(values.dtype, torch.float32))
