"""The tab "Play": Shepard and Metzler's test, to be taken by oneself."""

from __future__ import annotations

from typing import Any

import gradio as gr

from experiments.explorer.page import pictures
from experiments.explorer.page.messages import error_html, note_html, outcome_html
from experiments.explorer.page.wiring import ONE_AT_A_TIME
from experiments.explorer.rotation_test import (
    PICTURE_SIZE,
    SURFACES,
    Test,
    agent_by_angle,
)
from experiments.explorer.scenes import Studio
from gqn_rl.errors import UserError

INSTRUCTIONS = (
    "Is the right object the left one, only turned about the vertical axis, or its mirror image "
    "turned? Answer as fast as you can while staying right; keys: f same, j mirrored, space next "
    "pair. Your time is measured in the browser, from the frame in which the pair is painted to "
    "the click or key. The shapes are ones no network was trained on."
)
PEOPLE_NOTE = (
    "Bars and bands: 95 % intervals. Shepard and Metzler (Science 171:701, 1971) found that the "
    "time grows in a straight line with the angle; their numbers are not drawn, since they were "
    "not checked against the paper."
)
NO_AGENT_NOTE = "No accuracy by angle of a shipped agent is there, so none is drawn."
WHEN_PAINTED = """() => {
  const note = () => { window.pairPainted = performance.now(); };
  requestAnimationFrame(() => requestAnimationFrame(note));
}"""
SECONDS_SINCE = """(test, seconds, person) => {
  const painted = window.pairPainted;
  window.pairPainted = null;
  return [test, painted ? (performance.now() - painted) / 1000 : null, person];
}"""
KEYS = """() => {
  const buttons = {f: '#same', j: '#mirrored', ' ': '#next'};
  document.addEventListener('keydown', (event) => {
    const button = document.querySelector(buttons[event.key] || '#none');
    const typing = ['INPUT', 'TEXTAREA'].includes(document.activeElement.tagName);
    if (!button || typing || event.repeat || button.offsetParent === null) return;
    event.preventDefault();
    button.click();
  });
}"""


class PlayTab:
    """The components of the tab and what they do.

    Args:
        seed: of the pairs.
    """

    def __init__(self, seed: int) -> None:
        self._studio, self._agent = Studio(PICTURE_SIZE), agent_by_angle()
        self._state = gr.State(Test(seed))
        gr.HTML(note_html("", INSTRUCTIONS))
        with gr.Row():
            self._next = gr.Button("Next pair", variant="primary", elem_id="next")
            self._same = gr.Button("Same", elem_id="same", interactive=False)
            self._mirrored = gr.Button("Mirrored", elem_id="mirrored", interactive=False)
            self._surface = gr.Radio(list(SURFACES), value=SURFACES[0], label="Cubes")
            self._person = gr.Textbox("1", label="Participant", elem_id="participant")
        self._seconds = gr.Number(visible=False)
        self._message = gr.HTML(elem_id="play-message")
        self._pair = gr.HTML(elem_id="pair")
        self._score = gr.HTML(pictures.score_part(Test(seed), self._agent), elem_id="score")
        gr.HTML(note_html("", PEOPLE_NOTE))
        if self._agent is None:
            gr.HTML(note_html("", NO_AGENT_NOTE))

    def connect(self, page: gr.Blocks) -> None:
        """Say what happens on a click or key."""
        buttons = [self._next, self._same, self._mirrored]
        outputs = [self._state, self._message, self._pair, self._score, *buttons]
        inputs = [self._state, self._surface]
        asked = self._next.click(self._ask, inputs, outputs, **ONE_AT_A_TIME)
        asked.then(None, js=WHEN_PAINTED)
        for button, said in ((self._same, False), (self._mirrored, True)):
            button.click(
                self._answering(said), [self._state, self._seconds, self._person], outputs,
                js=SECONDS_SINCE, **ONE_AT_A_TIME,
            )  # fmt: skip
        page.load(None, js=KEYS)

    def _ask(self, test: Test, surface: str) -> dict[Any, Any]:
        asked = test.on_surface(surface).ask(self._studio)
        return {
            self._state: asked,
            self._message: outcome_html(f"Pair {asked.asked}", None),
            self._pair: pictures.pair_part(asked),
            **self._enabled(waiting=True),
        }

    def _answering(self, said_mirrored: bool) -> Any:
        def answer(test: Test, seconds: Any, participant: str) -> dict[Any, Any]:
            try:
                done = test.answer(said_mirrored, seconds)
            except UserError as error:
                return {self._message: error_html(error)}
            return {
                self._state: done,
                self._message: pictures.outcome_part(done),
                self._score: pictures.score_part(done, self._agent, participant),
                **self._enabled(waiting=False),
            }

        return answer

    def _enabled(self, waiting: bool) -> dict[Any, Any]:
        """Which buttons can be pressed while a pair waits for an answer, or while none does."""
        return {
            self._next: gr.Button(interactive=not waiting),
            self._same: gr.Button(interactive=waiting),
            self._mirrored: gr.Button(interactive=waiting),
        }
