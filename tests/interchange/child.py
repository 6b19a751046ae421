"""Runs a module as a program in a fork of this process: PyTorch need not be imported again."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import sys
import traceback
from pathlib import Path

LIMIT = 120.0
READ_ONCE = ("huggingface_hub", "wandb")
"""Libraries that read environment variables when they are imported."""
Result = tuple[int, str, str]


def run_module(settings: dict[str, str], folder: Path, module: str, *arguments: str) -> Result:
    """Exit code, output and errors of `python -m module` with more environment variables.

    Libraries that read them when they are imported are imported anew.

    Args:
        folder: for the files that take what it prints.
    """
    out, err = folder / "child.out", folder / "child.err"
    context = multiprocessing.get_context("fork")
    child = context.Process(target=_become, args=(settings, out, err, module, arguments))
    child.start()
    child.join(LIMIT)
    if child.is_alive():
        child.kill()
        raise TimeoutError(f"{module} {arguments} took more than {LIMIT:g} s")
    assert child.exitcode is not None
    return child.exitcode, out.read_text().strip(), err.read_text().strip()


def _become(
    settings: dict[str, str], out: Path, err: Path, module: str, arguments: tuple[str, ...]
) -> None:
    os.environ.update(settings)
    for name in [*sys.modules]:
        if name.split(".")[0] in READ_ONCE:
            del sys.modules[name]
    sys.modules.pop(module, None)
    with out.open("w") as sys.stdout, err.open("w") as sys.stderr:
        os.dup2(sys.stdout.fileno(), 1)
        os.dup2(sys.stderr.fileno(), 2)
        sys.argv = [module, *arguments]
        code: object = 0
        try:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        except SystemExit as ended:
            code = ended.code or 0
        except BaseException:
            traceback.print_exc()
            code = 1
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)
