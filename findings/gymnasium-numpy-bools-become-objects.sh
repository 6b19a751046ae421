#!/usr/bin/env bash
# Gymnasium 1.4.0, SyncVectorEnv: an info that is a np.bool_ becomes an array of objects.
#
# Guess: infos of np.bool_ are put together as those of bool, and of np.int64, are.
# Seen:  bool gives an array of bool, np.int64 one of int64, np.bool_ one of objects, whose mean and sum
#        are a logical or: three successes of four have the mean True. An array of bool without a
#        dimension gives an array of bool.
# Output: bool: bool, mean 0.75; array: bool, mean 0.75; np.bool_: object, mean True
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
${PYTHON:-python3.11} -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check gymnasium==1.4.0 numpy==2.4.6
cd "$folder"
cat > probe.py <<'PROBE'
import gymnasium
import numpy as np

KINDS = {"bool": bool, "array": np.array, "np.bool_": np.bool_}


class Row(gymnasium.Env):
    observation_space = gymnasium.spaces.Discrete(2)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, success):
        self.success = success

    def reset(self, *, seed=None, options=None):
        return 0, {name: kind(self.success) for name, kind in KINDS.items()}


rows = gymnasium.vector.SyncVectorEnv([lambda s=s: Row(s) for s in (True, True, False, True)])
infos = rows.reset()[1]
seen = {name: (str(infos[name].dtype), infos[name].mean()) for name in KINDS}
print("; ".join(f"{name}: {kind}, mean {mean}" for name, (kind, mean) in seen.items()))
assert seen["bool"] == seen["array"] == ("bool", 0.75), seen
kind, mean = seen["np.bool_"]
assert kind == "object" and isinstance(mean, (bool, np.bool_)) and mean, seen
PROBE
"$folder/venv/bin/python" probe.py
