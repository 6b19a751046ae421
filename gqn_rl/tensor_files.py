"""Safetensors files, written in one place: right for arrays of any layout, the same for the same.

safetensors 0.8 writes a NumPy array that is not contiguous in the order of its memory, without a
word, and several keys of metadata in an order of its own each time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
import safetensors.torch
from numpy.typing import NDArray
from torch import Tensor

from gqn_rl.files import write_atomically

Tensors = Mapping[str, Tensor] | Mapping[str, NDArray[Any]]


def tensor_bytes(tensors: Tensors, key: str = "", content: Any = None) -> bytes:
    """What a file of tensors, or of arrays, is made of.

    >>> grid = np.arange(6).reshape(2, 3)
    >>> safetensors.numpy.load(tensor_bytes({"turned": grid.T}))["turned"]
    array([[0, 3],
           [1, 4],
           [2, 5]])

    Args:
        key: under which the file says what it is; "" where it does not.
        content: what it says, as JSON can hold it.

    Raises:
        ValueError: for numbers that JSON does not have, or tensors that share memory.
    """
    about = _metadata(key, content)
    arrays, torches = _by_kind(tensors)
    if arrays:
        return safetensors.numpy.save(arrays, about)
    return safetensors.torch.save(torches, about)


def write_tensors(path: Path, tensors: Tensors, key: str = "", content: Any = None) -> None:
    """The file of `tensor_bytes`, replaced in one piece."""
    about = _metadata(key, content)
    arrays, torches = _by_kind(tensors)
    if arrays:
        write_atomically(path, lambda place: safetensors.numpy.save_file(arrays, place, about))
    else:
        write_atomically(path, lambda place: safetensors.torch.save_file(torches, place, about))


def _metadata(key: str, content: Any) -> dict[str, str] | None:
    return {key: json.dumps(content, allow_nan=False)} if key else None


def _by_kind(tensors: Tensors) -> tuple[dict[str, NDArray[Any]], dict[str, Tensor]]:
    """Arrays and tensors, all on the CPU and contiguous; not copied where they already are."""
    arrays = {
        name: np.array(array, order="C", copy=None)  # keeps what has no dimension
        for name, array in tensors.items()
        if not isinstance(array, Tensor)
    }
    torches = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in tensors.items()
        if isinstance(tensor, Tensor)
    }
    if arrays and torches:
        raise TypeError(f"{sorted(arrays)} are arrays, {sorted(torches)} are tensors")
    return arrays, torches
