"""A pool of shapes: what a task chooses its questions and answers from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gqn_rl.errors import UserError
from gqn_rl.geometry.rotations import MIRROR
from gqn_rl.scenes.shepard_metzler import ShepardMetzlerObject, canonical_forms


@dataclass(frozen=True, eq=False)
class ShapePool:
    """S shapes in a fixed order, one object each. `ShapeSource.pool` makes it.

    >>> from gqn_rl.scenes.shape_source import shape_source
    >>> pool = shape_source(7, "test").pool()
    >>> len(pool), pool.cubes.shape, len(pool.chiral())
    (40, (40, 7, 3), 34)
    >>> pool[:3].numbers
    array([183,  12, 170])

    Attributes:
        cubes: int8 (S, P, 3).
        numbers: int64 (S,), indices into `shape_catalogue(P)`; for objects too large for that,
            places in the pool as it was made.
        origin: what an error calls the pool.
        is_given: whether somebody chose its objects: none of them is left out silently.
    """

    cubes: NDArray[np.int8]
    numbers: NDArray[np.int64]
    origin: str
    is_given: bool = False

    def __len__(self) -> int:
        return len(self.cubes)

    def __getitem__(self, index: slice | NDArray) -> ShapePool:
        """Some of the shapes, by a slice, a mask or an integer array."""
        return ShapePool(self.cubes[index], self.numbers[index], self.origin, self.is_given)

    def centred(self) -> NDArray[np.float64]:
        """Cube centres relative to each object's barycentre, float64 (S, P, 3)."""
        return self.cubes - self.cubes.mean(axis=1, keepdims=True, dtype=np.float64)

    def mirror(self) -> NDArray[np.int64]:
        """The place of each shape's mirror image in the pool, int64 (S,); its own where the pool
        has none."""
        forms, mirrored = self._forms(), canonical_forms(self.cubes * MIRROR)
        places = {form.tobytes(): place for place, form in enumerate(forms)}
        found = [places.get(form.tobytes(), own) for own, form in enumerate(mirrored)]
        return np.array(found, dtype=np.int64)

    def chiral(self) -> ShapePool:
        """Those that are not their own mirror images.

        Raises:
            UserError: where there is none, or where an achiral one was given by somebody.
        """
        is_chiral = (self._forms() != canonical_forms(self.cubes * MIRROR)).any(axis=1)
        if self.is_given and not is_chiral.all():
            first = int(is_chiral.argmin())
            letters = ShepardMetzlerObject(self.cubes[first]).directions()
            raise UserError(
                f"object {first + 1} of {self.origin}, {letters!r}, is its own mirror image, "
                "expected objects that are not"
            )
        if not is_chiral.any():
            raise UserError(
                f"none of {self.origin} differs from its mirror image; a same-or-mirror trial "
                "needs chiral shapes"
            )
        return self[is_chiral]

    def require_distinct(self) -> None:
        """`UserError` where two objects have one shape."""
        _, first, which = np.unique(self._forms(), axis=0, return_index=True, return_inverse=True)
        earlier = first[which.reshape(-1)]
        later = int((earlier != np.arange(len(self))).argmax())
        if earlier[later] != later:
            raise UserError(
                f"objects {earlier[later] + 1} and {later + 1} of {self.origin} have one shape, "
                "expected a different one each"
            )

    def first(self, size: int) -> ShapePool:
        """The first `size` shapes, as the answers of a task.

        Raises:
            UserError: for fewer than two, or more than there are.
        """
        if not 2 <= size <= len(self):
            raise UserError(f"gallery_size is {size}, expected 2 to {len(self)} ({self.origin})")
        return self[:size]

    def _forms(self) -> NDArray[np.int64]:
        return canonical_forms(self.cubes)
