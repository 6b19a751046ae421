"""The table of families and their presets.

A family is a network and the configuration that it is built from; adding one is a new folder and a
line in `FAMILIES`. One from elsewhere needs no line: its configuration says the `module:Class` of
its network, which is also what files call it by.
"""

from __future__ import annotations

from typing import Any

import torch

from gqn_rl.devices import float32_tensors
from gqn_rl.entry_points import find, is_entry_point
from gqn_rl.errors import UserError, unknown_name
from gqn_rl.gqn.attention.attention_gqn import AttentionGQN
from gqn_rl.gqn.canonical.canonical_gqn import CanonicalGQN
from gqn_rl.gqn.config import Config
from gqn_rl.gqn.lattice.lattice_gqn import LatticeGQN
from gqn_rl.gqn.model import GenerativeQueryNetwork
from gqn_rl.gqn.published.published_gqn import PublishedGQN

FAMILIES: dict[str, type[GenerativeQueryNetwork]] = {
    "lattice": LatticeGQN,
    "canonical": CanonicalGQN,
    "attention": AttentionGQN,
    "published": PublishedGQN,
}
PRESETS: dict[str, Config] = {
    name: config for network in FAMILIES.values() for name, config in network.presets.items()
}
"""All families' presets by name; no two families share one."""


def preset(name: str) -> Config:
    """The configuration of that name, or the one that is the `module:attribute`."""
    if name in PRESETS:
        return PRESETS[name]
    if not is_entry_point(name):
        raise unknown_name("preset", name, PRESETS)
    found = find("preset", name, {})
    if not isinstance(found, Config):
        raise UserError(f"preset {name!r} is {found!r}, expected a configuration of a network")
    return found


def find_family(name: str, source: str) -> type[GenerativeQueryNetwork]:
    """The network of that name, or the one that is the `module:Class`.

    Args:
        source: what names it, for errors.
    """
    if name in FAMILIES:
        return FAMILIES[name]
    if not is_entry_point(name):
        raise UserError(
            f"{source} is of family {name!r}, expected one of {list(FAMILIES)} or a module:Class"
        )
    found = find("family", name, {})
    if not (isinstance(found, type) and issubclass(found, GenerativeQueryNetwork)):
        raise UserError(f"{source} is of family {name!r}, expected a GenerativeQueryNetwork there")
    return found


def config_from_dict(family: str, values: dict[str, Any], source: str) -> Config:
    """The configuration that a file holds.

    Args:
        source: what errors call the file.
    """
    return find_family(family, source).config_type.from_dict(values, source)


def build(config: Config, seed: int | None = None) -> GenerativeQueryNetwork:
    """A network with random weights, float32.

    Args:
        seed: of the weights, the global generator being left alone; None: from the global one.
    """
    network: Any = find_family(config.family, type(config).__name__)  # each has its own config
    if seed is None:
        with float32_tensors():
            model: GenerativeQueryNetwork = network(config)
        return model
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build(config)
