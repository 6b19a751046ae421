"""Assembly of an environment from its arguments; what cannot go together is refused here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode

from envs.camera.aim import CENTRE, FREE, AimRange, aim_range_of
from envs.camera.control import CameraControl
from envs.forked import settle_into_forked_worker
from envs.observation.content import content_named
from envs.observation.encoder_memory import EncoderMemory, encoder_name, usable_encoder
from envs.observation.part import PartFactory, part_factories
from envs.rows.pixel_noise import noise_of
from envs.rows.scene_rows import SceneRows
from envs.rows.view_store import images_per_row
from envs.tasks import Task
from gqn_rl.encoders import SceneEncoder
from gqn_rl.errors import UserError, unknown_name
from gqn_rl.rendering import WIDEST, Appearance, default_renderer, make_renderer
from gqn_rl.scenes.scene import CENTRED, POSITIONS

RENDER_MODES = ("rgb_array",)
ROWS_PER_GROUP, MAX_GROUPS = 32, 4


def make_rows(
    n: int,
    task: Task,
    control: CameraControl,
    *,
    observation: str,
    parts: Sequence[str | PartFactory],
    encoder: str | Path | SceneEncoder[Any] | None,
    renderer: str | None,
    image_size: int,
    num_cubes: int,
    max_looks: int,
    device: str,
    render_workers: int,
    appearance: Appearance | Mapping[str, Any] | None = None,
    field_of_view: float = WIDEST,
    position: str = CENTRED,
    pixel_noise: float = 0.0,
    aim_range: AimRange | None = None,
) -> SceneRows:
    """The rows of an environment; see `SceneVectorEnv` for the arguments.

    Raises:
        UserError: for an unknown name, or parts that do not go together.
    """
    _check(num_envs=(n, 1), max_looks=(max_looks, 1), render_workers=(render_workers, 0))
    if position not in POSITIONS:
        raise unknown_name("position", position, POSITIONS)
    noise = noise_of(n, pixel_noise)
    settle_into_forked_worker()
    renderer = default_renderer() if renderer is None else renderer
    content, more = content_named(observation), part_factories(parts)
    look: dict[str, Any] = {"appearance": appearance, "field_of_view": field_of_view}
    look |= _device_option(renderer, device)
    if render_workers:
        look |= {"workers": render_workers, "capacity": n * images_per_row(task)}
    built_renderer = make_renderer(renderer, image_size, **look)
    groups, memory = [slice(0, n)], None
    try:
        if task.has_query or content.needs_encoder or any(part.needs_encoder for part in more):
            encoder = task.encoder if encoder is None else encoder
            groups = row_groups(n) if render_workers else groups
            memory = EncoderMemory(groups, usable_encoder(encoder, built_renderer.identity, device))
            _require_drawing(task, memory, encoder)
        return SceneRows(
            groups, task, built_renderer, memory, control, num_cubes=num_cubes,
            max_looks=max_looks, content=content, more_parts=more, position=position, noise=noise,
            aim_range=aim_range,
        )  # fmt: skip
    except BaseException:
        built_renderer.close()
        raise


def checked_aim(aim: str, task: Task, field_of_view: float) -> AimRange | None:
    """The range of the cameras' aims; None where they look at the centre.

    Raises:
        UserError: for an unknown name, or a free aim where it says nothing: of cameras that see the
            whole object, and where it is a query view that counts.
    """
    found = aim_range_of(aim, field_of_view)
    if found is not None and task.has_query:
        raise UserError(
            f'aim is "{FREE}", expected "{CENTRE}" in {type(task).__name__}: query views are of '
            "the centre, and what encoders tell of moves too"
        )
    return found


def _check(**counts: tuple[int, int]) -> None:
    """Refuse counts, each a value and its least, that are too small."""
    for count, (value, least) in counts.items():
        if value < least:
            raise UserError(f"{count} is {value}, expected at least {least}")


def _require_drawing(task: Task, memory: EncoderMemory, encoder: object) -> None:
    if task.has_query and memory.imaginer is None:
        raise UserError(
            f"{encoder_name(encoder)} cannot draw views (it has no predict_view and select), "
            f"which {type(task).__name__} needs"
        )


def row_groups(n: int) -> list[slice]:
    """Rows that are encoded together while workers draw the next: large groups, but not one."""
    count = min(max(n // ROWS_PER_GROUP, 1), MAX_GROUPS)
    bounds = np.linspace(0, n, count + 1).astype(int).tolist()
    return [slice(start, stop) for start, stop in pairwise(bounds)]


def checked_modes(
    render_mode: str | None, autoreset_mode: AutoresetMode | str
) -> tuple[str | None, AutoresetMode]:
    """The modes, the latter by name or as it is.

    Raises:
        UserError: for a mode that there is not.
    """
    if render_mode is not None and render_mode not in RENDER_MODES:
        raise unknown_name("render_mode", render_mode, RENDER_MODES)
    try:
        return render_mode, AutoresetMode(autoreset_mode)
    except ValueError:
        known = [mode.value for mode in AutoresetMode]
        raise unknown_name("autoreset_mode", autoreset_mode, known) from None


def checked_flag(name: str, value: object) -> bool:
    """A flag as it is.

    Raises:
        UserError: for anything but True or False: any text would be true.
    """
    if not isinstance(value, bool | np.bool_):
        raise UserError(f"{name} is {value!r}, expected True or False")
    return bool(value)


def _device_option(renderer: str, device: str) -> dict[str, str]:
    """The renderer's share of `device`: only the ray caster draws on one."""
    if renderer != "raycast":
        return {}
    import torch

    if device == "auto":
        return {"device": "cuda" if torch.cuda.is_available() else "cpu"}
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as problem:
        reason = str(problem).splitlines()[0]
        raise UserError(f"device {device!r} cannot be used: {reason}") from problem
    return {"device": device}
