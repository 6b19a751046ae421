"""The examples of docs/extending.md do what the page says of them."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env, data_equivalence
from stable_baselines3 import A2C

from experiments import convert_agent, evaluate_agent, train_agent
from gqn_rl.encoders import ResumableEncoder, SceneEncoder, make_encoder
from gqn_rl.errors import UserError
from gqn_rl.geometry.view import Views
from gqn_rl.geometry.viewpoint import look_at_origin, sample_on_sphere
from gqn_rl.rendering import make_renderer
from gqn_rl.scenes.scene import SceneBatch, sample_scenes
from tests.docs.conftest import EXAMPLES
from tests.experiments import running

RED = (1.0, 0.2, 0.2)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_an_example_is_short_and_shown_from_its_file(path):
    assert len(path.read_text().splitlines()) < 60
    page = (EXAMPLES.parent / "extending.md").read_text()
    assert f"{{literalinclude}} examples/{path.name}" in page


def test_the_task_counts_red_cubes_and_passes_the_checker(examples):
    env = gymnasium.make("add_task:CountRed-v0", observation="state")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped, skip_render_check=True)
    targets = set()
    for seed in range(40):
        observation, info = env.reset(seed=seed)
        colours = observation["state"][21:].reshape(7, 3)
        red = int(np.isclose(colours, RED).all(axis=1).sum())
        targets.add(red)
        _, reward, over, _, info = env.step(4 + red)
        assert (reward, over, info["is_success"], info["target"]) == (1.0, True, True, red)
    assert targets == set(range(8))
    assert env.unwrapped.rows.task.answer_name(3) == "3 red"
    env.close()


def test_the_task_takes_its_own_option_and_refuses_a_wrong_one(examples):
    env = gymnasium.make("add_task:CountRedContinuous-v0", observation="state", most_red=2)
    assert env.unwrapped.rows.task.num_answers == 3
    env.close()
    with pytest.raises(UserError, match="most_red is 8, expected 1 to 7"):
        gymnasium.make("add_task:CountRed-v0", observation="state", most_red=8)


def test_the_task_is_found_in_worker_processes(examples):
    arguments = {"num_envs": 2, "observation": "state"}
    here = gymnasium.make_vec("add_task:CountRed-v0", **arguments, vectorization_mode="sync")
    there = gymnasium.make_vec(
        "add_task:CountRed-v0",
        **arguments,
        vectorization_mode="async",
        vector_kwargs={"context": "spawn"},
    )
    try:
        assert data_equivalence(here.reset(seed=1), there.reset(seed=1), exact=True)
        actions = np.array([0, 6])
        assert data_equivalence(here.step(actions), there.step(actions), exact=True)
    finally:
        there.close()
        here.close()


def views_of(rng, n):
    images = rng.integers(0, 256, (n, 64, 64, 3), dtype=np.uint8)
    return Views(images, sample_on_sphere(rng, n))


def test_the_encoder_forgets_the_order_of_views_and_keeps_to_its_rows(examples, rng):
    encoder = make_encoder("add_encoder:AlbumEncoder")
    assert isinstance(encoder, SceneEncoder)
    assert isinstance(encoder, ResumableEncoder)
    first, second, third, fourth = (views_of(rng, 4) for _ in range(4))
    state = encoder.initial_state(4)
    assert not encoder.representation(state).any()
    one_way = encoder.update(encoder.update(encoder.update(state, first), second), third)
    other_way = encoder.update(encoder.update(encoder.update(state, third), first), second)
    seen = encoder.representation(one_way)
    assert seen.shape == (4, encoder.representation_size)
    assert seen.dtype == np.float32
    np.testing.assert_allclose(seen, encoder.representation(other_way), atol=1e-6)

    mask = np.array([True, False, True, False])
    partly = encoder.representation(encoder.update(one_way, fourth, mask))
    np.testing.assert_array_equal(partly[~mask], seen[~mask])
    assert (partly[mask] != seen[mask]).any(axis=1).all()
    emptied = encoder.representation(encoder.reset(one_way, mask))
    assert not emptied[mask].any()
    np.testing.assert_array_equal(emptied[~mask], seen[~mask])


def test_an_environment_takes_the_encoder_by_name_and_resumes_with_it(examples):
    make = {"encoder": "add_encoder:AlbumEncoder", "max_looks": 4}
    env, copy = (gymnasium.make_vec("GQNShepard-v0", 3, **make) for _ in range(2))
    env.reset(seed=0)
    env.step(np.zeros(3, dtype=np.int64))
    copy.reset(seed=9)
    copy.unwrapped.restore(env.unwrapped.snapshot())
    for action in (1, 3, 2):
        actions = np.full(3, action)
        assert data_equivalence(env.step(actions), copy.step(actions), exact=True)
    env.close()
    copy.close()


def test_the_part_tells_how_far_the_camera_has_come(examples):
    env = gymnasium.make("GQNShepard-v0", observation="state", parts=["add_part:Climb"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped, skip_render_check=True)
    first = env.reset(seed=0)[0]
    assert first["climb"][0] == first["climb"][1] == pytest.approx(first["viewpoint"][2] / 9)
    for _ in range(3):
        seen = env.step(2)[0]
        assert seen["climb"][0] == first["climb"][0]
        assert seen["climb"][1] == pytest.approx(seen["viewpoint"][2] / 9)
    assert seen["climb"][1] > first["climb"][1]
    env.close()


def test_the_renderer_draws_depth_where_the_others_draw_colour(examples, rng):
    scenes, viewpoints = sample_scenes(rng, 20, orientation="free"), sample_on_sphere(rng, 20)
    depth = make_renderer("add_renderer:DepthRenderer", 64).render(scenes, viewpoints)
    colour = make_renderer("raycast", 64).render(scenes, viewpoints)
    shown = depth.any(axis=-1)
    assert (shown != colour.any(axis=-1)).mean() < 1e-4
    assert (depth[..., :1] == depth).all()
    # One cube, its front face half an edge nearer than its centre: 5 of the 9 edges of the range.
    lone = SceneBatch(
        np.zeros((1, 1, 3)), np.ones((1, 1), bool), np.eye(3)[None], np.ones((1, 1, 3))
    )
    front = make_renderer("add_renderer:DepthRenderer", 64).render(
        lone, look_at_origin(np.zeros(1), np.zeros(1))
    )
    assert set(np.unique(front)) == {0, round(255 * 5 / 9)}


def test_workers_draw_with_the_renderer_and_a_gqn_refuses_its_pictures(examples, rng):
    scenes, viewpoints = sample_scenes(rng, 6), sample_on_sphere(rng, 6)
    name = "add_renderer:DepthRenderer"
    pooled = make_renderer(name, 32, workers=1, capacity=8)
    try:
        drawn = pooled.render(scenes, viewpoints)
    finally:
        pooled.close()
    np.testing.assert_array_equal(drawn, make_renderer(name, 32).render(scenes, viewpoints))
    env = gymnasium.make("GQNShepard-v0", observation="pixels", renderer=name)
    assert env.reset(seed=0)[0]["image"].any()
    env.close()
    with pytest.raises(UserError, match="look='flat-v1', but the renderer has look='depth-v1'"):
        gymnasium.make("GQNShepard-v0", renderer=name)


def test_the_algorithm_trains_resumes_is_evaluated_and_converted(examples, tmp_path, monkeypatch):
    def run(command, settings, **flags):
        assert running.run(monkeypatch, command, settings, **flags) == 0

    output, algo = tmp_path / "run", "add_algorithm:A2CAlgorithm"
    small = {"observation": "state", "gallery_size": 4, "num_envs": 4, "eval_episodes": 8}
    small |= {"eval_every_episodes": 4, "algo": algo, "output": output}
    run(train_agent, train_agent.TrainAgentSettings, total_timesteps=64, **small)
    run(train_agent, train_agent.TrainAgentSettings, resume=output, total_timesteps=128)
    metrics = json.loads((output / "metrics.json").read_text())
    assert (metrics["algo"], metrics["timesteps"]) == (algo, 128)
    zipped = tmp_path / "agent.zip"
    run(convert_agent, convert_agent.ConvertAgentSettings, source=output, output=zipped)
    assert A2C.load(zipped, device="cpu").policy.action_space.n == 8
    evaluation = {"agent": output, "episodes": 8, "output": tmp_path / "evaluation"}
    run(evaluate_agent, evaluate_agent.EvaluateAgentSettings, **evaluation, no_baselines=True)
    assert json.loads((tmp_path / "evaluation" / "metrics.json").read_text())["episodes"] == 8


@pytest.mark.slow
def test_the_commands_train_and_evaluate_with_all_three(examples, tmp_path):
    def run(command, *flags):
        line = [sys.executable, "-m", f"experiments.{command}", *flags]
        done = subprocess.run(line, cwd=EXAMPLES.parents[1], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]

    env_id = "add_task:CountRed-v0"
    run(
        "train_agent", "--env-id", env_id, "--encoder", "add_encoder:AlbumEncoder",
        "--renderer", "add_renderer:DepthRenderer", "--total-timesteps", "512", "--num-envs", "8",
        "--eval-episodes", "20", "--eval-every-episodes", "8", "--output", str(tmp_path / "run"),
    )  # fmt: skip
    run(
        "evaluate_agent", "--env-id", env_id, "--agent", str(tmp_path / "run"), "--episodes", "20",
        "--labelled-episodes", "100", "--num-envs", "8", "--output", str(tmp_path / "evaluation"),
    )  # fmt: skip
    metrics = json.loads((tmp_path / "evaluation" / "metrics.json").read_text())
    assert metrics["env_id"] == env_id
    assert metrics["chance"] == 1 / 8
    assert {"random", "look around"} <= metrics["baselines"].keys()
