"""Probes of representations: small networks trained on frozen features.

A linear probe has no hidden layer, the other has one. Every encoder gets the same treatment:
features standardised by the probe's own training trials, weight decay chosen from a grid and
training stopped by the validation score, then one test on fresh trials. A trial is one scene, or
two that are to be compared. `gqn_rl.probes.tasks` is the table of what is asked.

References:
    Alain and Bengio, Understanding Intermediate Layers Using Linear Classifier Probes,
    arXiv:1610.01644, 2016.
"""

from gqn_rl.probes.fitting import (
    COMPARING_KINDS,
    KINDS,
    LINEAR,
    MLP,
    Labelled,
    ProbeRecipe,
    ProbeResult,
    probe,
)

__all__ = [
    "COMPARING_KINDS",
    "KINDS",
    "LINEAR",
    "MLP",
    "Labelled",
    "ProbeRecipe",
    "ProbeResult",
    "probe",
]
