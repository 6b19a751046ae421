"""Interleaved timing: every alternative in a process of its own, taking turns.

What else a machine does, and how warm it is, changes from minute to minute. So the alternatives
run A B C A B C ..., one call or a few of each per round, and only rounds are compared. Each has its
own process, which sits idle while others have their turn, so peaks of memory are its own.
"""

from __future__ import annotations

import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from math import ceil
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import torch

from experiments.benchmark.memory import Memory, peak_memory, resident_memory
from experiments.shared.machine import cpu_seconds
from gqn_rl.errors import UserError

CLOCKS = ("wall", "cpu")
"""Seconds that pass, or those in which processes compute, which other work hardly changes."""
PATIENCE = 10.0
"""Seconds that a process gets to end by itself."""
PRELOADED = ["torch", "torch._dynamo"]
"""What takes long to import; the second is what optimisers import."""


class Work(NamedTuple):
    """Something to be timed.

    Attributes:
        run: does it once.
        facts: numbers about it that the report needs.
        helpers: ids of other processes that compute for it.
    """

    run: Callable[[], object]
    facts: dict[str, float]
    helpers: Callable[[], Sequence[int]] = tuple


class Case(NamedTuple):
    """One of several alternatives.

    Attributes:
        name: in reports.
        make: a function of a module, called with the arguments in the process of the case.
        has_children: whether it starts processes by `multiprocessing`, which no daemon may.
    """

    name: str
    make: Callable[..., Work]
    arguments: tuple[Any, ...] = ()
    has_children: bool = False


class Sample(NamedTuple):
    """Seconds per run in one round, by both clocks."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Plan:
    """How a comparison is run.

    Attributes:
        rounds: that count.
        warmup: rounds before them, which do not.
        least_seconds: a turn repeats its run until it takes about so long.
        threads: of PyTorch in each process; 0 leaves its default.
        clock: see `CLOCKS`.
    """

    rounds: int
    warmup: int = 1
    least_seconds: float = 0.2
    threads: int = 0
    clock: str = "wall"


@dataclass
class Measured:
    """What is known of a case after its rounds.

    Attributes:
        samples: one a round.
        repeats: runs per round; samples are means over them.
        memory: of its process.
    """

    facts: dict[str, float]
    repeats: int = 1
    samples: list[Sample] = field(default_factory=list)
    memory: Memory | None = None

    def seconds(self, clock: str) -> list[float]:
        return [getattr(sample, clock) for sample in self.samples]


def measure(
    cases: Sequence[Case], plan: Plan, on_turn: Callable[[str], None] = lambda name: None
) -> dict[str, Measured]:
    """Time all cases round by round.

    Args:
        on_turn: called with the name of a case when it has had a turn.

    Raises:
        UserError: when a process is killed, or raises one itself.
    """
    with ExitStack() as stack:
        workers = {case.name: stack.enter_context(_worker(case, plan.threads)) for case in cases}
        found = {name: Measured(worker.receive()) for name, worker in workers.items()}
        for turn in range(plan.warmup + plan.rounds):
            for name, worker in workers.items():
                sample = worker.turn(found[name].repeats)
                if turn >= plan.warmup:
                    found[name].samples.append(sample)
                elif turn == plan.warmup - 1 and sample.wall > 0:
                    found[name].repeats = max(1, ceil(plan.least_seconds / sample.wall))
                on_turn(name)
        for name, worker in workers.items():
            found[name].memory = worker.finish()
    return found


class Worker:
    """The parent's end of the process of a case."""

    def __init__(self, name: str, connection: Connection) -> None:
        self.name, self.connection = name, connection

    def turn(self, repeats: int) -> Sample:
        self._send(repeats)
        sample: Sample = self.receive()
        return sample

    def finish(self) -> Memory:
        self._send(None)
        memory: Memory = self.receive()
        return memory

    def receive(self) -> Any:
        """The next answer.

        Raises:
            UserError, RuntimeError: what the process has raised, or that it was killed.
        """
        try:
            answer = self.connection.recv()
        except (EOFError, ConnectionResetError) as error:
            raise self._killed() from error
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _send(self, message: int | None) -> None:
        try:
            self.connection.send(message)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise self._killed() from error

    def _killed(self) -> UserError:
        return UserError(f"the process of {self.name!r} was killed, perhaps for want of memory")


@contextmanager
def _worker(case: Case, threads: int) -> Iterator[Worker]:
    # A server forks the processes off, so that PyTorch is imported only once.
    context = get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, case, threads))
    process.daemon = not case.has_children
    process.start()
    theirs.close()
    try:
        yield Worker(case.name, ours)
    finally:
        ours.close()
        process.join(PATIENCE)
        if process.is_alive():
            process.terminate()
            process.join()


def _serve(connection: Connection, case: Case, threads: int) -> None:
    """In the process of a case: make it, then a turn for every number received."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    if threads:
        torch.set_num_threads(threads)
    before = resident_memory()
    try:
        work = case.make(*case.arguments)
        connection.send(work.facts)
        while (repeats := connection.recv()) is not None:
            connection.send(_timed(work, repeats))
        connection.send(peak_memory(before))
    except EOFError:  # the parent has given up
        pass
    except UserError as error:
        connection.send(error)
    except torch.OutOfMemoryError:
        connection.send(UserError(f"{case.name!r} needs more memory than the device has"))
    except Exception:
        connection.send(RuntimeError(f"{case.name!r} failed:\n{traceback.format_exc()}"))


def _timed(work: Work, repeats: int) -> Sample:
    """Seconds per run, waiting for a GPU before and after."""
    _synchronise()
    wall, cpu = time.perf_counter(), _computed(work)
    for _ in range(repeats):
        work.run()
    _synchronise()
    return Sample((time.perf_counter() - wall) / repeats, (_computed(work) - cpu) / repeats)


def _computed(work: Work) -> float:
    """Seconds of computing by this process and those that help it."""
    return time.process_time() + sum(map(cpu_seconds, work.helpers()))


def _synchronise() -> None:
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
