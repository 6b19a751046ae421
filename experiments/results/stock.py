"""The trainings of stock agents that the documentation reports, for reference."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from experiments.results.record import Record
from experiments.results.table import RESULTS, STOCK, stock_name
from experiments.results.trainings import score

STEPS = (8_192, 16_384, 32_768, 65_536)
"""Of the columns."""
HEAD = (
    "| agent | sees | "
    + " | ".join(f"{steps:,} steps" for steps in STEPS)
    + " | at the end, 1,000 fresh episodes | looks | reward |\n"
    + "|---" * (5 + len(STEPS))
    + "|"
)
AGENTS = {"ppo": "PPO", "dqn": "DQN", "recurrent_ppo": "RecurrentPPO"}


def line(values: dict[str, Any]) -> str:
    """One training's line of the table."""
    reached = {row["timesteps"]: row for row in values["evaluations"]}
    cells = (
        AGENTS[values["algo"]],
        seen(values),
        *(f"{reached[steps]['accuracy']:.2f}" if steps in reached else "" for steps in STEPS),
        score(values),
        f"{values['looks']:.1f}",
        f"{values['reward']:.2f}",
    )
    return "| " + " | ".join(cells) + " |"


def seen(values: dict[str, Any]) -> str:
    """What the agent saw.

    >>> seen({"observation": "pixels", "encoder": None})
    'pixels'
    >>> seen({"observation": "representation", "encoder": {"name": "refined"}})
    'representation, `refined`'
    """
    encoder = values["encoder"]
    return values["observation"] + (f", `{encoder['name']}`" if encoder else "")


def recorded(results: Path = RESULTS) -> Iterator[Record]:
    """Those that have a record, in the order of `STOCK`."""
    for name in STOCK:
        path = results / f"{stock_name(name)}.json"
        if path.is_file():
            yield Record.read(path)


def stock_table(results: Path = RESULTS) -> str:
    """What the documents say of stock agents: a line for each, and the commands."""
    found = list(recorded(results))
    commands = (f"    {record.command}" for record in found)
    return "\n".join((HEAD, *(line(record.values) for record in found), "", *commands))
