"""The process-wide random generators, from which Stable-Baselines3 and PyTorch draw.

Nothing of this project draws from them itself; but a training goes on to the bit only if they do.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]


def global_random_state() -> tuple[Arrays, dict[str, Any]]:
    """The states of Python's, NumPy's and PyTorch's CPU generator: arrays, and plain numbers."""
    version, words, gauss = random.getstate()
    legacy: Any = np.random.get_state(legacy=False)  # noqa: NPY002 - what Stable-Baselines3 uses
    arrays = {
        "python": np.array(words, dtype=np.uint32),
        "numpy": np.array(legacy["state"]["key"], dtype=np.uint32),
        "torch": torch.get_rng_state().numpy().copy(),
    }
    numbers = {
        "python": {"version": version, "gauss": gauss},
        "numpy": {
            "position": int(legacy["state"]["pos"]),
            "has_gauss": int(legacy["has_gauss"]),
            "gauss": float(legacy["gauss"]),
        },
    }
    return arrays, numbers


def set_global_random_state(arrays: Arrays, numbers: dict[str, Any]) -> None:
    """Inverse of `global_random_state`."""
    python, numpy = numbers["python"], numbers["numpy"]
    random.setstate((python["version"], tuple(arrays["python"].tolist()), python["gauss"]))
    np.random.set_state(  # noqa: NPY002
        {
            "bit_generator": "MT19937",
            "state": {"key": arrays["numpy"], "pos": numpy["position"]},
            "has_gauss": numpy["has_gauss"],
            "gauss": numpy["gauss"],
        }
    )
    torch.set_rng_state(torch.from_numpy(arrays["torch"].copy()))
