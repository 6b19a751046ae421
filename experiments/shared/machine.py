"""The machine that a measurement ran on, without anything that names it."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.shared.parallel import available_cores

if TYPE_CHECKING:
    import torch

CPU_INFO = Path("/proc/cpuinfo")
BF16_UNITS = {
    "amx_bf16": "matrix units (AMX)",
    "avx512_bf16": "dot products (AVX-512), no matrix units",
    "bf16": "dot products (Arm)",
}
"""Flag of the processor to what it multiplies bf16 with, the best first."""


def describe_machine(device: torch.device, threads: int) -> dict[str, Any]:
    """Processor, accelerator, versions and how busy the machine is.

    Args:
        threads: of PyTorch; 0 for its default.
    """
    import torch

    from gqn_rl.devices import has_fast_bf16

    info = _cpu_info()
    flags = (info.get("flags") or info.get("Features") or "").split()
    found = [units for flag, units in BF16_UNITS.items() if flag in flags]
    return {
        "processor": info.get("model name") or platform.machine(),
        "bf16": found[0] if found else "none known",
        "bf16_matrix_units": "amx_bf16" in flags,
        "bf16_is_used": has_fast_bf16(device),
        "cores": available_cores(),
        "threads": threads or torch.get_num_threads(),
        "device": device.type,
        "gpu": torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "load": load(),
    }


def load() -> float | None:
    """Processes that wanted to run in the last minute, on average, whoever they belong to."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def cpu_seconds(process_id: int) -> float:
    """Seconds for which another process has computed so far, in steps of a hundredth; on Linux."""
    # After the name, which may contain anything, fields 3 onwards; 14 and 15 are the times.
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _cpu_info() -> dict[str, str]:
    """The first processor's lines."""
    if not CPU_INFO.is_file():
        return {}
    first = CPU_INFO.read_text().split("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}
