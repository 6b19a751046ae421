#!/usr/bin/env bash
# skrl 2.1.1: reset() of a wrapped vector environment resets the first time only.
#
# Guess: each reset() begins new episodes, as it does without the wrapper.
# Seen:  the second one returns the observation of the last step, and the episodes go on; what is
#        evaluated after a training begins where that left off.
# Output: steps of the episodes after 5 steps and a second reset: bare 0, wrapped 5
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
${PYTHON:-python3.11} -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    skrl==2.1.1 gymnasium==1.4.0 numpy==2.4.6 torch==2.13.0
cd "$folder"
cat > probe.py <<'PROBE'
import gymnasium
import numpy as np
import torch
from skrl.envs.wrappers.torch import wrap_env


class Counter(gymnasium.Env):
    """Observes how many steps its episode has had."""

    observation_space = gymnasium.spaces.Box(0, 100, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return np.array([self.steps], np.float32), {}

    def step(self, action):
        self.steps += 1
        return np.array([self.steps], np.float32), 0.0, False, False, {}


def rows():
    return gymnasium.vector.SyncVectorEnv([Counter] * 2)


bare = rows()
bare.reset()
wrapped = wrap_env(rows())
wrapped.reset()
for _ in range(5):
    bare.step(np.zeros(2, np.int64))
    wrapped.step(torch.zeros(2, 1, dtype=torch.int64))
seen = float(bare.reset()[0].max()), float(wrapped.reset()[0].max())
print(f"steps of the episodes after 5 steps and a second reset: bare {seen[0]:.0f}, wrapped {seen[1]:.0f}")
assert seen == (0.0, 5.0), seen
PROBE
"$folder/venv/bin/python" probe.py
