"""A store in which processes that torchrun has started again find each other.

The addresses by which processes connect lie in a key-value store. torchrun keeps one store for all
attempts of a job, and PyTorch does not separate the attempts in it (PyTorch issue 135712): the
processes of a second attempt read the addresses of the first and wait for the dead. Nor do they
know which attempt theirs is, because the restart count of torchrun is one of each host. So in every
attempt the first process chooses a new part of the store and tells it to the others.
"""

from __future__ import annotations

import os
import time
from datetime import timedelta
from uuid import uuid4

from torch.distributed import PrefixStore, Store, TCPStore  # type: ignore[attr-defined]

TIMEOUT = timedelta(minutes=10)
"""For all processes to be there: hosts do not import PyTorch at the same speed."""
PAUSE = 0.02
"""Seconds between two looks of the first process at the others' messages."""


def agent_store() -> Store | None:
    """The store that torchrun keeps for its processes, if it keeps one."""
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True":
        return None
    host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    return TCPStore(host, port, is_master=False, timeout=TIMEOUT)


def fresh_part(store: Store, rank: int, size: int) -> Store:
    """A part of `store` that no attempt before this one has written to, the same in all processes.

    What earlier attempts have left in the store does no harm: a process takes only the answer to a
    word that it has just made up, and the first process waits for thanks for its own.

    Raises:
        RuntimeError: when the others are not there within `TIMEOUT`.
    """
    word = uuid4().hex
    if rank == 0:
        _tell(store, word, set(range(1, size)))
        return PrefixStore(word, store)
    store.set(f"hello/{rank}", word)
    part = store.get(f"answer/{word}").decode()
    store.set(f"thanks/{part}/{rank}", "")
    return PrefixStore(part, store)


def _tell(store: Store, part: str, others: set[int]) -> None:
    """Answer `part` to whoever says hello, until all others have thanked for it."""
    deadline = time.monotonic() + TIMEOUT.total_seconds()
    while others:
        for rank in sorted(others):
            if store.check([f"thanks/{part}/{rank}"]):
                others.discard(rank)
            elif store.check([f"hello/{rank}"]):
                store.set(f"answer/{store.get(f'hello/{rank}').decode()}", part)
        if time.monotonic() > deadline:
            raise RuntimeError(f"processes {sorted(others)} have not come within {TIMEOUT}")
        time.sleep(PAUSE)
