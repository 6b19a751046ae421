"""Time the GQN: training steps against the plain composition, and what limits representing.

Ours and the plain composition of the published architecture (float32, eager, contiguous, r spread
over the map and the canvas painted in every layer) start from the same weights and do the same
steps, taking turns, each in a process of its own. `represent` is compared with its own convolutions
alone, and the training step with a large matrix product. The output folder gets metrics.json.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from tqdm import tqdm

from experiments.benchmark.gqn_results import evaluate, print_tables
from experiments.benchmark.gqn_work import (
    Subject,
    matrix_product,
    our_training,
    own_convolutions,
    plain_training,
    representing,
)
from experiments.benchmark.timing import CLOCKS, Case, Plan, measure
from experiments.shared.command import new_run_folder, require_at_least, save_settings
from experiments.shared.device import DeviceFlag
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


@dataclass(frozen=True)
class Settings(DeviceFlag):
    """Flags of `python -m experiments.benchmark gqn`."""

    preset: str = "paper"
    """A published architecture, see gqn_rl.gqn.families.PRESETS."""
    layers: int = 4
    """Generator layers, fewer than the paper's 12 so that minutes suffice; 0: the preset's own."""
    batch_size: int = 8
    """Scenes per training step."""
    num_views: int = 6
    """Views of each scene."""
    rounds: int = 5
    """Turns of every alternative that count."""
    warmup: int = 1
    """Turns before them that do not."""
    others: tuple[str, ...] = ("small",)
    """Presets of any family of which a training step and `represent` are timed beside it."""
    paper_batch: int = 0
    """Scenes per step of a run of the whole preset, all layers, for its peak of memory; 0: none.
    The paper has 36."""
    paper_views: int = 15
    """Views of each scene there."""
    clock: str = "wall"
    """wall, or cpu: the time in which a process computes, for a CPU that has other work too."""
    precision: str = "auto"
    """Of ours: auto, bf16 or fp32; auto is bf16 where the processor computes it faster."""
    compile: bool = False
    """Compile our network; takes minutes and pays off on a GPU."""
    threads: int = 0
    """CPU threads of PyTorch; 0 leaves its default."""
    seed: int = 0
    """Of weights, scenes and latents."""
    output: Path | None = None
    """Output folder; by default runs/benchmark_gqn-<time>."""


def main(settings: Settings) -> None:
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
