#!/usr/bin/env bash
# safetensors 0.8.0, safetensors.numpy: arrays that are not contiguous are written in the wrong order.
#
# Guess: `save` writes what an array holds, or refuses it, as safetensors.torch does.
# Seen:  it writes the memory from where the array begins, with an array backwards beyond the array's end:
#        what is loaded again has the shape, and other numbers. And the keys of metadata come in another
#        order each time, so that equal content makes different files.
# Output: turned, every other and backwards: other numbers; 2 or more different files of one content
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
${PYTHON:-python3.11} -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check safetensors==0.8.0 numpy==2.4.6
cd "$folder"
cat > probe.py <<'PROBE'
import numpy as np
from safetensors.numpy import load, save

grid = np.arange(12).reshape(3, 4)
for name, array in {"turned": grid.T, "every other": grid[:, ::2], "backwards": grid[::-1]}.items():
    back = load(save({"x": array}))["x"]
    print(f"{name}: {array[0].tolist()} comes back as {back[0].tolist()}")
    assert back.shape == array.shape and not np.array_equal(back, array)
    assert np.array_equal(load(save({"x": np.ascontiguousarray(array)}))["x"], array)
about = {key: key for key in "abcdef"}
files = {save({"x": grid}, metadata=about) for _ in range(50)}
print(f"{len(files)} different files of one content")
assert len(files) > 1
assert len({save({"x": grid}, metadata={"a": "a"}) for _ in range(50)}) == 1
PROBE
"$folder/venv/bin/python" probe.py
