"""The measurement of `benchmark start`: fresh processes, what each said, and the targets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.box import SIMPLE_HEAD
from rich.table import Table

import experiments
from experiments.benchmark.start.settings import Settings
from experiments.shared.command import new_run_folder, require_at_least, save_settings
from experiments.shared.machine import describe_machine, load
from experiments.shared.terminal import console
from gqn_rl.files import write_json

TARGETS = {"help": 1.0, "make": 3.0, "megabytes": 400.0, "share": 1 / 3}
"""Seconds, seconds, megabytes at most; share of its quiet speed at least."""
WORK = "experiments.benchmark.start.work"


def measure_start(settings: Settings) -> None:
    """Measure, print the table, write the output folder."""
    least = dict.fromkeys(("rounds", "environments", "load", "steps"), 1)
    require_at_least(settings, least | {"seed": 0})
    folder = new_run_folder(settings.output, "benchmark_start")
    save_settings(folder, settings)
    begin = time.monotonic()
    metrics = {
        "machine": describe_machine(torch.device("cpu"), 0),
        "targets": TARGETS,
        **help_figures(settings.rounds),
        "make": fastest([work("make") for _ in range(settings.rounds)]),
        "memory": work("memory", settings.environments, settings.seed),
        "busy": busy_figures(settings),
        "seconds": round(time.monotonic() - begin, 1),
    }
    metrics["machine"]["load_after"] = load()
    write_json(folder / "metrics.json", metrics)
    print_table(metrics)
    print(folder)


def commands() -> list[str]:
    """All that `python -m experiments.NAME` runs."""
    places = [place for folder in experiments.__path__ for place in Path(folder).iterdir()]
    packages = [place.name for place in places if (place / "__main__.py").is_file()]
    modules = [place.stem for place in places if place.suffix == ".py"]
    return sorted({*packages, *modules} - {"__init__"})


def help_figures(rounds: int) -> dict[str, Any]:
    """Seconds until --help has been printed, by command, and the slowest of them."""
    each = {
        name: fastest([timed(["-m", f"experiments.{name}", "--help"])[1] for _ in range(rounds)])
        for name in commands()
    }
    slowest = max(each, key=lambda name: each[name]["seconds"])
    return {"help": each, "slowest_help": {"command": slowest, **each[slowest]}}


def busy_figures(settings: Settings) -> dict[str, Any]:
    """Steps a second of a single environment, alone and beside other processes, in turns."""
    found = work("busy", settings.load, settings.rounds, settings.steps, settings.seed)
    middle = {name: float(np.median(rates)) for name, rates in found.items()}
    quiet, busy = middle["quiet"], middle["busy"]
    return {
        "load": settings.load,
        "quiet_steps_per_second": quiet,
        "busy_steps_per_second": busy,
        "share": busy / quiet,
        "share_of_a_loop": middle["busy_loop"] / middle["quiet_loop"],
    }


def work(name: str, *arguments: int) -> dict[str, Any]:
    """What a function of `experiments.benchmark.start.work` says, in a process of its own."""
    code = f"from {WORK} import {name}; {name}{tuple(arguments)}"
    said: dict[str, Any] = json.loads(timed(["-c", code])[0].splitlines()[-1])
    return said


def timed(arguments: list[str]) -> tuple[str, dict[str, float]]:
    """What Python prints with such arguments, and the seconds until it has ended."""
    start, before = time.perf_counter(), os.times()
    done = subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.PIPE)
    end, after = time.perf_counter(), os.times()
    used = after.children_user + after.children_system
    used -= before.children_user + before.children_system
    return done.stdout.decode(), {"seconds": end - start, "cpu_seconds": used}


def fastest(times: list[dict[str, float]]) -> dict[str, float]:
    """The least of each of the times."""
    return {name: round(min(each[name] for each in times), 3) for name in times[0]}


def print_table(metrics: dict[str, Any]) -> None:
    """What was measured beside what was aimed at."""
    slowest, make, memory = (metrics[name] for name in ("slowest_help", "make", "memory"))
    busy = metrics["busy"]
    table = Table("what", "measured", "target", box=SIMPLE_HEAD, title="start")
    table.add_row(
        f"--help of the slowest command, {slowest['command']}",
        f"{slowest['seconds']:.2f} s, {slowest['cpu_seconds']:.2f} of them computing",
        f"{TARGETS['help']:g} s",
    )
    table.add_row(
        "import of the environments, and gymnasium.make",
        f"{make['seconds']:.2f} s, {make['cpu_seconds']:.2f} of them computing",
        f"{TARGETS['make']:g} s",
    )
    table.add_row(
        f"memory of {memory['environments']} single environments",
        f"{memory['megabytes']:.0f} MB, {memory['undrawn_megabytes']:.0f} before the first picture",
        f"{TARGETS['megabytes']:g} MB",
    )
    table.add_row(
        f"speed of a single environment beside a load of {busy['load']}, of its quiet one",
        f"{busy['share']:.2f}; of a loop of Python {busy['share_of_a_loop']:.2f}",
        f"{TARGETS['share']:.2f}",
    )
    console().print(table)
