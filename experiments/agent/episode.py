"""One episode, watched: what was seen, what was imagined, what was done."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.evaluation import Predictor
from envs.scene_vector_env import SceneVectorEnv
from envs.tasks import NO_ANSWER, Task
from experiments.agent.environment import AgentEnvironment
from gqn_rl.encoders import SceneImaginer
from gqn_rl.geometry.view import Views
from gqn_rl.geometry.viewpoint import Viewpoints

Image = NDArray[np.uint8]


@dataclass
class Episode:
    """A recorded episode of L looks.

    Attributes:
        views: L images, uint8 (H, W, 3), in the order seen.
        imagined: L images or None: what the encoder expected of each view just before seeing it;
            in view prediction the query view as it draws it after each look.
        actions: L names of what was done after each view.
        frames: L pictures by the environment's own `render`; empty without a render mode.
        query: the true query view, where the task has one.
        target, answer: the truth, and what was answered; -1 for none.
        outcome: the end of the story in a few words.
    """

    views: list[Image] = field(default_factory=list)
    imagined: list[Image | None] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)
    frames: list[Image] = field(default_factory=list)
    query: Image | None = None
    target: int = NO_ANSWER
    answer: int = NO_ANSWER
    outcome: str = ""

    @property
    def success(self) -> bool:
        return self.answer == self.target


def record_episode(
    environment: AgentEnvironment, predictor: Predictor, seed: int, deterministic: bool = True
) -> Episode:
    """Play one episode on a one-row environment."""
    bridge, native = environment.bridge, environment.rows
    imagination = Imagination(native.encoder)
    episode = Episode()
    bridge.seed(seed)
    observation = bridge.reset()
    query = query_of(native)
    if query is not None:
        episode.query = native.renderer.render(native.scenes, query)[0]
    start, state, done = np.ones(1, dtype=bool), None, False
    while not done:
        view = Views(native.images, native.viewpoints)
        episode.views.append(view.images[0])
        episode.imagined.append(imagination(view, query))
        if native.render_mode is not None:
            episode.frames.append(np.asarray(environment.native.render()[0]))  # type: ignore[index]
        actions, state = predictor.predict(
            observation, state=state, episode_start=start, deterministic=deterministic
        )
        observation, _, dones, infos = bridge.step(actions)
        start, done = dones, bool(dones[0])
        name = environment.control.describe(actions[0], environment.task.answer_name)
        episode.actions.append(name)
    episode.target = int(infos[0].get("target", NO_ANSWER))
    episode.answer = int(infos[0].get("answer", NO_ANSWER))
    episode.outcome = outcome(environment.task, infos[0])
    return episode


def query_of(native: SceneVectorEnv) -> Viewpoints | None:
    """The pose from which the current scene is to be drawn, where the task has one."""
    query = native.trials.query
    return None if query is None else query.viewpoints()


def outcome(task: Task, info: dict[str, Any]) -> str:
    """What became of an episode, from its last info."""
    answer = int(info.get("answer", NO_ANSWER))
    if task.has_query:
        first = f"{info['first_error']:.1f} after the first look"
        if answer == NO_ANSWER:
            return f"no prediction (error {first})"
        return f"predicts with an error of {info['error']:.1f} ({first})"
    truth = task.answer_name(int(info["target"]))
    if answer == NO_ANSWER:
        return f"no answer (it is {truth})"
    outcome = "right" if answer == info["target"] else f"wrong: it is {truth}"
    return f"answers {task.answer_name(answer)} ({outcome})"


class Imagination:
    """What an encoder expects of views, from those before it.

    It keeps an encoder state of its own, so that recording changes nothing in the environment.
    """

    def __init__(self, encoder: Any) -> None:
        self._encoder = encoder
        self._draws = isinstance(encoder, SceneImaginer)
        self._state = encoder.initial_state(1) if self._draws else None
        self._seen = 0

    def __call__(self, view: Views, query: Viewpoints | None = None) -> Image | None:
        """Take a view in, and return a picture, uint8 (H, W, 3).

        Without a query it is the expectation of the view just before it was seen, None for the
        first one; with a query the view from there, just after. None for encoders that cannot draw.
        """
        if not self._draws:
            return None
        expected = None
        if query is None and self._seen:
            expected = self._draw(view.viewpoints)
        self._state = self._encoder.update(self._state, view)
        self._seen += 1
        return expected if query is None else self._draw(query)

    def _draw(self, viewpoints: Viewpoints) -> Image:
        image: Image = self._encoder.predict_view(self._state, viewpoints)[0]
        return image
