"""The memory that a process has, and has had at most."""

from __future__ import annotations

import resource
import sys
from pathlib import Path
from typing import NamedTuple

import torch

STATUS = Path("/proc/self/status")


class Memory(NamedTuple):
    """In bytes.

    Attributes:
        before: resident memory before the work was set up: interpreter and libraries.
        peak: the most that was resident.
        device_peak: the most that PyTorch has allocated on the GPU; None without one.
    """

    before: int
    peak: int
    device_peak: int | None


def resident_memory() -> int:
    """Bytes that are resident now; without /proc, the most that ever were."""
    return _from_status("VmRSS")


def peak_memory(before: int) -> Memory:
    device_peak = torch.cuda.max_memory_allocated() if torch.cuda.is_initialized() else None
    return Memory(before, _from_status("VmHWM"), device_peak)


def _from_status(key: str) -> int:
    if not STATUS.is_file():
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else 1024 * most
    for line in STATUS.read_text().splitlines():
        name, _, value = line.partition(":")
        if name == key:
            return 1024 * int(value.split()[0])
    raise RuntimeError(f"{STATUS} has no {key}")
