"""One run and many: their files, their clocks, and that nothing is done twice."""

from __future__ import annotations

import json
import multiprocessing
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agents.training.callbacks import EvaluationCallback
from experiments.study import clock, runs
from experiments.study.clock import Clock, EndWithParent, StartClock, StopClock, StopWhenReached
from experiments.study.runs import (
    path_of,
    perform,
    perform_missing,
    read_result,
    require_conditions,
    results,
)
from gqn_rl.errors import UserError
from tests.experiments.study.made_up import CONDITIONS, result, write
from tests.experiments.study.small import small_run

FAST = (0.2, 0.6, 0.95)


@pytest.fixture(scope="module")
def done() -> dict[str, Any]:
    """A run on the truth."""
    return perform(small_run())


def test_a_result_has_a_timed_row_for_every_evaluation(done: dict[str, Any]) -> None:
    rows = done["curve"]
    assert [row["timesteps"] for row in rows] == [512, 1024]
    assert 0 < rows[0]["seconds"] < rows[1]["seconds"]
    assert 0 < rows[0]["cpu_seconds"] < rows[1]["cpu_seconds"]
    for row in rows:
        assert row["episodes"] == 32
        low, high = row["accuracy_95"]
        assert 0 <= low <= row["accuracy"] <= high <= 1
    assert done["name"] == "moving-state-0"
    assert done["conditions"] == small_run().conditions.to_json()
    assert done["parameters"] > 1000
    assert done["machine"]["threads"] == 1


def test_a_run_can_be_repeated(done: dict[str, Any]) -> None:
    timed = ("seconds", "cpu_seconds")

    def untimed(found: dict[str, Any]) -> list[dict[str, Any]]:
        return [{k: v for k, v in row.items() if k not in timed} for row in found["curve"]]

    assert untimed(perform(small_run())) == untimed(done)
    assert untimed(perform(small_run(seed=1))) != untimed(done)


def test_a_run_ends_early_when_the_highest_threshold_was_reached(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runs, "THRESHOLDS", (0.0,))
    found = perform(small_run(timesteps=4096, stop_after=2))
    assert found["stopped_early"]
    assert [row["timesteps"] for row in found["curve"]] == [512, 1024]
    assert not perform(small_run(stop_after=0))["stopped_early"]


@pytest.mark.parametrize(
    ("accuracies", "times", "stops"),
    [
        ([0.95], 1, True),
        ([0.95], 2, False),
        ([0.95, 0.5, 0.95], 2, False),
        ([0.5, 0.9, 0.9], 2, True),
        ([1.0] * 9, 0, False),
        ([], 1, False),
    ],
)
def test_training_stops_after_so_many_evaluations_running(
    accuracies: list[float], times: int, stops: bool
) -> None:
    evaluations = EvaluationCallback(None, 1, 1, 0, lambda *_: None)  # type: ignore[arg-type]
    evaluations.curve = [{"accuracy": accuracy} for accuracy in accuracies]
    callback = StopWhenReached(evaluations, 0.9, times)
    callback._on_rollout_start()
    assert callback.reached == stops
    assert callback._on_step() != stops


