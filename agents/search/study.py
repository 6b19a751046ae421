"""One search by many workers: Optuna's study in a journal file that they share.

The workers agree through the journal alone, under a lock that is a file too, so that processes of
several hosts can work on one study. A trial belongs to the worker that runs it. What a dead worker
was running is marked as failed and done again by another.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agents.search.workers import Worker
from gqn_rl.errors import UserError

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.trial import FrozenTrial

JOURNAL = "optuna.journal"
LOCK = "study"
"""Name of the lock file, to which Optuna adds its suffix."""
STUDY = "train_agent"
ATTEMPTS = 3
"""How often a trial is begun whose workers die: its settings may be what kills them."""
POLL_SECONDS = 1.0
WORKER, ATTEMPT = "worker", "attempt"
"""Attributes of a trial."""


def imported_optuna() -> Any:
    """The module, quiet; `UserError` where it is not installed."""
    try:
        import optuna
    except ImportError as error:
        raise UserError('--optimize needs Optuna: pip install "gqn-rl[optimize]"') from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


class SharedStudy:
    """A study as one of its workers sees it.

    Args:
        folder: of the search; a journal is begun where there is none.
        worker: this process.
        seed: of the samplers.
        wanted: trials, pruned ones included, after which the search is over.
        first: what the first trial of a new study draws, by name; it draws the rest at random.

    Attributes:
        study: Optuna's.
    """

    def __init__(
        self,
        folder: Path,
        worker: Worker,
        seed: int,
        wanted: int,
        first: dict[str, Any] | None = None,
    ) -> None:
        self._folder, self._worker = folder, worker
        self._seed, self._wanted, self._first = seed, wanted, first
        self.study = opened_study(folder / JOURNAL)

    @property
    def done(self) -> int:
        """How many trials have come to an end, without failed ones."""
        return len(self._trials("COMPLETE", "PRUNED"))

    def next_trial(self, waiting: Callable[[int], None] = lambda running: None) -> Trial | None:
        """A trial for this worker; None when as many as wanted are done.

        While other workers run the last ones it waits: one of them may die.

        Args:
            waiting: called with the number of running trials whenever it looks again.
        """
        while True:
            with lock(self._folder):
                self._mend()
                running = len(self._trials("RUNNING"))
                if self.done >= self._wanted:
                    return None
                if self.done + running < self._wanted:
                    return self._begun()
            waiting(running)
            time.sleep(POLL_SECONDS)

    def run(self, trial: Trial, objective: Callable[[Trial], float]) -> None:
        """Do a trial and tell the study how it went.

        What an interruption ends is left to be done again. The result of a trial that others have
        meanwhile taken for dead does not count; they do it again.
        """
        optuna = imported_optuna()
        states = optuna.trial.TrialState
        try:
            value = objective(trial)
        except optuna.TrialPruned:
            self.study.tell(trial, state=states.PRUNED, skip_if_finished=True)
        except optuna.exceptions.UpdateFinishedTrialError:
            return
        except BaseException as error:
            self.study.tell(trial, state=states.FAIL, skip_if_finished=True)
            if isinstance(error, KeyboardInterrupt):
                self._enqueue(trial.params, trial.user_attrs.get(ATTEMPT, 1))
            raise
        else:
            self.study.tell(trial, value, skip_if_finished=True)

    def _begun(self) -> Trial:
        """A trial of this worker; the lock must be held."""
        if self._first and not self.study.get_trials(deepcopy=False):
            self._enqueue(self._first, attempt=1)
        trial = self.study.ask()
        trial.set_user_attr(WORKER, self._worker.identity)
        self.study.sampler = sampler_of(self._seed, trial.number)
        return trial

    def _mend(self) -> None:
        """Give up the trials of dead workers, to be done again; the lock must be held."""
        failed = imported_optuna().trial.TrialState.FAIL
        for trial in self._trials("RUNNING"):
            if self._worker.is_alive(trial.user_attrs.get(WORKER)):
                continue
            self.study.tell(trial.number, state=failed, skip_if_finished=True)
            attempt = trial.user_attrs.get(ATTEMPT, 1)
            if attempt < ATTEMPTS:
                self._enqueue(trial.params, attempt + 1)

    def _enqueue(self, params: dict[str, Any], attempt: int) -> None:
        self.study.enqueue_trial(params, user_attrs={ATTEMPT: attempt})

    def _trials(self, *names: str) -> list[FrozenTrial]:
        states = imported_optuna().trial.TrialState
        return self.study.get_trials(deepcopy=False, states=[states[name] for name in names])


def opened_study(journal: Path) -> Study:
    """The study in a journal file, a new one if there is none."""
    optuna = imported_optuna()
    from optuna.storages.journal import JournalFileBackend

    # Absolute, or Optuna's lock, a symbolic link to the journal, is one to nowhere: the lock of a
    # process that was killed would then never be seen to be old.
    journal = journal.resolve()
    cut_torn_line(journal)
    storage = optuna.storages.JournalStorage(JournalFileBackend(str(journal)))
    study: Study = optuna.create_study(
        study_name=STUDY, storage=storage, direction="maximize", load_if_exists=True
    )
    study.pruner = optuna.pruners.MedianPruner(n_startup_trials=5)
    return study


def sampler_of(seed: int, number: int) -> Any:
    """The sampler of one trial: workers and resumed searches never draw the same trial twice."""
    state = np.random.SeedSequence((seed, number)).generate_state(1)
    # Both named, as Optuna 5 has them by default and 4 had not: equal seeds search alike in both.
    return imported_optuna().samplers.TPESampler(
        seed=int(state[0]), multivariate=True, constant_liar=True
    )


def cut_torn_line(journal: Path) -> None:
    """Remove what a full disk or a power cut left of a last line; Optuna could not read on."""
    from optuna.storages.journal import JournalFileSymlinkLock

    if not journal.exists():
        return
    guard = JournalFileSymlinkLock(str(journal))
    guard.acquire()
    try:
        content = journal.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.truncate(journal, whole)
    finally:
        guard.release()


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Inside the block no other worker of the folder is inside it; for moments only.

    The lock of a process that died inside is broken after 30 seconds.
    """
    imported_optuna()
    from optuna.storages.journal import JournalFileOpenLock

    guard = JournalFileOpenLock(str(folder.resolve() / LOCK))
    guard.acquire()
    try:
        yield
    finally:
        guard.release()
