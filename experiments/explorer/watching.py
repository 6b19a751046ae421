"""Watching a trained agent look around, one step at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from agents.policies.answers.posterior import PosteriorPolicy
from agents.saving.bundle import TRAINED, Agent, load_bundle, shipped_agent
from experiments.agent.environment import AgentEnvironment
from experiments.agent.episode import outcome
from experiments.agent.trained import environment_of
from experiments.explorer.scenes import Image
from gqn_rl.errors import unknown_name
from gqn_rl.geometry.viewpoint import look_at_origin
from gqn_rl.scenes.scene import SceneBatch, sample_colours
from gqn_rl.scenes.shape_pool import ShapePool

SHOWN_FROM = look_at_origin(np.deg2rad([45.0]), np.deg2rad([35.0]))
"""Whence the shapes that an agent chooses from are shown."""


def watchable_agents(own: Path | None = None) -> dict[str, Path]:
    """Name to bundle of every agent that ships, after `own` where there is one."""
    names = sorted(path.stem for path in TRAINED.glob("*.safetensors"))
    found = {} if own is None else {str(own): own}
    return found | {name: shipped_agent(name) for name in names}


@dataclass(frozen=True)
class Step:
    """What there is to see at one moment of an episode.

    Attributes:
        picture: the environment's own, uint8 (H, W, 3).
        lines: what was done so far, one line a look.
        answer_posterior: probability of each answer, float64 (K,); None for a policy that holds
        none, and
            where there is nothing to choose between.
        over: whether the episode has ended.
        right: whether it ended well; None before, and where answers are graded.
    """

    picture: Image
    lines: tuple[str, ...]
    answer_posterior: NDArray[np.float64] | None
    over: bool = False
    right: bool | None = None


@dataclass
class Watched:
    """An agent in an environment of its own; one session's, never shared.

    Attributes:
        name: of the agent.
        episodes: how many have begun.
        is_over: whether the current one has ended.
        answers: what a person calls each answer.
        shapes: pictures of the shapes to choose from, uint8 (H, W, 3) each; none where answers
            are no shapes.
    """

    name: str
    agent: Agent
    environment: AgentEnvironment
    seed: int
    episodes: int = 0
    is_over: bool = False
    _observation: Any = None
    _state: Any = None
    _fresh: bool = True
    _lines: list[str] = field(default_factory=list)

    @staticmethod
    def open(name: str, agents: dict[str, Path], seed: int) -> Watched:
        """The agent called `name`, ready to `begin`.

        Raises:
            UserError: for an unknown name, a bundle that cannot be read, or an environment other
                than the one the agent was trained on.
        """
        if name not in agents:
            raise unknown_name("agent", name, agents)
        agent = load_bundle(agents[name])
        environment = environment_of(agent, 1, {}, render_mode="rgb_array")
        return Watched(name, agent, environment, seed)

    @property
    def answers(self) -> list[str]:
        task = self.environment.task
        return [task.answer_name(k) for k in range(self.environment.num_answers)]

    @property
    def shapes(self) -> list[Image]:
        native: Any = self.environment.native.unwrapped
        if (pool := self.environment.task.answer_shapes) is None:
            return []
        scenes = gallery_scenes(pool)
        poses = SHOWN_FROM[np.zeros(len(scenes), dtype=np.int64)]
        return list(native.renderer.render(scenes, poses))

    def begin(self) -> Step:
        """The first look of the next episode; the k-th is the same in every session of a seed."""
        self.environment.bridge.seed(self.seed + self.episodes)
        self._observation = self.environment.bridge.reset()
        self._state, self._fresh, self._lines, self.is_over = None, True, [], False
        self.episodes += 1
        return self._now()

    def step(self) -> Step:
        """What the agent does next. After the last step of an episode it has to `begin` again."""
        task, before = self.environment.task, self._now()
        actions, self._state = self.agent.predict(
            self._observation,
            state=self._state,
            episode_start=np.array([self._fresh]),
            deterministic=True,
        )
        self._observation, _, dones, infos = self.environment.bridge.step(actions)
        self._fresh = self.is_over = bool(dones[0])
        done = self.environment.control.describe(actions[0], task.answer_name)
        said = outcome(task, infos[0]) if dones[0] else done
        self._lines.append(f"look {len(self._lines) + 1}: {said}")
        if not dones[0]:
            return self._now()
        # The environment has begun anew by itself: the last picture is the one before the answer.
        right = None if self.environment.is_graded else bool(infos[0]["is_success"])
        return Step(
            before.picture, tuple(self._lines), before.answer_posterior, over=True, right=right
        )

    def close(self) -> None:
        self.environment.close()

    def _now(self) -> Step:
        frames: Any = self.environment.native.render()
        return Step(np.asarray(frames[0]), tuple(self._lines), self._answer_posterior())

    @torch.no_grad()
    def _answer_posterior(self) -> NDArray[np.float64] | None:
        policy = self.agent.policy
        if self.environment.num_answers < 2 or not isinstance(policy, PosteriorPolicy):
            return None
        tensors, _ = policy.obs_to_tensor(self._observation)
        posterior: torch.Tensor = policy.answer_log_probabilities(tensors)[0].exp()
        found: NDArray[np.float64] = posterior.double().numpy()
        return found


def gallery_scenes(pool: ShapePool) -> SceneBatch:
    """The shapes of a gallery, in colours that are always the same."""
    count, num_cubes = pool.cubes.shape[:2]
    return SceneBatch(
        cubes=pool.centred(),
        mask=np.ones((count, num_cubes), dtype=bool),
        rotation=np.tile(np.eye(3), (count, 1, 1)),
        colour=sample_colours(np.random.default_rng(0), count, num_cubes),
    )
