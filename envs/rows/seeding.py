"""One random generator per row, seeded as Gymnasium's vector environments seed theirs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from gymnasium.utils import seeding
from numpy.typing import NDArray

from envs.snapshots import Snapshot
from gqn_rl.errors import UserError
from gqn_rl.random_state import WORD, generator_from_state, generator_state


class RowGenerators:
    """n generators; a row that was never seeded draws fresh entropy when it is first used."""

    def __init__(self, n: int) -> None:
        self._generators: list[np.random.Generator | None] = [None] * n
        self._seeds: list[int | None] = [None] * n

    def __len__(self) -> int:
        return len(self._generators)

    def __getitem__(self, row: int) -> np.random.Generator:
        generator = self._generators[row]
        if generator is None:
            generator, self._seeds[row] = seeding.np_random()
            self._generators[row] = generator
        return generator

    def all(self) -> tuple[np.random.Generator, ...]:
        return tuple(self[row] for row in range(len(self)))

    def seeds(self) -> tuple[int | None, ...]:
        """What each row's generator was made from."""
        self.all()
        return tuple(self._seeds)

    def snapshot(self) -> Snapshot:
        """`states`, uint64 (n, 6), see `gqn_rl.random_state`, and `seeds`, uint64 (n, 2), the high
        word first."""
        states = [generator_state(generator) for generator in self.all()]
        seeds = [divmod(seed or 0, WORD) for seed in self.seeds()]
        return {"states": np.stack(states), "seeds": np.array(seeds, dtype=np.uint64)}

    def restore(self, snapshot: Snapshot) -> None:
        """Go on as the generators of the snapshot would."""
        self._generators = [generator_from_state(state) for state in snapshot["states"]]
        self._seeds = [int(high) * WORD + int(low) for high, low in snapshot["seeds"]]

    def seed(
        self,
        seed: int | Sequence[int | None] | None,
        mask: NDArray[np.bool_] | None = None,
    ) -> None:
        """Start again from a seed.

        Args:
            seed: s gives row i the seed s + i; a sequence gives one per row; None, alone or in
                the sequence, goes on with the generator there is.
            mask: bool (n,), the rows that start again; None for all.

        Raises:
            UserError: for a sequence of another length.
        """
        if seed is None:
            return
        if isinstance(seed, int | np.integer):
            seed = [int(seed) + row for row in range(len(self))]
        if len(seed) != len(self):
            raise UserError(f"{len(seed)} seeds, expected one for each of {len(self)} rows")
        for row, row_seed in enumerate(seed):
            if row_seed is not None and (mask is None or mask[row]):
                self._generators[row], self._seeds[row] = seeding.np_random(int(row_seed))
