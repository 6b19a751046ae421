"""The true answers that environments name in their infos."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

UNLABELLED = -1


def targets_of(infos: Sequence[dict[str, Any]]) -> NDArray[np.int64]:
    """The true answers named by one step's infos, int64 (n_envs,); `UNLABELLED` for none."""
    return np.array([info.get("target", UNLABELLED) for info in infos], dtype=np.int64)
