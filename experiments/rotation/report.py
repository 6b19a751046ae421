"""The report of the benchmark: metrics.json, trials.csv, angles.png and a table that is printed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from experiments.rotation.published import PUBLISHED, SOURCE
from experiments.shared.terminal import console
from experiments.trials.table import write_trials
from gqn_rl.files import write_json

if TYPE_CHECKING:
    from experiments.rotation.answers import Answers

TURNED = {"depth": "turned in depth", "picture": "turned in the picture plane"}


def cut_share(seen: Sequence[NDArray[np.uint8]], background: int = 0) -> float:
    """The share of pictures in which the object reaches the border, and may be cut off.

    Args:
        background: value of all of its channels.
    """
    cut = []
    for side in seen:
        lit = (side != background).any(axis=-1)
        cut.append(lit[:, [0, -1]].any(axis=(1, 2)) | lit[:, :, [0, -1]].any(axis=(1, 2)))
    return float(np.mean(cut))


def report(folder: Path, facts: dict[str, Any], answers: dict[str, Answers]) -> None:
    """Write metrics.json, trials.csv and angles.png, and print the table.

    Args:
        facts: what metrics.json says of the pairs.
    """
    from experiments.trials.figure import save_trials

    trials = [trial for each in answers.values() for trial in each.trials]
    write_trials(folder / "trials.csv", trials)
    save_trials(folder / "angles.png", trials)
    published = PUBLISHED.get(facts["rotation"], {})
    summaries = {name: each.summary() for name, each in answers.items()}
    metrics = {**facts, "participants": summaries, "published": published}
    write_json(folder / "metrics.json", metrics)
    title = f"{facts['look']} cubes {TURNED[facts['rotation']]}, "
    title += f"{facts['pairs']} pairs of {facts['shapes']} shapes"
    source = f"published: {SOURCE}" if published else None
    table = Table(
        "who", "accuracy (95 % interval)", "trials", title=f"{title}, chance 0.5", caption=source
    )
    for name, each in answers.items():
        numbers = each.evaluation.summary()
        low, high = numbers["accuracy_95"]
        share = f"{numbers['accuracy']:.3f} ({low:.3f} to {high:.3f})"
        table.add_row(name, share, str(numbers["episodes"]))
    for name, share in published.items():
        table.add_row(f"published: {name}", share, "")
    console().print(table)
    print(folder)
