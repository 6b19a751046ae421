"""The camera's controls by name.

Adding a kind of control is a new class and a line in `CONTROLS`; outside the package, a class.
"""

from __future__ import annotations

from envs.camera.actions import NO_ANSWER
from envs.camera.aim import CENTRE, FREE, AimRange
from envs.camera.base import NAMED_TURNS, STEP, CameraControl, Commands
from envs.camera.continuous import LARGEST_TURN, PROBED, ContinuousControl
from envs.camera.discrete import DiscreteControl
from gqn_rl.entry_points import find
from gqn_rl.errors import UserError

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
"""Name to `module:class`; the class takes the number of answers, and a range of aims if it can."""


def make_control(name: str, num_answers: int, aim_range: AimRange | None = None) -> CameraControl:
    """The control called `name`.

    Args:
        name: in `CONTROLS`, or `module:class` for a control of one's own.
        num_answers: K.
        aim_range: how far beside the centre the cameras may look; None for the centre alone.

    Raises:
        UserError: for an unknown name, or a range of a control that cannot aim.
    """
    kind: type[CameraControl] = find("control", name, CONTROLS)
    if aim_range is None:
        return kind(num_answers)
    if not kind.can_aim:
        raise UserError(f'aim is "{FREE}", expected "{CENTRE}": control {name!r} cannot aim')
    return kind(num_answers, aim_range)
