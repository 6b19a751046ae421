"""`train_agent` and `evaluate_agent`: a whole small run, and every kind of bad input."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from types import ModuleType

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from experiments import convert_agent, evaluate_agent, train_agent
from experiments.agent.environment import encoder_identity
from experiments.evaluation.agent import WATCHED_EPISODES
from experiments.shared.command import EXIT_BAD_INPUT, run_command
from gqn_rl.encoders import make_encoder

SETTINGS = {
    train_agent: train_agent.TrainAgentSettings,
    evaluate_agent: evaluate_agent.EvaluateAgentSettings,
    convert_agent: convert_agent.ConvertAgentSettings,
}
# The truth as observation needs no encoder and no rendering, so a run takes seconds.
SMALL = ["--observation", "state", "--num-envs", "16", "--eval-episodes", "64"]
SMALL += ["--eval-every", "2048", "--eval-every-episodes", "32", "--gallery-size", "4"]


def run(module: ModuleType, monkeypatch: pytest.MonkeyPatch, *flags: object) -> int:
    """The exit code of `python -m experiments.<module> flags`."""
    monkeypatch.setattr("sys.argv", [module.__name__, *map(str, flags)])
    try:
        run_command(module.main, SETTINGS[module], module.__doc__)
    except SystemExit as exit_:
        return int(exit_.code or 0)
    return 0


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small training run."""
    folder = tmp_path_factory.mktemp("runs") / "first"
    with pytest.MonkeyPatch.context() as monkeypatch:
        flags = [*SMALL, "--total-timesteps", 8192, "--output", folder]
        assert run(train_agent, monkeypatch, *flags) == 0
    return folder


def test_training_leaves_everything_the_readme_promises(run_folder: Path) -> None:
    metrics = json.loads((run_folder / "metrics.json").read_text())
    assert metrics["episodes"] == 64
    assert metrics["chance"] == 0.25
    assert (metrics["supervision"], metrics["shapes"]) == ("labels", "train")
    low, high = metrics["accuracy_95"]
    assert 0 <= low <= metrics["accuracy"] <= high <= 1
    # The truth is shown: it has to be far better than random after 8,000 steps.
    assert metrics["accuracy"] > metrics["baselines"]["random"]["accuracy"] + 0.2
    assert metrics["timesteps"] == 8192
    assert metrics["steps_per_second"] > 0
    assert metrics["training_seconds"] <= metrics["wall_seconds"]
    settings = json.loads((run_folder / "settings.json").read_text())
    assert settings["gallery_size"] == 4
    for name in ("learning_curve.png", "episode.png"):
        with Image.open(run_folder / name) as picture:
            assert min(picture.size) > 200
    assert list((run_folder / "tensorboard").rglob("events.*"))


def test_curves_hold_training_and_evaluation(run_folder: Path) -> None:
    with (run_folder / "curves.csv").open() as file:
        rows = list(csv.DictReader(file))
    evaluations = [row for row in rows if row["kind"] == "evaluation"]
    assert len(evaluations) >= 3
    assert evaluations[-1]["timesteps"] == "8192"
    for row in evaluations:
        assert float(row["accuracy_low"]) <= float(row["accuracy"]) <= float(row["accuracy_high"])
    assert sum(row["kind"] == "training" for row in rows) == 8192 // (16 * 32)


