"""The tab "Watch": a trained agent looks around, step by step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from experiments.explorer.page import pictures
from experiments.explorer.page.messages import error_html, note_html
from experiments.explorer.page.wiring import ONE_AT_A_TIME
from experiments.explorer.watching import Step, Watched, watchable_agents
from gqn_rl.errors import UserError

NOTE = (
    "Left: the current view. Middle: the camera's path. Beside it what the task shows and what the "
    "encoder imagines. The agent acts as in evaluation: the likeliest action, no chance."
)


class WatchTab:
    """The components of the tab and what they do.

    Args:
        own: an agent of one's own, beside those that ship.
        seed: of the episodes.
    """

    def __init__(self, own: Path | None, seed: int) -> None:
        self._agents, self._seed = watchable_agents(own), seed
        self._state = gr.State(None, delete_callback=_close)
        names = list(self._agents)
        with gr.Row():
            self._name = gr.Dropdown(
                names, value=names[0] if names else None, label="Agent", scale=2
            )
            self._begin = gr.Button("New episode", elem_id="episode")
            self._step = gr.Button("Step", variant="primary", elem_id="step")
        self._message = gr.HTML(elem_id="watch-message")
        self._picture = gr.HTML(elem_id="picture")
        gr.HTML(note_html("", NOTE))
        with gr.Row():
            self._lines = gr.HTML(elem_id="lines")
            self._posterior = gr.HTML(elem_id="answer_posterior")
        self._shapes = gr.HTML(elem_id="shapes")
        self._named = {
            "message": self._message, "picture": self._picture,
            "lines": self._lines, "answer_posterior": self._posterior,
        }  # fmt: skip

    def connect(self, tab: gr.Tab) -> None:
        """Say what happens on a click, and when the tab is opened."""
        outputs = [self._state, self._shapes, *self._named.values()]
        inputs = [self._state, self._name]
        for trigger, act in (
            (tab.select, self._open),
            (self._begin.click, self._new_episode),
            (self._name.input, self._new_episode),
            (self._step.click, self._advance),
        ):
            trigger(act, inputs, outputs, **ONE_AT_A_TIME)

    def _open(self, watched: Watched | None, name: str | None) -> dict[Any, Any]:
        """Something to see at the first opening of the tab; later it stays as it was."""
        return {} if watched is not None else self._new_episode(None, name)

    def _new_episode(self, watched: Watched | None, name: str | None) -> dict[Any, Any]:
        try:
            if watched is None or watched.name != name:
                _close(watched)
                watched = Watched.open(str(name), self._agents, self._seed)
            step = watched.begin()
        except UserError as error:
            return {self._message: error_html(error), self._state: None}
        shapes = pictures.shapes_part(watched.shapes)
        return {self._state: watched, self._shapes: shapes, **self._shown(watched, step)}

    def _advance(self, watched: Watched | None, name: str | None) -> dict[Any, Any]:
        if watched is None or watched.is_over:
            return self._new_episode(watched, name)
        return {self._state: watched, **self._shown(watched, watched.step())}

    def _shown(self, watched: Watched, step: Step) -> dict[Any, Any]:
        parts = pictures.episode_parts(step, watched.answers)
        return {self._named[name]: part for name, part in parts.items()}


def _close(watched: Watched | None) -> None:
    if watched is not None:
        watched.close()
