"""Pieces of work of the environments, to be timed; each is made in a process of its own."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from itertools import cycle
from typing import Any

import gymnasium
import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import SubprocVecEnv

from agents.sb3_vec_env import GymnasiumVecEnv
from experiments.benchmark.memory import resident_memory
from experiments.benchmark.timing import Work
from gqn_rl.encoders import make_encoder
from gqn_rl.geometry.view import Views
from gqn_rl.geometry.viewpoint import sample_on_sphere
from gqn_rl.rendering import make_renderer
from gqn_rl.scenes.scene import sample_scenes

ENV_ID = "envs:GQNShepard-v0"
NUM_MOVES, NUM_ACTIONS = 4, 14
ANSWER_SHARE = 1 / 6
"""Of the actions; episodes then last six looks on average, and new ones begin all the time."""
ACTION_STEPS = 64
"""Different sets of actions, repeated over and over."""
STANDING_SCENES = 8
"""Of the bare calls of `getCameraImage`, each in a PyBullet client of its own: with so many clients
nothing has to be moved between two images."""
PRELOADED = ["torch", "envs.scene_env", "gqn_rl.encoders.gqn_encoder"]


def bare_rendering(images: int, image_size: int, seed: int) -> Work:
    """Bare calls of `getCameraImage`, every image of another scene than the one before."""
    from gqn_rl.rendering.pybullet import PyBulletRenderer, pybullet  # may not be installed

    rng = np.random.default_rng(seed)
    renderers = [
        PyBulletRenderer(image_size, own_client=True) for _ in range(min(STANDING_SCENES, images))
    ]
    for renderer in renderers:
        renderer.render(sample_scenes(rng, 1), sample_on_sphere(rng, 1))
    matrices = sample_on_sphere(rng, images).view_matrices().transpose(0, 2, 1).reshape(-1, 16)
    calls = list(zip(cycle(renderers), matrices.tolist(), strict=False))

    def draw() -> None:
        for renderer, matrix in calls:
            pybullet.getCameraImage(viewMatrix=matrix, **renderer.camera)

    return Work(draw, {"images": float(images)})


def bare_encoding(views: int, device: str, seed: int) -> Work:
    """One more view of every scene through the encoder, and their representations."""
    encoder = make_encoder("gqn", device=device)
    rng = np.random.default_rng(seed)
    scenes, viewpoints = sample_scenes(rng, views), sample_on_sphere(rng, views)
    renderer = make_renderer("pybullet", encoder.image_size)
    seen = Views(renderer.render(scenes, viewpoints), viewpoints)
    state = encoder.update(encoder.initial_state(views), seen)

    def encode() -> NDArray[np.float32]:
        return encoder.representation(encoder.update(state, seen))

    return Work(encode, {"views": float(views)})


def environment_steps(
    rows: int,
    observation: str,
    render_workers: int,
    device: str,
    image_size: int,
    seed: int,
    encoder: str | None = None,
) -> Work:
    """Steps of the native vector environment, with the default encoder or another."""
    env = gymnasium.make_vec(
        ENV_ID,
        num_envs=rows,
        observation=observation,
        render_workers=render_workers,
        device=device,
        image_size=image_size,
        encoder=encoder,
        autoreset_mode="SameStep",
    )
    env.reset(seed=seed)
    actions = _actions(rows, seed)

    rows_of: Any = env.unwrapped

    def helpers() -> list[int]:
        return rows_of.renderer.process_ids if render_workers else []

    return Work(lambda: env.step(next(actions)), {"rows": float(rows)}, helpers)


def native_for_sb3(rows: int, device: str, seed: int) -> Work:
    """Steps of the native vector environment through our adapter to Stable-Baselines3."""
    env = GymnasiumVecEnv(
        gymnasium.make_vec(ENV_ID, num_envs=rows, device=device, autoreset_mode="SameStep")
    )
    env.seed(seed)
    env.reset()
    actions = _actions(rows, seed)
    return Work(lambda: env.step(next(actions)), {"rows": float(rows)})


def subprocesses_of_sb3(count: int, threads: int, device: str, seed: int) -> Work:
    """Steps of Stable-Baselines3's own arrangement: a process for each environment and its GQN.

    Args:
        threads: of PyTorch in each process; 0 for PyTorch's default.
    """
    multiprocessing.set_forkserver_preload(PRELOADED)
    env = SubprocVecEnv([_Single(threads, device)] * count, start_method="forkserver")
    env.seed(seed)
    env.reset()
    actions = _actions(count, seed)

    def helpers() -> list[int]:
        return [process.pid for process in env.processes]

    return Work(lambda: env.step(next(actions)), {"rows": float(count)}, helpers)


class _Single:
    """Makes one environment, in the process that is to hold it."""

    def __init__(self, threads: int, device: str) -> None:
        self.threads, self.device = threads, device

    def __call__(self) -> gymnasium.Env[Any, Any]:
        if self.threads:
            torch.set_num_threads(self.threads)
        return gymnasium.make(ENV_ID, device=self.device)


def memory_over_steps(rows: int, steps: int, image_size: int, seed: int) -> Iterator[int]:
    """Resident bytes of this process after every step of an environment with pixels.

    Args:
        steps: vector steps, of `rows` environment steps each.
    """
    work = environment_steps(rows, "pixels", 0, "cpu", image_size, seed)
    for _ in range(steps):
        work.run()
        yield resident_memory()


def _actions(rows: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Camera moves with answers among them, for ever."""
    rng = np.random.default_rng(seed)
    moves = rng.integers(NUM_MOVES, size=(ACTION_STEPS, rows))
    answers = rng.integers(NUM_MOVES, NUM_ACTIONS, size=(ACTION_STEPS, rows))
    return cycle(np.where(rng.random((ACTION_STEPS, rows)) < ANSWER_SHARE, answers, moves))