def test_the_clock_does_not_count_evaluations(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(clock, "now", lambda: (now[0], 2 * now[0]))
    watch = Clock()
    stop, start = StopClock(watch), StartClock(watch)
    now[0] = 100.0  # building the environment
    start._on_training_start()
    for timesteps in (0, 64, 128):
        stop.num_timesteps = timesteps
        stop._on_rollout_start()
        now[0] += 7.0  # evaluating
        start._on_rollout_start()
        now[0] += 3.0  # training
    assert watch.readings == {0: (0.0, 0.0), 64: (3.0, 6.0), 128: (6.0, 12.0)}


def test_the_clock_reads_wall_and_processor_time() -> None:
    wall, cpu = clock.now()
    time.sleep(0.05)
    while clock.now()[1] - cpu < 0.05:
        pass
    assert clock.now()[0] - wall >= 0.1 - 0.01  # the processor's clock is coarser


@pytest.mark.parametrize("alive", [True, False])
def test_a_worker_ends_with_its_parent(monkeypatch: pytest.MonkeyPatch, alive: bool) -> None:
    class Parent:
        def is_alive(self) -> bool:
            return alive

    ended: list[int] = []
    monkeypatch.setattr(multiprocessing, "parent_process", Parent)
    monkeypatch.setattr("os._exit", ended.append)
    EndWithParent()._on_rollout_start()
    assert ended == ([] if alive else [1])


def test_runs_that_have_their_file_are_not_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def pretend(run: Any, threads: int) -> dict[str, Any]:
        asked.append(run.name)
        return result(run.agent, FAST, run.camera, run.seed)

    monkeypatch.setattr(runs, "perform", pretend)
    planned = [small_run(seed=seed) for seed in range(4)]
    perform_missing(tmp_path, planned[:2], 0, lambda path: None)
    written = path_of(tmp_path, planned[0]).stat().st_mtime_ns
    reported: list[Path] = []
    perform_missing(tmp_path, planned, 0, reported.append)
    assert asked == [run.name for run in planned]
    assert reported == [path_of(tmp_path, run) for run in planned[2:]]
    assert path_of(tmp_path, planned[0]).stat().st_mtime_ns == written


def test_an_interrupted_run_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(run: Any, threads: int) -> dict[str, Any]:
        if run.seed == 1:
            raise KeyboardInterrupt
        return result(run.agent, FAST, run.camera, run.seed)

    monkeypatch.setattr(runs, "perform", interrupt)
    planned = [small_run(seed=seed) for seed in range(3)]
    with pytest.raises(KeyboardInterrupt):
        perform_missing(tmp_path, planned, 0, lambda path: None)
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["moving-state-0.json"]


def test_runs_in_processes_give_the_same_results(tmp_path: Path, done: dict[str, Any]) -> None:
    planned = [small_run(), small_run("state", "fixed")]
    perform_missing(tmp_path, planned, 2, lambda path: None)
    found = {run["name"]: run for run in results(tmp_path)}
    assert found.keys() == {run.name for run in planned}
    accuracies = [row["accuracy"] for row in found["moving-state-0"]["curve"]]
    assert accuracies == [row["accuracy"] for row in done["curve"]]


BAD_RESULTS = {
    "no JSON": "{",
    "a list": "[]",
    "something else": '{"name": "x"}',
    "no curve": json.dumps(result("state", [])),
    "rows without time": json.dumps({**result("state", FAST), "curve": [{"accuracy": 1.0}]}),
    "unknown agent": json.dumps(result("sound", FAST)),
    "unknown camera": json.dumps(result("state", FAST, camera="hidden")),
}


@pytest.mark.parametrize("case", BAD_RESULTS)
def test_a_file_that_is_no_result_is_named(case: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(BAD_RESULTS[case])
    with pytest.raises(UserError, match=r"x\.json.* is no result") as caught:
        read_result(path)
    assert "\n" not in str(caught.value)


def test_results_under_other_conditions_are_refused(tmp_path: Path) -> None:
    other = result("state", FAST)
    other["conditions"]["timesteps"] = 9
    write(tmp_path, result("representation", FAST), other)
    with pytest.raises(UserError, match=r"timesteps is 4000 in .* but 9 in"):
        results(tmp_path)


def test_a_study_under_other_conditions_does_not_go_on(tmp_path: Path) -> None:
    require_conditions(tmp_path, CONDITIONS)  # nothing is there yet
    write(tmp_path, result("state", FAST))
    require_conditions(tmp_path, CONDITIONS)
    with pytest.raises(UserError, match=r"encoder_sha256 is '0+' in .* but '1' in"):
        require_conditions(tmp_path, replace(CONDITIONS, encoder_sha256="1"))


def test_a_folder_without_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no results"):
        results(tmp_path)
