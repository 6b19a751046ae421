"""Measure a trained agent beside simple strategies on the same fresh episodes.

Where there are right answers, beside random actions and the ideal observer, which knows how scenes
are made and drawn, and sees what the agent sees (docs/ideal-observer.md); in view prediction beside
random actions, and random and farthest-point views, as many as the agent took in the same episode,
and the ideal observer. --full takes minutes: five times the episodes, and beside them an oracle
that knows the answer, a fixed look-around followed by a classifier that is trained here, and the
same on encoders with random weights; in view prediction the views nearest to the query and those of
which the encoder expects most. The output folder gets metrics.json, comparison.png and episode.gif,
a few episodes one after the other; of mental rotation angles.png too, accuracy and looks against
the angle between the objects, and on request a table of its trials (docs/cognitive.md).
"""

from __future__ import annotations

from experiments.evaluation.agent_settings import EvaluateAgentSettings
from experiments.shared.command import run_command

__all__ = ["EvaluateAgentSettings", "main"]


def main(settings: EvaluateAgentSettings) -> None:
    """Measure, print the table, write the output folder."""
    from experiments.evaluation.agent import evaluate_agent

    evaluate_agent(settings)


if __name__ == "__main__":
    run_command(main, EvaluateAgentSettings, __doc__)
