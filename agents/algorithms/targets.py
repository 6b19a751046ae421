"""The answers that environments name in their infos: the true one, and the one that was given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gqn_rl.errors import UserError

UNLABELLED = -1


def targets_of(infos: Sequence[dict[str, Any]]) -> NDArray[np.int64]:
    """The true answers named by one step's infos, int64 (n_envs,); `UNLABELLED` for none."""
    return np.array([info.get("target", UNLABELLED) for info in infos], dtype=np.int64)


def answers_of(infos: Sequence[dict[str, Any]]) -> NDArray[np.int64]:
    """The answers that were given in one step, int64 (n_envs,); `UNLABELLED` for none.

    Raises:
        UserError: for an environment that does not say which answer it took an action for.
    """
    absent = [info for info in infos if "answer" not in info]
    if absent:
        raise UserError(
            f"info has {sorted(absent[0])}, expected an 'answer' too: what was answered, or "
            f"{UNLABELLED}; set aux_feedback=labels or aux_coef=0"
        )
    return np.array([info["answer"] for info in infos], dtype=np.int64)
