"""`benchmark env`: what it times, its numbers, a whole quick run and bad input."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stable_baselines3.common.vec_env import SubprocVecEnv

from experiments.benchmark import __main__ as benchmark
from experiments.benchmark.env import work as env_work
from experiments.benchmark.env.results import (
    BARE_ENCODING,
    BARE_RENDERING,
    CELLS,
    PIXELS,
    REFINED,
    REPRESENTATIONS,
    WITH_WORKERS,
    evaluate,
    memory_growth,
    print_tables,
)
from experiments.benchmark.env.speed import MEMORY_ROWS
from experiments.benchmark.memory import Memory
from experiments.benchmark.timing import Case, Measured, Plan, Sample, Work, measure
from experiments.shared.machine import cpu_seconds
from tests.renderers import needs_pybullet


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """The exit code of `python -m experiments.benchmark env arguments`."""
    monkeypatch.setattr("sys.argv", ["benchmark"])
    try:
        benchmark.main(["env", *map(str, arguments)])
    except SystemExit as exit_:
        return int(exit_.code or 0)
    return 0


def measured(seconds: float, fact: str, count: float) -> Measured:
    """A case whose rounds took about so long by the clock on the wall, and half of it computing."""
    walls = [seconds * factor for factor in (0.9, 1.0, 1.2)]
    samples = [Sample(wall, wall / 2) for wall in walls]
    return Measured({fact: count}, 1, samples, Memory(1, 2, None))


LIMITS = {
    BARE_RENDERING: measured(0.08, "images", 8),
    BARE_ENCODING: measured(0.4, "views", 8),
    PIXELS: measured(0.1, "rows", 8),
    REPRESENTATIONS: measured(0.5, "rows", 8),
    PIXELS + WITH_WORKERS: measured(0.05, "rows", 8),
    REPRESENTATIONS + WITH_WORKERS: measured(0.4, "rows", 8),
    CELLS: measured(0.6, "rows", 8),
    REFINED: measured(0.9, "rows", 8),
}
SIZES = {f"{rows} rows": measured(0.01 * rows * (1 + 1 / rows), "rows", rows) for rows in (2, 8)}
CLIENTS = {
    "native, 8 rows": measured(0.08, "rows", 8),
    "SubprocVecEnv, 2 processes": measured(0.1, "rows", 2),
    "SubprocVecEnv, 4 processes": measured(0.12, "rows", 4),
}


@pytest.mark.parametrize("clock", ["wall", "cpu"])
def test_ratios_are_those_of_the_medians(clock: str) -> None:
    found = evaluate(LIMITS, SIZES, CLIENTS, clock)
    values = {name: ratio["value"] for name, ratio in found["ratios"].items()}
    assert values == pytest.approx(
        {
            "rendering": 0.8,
            "representations": 0.8,  # of the slower of the two, encoding
            PIXELS + WITH_WORKERS: 2.0,
            REPRESENTATIONS + WITH_WORKERS: 1.25,
            "refinement": 1.5,
            "SubprocVecEnv, 2 processes": 5.0,  # per row
            "SubprocVecEnv, 4 processes": 3.0,
        }
    )
    cost = found["cost_per_row"]
    assert (cost["dearest"], cost["cheapest"]) == (2, 8)
    assert cost["ratio"]["value"] == pytest.approx(1.5 / 1.125)
    scale = {"wall": 1.0, "cpu": 0.5}[clock]
    assert cost["seconds"] == pytest.approx({"2": 0.015 * scale, "8": 0.01125 * scale})
    native = found["cases"]["clients"]["native, 8 rows"]
    assert native["per_second"] == pytest.approx(100 / scale)


def test_the_slower_of_the_bare_work_may_be_rendering() -> None:
    slow = LIMITS | {BARE_RENDERING: measured(0.45, "images", 8)}
    ratios = evaluate(slow, SIZES, CLIENTS, "wall")["ratios"]
    assert ratios["representations"]["value"] == pytest.approx(0.9)


def test_growth_is_measured_after_warming_up() -> None:
    resident = [100, *range(200, 300, 10), *[290] * 89]
    found = memory_growth(resident, rows=4)
    assert found == {
        "steps": 400,
        "rows": 4,
        "warmed_up": 290,
        "end": 290,
        "growth": 0,
        "most": 290,
    }
    assert memory_growth([*range(1_000)], 1)["growth"] == 899


def test_tables_name_every_case_and_ratio(capsys: pytest.CaptureFixture[str]) -> None:
    metrics = evaluate(LIMITS, SIZES, CLIENTS, "wall")
    machine = dict.fromkeys(("gpu", "processor", "cores", "bf16", "torch", "load", "load_after"), 1)
    memory = memory_growth([10_000_000, 11_000_000], 4)
    print_tables({**metrics, "machine": machine, "memory": memory, "clock": "wall", "rounds": 3})
    printed = capsys.readouterr().out
    for name in (*LIMITS, *SIZES, *CLIENTS):
        assert name in printed
    for label in ("pixels / bare getCameraImage", "cost per row, 2 / 8 rows", "+1.0 MB"):
        assert label in printed


@needs_pybullet
@pytest.mark.parametrize("images", [1, 3, 20])
def test_bare_rendering_calls_the_camera_once_an_image(
    monkeypatch: pytest.MonkeyPatch, images: int
) -> None:
    work = env_work.bare_rendering(images, 16, seed=0)
    clients = []

    class Camera:
        @staticmethod
        def getCameraImage(**arguments: Any) -> None:
            assert arguments["width"] == arguments["height"] == 16
            clients.append(arguments["physicsClientId"])

    monkeypatch.setattr("gqn_rl.rendering.pybullet.pybullet.getCameraImage", Camera.getCameraImage)
    work.run()
    assert len(clients) == work.facts["images"] == images
    assert len(set(clients)) == min(images, env_work.STANDING_SCENES)
    assert all(a != b for a, b in pairwise(clients))


def test_actions_move_mostly_and_answer_sometimes() -> None:
    actions = np.stack(list(islice(env_work._actions(50, seed=0), env_work.ACTION_STEPS)))
    assert actions.min() == 0
    assert actions.max() == env_work.NUM_ACTIONS - 1
    answers = (actions >= env_work.NUM_MOVES).mean()
    assert answers == pytest.approx(env_work.ANSWER_SHARE, abs=0.03)


@pytest.mark.parametrize("observation", ["pixels", "representation"])
@pytest.mark.parametrize("workers", [0, 1])
def test_native_steps_are_steps_of_all_rows(observation: str, workers: int) -> None:
    work = env_work.environment_steps(3, observation, workers, "cpu", 64, 0)
    observations, rewards, *_ = work.run()  # type: ignore[misc]
    assert len(rewards) == work.facts["rows"] == 3
    assert ("image" in observations) == (observation == "pixels")
    helpers = work.helpers()
    assert len(helpers) == workers
    assert os.getpid() not in helpers


def test_the_baseline_is_stable_baselines3s_own() -> None:
    work = env_work.subprocesses_of_sb3(1, 1, "cpu", 0)
    (env,) = (
        cell.cell_contents
        for cell in work.run.__closure__  # type: ignore[attr-defined]
        if isinstance(cell.cell_contents, SubprocVecEnv)
    )
    try:
        observations, rewards, *_ = work.run()  # type: ignore[misc]
        assert observations["representation"].shape[0] == len(rewards) == 1
        assert [process.pid for process in env.processes] == work.helpers()
        assert env.get_attr("observation_space")[0] == env.observation_space
        assert cpu_seconds(work.helpers()[0]) > 0
    finally:
        env.close()


def burn(seconds: float) -> Work:
    """Helped by the server that forked this process, which does nothing."""

    def run() -> None:
        end = os.times().user + seconds
        while os.times().user < end:
            pass

    return Work(run, {}, lambda: [os.getppid()])


def test_computing_of_helpers_is_counted() -> None:
    found = measure([Case("burn", burn, (0.05,))], Plan(rounds=1, warmup=0, threads=1))
    assert found["burn"].samples[0].cpu >= 0.04
    before = cpu_seconds(os.getpid())
    burn(0.1).run()
    assert cpu_seconds(os.getpid()) - before >= 0.09


def numbers_in(tree: Any) -> Iterator[float]:
    if isinstance(tree, dict | list):
        for value in tree.values() if isinstance(tree, dict) else tree:
            yield from numbers_in(value)
    elif isinstance(tree, int | float):
        yield tree


@needs_pybullet
@pytest.mark.slow
def test_a_quick_run_leaves_all_numbers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert run(monkeypatch, "--quick", "--device", "cpu", "--output", tmp_path / "run") == 0
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert all(math.isfinite(number) for number in numbers_in(metrics))
    assert set(metrics) == {
        *("machine", "clock", "rounds", "targets", "cases", "ratios", "cost_per_row"),
        *("memory", "seconds"),
    }
    cases = metrics["cases"]
    assert set(cases["limits"]) == set(LIMITS)
    assert set(cases["sizes"]) == {"2 rows", "4 rows"}
    assert set(cases["clients"]) == {"native, 4 rows", "SubprocVecEnv, 1 processes"}
    for case in (case for section in cases.values() for case in section.values()):
        assert 0 < case["minimum"] <= case["median"]
        assert case["memory"]["peak"] > 0
    assert metrics["memory"]["steps"] == 10 * MEMORY_ROWS
    assert json.loads((tmp_path / "run" / "settings.json").read_text())["rows"] == 4


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--rows", "0"), "rows is 0, expected at least 1"),
        (("--rounds", "0"), "rounds is 0"),
        (("--render-workers", "0"), "render_workers is 0"),
        (("--memory-steps", "10"), f"memory_steps is 10, expected at least {MEMORY_ROWS}"),
        (("--sizes", "4", "0"), "sizes are (4, 0), expected numbers of at least 1"),
        (("--subprocesses", "0"), "subprocesses are (0,)"),
        (("--subprocess-threads", "-1"), "subprocess_threads is -1"),
        (("--clock", "sun"), "unknown clock 'sun'"),
        (("--device", "abacus"), "'abacus'"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_made(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    flags: tuple[str, ...],
    says: str,
) -> None:
    assert run(monkeypatch, *flags, "--output", tmp_path / "run") == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert len(error.splitlines()) == 1
    assert says in error
    assert not (tmp_path / "run").exists()