def test_evaluation_reads_the_run_folder_back(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    flags = ["--agent", run_folder, "--episodes", 48, "--num-envs", 8, "--output", tmp_path / "e"]
    flags += ["--labelled-episodes", 64, "--look-around", "right", "up", "--ideal-episodes", 16]
    flags += ["--full", "--random-networks", 0]
    assert run(evaluate_agent, monkeypatch, *flags) == 0
    metrics = json.loads((tmp_path / "e" / "metrics.json").read_text())
    assert set(metrics["baselines"]) == {"look around", "random", "oracle", "ideal observer"}
    assert metrics["baselines"]["ideal observer"]["episodes"] == 16
    assert metrics["baselines"]["ideal observer"]["accuracy"] == 1.0
    assert metrics["baselines"]["oracle"]["accuracy"] == 1.0
    assert metrics["baselines"]["look around"]["looks"] == 3.0
    assert metrics["baselines"]["random"]["accuracy"] < metrics["accuracy"]
    assert metrics["look_around"]["labelled_episodes"] == 64
    with Image.open(tmp_path / "e" / "episode.gif") as animation:
        assert animation.format == "GIF"
        assert animation.n_frames >= WATCHED_EPISODES  # type: ignore[attr-defined]
    printed = capsys.readouterr().out
    assert all(name in printed for name in ("agent", "look around", "random", "oracle"))
    assert "ideal observer: the first 16" in " ".join(printed.split())


@pytest.fixture(scope="module")
def prediction_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small training run on view prediction."""
    folder = tmp_path_factory.mktemp("runs") / "prediction"
    flags = ["--env-id", "GQNShepardViewPrediction-v0", "--observation", "state"]
    flags += ["--encoder", "random", "--num-envs", "8", "--max-looks", "3", "--eval-episodes", "16"]
    flags += ["--eval-every", "256", "--eval-every-episodes", "8", "--total-timesteps", "512"]
    with pytest.MonkeyPatch.context() as monkeypatch:
        assert run(train_agent, monkeypatch, *flags, "--output", folder) == 0
    return folder


def test_view_prediction_is_reported_by_its_error(prediction_folder: Path) -> None:
    metrics = json.loads((prediction_folder / "metrics.json").read_text())
    assert "accuracy" not in metrics
    assert metrics["chance"] is None
    low, high = metrics["error_95"]
    assert 0 < low <= metrics["error"] <= high
    assert metrics["first_error"] > 0
    with (prediction_folder / "curves.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["kind"] == "evaluation"]
    assert len(rows) == 2
    assert all(float(row["error"]) > 0 for row in rows)
    with Image.open(prediction_folder / "learning_curve.png") as picture:
        assert min(picture.size) > 200


def test_view_prediction_is_compared_at_equal_looks(
    prediction_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    flags = ["--env-id", "GQNShepardViewPrediction-v0", "--agent", prediction_folder]
    flags += ["--full", "--episodes", 12, "--num-envs", 4, "--output", tmp_path / "e"]
    assert run(evaluate_agent, monkeypatch, *flags) == 0
    metrics = json.loads((tmp_path / "e" / "metrics.json").read_text())
    strategies = {"random views", "farthest views", "nearest views"}
    assert set(metrics["baselines"]) == strategies | {"random", "ideal observer"}
    assert metrics["baselines"]["ideal observer"]["error"] < 0.5 * metrics["error"]
    assert metrics["baselines"]["ideal observer"]["looks"] == metrics["looks"]
    for name in strategies:
        baseline = metrics["baselines"][name]
        assert baseline["looks"] == metrics["looks"]
        assert baseline["first_error"] == pytest.approx(metrics["first_error"])
        difference = metrics["agent_minus"][name]["reward"]["difference"]
        assert difference == pytest.approx(metrics["reward"] - baseline["reward"])
    printed = capsys.readouterr().out
    assert all(name in printed for name in ("agent", "error", "nearest views"))
    assert (tmp_path / "e" / "episode.gif").exists()


FEW_UPDATES = {
    "sac": ["learning_starts=64", "gradient_steps=8", "batch_size=32"],
    "ppo": ["n_steps=8", "batch_size=32", "n_epochs=2"],
}


@pytest.mark.parametrize("algo", FEW_UPDATES)
@pytest.mark.parametrize(
    ("env_id", "measure"),
    [
        ("GQNShepardContinuous-v0", "accuracy"),
        ("GQNShepardMentalRotationContinuous-v0", "accuracy"),
        ("GQNShepardViewPredictionContinuous-v0", "error"),
    ],
)
def test_agents_train_and_are_evaluated_on_every_continuous_id(
    env_id: str, measure: str, algo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    flags = ["--env-id", env_id, "--algo", algo, "--observation", "state", "--encoder", "random"]
    flags += ["--num-envs", "8", "--max-looks", "4", "--total-timesteps", "128"]
    flags += ["--eval-episodes", "8", "--eval-every", "64", "--eval-every-episodes", "8"]
    flags += ["--hyper", *FEW_UPDATES[algo]]
    assert run(train_agent, monkeypatch, *flags, "--output", tmp_path / "run") == 0
    trained = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert trained["algo"] == algo
    assert trained["timesteps"] == 128
    flags = ["--env-id", env_id, "--agent", tmp_path / "run", "--episodes", 8, "--num-envs", 4]
    flags += ["--labelled-episodes", 32, "--look-around", "right", "down", "--ideal-episodes", 0]
    assert run(evaluate_agent, monkeypatch, *flags, "--output", tmp_path / "e") == 0
    metrics = json.loads((tmp_path / "e" / "metrics.json").read_text())
    assert metrics[measure] is not None
    assert "ideal observer" not in metrics["baselines"]
    if measure == "error":
        assert metrics["baselines"]["farthest views"]["error"] > 0.0
    else:
        assert metrics["baselines"]["look around"]["looks"] == 3.0
    assert measure in capsys.readouterr().out


BAD_TRAINING = {
    "env id": (["--env-id", "Nowhere-v0"], "Nowhere-v0"),
    "algo": (["--algo", "sarsa"], "sarsa"),
    "observation": (["--observation", "smell"], "smell"),
    "encoder": (["--observation", "representation", "--encoder", "nope"], "nope"),
    "encoder file": (
        ["--observation", "representation", "--encoder", "missing.safetensors"],
        "missing.safetensors",
    ),
    "renderer": (["--renderer", "pencil"], "pencil"),
    "gallery size": (["--gallery-size", "100000"], "100000"),
    "max looks": (["--max-looks", "0"], "max_looks is 0"),
    "num envs": (["--num-envs", "-1"], "num_envs is -1"),
    "timesteps": (["--total-timesteps", "0"], "total_timesteps is 0"),
    "hyperparameter": (["--hyper", "gama=1"], "gama"),
    "hyperparameter form": (["--hyper", "gamma"], "name=value"),
    "schedule": (["--hyper", "learning_rate=cos_1"], "cos_1"),
    "policy": (["--hyper", "policy=Mlp"], "Mlp"),
    "resume": (["--resume", "no/such/folder"], "no/such/folder"),
    "discrete actions for sac": (["--algo", "sac"], "sac needs a Box"),
    "no moves told of": (
        [
            "--hyper",
            "policy=MovePolicy",
            "aux_coef=0",
            "policy_kwargs.features_extractor_kwargs=null",
        ],
        "needs an observation with 'prospects'",
    ),
}


@pytest.mark.parametrize("case", BAD_TRAINING)
def test_bad_training_input_is_one_line_and_code_2(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    flags, named = BAD_TRAINING[case]
    output = tmp_path / "out"
    assert run(train_agent, monkeypatch, *SMALL, *flags, "--output", output) == EXIT_BAD_INPUT
    message = capsys.readouterr().err
    assert message.startswith("error: ")
    assert message.count("\n") == 1
    assert named in message
    assert not output.exists()  # nothing was begun


def test_an_output_folder_that_exists_is_left_alone(
    run_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    before = {file.name: file.stat().st_mtime_ns for file in run_folder.iterdir()}
    assert run(train_agent, monkeypatch, *SMALL, "--output", run_folder) == EXIT_BAD_INPUT
    assert "exists" in capsys.readouterr().err
    assert {file.name: file.stat().st_mtime_ns for file in run_folder.iterdir()} == before


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--env-id", "Nowhere-v0"], "Nowhere-v0"),
        (["--agent", "no/such/agent"], "no/such/agent"),
        (["--look-around", "sideways"], "sideways"),
        (["--renderer", "pencil"], "pencil"),
        (["--episodes", "0"], "episodes is 0"),
        (["--ideal-episodes", "-1"], "ideal_episodes is -1"),
        (["--random-networks", "2"], "expected labelled_episodes or full"),
    ],
)
def test_bad_evaluation_input_is_one_line_and_code_2(
    flags: list[str],
    named: str,
    run_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys,
) -> None:
    output = tmp_path / "out"
    given = ["--agent", run_folder, *flags, "--output", output]
    assert run(evaluate_agent, monkeypatch, *given) == EXIT_BAD_INPUT
    message = capsys.readouterr().err
    assert message.startswith("error: ")
    assert message.count("\n") == 1
    assert named in message
    assert not output.exists()


def test_an_agent_is_refused_where_it_does_not_fit_naming_both_ids(
    run_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--agent", run_folder, "--env-id", "GQNShepardMentalRotation-v0"]
    assert run(evaluate_agent, monkeypatch, *flags) == EXIT_BAD_INPUT
    message = capsys.readouterr().err
    assert "'GQNShepard-v0'" in message
    assert "'GQNShepardMentalRotation-v0'" in message


def test_an_agent_of_other_encoder_weights_is_refused_naming_both(
    prediction_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--agent", prediction_folder, "--env-id", "GQNShepardViewPrediction-v0"]
    assert run(evaluate_agent, monkeypatch, *flags, "--encoder", "gqn") == EXIT_BAD_INPUT
    message = capsys.readouterr().err
    trained = json.loads((prediction_folder / "agent.json").read_text())["encoder"]["sha256"]
    present = encoder_identity(make_encoder("gqn", device="cpu"), "gqn")
    assert present is not None
    assert f"encoder weights (sha256) '{trained}'" in message
    assert f"has '{present['sha256']}'" in message


def test_truncated_agent_is_refused(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    for suffix in (".safetensors", ".json"):
        content = (run_folder / f"agent{suffix}").read_bytes()
        (tmp_path / f"agent{suffix}").write_bytes(content)
    weights = tmp_path / "agent.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    assert run(evaluate_agent, monkeypatch, "--agent", tmp_path) == EXIT_BAD_INPUT
    assert "cannot be read" in capsys.readouterr().err


def test_an_agent_goes_to_a_zip_and_back(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    zipped, back = tmp_path / "agent.zip", tmp_path / "back.safetensors"
    assert run(convert_agent, monkeypatch, "--source", run_folder, "--output", zipped) == 0
    flags = ["--source", zipped, "--output", back, "--observation", "state", "--gallery-size", "4"]
    assert run(convert_agent, monkeypatch, *flags) == 0
    one, other = load_file(run_folder / "agent.safetensors"), load_file(back)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    capsys.readouterr()
    assert run(convert_agent, monkeypatch, *flags) == EXIT_BAD_INPUT
    assert "exists" in capsys.readouterr().err
    flags[flags.index(back)] = tmp_path / "other"
    assert run(convert_agent, monkeypatch, *flags[:-2], "--gallery-size", "5") == EXIT_BAD_INPUT
    assert "cannot be read" in capsys.readouterr().err
