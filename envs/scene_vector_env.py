"""The one implementation of the environments, for any number of rows at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import error, logger
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from envs.assembly import RENDER_MODES, checked_aim, checked_flag, checked_modes, make_rows
from envs.camera.aim import CENTRE
from envs.camera.control import make_control
from envs.drawing.frames import draw_frames
from envs.observation.flattening import Flattening
from envs.observation.part import PartFactory
from envs.plain_spec import PlainSpec
from envs.reset_options import reset_options
from envs.rows.episodes import Episodes, FinalInfos, Infos, vector_infos
from envs.rows.row_access import RowAccess
from envs.rows.seeding import RowGenerators
from envs.snapshots import Resumable, Snapshot, restore_parts, snapshot_of
from envs.tasks import NO_ANSWER, make_task
from gqn_rl.encoders import SceneEncoder
from gqn_rl.rendering import WIDEST, Appearance, RendererWithWorkers
from gqn_rl.scenes.scene import CENTRED
from gqn_rl.scenes.shape_source import num_cubes_of

LOOK_COST = 0.02
MAX_LOOKS = 12
"""Of an episode, where neither the user nor the task says how many."""


class SceneVectorEnv(PlainSpec, RowAccess, VectorEnv[Any, NDArray[Any], NDArray[Any]]):  # type: ignore[misc]
    """A camera on a sphere around an object; look as long as it pays, then answer.

    An episode shows one scene. Its first view comes with the reset and is look 1; every camera
    move is one more look, at a cost of 0.02. An answer ends the episode with the task's reward: +1
    if it is right and -1 if it is wrong, or a grade between them, see `envs.tasks`. After
    `max_looks` looks an answer is still possible, but a further move ends the episode with -1.
    That is a termination, not a truncation: the budget is part of the task and the agent sees
    what is left of it.

    No action that ends an episode needs a new image, so a step makes one render call and one
    encoder call for all rows, and the final observation is the last one seen. On top come, where
    the task has them, the encoding of new references and the drawing of query views.

    Actions are those of `envs.camera.control`, Discrete or a Box. A move to where the task lets no
    camera stand is a look like any other: the Discrete camera stays where it is, the continuous
    one goes as far as the border.

    The observation is a Dict; each of its parts is a class in `envs.observation`: what is seen
    (`representation`, `image` or `state`), `viewpoint`, `looks_left`, in mental rotation and view
    prediction a `cue`, in mental rotation with an encoder that compares `comparison`, in view
    prediction `prospects`, and `parts` of your own. With flatten=True all of it is one float32 Box,
    in the order of `envs.observation.flattening`.

    Info: `is_success`, `target`, `answer` (-1 while there is none) and `looks`, with Gymnasium's
    `_key` masks; mental rotation adds `angle`, view prediction `first_error` and `error`, rendering
    workers `worker_restarts`, how many were killed so far. A killed worker is replaced; episodes
    whose next view it was to draw end truncated, with the last view as their final observation, a
    reward of 0 and nothing paid for the look. The views of new episodes are drawn again.

    Row i of an environment reset with seed s has the scenes, images, rewards and ends of a single
    environment reset with seed s + i, to the bit. What an encoder computes (representations, the
    errors and rewards of view prediction) is the same up to the rounding of batched arithmetic: a
    ten-thousandth of a standard deviation in float32, the last of bfloat16's 8 bits there.

    >>> rows = SceneVectorEnv(num_envs=3, observation="state")
    >>> observation, info = rows.reset(seed=0)
    >>> rows.step(np.array([0, 2, 4 + info["target"][2]]))[1]  # left, up, and the right answer
    array([-0.02, -0.02,  1.  ])

    Args:
        num_envs: rows.
        task: a name in `envs.tasks.TASKS`.
        control: a name in `envs.camera.control.CONTROLS`, or `module:class`; the attribute of
            this name is the control itself, which writes actions as well as it reads them.
        observation: "representation", "pixels", "rgb" (pixels, every picture of three channels) or
            "state".
        flatten: whether the observation is one Box.
        parts: more of the observation: classes as in `envs.observation.part`, or `module:class`.
        encoder: a name in `gqn_rl.encoders.ENCODERS`, that of shipped weights, the path of a
            checkpoint, or an encoder; None for the task's own: "gqn", in mental rotation "cells",
            in view prediction "base". Not loaded for observations other than "representation", save
            in view prediction, which needs one that draws, and for `parts` that need one.
        renderer: "pybullet" or "raycast"; None for the former, where it is installed.
        image_size: height and width of the views in pixels.
        appearance: of the objects: colours, edges, background, ambient and diffuse by name, see
            `gqn_rl.rendering.Appearance`; an encoder knows the one it was trained on.
        field_of_view: opening angle of the camera in degrees, 1 to 45; at less than 45 a view shows
            a part of the object. An encoder knows the one it was trained on.
        num_cubes: cubes per object; None for 7, or as many as the objects of a file have.
        max_looks: images per episode, the first one included; None for 12, or as many as the
            task's own options say.
        shapes: "train", "validation" or "test" (the latter two held out from GQN pre-training);
            "all" for sizes too small to hold shapes out; or the path of a file of objects, see
            `gqn_rl.scenes.stimuli`.
        orientation: "grid" (one of the 24 grid rotations) or "free" (times a random yaw); None
            for the task's own: "grid", in mental rotation "free".
        position: "centred", the barycentre where cameras look, or "random", each object, a
            reference too, anywhere that every camera sees all of it.
        aim: where cameras look: "centre", or "free", where actions say, see `envs.camera.aim`; then
            at less than 45 degrees and without a query view. Discrete actions have four more moves
            before the answers, continuous ones two more numbers after the turn's; a change of the
            aim is a look. The first view of an episode is of the centre.
        pixel_noise: standard deviation in levels, 0 to 255, of Gaussian noise on every view and
            every reference; what the encoder has to draw has none.
        device: "auto", "cpu", "cuda" or another PyTorch device.
        render_workers: processes that draw, the same images to the bit, while this one encodes;
            0 to draw in this one. Pays where there are cores to spare.
        render_mode: None or "rgb_array".
        autoreset_mode: an AutoresetMode or its value, "NextStep", "SameStep" or "Disabled".
        task_options: what else the task takes; recognition: gallery_size=10 and
            gallery="distinct" or "confusable"; mental rotation: colours, rotation, angles, camera,
            elevation, glimpses and presentation, see `envs.tasks.mental_rotation`.

    Raises:
        UserError: a ValueError, for an argument that is none of these or does not go with others.
    """

    metadata: dict[str, Any] = {"render_modes": list(RENDER_MODES), "render_fps": 2}  # noqa: RUF012

    def __init__(
        self,
        num_envs: int = 1,
        *,
        task: str = "recognition",
        control: str = "discrete",
        observation: str = "representation",
        flatten: bool = False,
        parts: Sequence[str | PartFactory] = (),
        encoder: str | Path | SceneEncoder[Any] | None = None,
        renderer: str | None = None,
        image_size: int = 64,
        appearance: Appearance | Mapping[str, Any] | None = None,
        field_of_view: float = WIDEST,
        num_cubes: int | None = None,
        max_looks: int | None = None,
        shapes: str = "train",
        orientation: str | None = None,
        position: str = CENTRED,
        aim: str = CENTRE,
        pixel_noise: float = 0.0,
        device: str = "auto",
        render_workers: int = 0,
        render_mode: str | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        **task_options: Any,
    ) -> None:
        self.num_envs, self.closed = num_envs, True  # until there is something to close
        flatten = checked_flag("flatten", flatten)
        self.render_mode, self.autoreset_mode = checked_modes(render_mode, autoreset_mode)
        self.metadata = {**type(self).metadata, "autoreset_mode": self.autoreset_mode}
        num_cubes = num_cubes_of(num_cubes, shapes)
        task_options |= {"num_cubes": num_cubes, "shapes": shapes, "orientation": orientation}
        built_task = make_task(task, **task_options)
        aim_range = checked_aim(aim, built_task, field_of_view)
        self.control = make_control(control, built_task.num_answers, aim_range)
        self.max_looks = (built_task.max_looks or MAX_LOOKS) if max_looks is None else max_looks
        self._rows = make_rows(
            num_envs, built_task, self.control, observation=observation, parts=parts,
            encoder=encoder, renderer=renderer, image_size=image_size, num_cubes=num_cubes,
            max_looks=self.max_looks, device=device, render_workers=render_workers,
            appearance=appearance, field_of_view=field_of_view, position=position,
            pixel_noise=pixel_noise, aim_range=aim_range,
        )  # fmt: skip
        self._define_spaces(flatten)
        self._generators, self._episodes = RowGenerators(num_envs), Episodes(num_envs)
        self.closed = False

    def _define_spaces(self, flatten: bool) -> None:
        seen = self._rows.observation.space
        self._flattening = Flattening(seen) if flatten else None
        self.single_observation_space = self._flattening.space if self._flattening else seen
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.single_action_space = self.control.action_space
        self.action_space = batch_space(self.single_action_space, self.num_envs)

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Any, Infos]:
        """Begin an episode in every row, or in the rows of a mask.

        Args:
            seed: s gives row i the seed s + i; a sequence gives one per row; None goes on with
                the generators there are.
            options: "reset_mask", bool (num_envs,), the rows that begin anew; the others, their
                generators included, stay as they are, and the info is about the new ones. In
                mental rotation also "shape", letters such as "uuuubbuur", "angle", degrees, and
                "same", True or False, each one value for all rows or a sequence of one for each:
                so the trials are, and what is not given is drawn. Later episodes are drawn again.

        Raises:
            UserError: for any other option, or a value that no trial has.
        """
        self._require_open("reset")
        mask, given = reset_options(options, self.num_envs, self.task.trial_options)
        if not mask.all():
            _ = self.trials  # asks for a whole reset first
        self._generators.seed(seed, mask)
        self._begin(mask, given)
        self._rows.take_view(mask)
        return self._observation(), vector_infos(self._facts(), mask)

    def step(
        self, actions: NDArray[Any]
    ) -> tuple[Any, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], Infos]:
        """One action per row; rows that NEXT_STEP is about to reset ignore theirs.

        Raises:
            UserError: for an action outside the space; nothing has changed then.
        """
        self._require_open("step")
        _ = self.trials  # asks for a reset first
        if self.autoreset_mode == AutoresetMode.DISABLED and self._episodes.ended.any():
            raise error.ResetNeeded("step() called after the end of an episode; call reset()")
        commands = self.control.read(actions, self.num_envs)

        live = ~self._episodes.ended
        answering = live & (commands.answer != NO_ANSWER)
        exhausted = live & ~answering & (self._rows.cameras.looks == self.max_looks)
        moving = live & ~answering & ~exhausted
        over = answering | exhausted
        rewards = self._score(over, answering, commands.answer) - LOOK_COST * moving
        self._episodes.returns += rewards

        same_step, finals = self.autoreset_mode == AutoresetMode.SAME_STEP, FinalInfos(len(live))
        if same_step and over.any():
            finals.add(self._observation(over), self._facts(), over)
        self._rows.turn(moving, commands.turn, self.control.goes_partway)
        beginning = over if same_step else ~live
        self._begin(beginning)
        lost = self._rows.take_view(moving | beginning)
        if lost.any():
            rewards[lost] += LOOK_COST  # for a look that was not taken
            self._truncate(lost, finals)
        infos = finals.infos() | vector_infos(self._facts(), np.ones(self.num_envs, dtype=bool))
        return self._observation(), rewards, over, lost, infos

    def potential(self) -> NDArray[np.float64]:
        """The reward of each row if it gave the first answer now, float64 (N,).

        It is the potential of shaped rewards in training, see `agents.algorithms.shaping`, and
        knows the truth about the scene. In view prediction it draws the query view of every row.
        """
        self._require_open("potential")
        first = np.zeros(self.num_envs, dtype=np.int64)
        return self.task.score(self.trials, first, self._rows.errors_now()).reward

    worth_of_answering = potential  # its older name

    def snapshot(self) -> Snapshot:
        """Episodes, scenes, encoder and random generators as named arrays; no pickle is needed."""
        self._require_open("snapshot")
        return snapshot_of(self._parts())

    def restore(self, snapshot: Snapshot) -> None:
        """Go on where a snapshot was taken, to the bit, in an environment made alike.

        Raises:
            UserError: for a snapshot of other rows, observations or tasks.
        """
        self._require_open("restore")
        restore_parts(self._parts(), snapshot)

    def _parts(self) -> dict[str, Resumable | None]:
        return {"rows": self._rows, "episodes": self._episodes, "generators": self._generators}

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:
        """One picture per row, see `envs.drawing.frames`; None when render_mode is None."""
        if self.render_mode is None:
            logger.warn("render() needs render_mode='rgb_array' at construction")
            return None
        self._require_open("render")
        status = self._episodes.status(self.task.answer_name, self._rows.details)
        return draw_frames(self._rows, status)

    def close_extras(self, **kwargs: Any) -> None:
        """Free the renderer; called once by `close`."""
        self._rows.renderer.close()

    def _require_open(self, method: str) -> None:
        if self.closed:
            raise error.ClosedEnvironmentError(f"{method}() called on a closed environment")

    def _score(
        self, over: NDArray[np.bool_], answering: NDArray[np.bool_], answers: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Note the answers of the episodes that end here; their rewards, 0 elsewhere."""
        rewards = np.zeros(self.num_envs)
        if over.any():
            errors = self._rows.finish(over, answering)
            outcome = self.task.score(self.trials[over], answers[over], errors)
            self._episodes.end(over, answers, outcome)
            rewards[over] = outcome.reward
        return rewards

    def _truncate(self, lost: NDArray[np.bool_], finals: FinalInfos) -> None:
        """End the episodes whose view was lost with a rendering worker."""
        self._episodes.returns[lost] += LOOK_COST
        self._episodes.truncate(lost)
        if self.autoreset_mode == AutoresetMode.SAME_STEP:
            finals.add(self._observation(lost), self._facts(), lost)
            self._begin(lost)
            self._rows.take_view(lost)

    def _begin(
        self, mask: NDArray[np.bool_], given: Sequence[dict[str, Any]] | None = None
    ) -> None:
        self._rows.begin(mask, self._generators, given)
        self._episodes.begin(mask)

    def _observation(self, mask: NDArray[np.bool_] | None = None) -> Any:
        """The observation of the rows of a mask, or of all, in fresh arrays."""
        seen = self._rows.observation.values
        fresh = {key: v.copy() if mask is None else v[mask] for key, v in seen.items()}
        return self._flattening(fresh) if self._flattening else fresh

    def _facts(self) -> dict[str, NDArray[Any]]:
        """What `info` says about every row."""
        facts = {
            "is_success": self._episodes.success,
            "target": self.trials.target,
            "answer": self._episodes.answers,
            "looks": self._rows.cameras.looks,
            **self._rows.details,
        }
        renderer = self._rows.renderer
        if isinstance(renderer, RendererWithWorkers):
            facts["worker_restarts"] = np.full(self.num_envs, renderer.restarts)
        return facts
