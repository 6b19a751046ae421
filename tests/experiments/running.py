"""Runs a command in this process, as its users do from a shell."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from experiments.shared.command import run_command


class Command(NamedTuple):
    """Attributes: a module, the names of its settings and of what runs with them."""

    module: str
    settings: str
    main: str = "main"

    def parts(self) -> tuple[Callable[[Any], None], type[Any]]:
        """What `run_command` takes."""
        module = import_module(f"experiments.{self.module}")
        return getattr(module, self.main), getattr(module, self.settings)


COMMANDS = {
    "benchmark env": Command("benchmark.env.settings", "Settings"),
    "benchmark gqn": Command("benchmark.gqn.settings", "Settings"),
    "benchmark start": Command("benchmark.start.settings", "Settings"),
    "compare_observations": Command("compare_observations", "CompareObservationsSettings"),
    "convert_agent": Command("convert_agent", "ConvertAgentSettings"),
    "convert_dataset": Command("convert_dataset", "ConvertDatasetSettings"),
    "download_dataset": Command("download_dataset", "DownloadDatasetSettings"),
    "evaluate_agent": Command("evaluate_agent", "EvaluateAgentSettings"),
    "evaluate_gqn": Command("evaluate_gqn", "Settings"),
    "explore": Command("explore", "ExploreSettings"),
    "export_onnx": Command("export_onnx", "ExportSettings"),
    "generate_dataset": Command("generate_dataset", "GenerateDatasetSettings"),
    "hub pull": Command("hub.__main__", "PullSettings", "pull_files"),
    "hub push": Command("hub.__main__", "PushSettings", "push_source"),
    "make_stimuli": Command("make_stimuli", "MakeStimuliSettings"),
    "measure_difficulty": Command("measure_difficulty", "MeasureDifficultySettings"),
    "mental_rotation_benchmark": Command("mental_rotation_benchmark", "RotationBenchmarkSettings"),
    "play_episode": Command("play_episode", "PlayEpisodeSettings"),
    "plot_trials": Command("plot_trials", "PlotTrialsSettings"),
    "pretrain_gqn": Command("pretrain_gqn", "Settings"),
    "record_dataset": Command("record_dataset", "RecordDatasetSettings"),
    "results": Command("results.__main__", "ResultsSettings"),
    "train_agent": Command("train_agent", "TrainAgentSettings"),
    "train_rllib": Command("train_rllib", "TrainRllibSettings"),
    "train_stock_agent": Command("train_stock_agent", "TrainStockAgentSettings"),
}
"""Every command."""


def exit_code(monkeypatch: pytest.MonkeyPatch, name: str, words: list[str]) -> int:
    """The exit code of a command of `COMMANDS` with this command line."""
    main, settings = COMMANDS[name].parts()
    monkeypatch.setattr("sys.argv", [name, *words])
    try:
        run_command(main, settings, None)
    except SystemExit as leaving:
        return int(leaving.code or 0)
    return 0


def run(
    monkeypatch: pytest.MonkeyPatch, command: ModuleType, settings: type, **flags: object
) -> int:
    """The exit code of a command with these flags; a tuple is several values of one."""
    words: list[str] = []
    for name, value in flags.items():
        flag = f"--{name.replace('_', '-')}"
        values = value if isinstance(value, tuple) else (value,)
        words += [flag] if value is True else [flag, *map(str, values)]
    monkeypatch.setattr("sys.argv", [command.__name__, *words])
    try:
        run_command(command.main, settings, command.__doc__)
    except SystemExit as exit_:
        return int(exit_.code or 0)
    return 0
