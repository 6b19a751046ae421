"""Logs of a run while it runs: TensorBoard, Weights & Biases, or both."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gqn_rl.errors import UserError, unknown_name
from gqn_rl.extras import require
from gqn_rl.files import write_json

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

LOGGERS = ("tensorboard", "wandb")
WANDB_RUN = "wandb_run.json"
PROJECT = "gqn_rl"
"""Of Weights & Biases, unless WANDB_PROJECT names another."""


class RunLog(Protocol):
    """Takes down numbers and pictures by step."""

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Numbers by name, such as "train/mse"."""
        ...

    def image(self, name: str, picture: NDArray[np.uint8], step: int) -> None:
        """A picture uint8 (H, W, 3)."""
        ...


class TensorBoardLog:
    """Event files."""

    def __init__(self, writer: SummaryWriter) -> None:
        self._writer = writer

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """See `RunLog.scalars`."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def image(self, name: str, picture: NDArray[np.uint8], step: int) -> None:
        """See `RunLog.image`."""
        self._writer.add_image(name, picture, step, dataformats="HWC")


class WandbLog:
    """A run of Weights & Biases."""

    def __init__(self, run: Any) -> None:
        self._run = run

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """See `RunLog.scalars`."""
        self._run.log(dict(values), step=step)

    def image(self, name: str, picture: NDArray[np.uint8], step: int) -> None:
        """See `RunLog.image`."""
        self._run.log({name: require("wandb", "wandb").Image(picture)}, step=step)


def check_loggers(names: Sequence[str]) -> None:
    """Refuse names that are not in `LOGGERS`, and one whose package is missing.

    TensorBoard may be missing, as on GPU machines where only PyTorch is installed: the curves are
    in the run's record too.

    Raises:
        UserError: naming it.
    """
    for name in names:
        if name not in LOGGERS:
            raise unknown_name("logger", name, LOGGERS)
    if "wandb" in names:
        require("wandb", "wandb")


@contextmanager
def run_logs(names: Sequence[str], folder: Path) -> Iterator[list[RunLog]]:
    """The logs of the run in a folder, closed at the end.

    Args:
        folder: gets what the loggers write; its settings.json goes to Weights & Biases.

    Raises:
        UserError: for a logger that cannot be used.
    """
    check_loggers(names)
    logs: list[RunLog] = []
    with ExitStack() as stack:
        if "tensorboard" in names:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                pass
            else:
                writer = stack.enter_context(SummaryWriter(str(folder / "tensorboard")))
                logs.append(TensorBoardLog(writer))
        if "wandb" in names:
            logs.append(stack.enter_context(wandb_log(folder)))
        yield logs


@contextmanager
def wandb_log(folder: Path) -> Iterator[WandbLog]:
    """The run of Weights & Biases that belongs to a folder, the same one when it is resumed.

    WANDB_MODE=offline keeps it in the folder, for `wandb sync`.

    Raises:
        UserError: where the run cannot be begun, above all without a login.
    """
    wandb = require("wandb", "wandb")
    note, settings = folder / WANDB_RUN, folder / "settings.json"
    if not note.is_file():
        write_json(note, {"id": uuid.uuid4().hex[:8]})
    try:
        run = wandb.init(
            project=wandb.Settings().project or PROJECT,
            dir=str(folder),
            name=folder.name,
            id=json.loads(note.read_text())["id"],
            resume="allow",
            config=json.loads(settings.read_text()) if settings.is_file() else {},
        )
    except (wandb.errors.Error, OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())[:160]
        raise UserError(f"wandb: {reason} (`wandb login`, or WANDB_MODE=offline)") from error
    try:
        yield WandbLog(run)
    except BaseException:
        run.finish(exit_code=1)
        raise
    run.finish()
