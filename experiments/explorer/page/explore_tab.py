"""The tab "Explore": objects, cameras, and what a GQN believes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from experiments.explorer import exploring
from experiments.explorer.estimates import SAMPLES, STRIDE
from experiments.explorer.exploring import Exploration, Workshop
from experiments.explorer.nearest import COLOURINGS, GALLERY_SIZE
from experiments.explorer.objects import MOVES, NUM_CUBES, moves_of, parse_object, read_object
from experiments.explorer.page import pictures
from experiments.explorer.page.figures import map_to_angles
from experiments.explorer.page.messages import error_html, note_html
from experiments.explorer.page.wiring import AFTERWARDS, EVERY_CLICK, LATEST, ONE_AT_A_TIME
from gqn_rl.errors import UserError
from gqn_rl.scenes.shape_catalogue import shape_catalogue

SAY_WHERE = """
element.addEventListener('click', (event) => {
  const map = element.querySelector('img');
  if (!map) return;
  const {left, top, width, height} = map.getBoundingClientRect();
  const across = (event.clientX - left) / width, down = (event.clientY - top) / height;
  trigger('click', {across, down});
});
"""
"""Tells where on the map a click was, as fractions of its width and height."""
SHAPES_NOTE = (
    f"Candidates: the {GALLERY_SIZE} shapes the recognition agents choose from, this object's own "
    "shape and its mirror image. Each is encoded in all 24 grid orientations, from four fixed "
    f"cameras and in {COLOURINGS} random colourings, whose representations are averaged. The "
    "number is the root mean square difference to the nearest of the 24, in standard deviations. "
    "For an object in free orientation no candidate stands the same way."
)
CAMERA_NOTE = (
    "Move it with the sliders, or click on the map (azimuth across, elevation up) to place it: the "
    "GQN says at once what it expects to see from there. Then look."
)
CURVE_NOTE = (
    f"Spread between {SAMPLES} samples of the prior path and RMSE of single samples, at every "
    f"{STRIDE}th pixel of every {STRIDE}th row of four fixed views. A small spread beside a large "
    "error is an overconfident network."
)


class ExploreTab:
    """The components of the tab and what they do.

    Args:
        workshop: shared by all sessions; everything of a session is in a `gr.State`.
    """

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop
        self._state = gr.State(None)
        with gr.Row():
            with gr.Column(scale=1, min_width=330):
                self._make_object_controls()
                gr.HTML(note_html("Uncertainty by number of views", CURVE_NOTE))
                self._curve = gr.HTML(elem_id="curve")
            with gr.Column(scale=2, min_width=640):
                self._make_camera_controls()
                self._message = gr.HTML(elem_id="explore-message")
                self._panels = gr.HTML(elem_id="panels")
                self._views = gr.HTML(elem_id="views")
                gr.HTML(note_html("The representation's nearest shapes", SHAPES_NOTE))
                self._nearest = gr.HTML(elem_id="nearest")
        self._named: dict[str, Any] = {
            "views": self._views, "curve": self._curve, "about": self._about,
            "number": self._number, "text": self._text, "panels": self._panels, "map": self._map,
        }  # fmt: skip
        self._connect()

    def begin(self, page: gr.Blocks) -> None:
        """Every session begins with an object of its own."""
        shown = page.load(self._begin, None, self._outputs, **ONE_AT_A_TIME)
        shown.then(self._find_nearest, self._state, self._nearest, **AFTERWARDS)

    def _make_object_controls(self) -> None:
        most = shape_catalogue(NUM_CUBES).num_shapes - 1
        self._weights = gr.Radio(self._workshop.names, value=self._workshop.weights, label="GQN")
        with gr.Row():
            self._number = gr.Number(
                0, label=f"Shape, 0 to {most}", precision=0, min_width=150, elem_id="number"
            )
            self._show = gr.Button("Show", size="md", min_width=70, elem_id="show")
        with gr.Row():
            self._held_out = gr.Button("Random held-out", size="md", elem_id="held-out")
            self._recolour = gr.Button("New colours", size="md", elem_id="recolour")
        self._orientation = gr.Radio(["grid", "free"], value="grid", label="Orientation")
        self._about = gr.HTML(elem_id="about")
        self._text = gr.Textbox(label="Or draw: moves, or a list of cubes", elem_id="moves")
        with gr.Row(elem_classes="tight"):
            names = [*MOVES, "undo"]
            self._moves = {
                name: gr.Button(name, size="sm", min_width=40, elem_id=f"move-{index}")
                for index, name in enumerate(names)
            }
        with gr.Row():
            self._draw = gr.Button("Show", size="md", min_width=70, elem_id="draw")
            self._upload = gr.UploadButton("Upload text or JSON", size="md", elem_id="upload")

    def _make_camera_controls(self) -> None:
        gr.HTML(note_html("Camera", CAMERA_NOTE))
        with gr.Row():
            with gr.Column(scale=1, min_width=300):
                self._map = gr.HTML(elem_id="map", js_on_load=SAY_WHERE)
            with gr.Column(scale=1, min_width=260):
                azimuth, elevation = exploring.FIRST_CAMERA
                self._azimuth = gr.Slider(
                    -180, 180, azimuth, step=1, label="Azimuth, degrees", elem_id="azimuth"
                )
                self._elevation = gr.Slider(
                    -90, 90, elevation, step=1, label="Elevation, degrees", elem_id="elevation"
                )
                with gr.Row():
                    self._look = gr.Button("Look from here", variant="primary", elem_id="look")
                    self._forget = gr.Button("Forget the views", elem_id="forget")

    @property
    def _outputs(self) -> list[Any]:
        own = [self._state, self._message, self._azimuth, self._elevation]
        return [*own, *self._named.values()]

    def _connect(self) -> None:
        act, shop = self._on, self._workshop
        act(self._show.click, [self._number], lambda s, n: exploring.show_number(shop, s, n))
        act(self._number.submit, [self._number], lambda s, n: exploring.show_number(shop, s, n))
        act(self._held_out.click, [], lambda s: exploring.show_held_out(shop, s))
        for trigger in (self._draw.click, self._text.submit):
            act(trigger, [self._text], self._show_text)
        for name, button in self._moves.items():
            act(button.click, [], self._extended(name), EVERY_CLICK)
        act(self._upload.upload, [self._upload], self._show_file)
        act(self._recolour.click, [], lambda s: exploring.recolour(shop, s))
        act(self._orientation.input, [self._orientation], lambda s, o: exploring.turn(shop, s, o))
        act(self._weights.input, [self._weights], lambda s, w: exploring.choose_weights(shop, s, w))
        act(self._look.click, [], lambda s: exploring.look(shop, s), EVERY_CLICK)
        act(self._forget.click, [], lambda s: exploring.forget(shop, s))
        for slider in (self._azimuth, self._elevation):
            # The release too: the last value has to be here before a look that follows.
            for trigger, options in ((slider.input, LATEST), (slider.release, EVERY_CLICK)):
                trigger(
                    self._move, [self._state, self._azimuth, self._elevation],
                    [self._state, self._panels, self._map], **options,
                )  # fmt: skip
        self._map.click(
            self._place, self._state,
            [self._state, self._panels, self._map, self._azimuth, self._elevation],
            **EVERY_CLICK,
        )  # fmt: skip

    def _on(
        self,
        trigger: Callable[..., Any],
        inputs: list[Any],
        act: Callable[..., Exploration],
        options: dict[str, Any] = ONE_AT_A_TIME,
    ) -> None:
        """Let a trigger do something to the session's exploration, then show all of it."""

        def respond(now: Exploration, *values: Any) -> dict[Any, Any]:
            try:
                return self._shown(act(now, *values))
            except UserError as error:
                return {self._message: error_html(error)}

        done = trigger(respond, [self._state, *inputs], self._outputs, **options)
        done.then(self._find_nearest, self._state, self._nearest, **AFTERWARDS)

    def _begin(self) -> dict[Any, Any]:
        return self._shown(exploring.begin(self._workshop))

    def _move(self, now: Exploration, azimuth: float, elevation: float) -> dict[Any, Any]:
        moved = exploring.move(now, azimuth, elevation)
        parts = pictures.camera_parts(self._workshop, moved)
        return {self._state: moved, **{self._named[name]: parts[name] for name in parts}}

    def _place(self, now: Exploration, event: gr.EventData) -> dict[Any, Any]:
        azimuth, elevation = map(round, map_to_angles(event.across, event.down))
        return self._move(now, azimuth, elevation) | {
            self._azimuth: azimuth, self._elevation: elevation,
        }  # fmt: skip

    def _show_text(self, now: Exploration, text: str) -> Exploration:
        return exploring.show_object(self._workshop, now, parse_object(text))

    def _show_file(self, now: Exploration, path: str) -> Exploration:
        return self._show_text(now, read_object(Path(path)))

    def _extended(self, name: str) -> Callable[[Exploration], Exploration]:
        def extend(now: Exploration) -> Exploration:
            words = moves_of(now.shown.item).split()
            return self._show_text(now, " ".join(words[:-1] if name == "undo" else [*words, name]))

        return extend

    def _shown(self, now: Exploration) -> dict[Any, Any]:
        """All that depends on an exploration, save the nearest shapes, which take longer."""
        parts = pictures.exploration_parts(now) | pictures.camera_parts(self._workshop, now)
        azimuth, elevation = now.camera
        return {
            self._state: now,
            self._message: "",
            self._azimuth: azimuth,
            self._elevation: elevation,
            **{self._named[name]: value for name, value in parts.items()},
        }

    def _find_nearest(self, now: Exploration) -> str:
        return pictures.nearest_part(self._workshop, now)
