"""The processes that train one model together, each on its own rows of every batch."""

from __future__ import annotations

import importlib
import inspect
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from weakref import WeakSet

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from gqn_rl.errors import UserError
from gqn_rl.training.rendezvous import agent_store, fresh_part

Made = TypeVar("Made")


@dataclass(frozen=True)
class Group:
    """Attributes: this process's number and how many there are; collective where size > 1."""

    rank: int = 0
    size: int = 1
    _wrapped: WeakSet[nn.Module] = field(default_factory=WeakSet, repr=False, compare=False)

    @property
    def leads(self) -> bool:
        """Whether this process writes files, evaluates and reports."""
        return self.rank == 0

    def rows(self, total: int) -> slice:
        """Which rows of a batch are this process's.

        Raises:
            UserError: when they cannot be divided evenly, which the mean of gradients needs.
        """
        if total % self.size:
            raise UserError(
                f"batch_size is {total}, expected a multiple of the {self.size} processes"
            )
        share = total // self.size
        return slice(self.rank * share, (self.rank + 1) * share)

    def mean(self, value: Tensor) -> Tensor:
        """The mean over the processes, without a gradient."""
        if self.size == 1:
            return value.detach()
        total = value.detach().clone()
        dist.all_reduce(total)
        return total / self.size

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process; all get the same answer."""
        if self.size == 1:
            return flag
        count = torch.tensor(int(flag))
        if dist.get_backend() == "nccl":
            count = count.cuda()
        dist.all_reduce(count, op=dist.ReduceOp.MAX)
        return bool(count)

    def wrap(self, module: nn.Module, partial: bool = False) -> nn.Module:
        """The module, with the mean of the processes' gradients after every backward pass.

        Args:
            partial: there are processes in which some parameters get no gradient.
        """
        if self.size == 1:
            return module
        # Buffers are constants here: no need to send them around. PyTorch 2.13 renames the flag.
        known = inspect.signature(DistributedDataParallel).parameters
        flag = "forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers"
        options: dict[str, Any] = {flag: False, "find_unused_parameters": partial}
        wrapped = DistributedDataParallel(module, **options)
        self._wrapped.add(wrapped)
        return wrapped

    def let_go(self) -> None:
        """Make the modules wrapped here let go of the group: they keep it alive otherwise."""
        for wrapped in self._wrapped:
            for name in ("reducer", "logger", "process_group"):
                wrapped.__dict__.pop(name, None)

    def from_first(self, make: Callable[[], Made]) -> Made:
        """What `make` returns in the first process, in all of them; the others do not call it.

        Raises:
            UserError, OSError: in all processes, where the first one does.
        """
        if self.size == 1:
            return make()
        box: list[Any] = [None, None]
        if self.leads:
            try:
                box[0] = make()
            except (UserError, OSError) as error:
                box[1] = error
        dist.broadcast_object_list(box, src=0)
        if box[1] is not None:
            raise box[1]
        made: Made = box[0]
        return made

    def wait(self) -> None:
        """Go on when all processes are here."""
        if self.size > 1:
            dist.barrier()


ALONE = Group()


def allowed_restarts() -> int:
    """How often torchrun starts the processes again when one of them fails: its --max-restarts."""
    return int(os.environ.get("TORCHELASTIC_MAX_RESTARTS", "0"))


@contextmanager
def joined_group(device_type: str) -> Iterator[Group]:
    """The group that torchrun has set up, or a process alone.

    Args:
        device_type: "cuda" communicates by NCCL and gives process k the k-th GPU of its host,
            everything else by gloo.
    """
    if "WORLD_SIZE" not in os.environ or not dist.is_available():
        yield ALONE
        return
    if device_type == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    _import_before_there_is_a_group()
    backend = "nccl" if device_type == "cuda" else "gloo"
    rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    if (store := agent_store()) is None:
        dist.init_process_group(backend)
    else:
        store = fresh_part(store, rank, size)
        dist.init_process_group(backend, store=store, rank=rank, world_size=size)
    group = Group(rank, size)
    try:
        yield group
    finally:
        group.let_go()
        dist.destroy_process_group()


def _import_before_there_is_a_group() -> None:
    """Keep PyTorch from holding on to the group for ever, so that destroying it ends its threads.

    The functions of the module imported here have as a default argument the group that there is at
    its import, and DistributedDataParallel imports it on first use. A thread of gloo that is left
    when the interpreter ends aborts the process if it drops a tensor at that moment.
    """
    importlib.import_module("torch.distributed.nn.functional")
