"""In which number format the networks compute."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar

import torch

from gqn_rl.errors import UserError, unknown_name

PRECISIONS = ("auto", "bf16", "fp32")
_EXACT: ContextVar[bool] = ContextVar("exact", default=False)


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """bf16 arithmetic where asked for, or where "auto" finds a processor built for it."""
    if precision not in PRECISIONS:
        raise unknown_name("precision", precision, PRECISIONS)
    fast = precision == "auto" and not _EXACT.get() and has_fast_bf16(device)
    if precision == "bf16" or fast:
        return torch.autocast(device.type, torch.bfloat16)
    return nullcontext()


@contextmanager
def float32_by_default() -> Iterator[None]:
    """Inside, the precision "auto" is fp32 on every processor."""
    token = _EXACT.set(True)
    try:
        yield
    finally:
        _EXACT.reset(token)


@contextmanager
def float32_tensors() -> Iterator[None]:
    """Inside, new tensors are float32, whatever the process takes where no format is named.

    Also a decorator. It changes what the process takes, for all its threads, unless that is
    float32 already.
    """
    before = torch.get_default_dtype()
    if before == torch.float32:
        yield
        return
    torch.set_default_dtype(torch.float32)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def full_precision(device: torch.device) -> AbstractContextManager[object]:
    """What is computed inside keeps the precision of its inputs, also under `autocast`."""
    return torch.autocast(device.type, enabled=False)


def lowered(tensor: torch.Tensor) -> torch.Tensor:
    """In the format that `autocast` lets convolutions compute in, so that less has to be moved."""
    kind = tensor.device.type
    if not torch.is_autocast_enabled(kind):
        return tensor
    return tensor.to(torch.get_autocast_dtype(kind))


def has_fast_bf16(device: torch.device) -> bool:
    """Whether the device multiplies bf16 matrices faster than float32 ones."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    if device.type == "cpu":
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return False


def require_compiler() -> None:
    """Refuse to compile networks where PyTorch would find no C++ compiler, and say so at length.

    Raises:
        UserError: naming what was looked for.
    """
    wanted = os.environ.get("CXX", "g++")
    if shutil.which(wanted) is None:
        raise UserError(
            f"compile needs a C++ compiler: {wanted!r} is not found; install it, or name one in CXX"
        )


def choose_device(name: str) -> torch.device:
    """ "auto" is a GPU where there is one, else the CPU."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"device {name!r} cannot be used: {reason}") from error
    return device
