"""What the flags of `evaluate_gqn` say without having imported it."""

from __future__ import annotations

from experiments.gqn.evaluation_settings import PROBE_NAMES
from gqn_rl.probes.tasks import PROBES


def test_all_probes_there_are_are_the_default() -> None:
    assert tuple(PROBES) == PROBE_NAMES
