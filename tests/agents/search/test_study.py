"""Several workers share one study: no trial twice, none lost, none too many."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from agents.search.study import (
    ATTEMPT,
    ATTEMPTS,
    JOURNAL,
    WORKER,
    SharedStudy,
    imported_optuna,
    lock,
    opened_study,
    sampler_of,
)
from agents.search.workers import Worker


class Waits(Exception):
    """A worker found nothing to do for now."""


def waits(running: int) -> None:
    raise Waits(running)


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Any]:
    """Makes workers on one study of that many wanted trials."""
    with ExitStack() as stack:

        def worker(wanted: int, seed: int = 0) -> SharedStudy:
            entered = stack.enter_context(Worker(tmp_path, timeout=1000.0))
            return SharedStudy(tmp_path, entered, seed, wanted)

        yield worker


def states(shared: SharedStudy) -> list[str]:
    return [trial.state.name for trial in shared.study.get_trials()]


def drawn(trial: Any) -> float:
    return float(trial.suggest_float("x", 0.0, 1.0))


def kill(shared: SharedStudy) -> None:
    """Make its running trials those of a process that is gone."""
    for trial in shared.study.get_trials(deepcopy=False):
        if trial.state.name == "RUNNING":
            gone = trial.user_attrs[WORKER] | {"started": 1}
            shared.study._storage.set_trial_user_attr(trial._trial_id, WORKER, gone)


def test_workers_do_as_many_trials_as_wanted_together(workers: Any) -> None:
    one, other = workers(3), workers(3)
    trials = [one.next_trial(waits), other.next_trial(waits), one.next_trial(waits)]
    assert [trial.number for trial in trials] == [0, 1, 2]
    # Nothing is free, but the running ones may come to nothing.
    with pytest.raises(Waits, match="3"):
        other.next_trial(waits)
    for trial in trials:
        one.run(trial, drawn)
    assert other.next_trial(waits) is None
    assert one.done == other.done == 3


def test_the_first_trial_draws_what_it_is_told(tmp_path: Path) -> None:
    with Worker(tmp_path, timeout=1000.0) as worker:
        begun = SharedStudy(tmp_path, worker, 0, 2, first={"x": 0.25})
        begun.run(begun.next_trial(waits), drawn)
        # Who joins or resumes tells it nothing.
        joined = SharedStudy(tmp_path, worker, 0, 2, first={"x": 0.5})
        joined.run(joined.next_trial(waits), drawn)
    one, other = (trial.params["x"] for trial in begun.study.get_trials())
    assert one == 0.25
    assert other not in (0.25, 0.5)


def test_workers_of_one_seed_draw_different_trials(workers: Any) -> None:
    one, other = workers(8), workers(8)
    values = [drawn(shared.next_trial(waits)) for _ in range(4) for shared in (one, other)]
    assert len(set(values)) == len(values)


def test_what_a_trial_draws_depends_on_seed_and_number_only() -> None:
    def first(seed: int, number: int) -> float:
        optuna = imported_optuna()
        return drawn(optuna.create_study(sampler=sampler_of(seed, number)).ask())

    assert first(0, 3) == first(0, 3)
    # Seeds that follow each other are no shifted copies of each other.
    assert len({first(seed, number) for seed in range(4) for number in range(4)}) == 16


def test_a_dead_workers_trial_is_not_counted_and_done_again(workers: Any) -> None:
    victim, other = workers(1), workers(1)
    value = drawn(victim.next_trial(waits))
    with pytest.raises(Waits):
        other.next_trial(waits)
    kill(victim)
    again = other.next_trial(waits)
    assert states(other) == ["FAIL", "RUNNING"]
    assert drawn(again) == value
    other.run(again, drawn)
    assert other.next_trial(waits) is None
    assert other.done == 1


def test_settings_that_kill_every_worker_are_given_up(workers: Any) -> None:
    shared = workers(1)
    values = []
    for attempt in range(1, ATTEMPTS + 2):
        trial = shared.next_trial(waits)
        assert trial.user_attrs.get(ATTEMPT, 1) == (attempt if attempt <= ATTEMPTS else 1)
        values.append(drawn(trial))
        kill(shared)
    assert len(set(values[:ATTEMPTS])) == 1
    assert values[ATTEMPTS] != values[0]


def test_an_interrupted_trial_is_left_for_others(workers: Any) -> None:
    one, other = workers(1), workers(1)
    values = []

    def interrupted(trial: Any) -> float:
        values.append(drawn(trial))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        one.run(one.next_trial(waits), interrupted)
    assert drawn(other.next_trial(waits)) == values[0]


def test_the_result_of_a_worker_that_was_thought_dead_does_not_count(workers: Any) -> None:
    slow, other = workers(1), workers(1)
    trial = slow.next_trial(waits)
    kill(slow)
    again = other.next_trial(waits)

    def reports(trial: Any) -> float:
        trial.report(1.0, 1)
        return 1.0

    slow.run(trial, reports)
    slow.run(trial, lambda trial: 1.0)
    assert states(other) == ["FAIL", "RUNNING"]
    other.run(again, lambda trial: 0.5)
    assert slow.study.best_value == 0.5


def test_a_pruned_trial_is_done(workers: Any) -> None:
    shared = workers(1)

    def pruned(trial: Any) -> float:
        trial.report(0.25, 1)
        raise imported_optuna().TrialPruned

    shared.run(shared.next_trial(waits), pruned)
    assert states(shared) == ["PRUNED"]
    assert shared.next_trial(waits) is None


def test_a_trial_that_fails_by_itself_ends_its_worker(workers: Any) -> None:
    shared = workers(1)
    with pytest.raises(ZeroDivisionError):
        shared.run(shared.next_trial(waits), lambda trial: 1 / 0)
    assert states(shared) == ["FAIL"]


def test_a_torn_last_line_is_cut_off(workers: Any, tmp_path: Path) -> None:
    shared = workers(2)
    shared.run(shared.next_trial(waits), drawn)
    with (tmp_path / JOURNAL).open("ab") as file:
        file.write(b'{"op_code": 4, "wor')
    assert states(workers(2)) == ["COMPLETE"]
    shared.run(shared.next_trial(waits), drawn)
    assert states(workers(2)) == ["COMPLETE"] * 2


def test_the_lock_of_the_journal_leads_to_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the lock of a process that was killed would never be seen to be old."""
    (tmp_path / "runs").mkdir()
    monkeypatch.chdir(tmp_path)
    study = opened_study(Path("runs") / JOURNAL)
    guard = study._storage._backend._lock  # type: ignore[attr-defined]
    guard.acquire()
    assert (tmp_path / "runs" / f"{JOURNAL}.lock").samefile(tmp_path / "runs" / JOURNAL)
    guard.release()


def test_only_one_is_inside_the_lock(tmp_path: Path) -> None:
    with lock(tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == ["study.lock"]
    assert not list(tmp_path.iterdir())
