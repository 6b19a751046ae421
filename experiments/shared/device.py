"""The flag for the device: one default for GQNs, one for agents."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DeviceFlag:
    """Where a GQN computes. Convolutions over batches of pictures are what GPUs are for."""

    device: str = "auto"
    """auto (a GPU where there is one), cpu, cuda or another PyTorch device."""


@dataclass(frozen=True)
class AgentDeviceFlag:
    """Where an agent and its encoder compute.

    Stable-Baselines3 advises against a GPU for PPO without convolutions (it warns), since the
    policy is small and every step of the environments goes back and forth. The agents that ship,
    and every figure about agents, are from the CPU; no other device has been measured.
    """

    device: str = "cpu"
    """Device of encoder and agent: cpu, which Stable-Baselines3 recommends for policies as small
    as these; cuda, auto (a GPU where there is one) or another PyTorch device."""
