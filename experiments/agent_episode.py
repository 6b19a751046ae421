"""One episode, watched: what was seen, what was imagined, what was done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.evaluation import Predictor
from experiments.agent_environment import MOVE_NAMES, AgentEnvironment
from gqn_rl.view import Views
from gqn_rl.viewpoint import Viewpoints

Image = NDArray[np.uint8]


@dataclass
class Episode:
    """A recorded episode of L looks.

    Attributes:
        views: L images, uint8 (H, W, 3), in the order seen.
        imagined: L images or None: what the encoder expected of each view just before seeing it.
        actions: L names of what was done after each view.
        frames: L pictures by the environment's own `render`; empty without a render mode.
        target, answer: the truth, and what was answered; -1 for none.
    """

    views: list[Image] = field(default_factory=list)
    imagined: list[Image | None] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)
    frames: list[Image] = field(default_factory=list)
    target: int = -1
    answer: int = -1

    @property
    def success(self) -> bool:
        return self.answer == self.target

    @property
    def verdict(self) -> str:
        """The end of the story in a few words."""
        if self.answer < 0:
            return f"no answer (it is shape {self.target})"
        outcome = "right" if self.success else f"wrong: it is {self.target}"
        return f"answers {self.answer} ({outcome})"


def record_episode(
    environment: AgentEnvironment, predictor: Predictor, seed: int, deterministic: bool = True
) -> Episode:
    """Play one episode on a one-row environment."""
    bridge, native = environment.bridge, environment.native.unwrapped
    imagine = Imagination(getattr(native, "encoder", None))
    episode = Episode()
    bridge.seed(seed)
    observation = bridge.reset()
    start, state, done = np.ones(1, dtype=bool), None, False
    while not done:
        image, viewpoints = native.images, native.viewpoints  # type: ignore[attr-defined]
        episode.views.append(image[0])
        episode.imagined.append(imagine(Views(image, viewpoints)))
        if native.render_mode is not None:
            episode.frames.append(np.asarray(environment.native.render()[0]))  # type: ignore[index]
        actions, state = predictor.predict(
            observation, state=state, episode_start=start, deterministic=deterministic
        )
        observation, _, dones, infos = bridge.step(actions)
        start, done = dones, bool(dones[0])
        episode.actions.append(action_name(int(actions[0]), environment.num_moves))
        if done:
            episode.target = int(infos[0].get("target", -1))
            episode.answer = int(infos[0].get("answer", -1))
    return episode


class Imagination:
    """What an encoder expects of each view, from those before it.

    It keeps an encoder state of its own, so that recording changes nothing in the environment.
    """

    def __init__(self, encoder: Any) -> None:
        self._encoder = encoder
        self._predict: Callable[[Any, Viewpoints], Image] | None = getattr(
            encoder, "predict_view", None
        )
        self._state = encoder.initial_state(1) if self._predict else None
        self._seen = 0

    def __call__(self, view: Views) -> Image | None:
        """The expectation of `view`, uint8 (H, W, 3), then take it in; None for the first one and
        for encoders that cannot draw."""
        if self._predict is None:
            return None
        expected = self._predict(self._state, view.viewpoints)[0] if self._seen else None
        self._state = self._encoder.update(self._state, view)
        self._seen += 1
        return expected


def action_name(action: int, num_moves: int) -> str:
    """What a person calls the action."""
    if action >= num_moves:
        return f"answer {action - num_moves}"
    return MOVE_NAMES[action] if num_moves == len(MOVE_NAMES) else f"move {action}"
