"""Measure a GQN: prediction by number of views, and what can be read off its representation.

Everything is measured on held-out shapes. Predictions are samples of what the context views allow,
beside black, mean-image and nearest-view predictions of the same queries, those of the ideal
observer (docs/ideal-observer.md), which nobody can better, and samples of the bare network where a
family refines what it infers. Probes of the representation
(gqn_rl/probes/tasks.py) stand beside the same probes on networks with random weights, of which the
median and the range are given, and on raw pixels. Networks that imagine cells are also asked
whether two objects are mirror images, without training (experiments/gqn/turning.py). The output
folder gets metrics.json, curves.png, contact_sheet.png, failures.png, median.png and best.png, the
queries with the largest, the middle and the smallest errors, and uncertainty.png, whether the
spread of samples says how wrong they are.

The default takes minutes. For figures to publish: --scenes 1000 --probe-scenes 20000
--probe-test-scenes 5000 --probe-views 1 3 5 --probe-orientations grid free.
"""

from __future__ import annotations

from experiments.gqn.evaluation_settings import Settings
from experiments.shared.command import run_command

__all__ = ["Settings", "main"]


def main(settings: Settings) -> None:
    """Measure, print the tables, write the output folder."""
    from experiments.evaluation.gqn import evaluate_gqn

    evaluate_gqn(settings)


if __name__ == "__main__":
    run_command(main, Settings, __doc__)
