"""Data sets of episodes, written by one command and read by Minari."""

from __future__ import annotations

import subprocess
import sys

import gymnasium
import numpy as np
import pytest

from agents.saving.bundle import TRAINED
from experiments import record_dataset
from experiments.record_dataset import RecordDatasetSettings
from experiments.recording.episodes import recorded_episodes
from experiments.recording.minari_dataset import MinariWriter, recorded_spec
from tests.experiments.running import run

pytestmark = [pytest.mark.client("minari"), pytest.mark.client("h5py")]

IDS = sorted(path.stem for path in TRAINED.glob("*.safetensors"))
ROUNDING = 0.02
"""What batches of another size change of a representation, of standard deviation 1."""


def close(one, other):
    """Whether two observations agree up to rounding; what view prediction expects, coarsely."""
    if not isinstance(one, dict):
        return np.allclose(one, other, atol=ROUNDING)
    return all(np.allclose(one[k], other[k], atol=0.1 if k == "prospects" else ROUNDING)
               for k in one)  # fmt: skip


@pytest.mark.parametrize("flatten", [False, True])
@pytest.mark.parametrize("env_id", IDS)
def test_minari_reads_what_the_agent_did_and_makes_its_environment(
    monkeypatch, capsys, tmp_path, env_id, flatten
):
    if flatten and "Continuous" not in env_id:
        pytest.skip("one control is enough")
    minari = pytest.importorskip("minari")
    output = tmp_path / "recorded"
    flags = {"env_id": env_id, "episodes": 5, "output": output, "num_envs": 3, "seed": 4}
    flags |= {"flatten": True} if flatten else {}
    assert run(monkeypatch, record_dataset, RecordDatasetSettings, **flags) == 0
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(output))
    (name,) = minari.list_local_datasets()
    dataset = minari.load_dataset(name)
    assert dataset.total_episodes == 5
    assert f"5 episodes, {dataset.total_steps} steps" in capsys.readouterr().out
    env = dataset.recover_environment()
    assert env.observation_space == dataset.observation_space
    seeds = [each["seed"] for each in dataset.storage.get_episode_metadata(range(5))]
    for episode, seed in zip(dataset.iterate_episodes(), seeds, strict=True):
        observation, info = env.reset(seed=seed)
        for step, action in enumerate(episode.actions):
            seen = episode.observations
            seen = seen[step] if flatten else {key: seen[key][step] for key in seen}
            assert flatten or close(observation, seen)
            assert info["target"] == episode.infos["target"][step]
            observation, reward, terminated, truncated, info = env.step(action)
            assert reward == pytest.approx(episode.rewards[step], abs=ROUNDING)
            assert (terminated, truncated) == (
                episode.terminations[step],
                episode.truncations[step],
            )
        assert terminated or truncated


@pytest.mark.parametrize("observation", ["pixels", "rgb"])
def test_pictures_come_back_to_the_bit(tmp_path, observation):
    minari = pytest.importorskip("minari")
    env_id, arguments = "GQNShepardMentalRotation-v0", {"observation": observation}
    env = gymnasium.make_vec(f"envs:{env_id}", num_envs=2, autoreset_mode="Disabled", **arguments)

    class Looker:
        def predict(self, observation, state=None, episode_start=None, deterministic=False):
            return np.where(observation["looks_left"][:, 0] > 0.9, 0, 4), state

    episodes = list(recorded_episodes(Looker(), env, 3, seed=0))
    writer = MinariWriter(
        tmp_path, "pictures-v0", recorded_spec(env_id, arguments, is_flat=False),
        env.single_observation_space, env.single_action_space, is_flat=False,
        facts={"description": "three episodes"},
    )  # fmt: skip
    assert list(writer.write(episodes)) == episodes
    for episode, read in zip(
        episodes, minari.MinariDataset(writer.path).iterate_episodes(), strict=True
    ):
        for key in ("image", "cue"):
            assert read.observations[key].any()
            np.testing.assert_array_equal(read.observations[key], episode.observations[key])


def test_what_is_recorded_needs_no_import_of_this_package_by_hand(tmp_path, monkeypatch):
    output = tmp_path / "recorded"
    flags = {"episodes": 2, "output": output}
    assert run(monkeypatch, record_dataset, RecordDatasetSettings, **flags) == 0
    code = (
        "import minari; d = minari.MinariDataset('{}'); e = d.recover_environment(); "
        "print(e.reset(seed=0)[0]['viewpoint'].shape)"
    ).format(output / "GQNShepard-agent-v0" / "data")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "(7,)\n", done.stderr
