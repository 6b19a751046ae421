"""The flag for the number of threads."""

from __future__ import annotations

from dataclasses import dataclass

from gqn_rl.errors import UserError

MOST = 1024


@dataclass(frozen=True)
class ThreadsFlag:
    """How much of the processor PyTorch takes."""

    threads: int = 0
    """CPU threads of PyTorch; 0 leaves its default."""


@dataclass(frozen=True)
class OneThreadFlag(ThreadsFlag):
    """The same for small batches: a second thread gains little on them where a core is free, and
    two threads wait for each other where none is. Scenes that are refined need nothing of each
    other: they share the cores."""

    threads: int = 0
    """CPU threads; 0 for one of PyTorch, and one for each core where scenes are refined."""


def use_threads(threads: int) -> None:
    """Have PyTorch compute with so many threads; 0 leaves its default.

    Raises:
        UserError: for a number that cannot be meant.
    """
    check_threads(threads)
    if threads:
        import torch  # takes seconds, which nobody is to wait for who asks for --help

        torch.set_num_threads(threads)


def use_threads_for_small_batches(threads: int) -> None:
    """Have PyTorch compute with so many threads, 0 for one; and so many refine scenes, 0 for as
    many as PyTorch would have taken.

    Raises:
        UserError: for a number that cannot be meant.
    """
    check_threads(threads)
    import torch

    from gqn_rl.scene_threads import use_scene_threads

    if threads:
        use_scene_threads(threads)
    elif torch.get_num_threads() > 1:  # another command of this process may have made it one
        use_scene_threads(torch.get_num_threads())
    torch.set_num_threads(threads or 1)


def check_threads(threads: int) -> None:
    """Refuse a negative number of threads, or one beyond any processor's."""
    if not 0 <= threads <= MOST:
        raise UserError(f"threads is {threads}, expected 0 to {MOST}")
