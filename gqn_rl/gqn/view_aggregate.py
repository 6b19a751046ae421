"""The running sum over views from which every representation is made."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor
from typing_extensions import Self

from gqn_rl.devices import full_precision


@dataclass(frozen=True)
class ViewAggregate:
    """What views say, summed over them; adding two of them adds their views.

    A family's own aggregate is a dataclass whose fields are float tensors (N, ...), one row a
    scene, with nothing seen being all zeros. Because sums do not depend on the order of their
    terms, no representation made from them does.

    >>> @dataclass(frozen=True)
    ... class Total(ViewAggregate):
    ...     numbers: Tensor
    >>> each = Total(torch.tensor([[1.0], [2.0], [4.0], [8.0]]))  # two views of each of two scenes
    >>> scenes = each.sum_views(torch.tensor([[True, True], [True, False]]))
    >>> scenes.numbers.tolist()
    [[3.0], [4.0]]
    >>> scenes.plus(each.select(slice(2, 4))).numbers.tolist()
    [[7.0], [12.0]]
    """

    @property
    def parts(self) -> tuple[Tensor, ...]:
        """The tensors, in the order of the fields."""
        return tuple(getattr(self, field.name) for field in fields(self))

    def plus(self, other: Self, out: Self | None = None) -> Self:
        """The aggregate of both, scene by scene, summed in at least float32.

        Args:
            out: where to put it; None for new memory.
        """
        places = (None,) * len(self.parts) if out is None else out.parts
        triples = zip(self.parts, other.parts, places, strict=True)
        return type(self)(
            *(torch.add(_at_least_float32(a), _at_least_float32(b), out=c) for a, b, c in triples)
        )

    def empty_like(self) -> Self:
        """As much memory, with nothing in particular in it."""
        return type(self)(*(torch.empty_like(part) for part in self.parts))

    def forget(self, scenes: Tensor) -> Self:
        """As if nothing had been seen of the scenes where bool (N,) is true."""

        def kept(part: Tensor) -> Tensor:
            return part.masked_fill(scenes.view(-1, *[1] * (part.ndim - 1)), 0.0)

        return type(self)(*(kept(part) for part in self.parts))

    def select(self, scenes: Tensor | slice) -> Self:
        """The aggregate of some scenes only, int64 (K,); for a slice in the same memory."""
        return type(self)(*(part[scenes] for part in self.parts))

    def sum_views(self, mask: Tensor) -> Self:
        """From one aggregate per view (B * V rows) to one per scene, over the views of a mask.

        Args:
            mask: bool (B, V), which views count.
        """

        def add(part: Tensor) -> Tensor:
            per_view = part.reshape(*mask.shape, -1)
            with full_precision(part.device):
                total = torch.einsum("bv,bvn->bn", mask.to(part.dtype), per_view)
            return _at_least_float32(total.view(len(mask), *part.shape[1:]))

        return type(self)(*(add(part) for part in self.parts))


def _at_least_float32(part: Tensor) -> Tensor:
    return part if part.dtype == torch.float64 else part.float()
