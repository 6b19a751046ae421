"""Timing: turns, processes, memory, and the statistics of the samples."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from experiments.benchmark import machine
from experiments.benchmark.statistics import ratio_of_medians, summary
from experiments.benchmark.timing import Case, Measured, Plan, Sample, Work, measure
from gqn_rl.errors import UserError
from tests.experiments.benchmark.cases import (
    computing,
    dying,
    failing,
    holding,
    refusing,
    sleeping,
)


def test_cases_take_turns_in_processes_of_their_own() -> None:
    turns: list[str] = []
    cases = [Case("a", sleeping, (0.01,)), Case("b", sleeping, (0.01,))]
    found = measure(cases, Plan(rounds=3, warmup=1, least_seconds=0.0), turns.append)
    assert turns == ["a", "b"] * 4
    assert found["a"].facts["pid"] != found["b"].facts["pid"]
    for measured in found.values():
        assert len(measured.samples) == 3  # the warm-up is not among them
        assert measured.repeats == 1


def test_samples_are_seconds_per_run_and_sleep_costs_no_cpu_time() -> None:
    plan = Plan(rounds=2, warmup=1, least_seconds=0.1)
    found = measure([Case("sleep", sleeping, (0.02,)), Case("sum", computing)], plan)
    assert 1 <= found["sleep"].repeats <= 5
    assert min(found["sleep"].seconds("wall")) >= 0.02  # one run's, however many there were
    assert max(found["sleep"].seconds("cpu")) < 0.02
    assert all(seconds > 0 for seconds in found["sum"].seconds("cpu"))


def test_short_runs_are_repeated_within_a_turn() -> None:
    found = measure([Case("sum", computing)], Plan(rounds=1, warmup=1, least_seconds=1.0))
    assert found["sum"].repeats > 1


def test_without_a_warmup_every_turn_is_one_run() -> None:
    found = measure([Case("sum", computing)], Plan(rounds=2, warmup=0))
    assert found["sum"].repeats == 1
    assert len(found["sum"].samples) == 2


def test_peaks_of_memory_are_those_of_each_case() -> None:
    cases = [Case("large", holding, (300,)), Case("small", holding, (1,))]
    found = measure(cases, Plan(rounds=1, warmup=0))
    large, small = found["large"].memory, found["small"].memory
    assert large is not None
    assert small is not None
    assert 300e6 < large.peak - large.before < 400e6
    assert small.peak - small.before < 100e6


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (refusing, UserError, "not today"),
        (dying, UserError, "'case' was killed"),
        (failing, RuntimeError, "ZeroDivisionError: a bug"),
    ],
)
def test_what_goes_wrong_in_a_process_is_told(
    make: Callable[[], Work], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        measure([Case("other", computing), Case("case", make)], Plan(rounds=1))


def test_the_ratio_is_that_of_the_medians() -> None:
    found = ratio_of_medians([9.0, 30.0, 10.0, 11.0, 12.0], [1.0, 2.0, 4.0, 2.0, 2.0])
    assert found.value == 11.0 / 2.0
    assert found.low <= found.value <= found.high
    assert found.low < found.high


def test_rounds_stay_together() -> None:
    """However much rounds differ, the interval is a point where the ratio is always the same."""
    below = np.array([1.0, 5.0, 2.0, 9.0, 3.0])
    found = ratio_of_medians(3 * below, below)
    np.testing.assert_allclose(found, [3.0, 3.0, 3.0])


def test_the_interval_covers_the_true_ratio_about_as_often_as_it_says(
    rng: np.random.Generator,
) -> None:
    covered = 0
    for _ in range(200):
        above, below = rng.lognormal(np.log(5.0), 0.1, 21), rng.lognormal(0.0, 0.1, 21)
        found = ratio_of_medians(above, below)
        covered += found.low <= 5.0 <= found.high
    assert 180 <= covered < 200


@pytest.mark.parametrize(("above", "below"), [([], []), ([1.0], [1.0, 2.0])])
def test_ratios_need_samples_of_the_same_rounds(above: list[float], below: list[float]) -> None:
    with pytest.raises(ValueError, match="expected both"):
        ratio_of_medians(above, below)


def test_a_summary_is_made_of_the_clock_asked_for() -> None:
    samples = [Sample(3.0, 1.0), Sample(5.0, 2.0), Sample(10.0, 1.5)]
    numbers = summary(Measured({"images": 6.0}, samples=samples), "wall")
    assert (numbers["minimum"], numbers["median"]) == (3.0, 5.0)
    assert numbers["wall"] == [3.0, 5.0, 10.0]
    assert numbers["images"] == 6.0
    assert summary(Measured({}, samples=samples), "cpu")["median"] == 1.5


@pytest.mark.parametrize(
    ("flags", "units", "matrix"),
    [
        ("fpu avx512_bf16 amx_bf16 amx_tile", "matrix units (AMX)", True),
        ("fpu avx512_bf16", "dot products (AVX-512), no matrix units", False),
        ("fpu sse2", "none known", False),
    ],
)
def test_the_machine_tells_its_bf16_units_and_nothing_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: str, units: str, matrix: bool
) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text(f"processor\t: 0\nmodel name\t: A 1\nflags\t\t: {flags}\n\nprocessor\t: 1\n")
    monkeypatch.setattr(machine, "CPU_INFO", info)
    found = machine.describe_machine(torch.device("cpu"), threads=3)
    assert found["processor"] == "A 1"
    assert (found["bf16"], found["bf16_matrix_units"]) == (units, matrix)
    assert found["threads"] == 3
    assert found["gpu"] is None
    text = json.dumps(found)
    assert "/" not in text
    assert not platform.node() or platform.node() not in text
