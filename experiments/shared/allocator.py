"""Memory that a process has freed stays with it, for the next tensors of the same size.

By default the C library gives large blocks back to the system at once, so that every training step
has its memory mapped and cleared anew: with the shipped network on one core of an AMD EPYC that was
23,000 page faults and a seventh of the time of a step.
"""

from __future__ import annotations

import ctypes

TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD = -1, -2, -3
"""Names of malloc's parameters in glibc's malloc.h."""
LARGEST_BLOCK = 1 << 25
"""The most that glibc allows: blocks above it still go back at once."""


def keep_freed_memory() -> bool:
    """Ask the C library to keep freed memory; whether it does. Only glibc can be asked."""
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    wanted = ((MMAP_THRESHOLD, LARGEST_BLOCK), (TRIM_THRESHOLD, 2**31 - 1), (TOP_PAD, 1 << 28))
    return sum(mallopt(name, value) for name, value in wanted) == len(wanted)  # 1 is success
