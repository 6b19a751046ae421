"""The measurement of `benchmark env`: which alternatives take turns, and what is said of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tqdm import tqdm

from experiments.benchmark.env.results import (
    BARE_ENCODING,
    BARE_RENDERING,
    CELLS,
    NATIVE,
    PIXELS,
    REFINED,
    REPRESENTATIONS,
    SUBPROCESSES,
    WITH_WORKERS,
    Found,
    evaluate,
    memory_growth,
    print_tables,
)
from experiments.benchmark.env.settings import Settings
from experiments.benchmark.env.work import (
    bare_encoding,
    bare_rendering,
    environment_steps,
    memory_over_steps,
    native_for_sb3,
    subprocesses_of_sb3,
)
from experiments.benchmark.timing import CLOCKS, Case, Plan, measure
from experiments.shared.command import (
    check_new_folder,
    new_run_folder,
    require_at_least,
    save_settings,
)
from experiments.shared.machine import describe_machine, load
from experiments.shared.parallel import available_cores
from experiments.shared.threads import check_threads
from gqn_rl.devices import choose_device
from gqn_rl.errors import UserError, unknown_name
from gqn_rl.extras import require
from gqn_rl.files import write_json

IMAGE_SIZE = 64
"""That of the shipped GQN."""
MEMORY_ROWS = 256
LEAST_SECONDS = 0.7
"""Of a turn: enough that filling the caches again, which others have used, does not count."""
QUICK: dict[str, Any] = {
    "rows": 4,
    "sizes": (2, 4),
    "subprocesses": (1,),
    "rounds": 1,
    "memory_steps": 2_560,
}


def measure_env(settings: Settings) -> None:
    """Time, print the tables, write the output folder."""
    begin = time.monotonic()
    if settings.quick:
        settings = replace(settings, **QUICK)
    _check(settings)
    device = choose_device(settings.device)
    if settings.output is not None:
        check_new_folder(settings.output)
    require("pybullet", "pybullet")
    folder = new_run_folder(settings.output, "benchmark_env")
    save_settings(folder, settings)
    machine = describe_machine(device, settings.threads or available_cores())
    limits, sizes, clients = _measure(settings, str(device))
    metrics = {
        "rounds": settings.rounds,
        "clock": settings.clock,
        **evaluate(limits, sizes, clients, settings.clock),
        "memory": memory_growth(_watch_memory(settings), MEMORY_ROWS),
        "machine": machine | {"load_after": load()},
        "seconds": round(time.monotonic() - begin, 1),
    }
    write_json(folder / "metrics.json", metrics)
    print_tables(metrics)
    print(folder)


def _check(settings: Settings) -> None:
    if settings.clock not in CLOCKS:
        raise unknown_name("clock", settings.clock, CLOCKS)
    least = {"rows": 1, "render_workers": 1, "rounds": 1, "memory_steps": MEMORY_ROWS}
    least |= dict.fromkeys(("subprocess_threads", "warmup", "threads", "seed"), 0)
    check_threads(settings.threads)
    require_at_least(settings, least)
    for name in ("sizes", "subprocesses"):
        numbers = getattr(settings, name)
        if not numbers or min(numbers) < 1:
            raise UserError(f"{name} are {numbers}, expected numbers of at least 1")


def _measure(settings: Settings, device: str) -> tuple[Found, Found, Found]:
    """The sections one after the other; within each the cases take turns."""
    seconds = 0.0 if settings.quick else LEAST_SECONDS
    one_thread = Plan(settings.rounds, settings.warmup, seconds, threads=1)
    every_core = replace(one_thread, threads=settings.threads or available_cores())
    plans = [
        (_limits(settings, device), one_thread),
        (_sizes(settings, device), one_thread),
        (_clients(settings, device), every_core),
    ]
    turns = settings.rounds + settings.warmup
    with tqdm(
        total=turns * sum(len(cases) for cases, _ in plans), unit="turn", disable=None
    ) as bar:
        advance = _advance(bar)
        limits, sizes, clients = (measure(cases, plan, advance) for cases, plan in plans)
    return limits, sizes, clients


def _advance(bar: tqdm) -> Callable[[str], None]:
    def advance(name: str) -> None:
        bar.set_postfix_str(name)
        bar.update()

    return advance


def _limits(settings: Settings, device: str) -> list[Case]:
    rows, seed = settings.rows, settings.seed
    cases = [
        Case(BARE_RENDERING, bare_rendering, (rows, IMAGE_SIZE, seed)),
        Case(BARE_ENCODING, bare_encoding, (rows, device, seed)),
    ]
    for workers, suffix in ((0, ""), (settings.render_workers, WITH_WORKERS)):
        for name, observation in ((PIXELS, "pixels"), (REPRESENTATIONS, "representation")):
            arguments = (rows, observation, workers, device, IMAGE_SIZE, seed)
            cases.append(Case(name + suffix, environment_steps, arguments))
    for name, encoder in ((CELLS, "cells"), (REFINED, "refined")):
        which = (rows, "representation", 0, device, IMAGE_SIZE, seed, encoder)
        cases.append(Case(name, environment_steps, which))
    return cases


def _sizes(settings: Settings, device: str) -> list[Case]:
    rest = ("representation", 0, device, IMAGE_SIZE, settings.seed)
    return [Case(f"{n} rows", environment_steps, (n, *rest)) for n in settings.sizes]


def _clients(settings: Settings, device: str) -> list[Case]:
    rows, threads, seed = settings.rows, settings.subprocess_threads, settings.seed
    cases = [Case(f"{NATIVE}, {rows} rows", native_for_sb3, (rows, device, seed))]
    for count in settings.subprocesses:
        arguments = (count, threads, device, seed)
        name = f"{SUBPROCESSES}, {count} processes"
        cases.append(Case(name, subprocesses_of_sb3, arguments, has_children=True))
    return cases


def _watch_memory(settings: Settings) -> list[int]:
    steps = settings.memory_steps // MEMORY_ROWS
    resident = memory_over_steps(MEMORY_ROWS, steps, IMAGE_SIZE, settings.seed)
    return list(
        tqdm(
            resident, total=steps, unit_scale=MEMORY_ROWS, unit="step", desc="memory", disable=None
        )
    )
