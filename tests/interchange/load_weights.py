"""Loads weights by their address, as model and as encoder, and writes their tensors to a file."""

from __future__ import annotations

import sys

from safetensors.torch import save_file

from gqn_rl import GenerativeQueryNetwork
from gqn_rl.encoders import make_encoder

if __name__ == "__main__":
    _, address, output = sys.argv
    gqn = GenerativeQueryNetwork.from_pretrained(address)
    encoder = make_encoder(address, device="cpu")
    assert encoder.representation_size == gqn.representation_size
    save_file({name: value.contiguous() for name, value in gqn.state_dict().items()}, output)
