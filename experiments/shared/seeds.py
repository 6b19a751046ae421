"""The table of seeds: where `--seed` leads, so that no episode, view or weight is used twice.

Rows of an environment take consecutive seeds, and episodes of an evaluation go on counting, so two
purposes that share an environment are a million apart. What draws once more for a purpose of its
own instead seeds a generator by [seed, stream, ...].
"""

from __future__ import annotations

EVALUATION = 1_000_003
"""Added for the episodes by which the best agent of a training is chosen."""
TEST = 2_000_003
"""Added for the episodes of a final measurement, the same for every strategy."""
LABELLED = 3_000_017
"""Added for the labelled episodes that train a classifier of answers."""
RANDOM_WEIGHTS = 4_000_037
"""Added for networks that stay untrained; no network that was ever trained began with these."""
STUDY_EVALUATION = 5_000_011
"""Added to the seed of a study's environment for the episodes of its evaluations."""
RECORDING = 6_000_011
"""Added for the episodes of a recorded data set; the k-th has k more."""
PRETRAINING = 7_000_001
"""The scenes and latents by which any pretraining is watched; no seed is added."""

LARGEST = 4_000_000_000
"""What `--seed` may be: with all that is added below 2**32, the end of NumPy's older generator."""

STUDY_APART = 10_000
"""Between two runs of a study, whose rows take consecutive seeds: more than any has rows."""
BOOTSTRAP = 2021
"""The resampling of a study's runs, with the number of the agent."""
GALLERY_COLOURS = 1_971
"""The colours in which the explorer encodes a shape, with the shape."""

PREDICTION_STREAM = 0
"""Scenes and views on which a GQN predicts."""
SCENE_STREAMS = {"train": 1, "test": 2}
"""Scenes of the probes."""
VARIANCE_STREAM = 3
"""Scenes and views for the variance of a representation."""
VIEW_STREAMS = {"train": 4, "test": 5}
"""Views of the probes' scenes."""
TURNING_STREAM = 6
"""Pairs that are told apart by turning what is imagined of them."""
BENCHMARK_STREAM = 7
"""Pairs of the benchmark of mental rotation."""
LADDER_STREAM = 8
"""Random views of the ladder of difficulty."""
EXPLORATION_STREAM = 9
"""Random actions in recorded episodes."""
BASELINE_STREAM = 10
"""Weights of its baseline, and the pairs from which that learns."""
