#!/usr/bin/env bash
# Minari 0.5.4: pictures of 32 x 32 pixels and more come back changed, smaller ones do not.
#
# Guess: a data set returns the arrays that were put into it.
# Seen:  a uint8 Box from 0 to 255 with at least 32 rows and columns is stored as JPEG: most pixels
#        of coloured noise change. One of 31 x 31 comes back to the bit, and so does the larger one
#        with jpeg_encoding=False.
# Output: 31 x 31: 0 % of the pixels changed; 32 x 32: 100 %; 32 x 32, jpeg_encoding=False: 0 %
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
${PYTHON:-python3.11} -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    minari[hdf5]==0.5.4 gymnasium==1.4.0 numpy==2.4.6 pillow==11.3.0
cd "$folder"
cat > probe.py <<'PROBE'
import os
import warnings

import gymnasium
import minari
import numpy as np
from minari.data_collector import EpisodeBuffer

os.environ["MINARI_DATASETS_PATH"] = os.path.abspath("datasets")
warnings.simplefilter("ignore")


def changed(name, size, **options):
    """Share of the pixels that differ after being stored and read."""
    pictures = np.random.default_rng(0).integers(0, 256, (4, size, size, 3), dtype=np.uint8)
    buffer = EpisodeBuffer(
        observations=pictures, actions=np.zeros(3, np.int64), rewards=np.zeros(3),
        terminations=np.array([False, False, True]), truncations=np.zeros(3, bool),
    )
    minari.create_dataset_from_buffers(
        name, [buffer], action_space=gymnasium.spaces.Discrete(2),
        observation_space=gymnasium.spaces.Box(0, 255, (size, size, 3), np.uint8), **options,
    )
    read = minari.load_dataset(name)[0].observations
    return float((read != pictures).any(axis=-1).mean())


seen = [
    changed("small-v0", 31),
    changed("large-v0", 32),
    changed("raw-v0", 32, jpeg_encoding=False),
]
names = ("31 x 31", "32 x 32", "32 x 32, jpeg_encoding=False")
print("; ".join(f"{name}: {100 * share:.0f} %" for name, share in zip(names, seen)))
assert seen[0] == seen[2] == 0.0, seen
assert seen[1] > 0.9, seen
PROBE
"$folder/venv/bin/python" probe.py
