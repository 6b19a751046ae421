"""Random numbers of one training step, the same for a scene however the batch is divided."""

from __future__ import annotations

import torch
from torch import Tensor


class Draws:
    """Random tensors for some rows of a batch.

    The numbers of the whole batch are drawn and the rows cut out, so that processes that share a
    batch see together what one process would have seen alone.

    Args:
        generator: in the same state in every process.
        total: rows of the whole batch.
        rows: the rows that are wanted; None for all of them.
    """

    def __init__(self, generator: torch.Generator, total: int, rows: slice | None = None) -> None:
        self.generator = generator
        self.total = total
        self.rows = rows or slice(0, total)

    @property
    def device(self) -> torch.device:
        return self.generator.device

    def normal(self, *shape: int) -> Tensor:
        """Standard normal, float32 (rows, *shape)."""
        drawn = torch.randn(
            self.total,
            *shape,
            generator=self.generator,
            dtype=torch.float32,
            device=self.device,
        )
        return drawn[self.rows]

    def uniform(self, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """Uniform in [0, 1), (rows, *shape)."""
        drawn = torch.rand(
            self.total, *shape, generator=self.generator, device=self.device, dtype=dtype
        )
        return drawn[self.rows]

    def integers(self, low: int, high: int, *shape: int) -> Tensor:
        """Uniform among low, ..., high - 1; int64 (rows, *shape)."""
        drawn = torch.randint(
            low, high, (self.total, *shape), generator=self.generator, device=self.device
        )
        return drawn[self.rows]
