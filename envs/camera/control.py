"""The camera's controls by name.

Adding a kind of control is a new class and a line in `CONTROLS`; outside the package, a class.
"""

from __future__ import annotations

from envs.camera.actions import NO_ANSWER
from envs.camera.base import NAMED_TURNS, STEP, CameraControl, Commands
from envs.camera.continuous import LARGEST_TURN, PROBED, ContinuousControl
from envs.camera.discrete import DiscreteControl
from gqn_rl.entry_points import find

__all__ = [
    "CONTROLS",
    "LARGEST_TURN",
    "NAMED_TURNS",
    "NO_ANSWER",
    "PROBED",
    "STEP",
    "CameraControl",
    "Commands",
    "ContinuousControl",
    "DiscreteControl",
    "make_control",
]

CONTROLS = {
    "discrete": "envs.camera.discrete:DiscreteControl",
    "continuous": "envs.camera.continuous:ContinuousControl",
}
"""Name to `module:class`; the class takes the number of answers."""


def make_control(name: str, num_answers: int) -> CameraControl:
    """The control called `name`.

    Args:
        name: in `CONTROLS`, or `module:class` for a control of one's own.
        num_answers: K.

    Raises:
        UserError: for an unknown name.
    """
    control: CameraControl = find("control", name, CONTROLS)(num_answers)
    return control
