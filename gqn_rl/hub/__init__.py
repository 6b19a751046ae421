"""Weights and agents on the Hugging Face hub: addresses, repositories and their manifests."""

from gqn_rl.hub.repository import HubAddress, is_address, parse_address, pull, push

__all__ = ["HubAddress", "is_address", "parse_address", "pull", "push"]
