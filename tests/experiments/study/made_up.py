"""Results of runs that nobody did, for tests of what is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.study.plan import Conditions, Run
from experiments.study.runs import path_of
from gqn_rl.files import write_json

EVERY = 1000
"""Steps between two evaluations; each thousand takes two seconds on the wall, one of a core."""
CONDITIONS = Conditions(
    timesteps=4000,
    eval_every=EVERY,
    eval_episodes=32,
    stop_after=0,
    plain_ppo=False,
    hyperparameters={"num_envs": 16, "policy_kwargs": {}},
    env_kwargs={"renderer": "pybullet"},
    encoder="gqn",
    encoder_sha256="0" * 64,
)


def result(
    agent: str, accuracies: Sequence[float], camera: str = "moving", seed: int = 0
) -> dict[str, Any]:
    """A run with these accuracies after 1000, 2000, ... steps."""
    rows = [
        {
            "timesteps": EVERY * number,
            "seconds": 2.0 * number,
            "cpu_seconds": 1.0 * number,
            "accuracy": accuracy,
            "looks": 2.0,
        }
        for number, accuracy in enumerate(accuracies, start=1)
    ]
    return {
        "name": f"{camera}-{agent}-{seed}",
        "agent": agent,
        "camera": camera,
        "seed": seed,
        "conditions": CONDITIONS.to_json(),
        "encoder": {"name": "gqn", "sha256": "0" * 64} if agent == "representation" else None,
        "parameters": 1234,
        "stopped_early": False,
        "curve": rows,
        "machine": {"processor": "a processor", "load": 0.5 * seed},
    }


def write(folder: Path, *results: dict[str, Any]) -> None:
    """As the study leaves them."""
    for found in results:
        run = Run(found["agent"], found["camera"], found["seed"], CONDITIONS)
        write_json(path_of(folder, run), found)
    names = [found["name"] for found in results]
    write_json(folder / "study.json", {"command": "python -m something", "planned": names})
