"""Slots: what all views say, gathered by attention that adds up over views.

Slot s asks with a fixed query; a token with key k and value v answers with weight exp(q_s . k),
less the further its ray passes by the slot's place. What the slot gathers is the softmax average
over the tokens of all views, and both its numerator and its denominator are sums over views. So
one new view is one addition, the state has a fixed size, and no order of views is preferred. That
needs queries that do not depend on what was seen: here they are learned vectors, where Slot
Attention refines them from what they read.

References:
    Locatello et al., Object-Centric Learning with Slot Attention, NeurIPS 2020.
    Jaegle et al., Perceiver IO, ICLR 2022 (a learned array that reads inputs of any size).
    Katharopoulos et al., Transformers are RNNs, ICML 2020, eq. 9 (attention as two running sums).
    Gemma Team, Gemma 2, arXiv:2408.00118, 2024, section 2 (logits bounded by a soft cap).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gqn_rl.devices import full_precision
from gqn_rl.gqn.attention.config import AttentionConfig
from gqn_rl.gqn.attention.places import Nearness, ray_distances2, spacing, spread
from gqn_rl.gqn.attention.ray_encodings import Rays
from gqn_rl.gqn.attention.transformer import at_least_float32, self_attention
from gqn_rl.gqn.view_aggregate import ViewAggregate

MAX_LOGIT = 16.0
"""Bound of the logits: exp of it, summed over millions of tokens, is far from float32's limits."""
AMOUNT_SCALE = 0.3
"""Brings the logarithm of the denominator to unit size."""
IDENTITY_SCALE = 0.2
"""Of what tells slots apart, well below what they gathered, or the views would not be heard."""


@dataclass(frozen=True)
class SlotAggregate(ViewAggregate):
    """What the slots' queries gathered.

    Attributes:
        numerator: float32 (N, S, H, D), values weighted by exp(logit), summed over tokens.
        denominator: float32 (N, S, H), the sums of these weights.
    """

    numerator: Tensor
    denominator: Tensor

    @property
    def mean(self) -> Tensor:
        """The softmax average (N, S, H, D), zero where nothing was seen."""
        # A single token already weighs exp(-MAX_LOGIT), far above the floor.
        return self.numerator / self.denominator.clamp(min=1e-20)[..., None]


class AdditiveWrite(nn.Module):
    """From the tokens of one view to their aggregate.

    Each head of a slot asks around a point of its own beside the slot's place.

    Attributes:
        places: float32 (S, 3), learned: where in the world the slots lie, in cube edges.
    """

    def __init__(self, config: AttentionConfig) -> None:
        super().__init__()
        self.heads, self.channels = config.write_heads, config.write_channels
        size = self.heads * self.channels
        self.queries = nn.Parameter(torch.randn(config.slots, self.heads, self.channels))
        self.to_keys = nn.Linear(config.width, size, bias=False)
        self.to_values = nn.Linear(config.width, size, bias=False)
        self.nearness = Nearness(self.heads)
        self.places = nn.Parameter(spread(config.slots, config.radius))
        around = spread(self.heads, 0.6 * spacing(config.slots, config.radius))
        self.offsets = nn.Parameter(around.repeat(config.slots, 1, 1))

    def forward(self, tokens: Tensor, rays: Rays) -> SlotAggregate:
        """Aggregate of tokens (N, P, width) with rays (N, P)."""
        values = at_least_float32(self._split(self.to_values(tokens)))
        weights = self.logits(tokens, rays).exp()
        with full_precision(tokens.device):
            numerator = torch.einsum("nhsp,nphd->nshd", weights, values)
        return SlotAggregate(numerator, weights.sum(-1).mT)

    def logits(self, tokens: Tensor, rays: Rays) -> Tensor:
        """(N, H, S, P), within `MAX_LOGIT` of zero."""
        keys = at_least_float32(self._split(self.to_keys(tokens)))
        with full_precision(tokens.device):
            content = torch.einsum("shd,nphd->nhsp", self.queries / self.channels**0.5, keys)
            points = (self.places + self.offsets.transpose(0, 1)).flatten(0, 1)  # (H * S, 3)
            distances2 = ray_distances2(points, rays).mT.reshape(*content.shape)
            raw = content + self.nearness(distances2)
            return MAX_LOGIT * (raw / MAX_LOGIT).tanh()

    def _split(self, tokens: Tensor) -> Tensor:
        return tokens.view(*tokens.shape[:2], self.heads, self.channels)


class SlotReader(nn.Module):
    """From an aggregate to the scene representation, slots (N, S, C)."""

    def __init__(self, config: AttentionConfig) -> None:
        super().__init__()
        gathered = config.write_heads * (config.write_channels + 1)
        self.enter = nn.Linear(gathered, config.width)
        self.identity = nn.Parameter(IDENTITY_SCALE * torch.randn(config.slots, config.width))
        self.layers = self_attention(config.slot_layers, config.width, config.heads)
        self.norm = nn.LayerNorm(config.width)
        self.out = nn.Linear(config.width, config.slot_channels)

    def forward(self, aggregate: SlotAggregate) -> Tensor:
        # How much was seen counts beside what was seen.
        amount = AMOUNT_SCALE * torch.log1p(aggregate.denominator)
        gathered = torch.cat([aggregate.mean.flatten(2), amount], dim=-1)
        tokens = self.layers(self.enter(gathered) + self.identity)
        return at_least_float32(self.out(self.norm(tokens)))
