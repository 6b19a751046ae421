"""Files of conditions: what PsychoPy and jsPsych read to show pairs of pictures to people."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from experiments.trials.table import ANSWERS, HUNDRED
from gqn_rl.errors import UserError
from gqn_rl.files import write_json, write_text

PSYCHOPY, JSPSYCH = "conditions.csv", "jspsych.json"


class Condition(NamedTuple):
    """One pair as an experiment shows it.

    Attributes:
        left, right: paths of the pictures, relative to the file.
        shape: letters of the left object.
        mirrored: whether the right one is the mirror image.
        angle: degrees between them.
        axis: "vertical" or "sight".
        azimuth, elevation: of the camera, degrees.
    """

    left: str
    right: str
    shape: str
    mirrored: bool
    angle: float
    axis: str
    azimuth: float
    elevation: float


def checked_keys(keys: Sequence[str]) -> tuple[str, str]:
    """The keys for "same" and "mirrored".

    Raises:
        UserError: for anything but two different ones.
    """
    if len(keys) != len(ANSWERS) or len(set(keys)) != len(keys) or not all(keys):
        raise UserError(f"keys is {list(keys)}, expected two different ones: {list(ANSWERS)}")
    return keys[0], keys[1]


def write_conditions(folder: Path, conditions: Sequence[Condition], keys: tuple[str, str]) -> None:
    """`conditions.csv` for PsychoPy's loops and `jspsych.json` for `timeline_variables`.

    The right key is in `corrAns`: of `keys` the first where the objects are the same, the second
    where one is mirrored. In PsychoPy's own demo of mental rotation the word "same" means that the
    picture is mirrored, so the column is a key and no word.
    """
    rows = [_row(condition, keys) for condition in conditions]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(folder / PSYCHOPY, text.getvalue())
    write_json(folder / JSPSYCH, [_for_jspsych(row, keys) for row in rows])


def _row(condition: Condition, keys: tuple[str, str]) -> dict[str, Any]:
    angle = float(f"{condition.angle:.6g}")
    return {
        "left_im": condition.left,
        "right_im": condition.right,
        "corrAns": keys[condition.mirrored],
        "angle": angle,
        "angle_hundreds": float(f"{angle / HUNDRED:.6g}"),
        "mirrored": int(condition.mirrored),
        "shape": condition.shape,
        "axis": condition.axis,
        "azimuth": round(condition.azimuth, 1),
        "elevation": round(condition.elevation, 1),
    }


def _for_jspsych(row: dict[str, Any], keys: tuple[str, str]) -> dict[str, Any]:
    """With what jsPsych's plug-ins call these things; data goes into every row that it saves."""
    data = {key: value for key, value in row.items() if key not in ("left_im", "right_im")}
    data["correct_response"] = data.pop("corrAns")
    stimuli = [row["left_im"], row["right_im"]]
    return {"stimuli": stimuli, "choices": list(keys), "data": data}
