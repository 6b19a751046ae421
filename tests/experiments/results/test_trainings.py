"""Trainings are measurements, and those that are recorded are lines of a table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agents.factory import load_hyperparameters
from experiments.agent.settings import TrainAgentSettings, supervision_of
from experiments.results.record import Record
from experiments.results.table import MEASUREMENTS, TRAININGS, training_name
from experiments.results.trainings import RecordedTraining, trainings_table
from tests.experiments.results.test_record import EXAMPLE

VALUES = {
    "env_id": "GQNShepard-v0",
    "supervision": "labels",
    "seed": 1,
    "timesteps": 6144,
    "episodes": 2000,
    "shapes": "train",
    "accuracy": 0.992,
    "accuracy_95": [0.987, 0.995],
    "looks": 1.1,
    "reward": 0.982,
}


def training(name: str, seed: int, **values: object) -> Record:
    """A record such as a training leaves."""
    command = MEASUREMENTS[training_name(name, seed)].command
    return replace(EXAMPLE, command=command, values=VALUES | {"seed": seed} | values)


@pytest.mark.parametrize("name", TRAININGS)
def test_seeds_of_a_training_differ_in_nothing_else(name: str) -> None:
    commands = [MEASUREMENTS[training_name(name, seed)].command for seed in TRAININGS[name].seeds]
    assert len(set(commands)) == len(commands)
    alike = {
        command.replace(f"--seed {seed}", "")
        for command, seed in zip(commands, TRAININGS[name].seeds, strict=True)
    }
    assert len(alike) == 1


def test_only_recorded_trainings_have_a_line(tmp_path: Path) -> None:
    training("recognition", 1).write(tmp_path / "training_recognition_1.json")
    head = trainings_table(tmp_path)
    assert head.count("GQNShepard-v0` |") == 1
    assert "| the right answer | 6,144 |" in head
    assert "| 1: 0.992 | 0.992 (0.987 to 0.995) | 1.1 | 0.98 |" in head


def test_lines_are_in_order_and_commands_are_told_once(tmp_path: Path) -> None:
    prediction = {"supervision": "none", "error": 13.31, "error_95": [13.2, 13.5]}
    records = {
        "view_prediction_0": training("view_prediction", 0, **prediction),
        "recognition_2": training("recognition", 2),
        "recognition_0": training("recognition", 0),
    }
    for name, record in records.items():
        record.write(tmp_path / f"training_{name}.json")
    *lines, _, recognition, view_prediction = trainings_table(tmp_path).splitlines()
    told = [line.split(" | ")[1] for line in lines[2:]]
    assert told == ["the right answer", "reward alone"]
    assert "| 0: 0.992, 2: 0.992 |" in lines[2]
    assert "13.3 (13.2 to 13.5)" in lines[-1]
    assert "--env-id GQNShepard-v0 --seed SEED" in recognition
    assert "--env-id GQNShepardViewPrediction-v0 --seed SEED" in view_prediction


@pytest.mark.parametrize(
    ("rewards", "middle"), [((0.9, 0.7, 0.8), 0.8), ((0.9, 0.7, 0.8, 0.6), 0.7), ((0.5,), 0.5)]
)
def test_the_median_is_in_the_middle_and_never_flatters(
    rewards: tuple[float, ...], middle: float
) -> None:
    records = tuple(training("recognition", 0, reward=reward) for reward in rewards)
    assert RecordedTraining("recognition", records).median().values["reward"] == middle


def test_metrics_say_what_was_told() -> None:
    alone = TrainAgentSettings(supervision="none").hyperparameters_of("ppo")
    assert supervision_of(alone) == "none"
    assert supervision_of(TrainAgentSettings().hyperparameters_of("ppo")) == "labels"
    assert supervision_of(load_hyperparameters("ppo", "GQNShepardViewPrediction-v0")) == "none"
