"""The table of families and their presets.

A family is a configuration and a network that is built from it; adding one is a new folder and a
line in `FAMILIES`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

import torch

from gqn_rl.errors import UserError, unknown_name
from gqn_rl.gqn.attention.config import PRESETS as ATTENTION_PRESETS
from gqn_rl.gqn.attention.config import AttentionConfig
from gqn_rl.gqn.canonical.config import PRESETS as CANONICAL_PRESETS
from gqn_rl.gqn.canonical.config import CanonicalConfig
from gqn_rl.gqn.config import Config
from gqn_rl.gqn.lattice.config import PRESETS as LATTICE_PRESETS
from gqn_rl.gqn.lattice.config import LatticeConfig
from gqn_rl.gqn.model import GenerativeQueryNetwork
from gqn_rl.gqn.published.config import PRESETS as PUBLISHED_PRESETS
from gqn_rl.gqn.published.config import PublishedConfig


class Family(NamedTuple):
    """Attributes: the type of the configurations, `module:class` of the network, named sizes."""

    config: type[Config]
    network: str
    presets: dict[str, Config]


FAMILIES = {
    "lattice": Family(
        LatticeConfig, "gqn_rl.gqn.lattice.lattice_gqn:LatticeGQN", {**LATTICE_PRESETS}
    ),
    "canonical": Family(
        CanonicalConfig,
        "gqn_rl.gqn.canonical.canonical_gqn:CanonicalGQN",
        {**CANONICAL_PRESETS},
    ),
    "attention": Family(
        AttentionConfig, "gqn_rl.gqn.attention.attention_gqn:AttentionGQN", {**ATTENTION_PRESETS}
    ),
    "published": Family(
        PublishedConfig, "gqn_rl.gqn.published.published_gqn:PublishedGQN", {**PUBLISHED_PRESETS}
    ),
}

PRESETS: dict[str, Config] = {
    name: config for family in FAMILIES.values() for name, config in family.presets.items()
}
"""All families' presets by name; no two families share one."""


def preset(name: str) -> Config:
    if name not in PRESETS:
        raise unknown_name("preset", name, PRESETS)
    return PRESETS[name]


def family_of(config: Config) -> str:
    """Name of the family that a configuration belongs to."""
    for name, family in FAMILIES.items():
        if type(config) is family.config:
            return name
    raise UserError(f"{type(config).__name__} belongs to none of the families {list(FAMILIES)}")


def config_from_dict(family: str, values: dict[str, Any], source: str) -> Config:
    """The configuration that a file holds.

    Args:
        source: what errors call the file.
    """
    if family not in FAMILIES:
        raise UserError(f"{source} is of family {family!r}, expected one of {list(FAMILIES)}")
    return FAMILIES[family].config.from_dict(values, source)


def build(config: Config, seed: int | None = None) -> GenerativeQueryNetwork:
    """A network with random weights.

    Args:
        seed: of the weights, the global generator being left alone; None: from the global one.
    """
    module_name, class_name = FAMILIES[family_of(config)].network.split(":")
    network = getattr(import_module(module_name), class_name)
    if seed is None:
        model: GenerativeQueryNetwork = network(config)
        return model
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build(config)
