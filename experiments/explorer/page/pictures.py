"""HTML and images of explorations, episodes and tests, by their names on the page; no wiring."""

from __future__ import annotations

from typing import Any

from experiments.explorer import exploring
from experiments.explorer.estimates import SAMPLES
from experiments.explorer.exploring import Exploration, Workshop
from experiments.explorer.objects import NUM_CUBES, describe_object, moves_of, shape_number
from experiments.explorer.page.figures import (
    HEAT_LIMIT,
    camera_map,
    estimate_curve,
    heat,
    picture_html,
    posterior_bars,
    rotation_figure,
)
from experiments.explorer.page.messages import download_html, note_html, outcome_html
from experiments.explorer.rotation_test import PICTURE_SIZE, AgentAtAngle, Test
from experiments.explorer.scenes import Image
from experiments.explorer.watching import Step
from experiments.trials.table import trials_csv

PANEL, THUMBNAIL, NEIGHBOUR, CURVE = 190, 80, 84, 220
EPISODE, BARS, SHAPE, SCORE, MAP = 296, 240, 84, 330, 180
SHOWN_NEIGHBOURS = 6


def exploration_parts(now: Exploration) -> dict[str, Any]:
    """What changes with the object and the views: views, curve, about, number and text."""
    images = now.estimate.images
    views = [(image, f"view {k}") for k, image in enumerate(images, start=1)]
    is_numbered = len(now.shown.item) == NUM_CUBES
    return {
        "views": picture_html(views, THUMBNAIL) if views else note_html("", "No views yet."),
        "curve": _curve_html(now) if images else note_html("", "From the first view on."),
        "about": note_html("", describe_object(now.shown.item)),
        "number": shape_number(now.shown.item) if is_numbered else None,
        "text": moves_of(now.shown.item),
    }


def camera_parts(workshop: Workshop, now: Exploration) -> dict[str, Any]:
    """What changes with the camera too: panels and map."""
    found = exploring.predict(workshop, now)
    count = len(now.estimate.images)
    panels = [
        (found.truth, "from here: the truth"),
        (found.sample_image, f"the GQN {_after(count)}"),
        (heat(found.difference), f"error: RMSE {found.error:.1f} (lightest {HEAT_LIMIT:.0f})"),
        (heat(found.spread), f"spread of {SAMPLES} samples: {found.mean_spread:.1f}"),
    ]
    return {
        "panels": picture_html(panels, PANEL, "panels"),
        "map": picture_html([(camera_map(now.looks, now.camera), "")], MAP, "map"),
    }


def nearest_part(workshop: Workshop, now: Exploration) -> str:
    """The nearest shapes, the nearest first; nothing to say before the first view."""
    if not now.estimate.images:
        return note_html("", "From the first view on.")
    found = exploring.neighbours(workshop, now)[:SHOWN_NEIGHBOURS]
    pictures = [
        (each.picture, f"shape {each.number}: {each.distance:.2f} {each.role}".strip())
        for each in found
    ]
    return picture_html(pictures, NEIGHBOUR, "nearest")


def episode_parts(step: Step, answers: list[str]) -> dict[str, str]:
    """What changes with a step of an agent: message, picture, lines and answer posterior."""
    lines = [outcome_html(line, None) for line in step.lines[:-1]]
    lines += [outcome_html(line, step.right) for line in step.lines[-1:]]
    over = note_html("", "The episode is over; 'Step' begins the next one.")
    answer_posterior = note_html("", "This agent holds no posterior over answers.")
    if step.answer_posterior is not None:
        answer_posterior = picture_html(
            [(posterior_bars(step.answer_posterior, answers), "")], BARS, "figure"
        )
    return {
        "message": over if step.over else "",
        "picture": picture_html([(step.picture, "")], EPISODE),
        "lines": "".join(lines) or note_html("", "Nothing done yet."),
        "answer_posterior": answer_posterior,
    }


def shapes_part(shapes: list[Image]) -> str:
    """The shapes that an agent chooses from; nothing where there are none."""
    if not shapes:
        return ""
    numbered = [(image, str(k)) for k, image in enumerate(shapes)]
    return note_html("The shapes to choose from", "") + picture_html(numbered, SHAPE)


def pair_part(test: Test) -> str:
    """The pair that waits for an answer."""
    if test.pair is None:
        return ""
    images = [(test.pair.left, ""), (test.pair.right, "")]
    return picture_html(images, PICTURE_SIZE, "pair")


def outcome_part(test: Test) -> str:
    """What became of the last answer."""
    given = test.answers[-1]
    right = sum(each.is_right for each in test.answers)
    return outcome_html(
        f"{'Right' if given.is_right else 'Wrong'}: {'mirrored' if given.mirrored else 'same'}, "
        f"{given.angle:.0f} degrees, {given.seconds:.2f} s. "
        f"{right} of {len(test.answers)} right so far.",
        given.is_right,
    )


def score_part(test: Test, agent: list[AgentAtAngle] | None, participant: str = "") -> str:
    """Time and accuracy by angle, and, once there is an answer, the table of all.

    Args:
        participant: the person's code in the table.
    """
    figure = picture_html([(rotation_figure(test.answers, agent), "")], SCORE, "figure")
    if not test.answers:
        return figure
    table = trials_csv(test.trials(participant.strip() or "1"))
    return figure + download_html("trials.csv", table, "These trials as a table (CSV)")


def _curve_html(now: Exploration) -> str:
    return picture_html([(estimate_curve(now.estimate.curve), "")], CURVE, "figure")


def _after(count: int) -> str:
    if count == 0:
        return "before any view (never trained for)"
    return f"after {count} view{'' if count == 1 else 's'}"
