"""Records hold what was measured and say what moved since."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict
from pathlib import Path

import pytest
import tyro

from experiments.results import __main__ as results
from experiments.results import record
from experiments.results.__main__ import ResultsSettings
from experiments.results.record import Record, commit_of_the_code, condensed, measure, moved
from experiments.results.table import MEASUREMENTS, Measurement
from gqn_rl.errors import UserError
from tests.experiments.running import COMMANDS

EXAMPLE = Record(
    command="python -m experiments.evaluate_agent",
    commit="0123456789",
    date="2026-01-01",
    minutes=1.5,
    machine={"cores": 2},
    versions={"torch": "2.13.0"},
    values={"accuracy": 0.5, "accuracy_95": [0.4, 0.6]},
)


def test_a_record_comes_back_from_its_file(tmp_path: Path) -> None:
    EXAMPLE.write(tmp_path / "example.json")
    assert Record.read(tmp_path / "example.json") == EXAMPLE


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"command": "x"}'])
def test_what_is_no_record_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "example.json"
    path.write_text(content)
    with pytest.raises(UserError, match="is no record of results"):
        Record.read(path)


def test_what_is_long_or_names_a_folder_is_not_recorded() -> None:
    metrics = {"path": "a", "accuracy": 0.5, "turning": {"breakdown": {}, "accuracy": 0.7}}
    assert condensed(metrics) == {"accuracy": 0.5, "turning": {"accuracy": 0.7}}


def test_a_value_moves_when_it_leaves_its_interval() -> None:
    before = {"accuracy": 0.5, "accuracy_95": [0.4, 0.6], "seconds": 1.0}
    inside = {"accuracy": 0.65, "accuracy_95": [0.55, 0.75], "seconds": 9.0}
    outside = {"accuracy": 0.7, "accuracy_95": [0.61, 0.79], "seconds": 1.0}
    assert not list(moved(before, inside))
    assert [str(change) for change in moved(before, outside)] == ["accuracy: 0.5 -> 0.7"]


def test_a_value_without_an_interval_moves_by_two_percent() -> None:
    before = {"grid": {"rmse": 10.0, "scenes": 100}}
    assert not list(moved(before, {"grid": {"rmse": 10.1, "scenes": 100}}))
    (change,) = moved(before, {"grid": {"rmse": 10.3, "scenes": 100}})
    assert (change.name, change.before, change.after) == ("grid.rmse", 10.0, 10.3)


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_every_measurement_has_flags_that_its_command_knows(name: str) -> None:
    command, *flags = (
        MEASUREMENTS[name].arguments[1].split(".")[1:] + MEASUREMENTS[name].arguments[2:]
    )
    if command not in COMMANDS:
        command = f"{command} {flags.pop(0)}"
    _, settings = COMMANDS[command].parts()
    tyro.cli(settings, args=flags)


def test_a_measurement_runs_its_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fake.py").write_text(
        "import json, pathlib, sys\n"
        "folder = pathlib.Path(sys.argv[sys.argv.index('--output') + 1])\n"
        "folder.mkdir(parents=True)\n"
        "(folder / 'metrics.json').write_text(json.dumps({'flags': sys.argv[1:3]}))\n"
    )
    monkeypatch.setattr(
        Measurement, "arguments", property(lambda self: [str(tmp_path / "fake.py"), "--seed", "1"])
    )
    monkeypatch.setattr(record, "commit_of_the_code", lambda: "0123456789")
    found = measure(Measurement("fake", "--seed 1", 1), tmp_path / "output")
    assert found.values == {"flags": ["--seed", "1"]}
    assert found.commit == "0123456789"
    assert found.versions["torch"]
    assert json.loads(json.dumps(asdict(found))) == asdict(found)


def test_a_training_that_is_cut_short_is_not_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "output").mkdir()
    (tmp_path / "output" / "metrics.json").write_text('{"time_limit_reached": true}')
    monkeypatch.setattr(Measurement, "arguments", property(lambda self: ["-c", ""]))
    monkeypatch.setattr(record, "commit_of_the_code", lambda: "0123456789")
    with pytest.raises(UserError, match="cut short; nothing was recorded"):
        measure(Measurement("train_agent", "", 1), tmp_path / "output")


@pytest.mark.parametrize("changed", ["agents/ppo.yml", "gqn_rl/model.py", "experiments/all.py"])
def test_a_change_anywhere_is_noted_beside_the_commit(tmp_path: Path, changed: str) -> None:
    for name in ("agents/ppo.yml", "gqn_rl/model.py", "experiments/all.py", "docs/page.md"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("committed")
    person = ("-c", "user.name=n", "-c", "user.email=e@example.org")
    for command in (("init", "-q"), ("add", "."), (*person, "commit", "-qm", "begin")):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    (tmp_path / "docs" / "page.md").write_text("written on")
    begun = commit_of_the_code(tmp_path / "experiments")
    assert not begun.endswith("+")
    (tmp_path / changed).write_text("changed")
    assert commit_of_the_code(tmp_path / "experiments") == f"{begun}+"


def test_what_needs_a_file_that_is_not_there_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    made: list[str] = []
    monkeypatch.setattr(results, "measure_again", lambda name, output: made.append(name))
    monkeypatch.setattr(results, "documents", lambda: ())
    names = ("rotation_benchmark_published", "tutorial")
    results.main(ResultsSettings(names=names, output=tmp_path / "one"))
    assert made == ["tutorial"]
    needed = MEASUREMENTS[names[0]].needs
    assert needed is not None
    assert f"{names[0]} is left out: {needed} is not there" in capsys.readouterr().out
    Path(needed).parent.mkdir(parents=True)
    Path(needed).touch()
    results.main(ResultsSettings(names=names, output=tmp_path / "two"))
    assert made == ["tutorial", *names]


def test_a_command_that_fails_records_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "commit_of_the_code", lambda: "0123456789")
    with pytest.raises(UserError, match="failed; nothing was recorded"):
        measure(Measurement("no_such_command", "", 1), tmp_path / "output")
