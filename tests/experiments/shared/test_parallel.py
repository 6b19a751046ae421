"""Work in several processes, and how it ends when it cannot go on."""

from __future__ import annotations

import os

import pytest

from experiments.shared import parallel
from experiments.shared.parallel import available_cores, check_workers, processes
from gqn_rl.errors import UserError
from tests.experiments.shared.work import (
    die,
    ignores_interrupts,
    process_and_threads,
    refuse,
    threads_of_torch,
)


def test_without_workers_the_work_is_done_here() -> None:
    with processes(0, 3) as run:
        results = list(run(process_and_threads, range(3)))
    assert [result[:2] for result in results] == [(k, os.getpid()) for k in range(3)]


def test_results_of_workers_keep_their_order() -> None:
    with processes(2, 4) as run:
        results = list(run(process_and_threads, range(4)))
    assert [number for number, _, _ in results] == [0, 1, 2, 3]
    assert os.getpid() not in {process for _, process, _ in results}


def test_workers_have_one_thread_and_leave_interrupts_to_the_parent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    with processes(1, 2) as run:
        assert list(run(threads_of_torch, [0])) == [1]
        assert list(run(ignores_interrupts, [0])) == [True]


@pytest.mark.parametrize(
    ("cores", "tasks", "expected"), [(4, 9, 4), (4, 3, 3), (1, 9, 0), (4, 1, 0), (4, 0, 0)]
)
def test_by_default_there_is_a_worker_per_core_that_has_work(
    monkeypatch: pytest.MonkeyPatch, cores: int, tasks: int, expected: int
) -> None:
    made = []

    class Pool:
        def __init__(self, workers: int, **options: object) -> None:
            made.append(workers)

        def __enter__(self):
            return self

        def __exit__(self, *details: object) -> None:
            pass

        map = map

    monkeypatch.setattr(parallel, "ProcessPoolExecutor", Pool)
    monkeypatch.setattr(parallel, "available_cores", lambda: cores)
    with processes(None, tasks):
        pass
    assert made == ([expected] if expected else [])


def test_cores_are_those_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 3, 5}, raising=False)
    assert available_cores() == 3


def test_a_killed_worker_is_one_clear_line() -> None:
    with pytest.raises(UserError, match="a worker was killed; the same"), processes(1, 1) as run:
        list(run(die, [1]))


def test_a_users_mistake_found_in_a_worker_arrives() -> None:
    with pytest.raises(UserError, match="1 is bad"), processes(1, 1) as run:
        list(run(refuse, [1]))


def test_negative_numbers_of_workers_are_refused() -> None:
    check_workers(None)
    check_workers(0)
    with pytest.raises(UserError, match="workers is -2, expected at least 0"):
        check_workers(-2)
