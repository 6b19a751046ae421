"""The measurement of `benchmark gqn`: which alternatives take turns, and what is said of them."""

from __future__ import annotations

import time
from dataclasses import replace

import torch
from tqdm import tqdm

from experiments.benchmark.gqn.results import evaluate, print_tables
from experiments.benchmark.gqn.settings import Settings
from experiments.benchmark.gqn.work import (
    Subject,
    matrix_product,
    our_training,
    own_convolutions,
    plain_training,
    representing,
)
from experiments.benchmark.timing import CLOCKS, Case, Plan, measure
from experiments.shared.command import new_run_folder, require_at_least, save_settings
from experiments.shared.machine import describe_machine, load
from experiments.shared.threads import check_threads
from gqn_rl.devices import PRECISIONS, choose_device, require_compiler
from gqn_rl.errors import UserError, unknown_name
from gqn_rl.files import write_json
from gqn_rl.gqn.families import FAMILIES, preset

PRODUCT_SIZE = {"cuda": 8192}
SMALL_PRODUCT_SIZE = 2048
"""Rows of the matrices whose product says how fast a device can be."""
PAPER_BATCH_ROUNDS = 2


def measure_gqn(settings: Settings) -> None:
    """Time, print the tables, write the output folder."""
    begin = time.monotonic()
    _check(settings)
    device = choose_device(settings.device)
    sections = _sections(settings, _subject(settings, device))
    folder = new_run_folder(settings.output, "benchmark_gqn")
    save_settings(folder, settings)
    machine = describe_machine(device, settings.threads)
    plan = Plan(settings.rounds, settings.warmup, threads=settings.threads)
    plans = {name: _plan(name, plan) for name in sections}
    turns = sum((plans[n].warmup + plans[n].rounds) * len(c) for n, c in sections.items())
    with tqdm(total=turns, unit="turn", dynamic_ncols=True, disable=None) as bar:

        def advance(name: str) -> None:
            bar.set_postfix_str(name)
            bar.update()

        found = {name: measure(c, plans[name], advance) for name, c in sections.items()}
    metrics = {
        "machine": machine | {"load_after": load()},
        "clock": settings.clock,
        "rounds": settings.rounds,
        **evaluate(found, settings.clock),
        "seconds": round(time.monotonic() - begin, 1),
    }
    write_json(folder / "metrics.json", metrics)
    print_tables(metrics)
    print(folder)


def _check(settings: Settings) -> None:
    published = FAMILIES["published"].presets
    if settings.preset not in published:
        raise unknown_name("published preset", settings.preset, published)
    for name in settings.others:
        preset(name)
    for kind, known in (("precision", PRECISIONS), ("clock", CLOCKS)):
        if getattr(settings, kind) not in known:
            raise unknown_name(kind, getattr(settings, kind), known)
    least = {"batch_size": 1, "num_views": 2, "paper_views": 2, "rounds": 1}
    least |= dict.fromkeys(("layers", "warmup", "paper_batch", "threads", "seed"), 0)
    check_threads(settings.threads)
    if settings.compile:
        require_compiler()
    require_at_least(settings, least)


def _subject(settings: Settings, device: torch.device) -> Subject:
    if settings.clock == "cpu" and device.type != "cpu":
        raise UserError(f"clock is 'cpu', which does not tell what {device.type} does")
    return Subject(
        preset=settings.preset,
        recipe="published",
        layers=settings.layers,
        batch_size=settings.batch_size,
        num_views=settings.num_views,
        device=str(device),
        precision=settings.precision,
        compiled=settings.compile,
        seed=settings.seed,
    )


def _sections(settings: Settings, subject: Subject) -> dict[str, list[Case]]:
    """What takes turns with what."""
    kind = torch.device(subject.device).type
    size = PRODUCT_SIZE.get(kind, SMALL_PRODUCT_SIZE)
    sections = {
        "training": [
            Case("ours", our_training, (subject,)),
            Case("plain", plain_training, (subject, "transposed")),
            Case("plain_tiled", plain_training, (subject, "tiled")),
            Case("matrix_product", matrix_product, (subject.device, subject.precision, size)),
        ],
        "represent": [
            Case("ours", representing, (subject,)),
            Case("convolutions", own_convolutions, (subject,)),
        ],
        "others": [case for name in settings.others for case in _other(subject, name)],
    }
    if settings.paper_batch:
        whole = replace(
            subject, layers=0, batch_size=settings.paper_batch, num_views=settings.paper_views
        )
        sections["paper_batch"] = [Case("ours", our_training, (whole,))]
    return sections


def _other(subject: Subject, name: str) -> list[Case]:
    other = replace(subject, preset=name, layers=0, recipe="modern")
    return [
        Case(f"{name} training", our_training, (other,)),
        Case(f"{name} represent", representing, (other,)),
    ]


def _plan(section: str, plan: Plan) -> Plan:
    return replace(plan, rounds=PAPER_BATCH_ROUNDS, warmup=0) if section == "paper_batch" else plan
