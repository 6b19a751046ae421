"""States of random generators as plain numbers, to be saved and taken up again without pickle."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

WORD = 2**64
GENERATOR_WORDS = 6
"""Numbers that `generator_state` returns."""


def generator_state(generator: np.random.Generator) -> NDArray[np.uint64]:
    """What a generator will draw, uint64 (6,): state and increment, high words first, and a spare.

    Raises:
        TypeError: for a bit generator other than PCG64, NumPy's default.
    """
    content = generator.bit_generator.state
    if content["bit_generator"] != "PCG64":
        raise TypeError(f"the bit generator is {content['bit_generator']}, expected PCG64")
    numbers = [content["state"]["state"], content["state"]["inc"]]
    words = [word for number in numbers for word in divmod(number, WORD)]
    spare = [content["has_uint32"], content["uinteger"]]
    return np.array([*words, *spare], dtype=np.uint64)


def set_generator_state(generator: np.random.Generator, state: NDArray[np.uint64]) -> None:
    """Let a generator go on as the one did whose `generator_state` this is."""
    if state.shape != (GENERATOR_WORDS,):
        raise ValueError(f"state has shape {state.shape}, expected ({GENERATOR_WORDS},)")
    words = [int(word) for word in state]
    generator.bit_generator.state = {
        "bit_generator": "PCG64",
        "state": {"state": words[0] * WORD + words[1], "inc": words[2] * WORD + words[3]},
        "has_uint32": words[4],
        "uinteger": words[5],
    }


def generator_from_state(state: NDArray[np.uint64]) -> np.random.Generator:
    """A new generator that goes on from a state."""
    generator = np.random.default_rng(0)
    set_generator_state(generator, state)
    return generator
